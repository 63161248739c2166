"""Facts about files, checked against files made with known ones."""

from __future__ import annotations

import hashlib
import io
import os
import struct
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms

from divisive_desktop import errors
from divisive_desktop.imaging.forensics import estimate_quality, examine

RNG = np.random.default_rng(2)
PICTURE = cv2.resize(RNG.integers(30, 226, (9, 12, 3)).astype(np.uint8), (480, 360), interpolation=cv2.INTER_CUBIC)


def exif_with_thumbnail(pixels: np.ndarray) -> bytes:
    """A minimal EXIF block: empty IFD0, IFD1 with a JPEG thumbnail."""
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", quality=90)
    jpeg = out.getvalue()

    def entry(tag: int, value: int) -> bytes:
        return struct.pack("<HHII", tag, 4, 1, value)

    ifd0 = (0).to_bytes(2, "little") + (14).to_bytes(4, "little")
    start = 14 + 2 + 3 * 12 + 4
    ifd1 = (3).to_bytes(2, "little") + entry(259, 6) + entry(513, start) + entry(514, len(jpeg)) + b"\0" * 4
    return b"Exif\0\0II*\0" + (8).to_bytes(4, "little") + ifd0 + ifd1 + jpeg


def test_hashes_size_and_times(tmp_path: Path) -> None:
    path = tmp_path / "ä.png"
    Image.fromarray(PICTURE).save(path)
    os.utime(path, (1_600_000_000, 1_600_000_000))
    before = path.read_bytes()
    found = examine(path)
    assert found.file.sha256 == hashlib.sha256(before).hexdigest()
    assert found.file.md5 == hashlib.md5(before).hexdigest()
    assert found.file.size == len(before)
    assert found.file.modified == datetime.fromtimestamp(1_600_000_000, UTC)
    assert found.format == "PNG"
    assert found.jpeg is None
    assert path.read_bytes() == before


@pytest.mark.parametrize("quality", [1, 10, 37, 49, 50, 51, 75, 90, 95, 99, 100])
def test_the_quality_of_a_jpeg_by_libjpeg_is_found_exactly(quality: int, tmp_path: Path) -> None:
    Image.fromarray(PICTURE).save(tmp_path / "q.jpg", quality=quality)
    jpeg = examine(tmp_path / "q.jpg").jpeg
    assert jpeg is not None
    assert jpeg.quality_exact
    assert jpeg.quality == quality
    assert len(jpeg.tables) == 2


def test_tables_of_another_program_are_only_approximate(tmp_path: Path) -> None:
    flat = [12] * 64
    Image.fromarray(PICTURE).save(tmp_path / "own.jpg", qtables=[flat, flat])
    jpeg = examine(tmp_path / "own.jpg").jpeg
    assert jpeg is not None
    assert not jpeg.quality_exact
    assert 60 < (jpeg.quality or 0) < 95
    assert estimate_quality(()) == (None, False)


@pytest.mark.parametrize(("subsampling", "name"), [(0, "4:4:4"), (1, "4:2:2"), (2, "4:2:0")])
def test_chroma_subsampling_and_progressive(subsampling: int, name: str, tmp_path: Path) -> None:
    Image.fromarray(PICTURE).save(tmp_path / "s.jpg", subsampling=subsampling, progressive=bool(subsampling))
    jpeg = examine(tmp_path / "s.jpg").jpeg
    assert jpeg is not None
    assert jpeg.subsampling == name
    assert jpeg.progressive == bool(subsampling)
    assert jpeg.markers[:2] == ("SOI", "APP0 JFIF")
    assert ("SOF2" if subsampling else "SOF0") in jpeg.markers
    assert jpeg.after_end == 0
    Image.fromarray(PICTURE[..., 0]).save(tmp_path / "g.jpg")
    grey = examine(tmp_path / "g.jpg").jpeg
    assert grey is not None
    assert grey.subsampling == "grey"


def test_bytes_behind_the_end_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "tail.jpg"
    Image.fromarray(PICTURE).save(path, exif=exif_with_thumbnail(PICTURE[::4, ::4]))  # its own FFD9 lies inside
    assert examine(path).jpeg.after_end == 0  # type: ignore[union-attr]
    path.write_bytes(path.read_bytes() + b"PK\3\4 hidden")
    found = examine(path)
    assert found.jpeg is not None
    assert found.jpeg.after_end == 11
    assert any("11 bytes" in note for note in found.notes)


def test_a_thumbnail_of_the_same_picture(tmp_path: Path) -> None:
    small = cv2.resize(PICTURE, (160, 120), interpolation=cv2.INTER_AREA)
    Image.fromarray(PICTURE).save(tmp_path / "t.jpg", exif=exif_with_thumbnail(small))
    thumbnail = examine(tmp_path / "t.jpg").thumbnail
    assert thumbnail is not None
    assert thumbnail.pixels.shape == (120, 160, 3)
    assert thumbnail.same_shape
    assert thumbnail.difference < 3


def test_a_thumbnail_with_black_bars_is_still_the_same(tmp_path: Path) -> None:
    wide = PICTURE[:320]  # 3:2
    small = np.zeros((120, 160, 3), np.uint8)
    small[7:114] = cv2.resize(wide, (160, 107), interpolation=cv2.INTER_AREA)
    Image.fromarray(wide).save(tmp_path / "bars.jpg", exif=exif_with_thumbnail(small))
    thumbnail = examine(tmp_path / "bars.jpg").thumbnail
    assert thumbnail is not None
    assert thumbnail.same_shape
    assert thumbnail.difference < 6


def test_a_thumbnail_of_an_earlier_state_is_pointed_out(tmp_path: Path) -> None:
    small = cv2.resize(PICTURE, (160, 120), interpolation=cv2.INTER_AREA)
    Image.fromarray(255 - PICTURE[:, :360]).save(tmp_path / "edited.jpg", exif=exif_with_thumbnail(small))
    found = examine(tmp_path / "edited.jpg")
    assert found.thumbnail is not None
    assert not found.thumbnail.same_shape
    assert found.thumbnail.difference > 20
    assert len(found.notes) == 2


def test_colour_profile_and_software_are_named(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0131] = "GIMP 2.10"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.fromarray(PICTURE).save(tmp_path / "p.jpg", exif=exif, icc_profile=profile)
    found = examine(tmp_path / "p.jpg")
    assert "sRGB" in found.profile
    assert any("GIMP" in note for note in found.notes)


def test_other_files_get_hashes_only(rg1: Path, tmp_path: Path) -> None:
    found = examine(rg1)
    assert found.format == "DICOM"  # though it is a valid TIFF as well
    assert found.file.size == rg1.stat().st_size
    with pytest.raises(errors.UnreadableFileError):
        examine(tmp_path / "missing.jpg")


def test_damaged_jpegs_are_examined_as_far_as_they_go(tmp_path: Path) -> None:
    Image.fromarray(PICTURE).save(tmp_path / "x.jpg", exif=exif_with_thumbnail(PICTURE[::4, ::4]))
    data = (tmp_path / "x.jpg").read_bytes()
    for cut in (30, 200, len(data) // 2, len(data) - 3):
        (tmp_path / "cut.jpg").write_bytes(data[:cut])
        assert examine(tmp_path / "cut.jpg").file.size == cut


@pytest.mark.parametrize(("stated", "said"), [((960, 720), True), ((480, 360), False), ((360, 480), False)])
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_a_size_that_exif_has_and_the_picture_has_not_is_said(
    stated: tuple[int, int], said: bool, form: str, tmp_path: Path
) -> None:
    exif = Image.Exif()
    exif[0x0131] = "editor"  # without one Pillow writes none into a PNG
    exif.get_ifd(0x8769).update({0xA002: stated[0], 0xA003: stated[1]})
    path = tmp_path / f"a.{form.lower()}"
    Image.fromarray(PICTURE).save(path, form, exif=exif)
    assert any("EXIF says 960 x 720 pixels" in note for note in examine(path).notes) == said


@pytest.mark.parametrize("side", ["much", -3, (1, 0), b"x"])
def test_a_size_that_is_none_harms_nothing(side: object, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8769).update({0xA002: side, 0xA003: 5})
    path = tmp_path / "a.jpg"
    try:
        Image.fromarray(PICTURE).save(path, exif=exif)
    except (TypeError, ValueError, ZeroDivisionError, struct.error):
        pytest.skip("Pillow writes no such thing")
    examine(path)
