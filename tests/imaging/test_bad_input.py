"""What goes wrong is said, with what to do; nothing crashes."""

from __future__ import annotations

import io
import os
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydicom import dcmread

from divisive_desktop import errors
from divisive_desktop.imaging import is_image_file, limits, open_image, scan
from divisive_desktop.imaging.display import render
from tests.imaging import variants
from tests.imaging.png_bytes import black_png, half_a_png


def fails(path: Path, kind: type[errors.ImageError], *words: str, **options: int) -> errors.ImageError:
    with pytest.raises(kind) as caught:
        open_image(path, **options)
    for word in words:
        assert word in f"{caught.value.message} {caught.value.remedy}"
    return caught.value


def test_an_empty_file(tmp_path: Path) -> None:
    path = tmp_path / "empty.dcm"
    path.touch()
    fails(path, errors.EmptyFileError, "empty.dcm", "0 bytes")
    assert not is_image_file(path)


def test_text_renamed_to_dcm(tmp_path: Path) -> None:
    path = tmp_path / "notes.dcm"
    path.write_text("Zürich, den 3. Mai\n" * 60, encoding="utf-8")
    fails(path, errors.NotAnImageError, "notes.dcm", "text file")


def test_unknown_bytes(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    path.write_bytes(os.urandom(3000).replace(b"\x89PNG", b"nope"))
    fails(path, errors.ImageError)


def test_missing_folder_and_special_files(tmp_path: Path) -> None:
    fails(tmp_path / "nowhere.dcm", errors.UnreadableFileError, "doesn't exist")
    fails(tmp_path, errors.UnreadableFileError, "folder")
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        fails(tmp_path / "pipe", errors.UnreadableFileError, "regular")


def test_dicom_without_pixels_names_what_it_is(sample: Callable[[str], Path]) -> None:
    fails(sample("reportsi.dcm"), errors.NoPixelDataError, "Basic Text SR")
    fails(sample("rtplan.dcm"), errors.NoPixelDataError, "RT Plan")


def test_dicomdir_points_to_its_folder(sample: Callable[[str], Path]) -> None:
    fails(sample("DICOMDIR"), errors.NoPixelDataError, "folder")


@pytest.mark.parametrize("name", ["RG1_UNCR.dcm", "MR_small_implicit.dcm", "RG1_J2KR.dcm", "MR_small_RLE.dcm"])
@pytest.mark.parametrize("part", [0.3, 0.7, 0.95])
def test_truncated_dicom(name: str, part: float, sample: Callable[[str], Path], tmp_path: Path) -> None:
    data = sample(name).read_bytes()
    path = tmp_path / "cut.dcm"
    start = data.rindex(b"\xe0\x7f\x10\x00")
    path.write_bytes(data[: start + int((len(data) - start) * part)])
    error = fails(path, errors.TruncatedImageError, "cut.dcm")
    assert error.remedy


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".bmp"])
def test_truncated_photographs(suffix: str, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (200, 200, 3)).astype(np.uint8)
    Image.fromarray(noise).save(tmp_path / f"whole{suffix}")
    data = (tmp_path / f"whole{suffix}").read_bytes()
    path = tmp_path / f"cut{suffix}"
    path.write_bytes(data[: len(data) * 2 // 3])
    with pytest.raises((errors.TruncatedImageError, errors.DamagedImageError, errors.NotAnImageError)):
        open_image(path)


@pytest.mark.parametrize("kind", ["L", "1", "RGB", "RGBA", "RGB of 16 bits"])
def test_a_png_whose_stream_ends_early_but_cleanly(kind: str, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(1, 256, (48, 40, 4)).astype(np.uint8)
    pixels = np.asarray(Image.fromarray(noise).convert(kind.split()[0]))
    (tmp_path / "a.png").write_bytes(half_a_png(pixels.astype(np.uint16) * 257 if "16" in kind else pixels))
    with pytest.raises((errors.TruncatedImageError, errors.DamagedImageError)):
        open_image(tmp_path / "a.png")


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_rows": 1}, {"subsampling": 0}],
                         ids=["plain", "progressive", "restarts", "full colours"])  # fmt: skip
@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
@pytest.mark.parametrize("times", [1, 4])
def test_a_jpeg_whose_header_promises_more_rows(options: dict[str, int], mode: str, times: int, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (80, 72, 3)).astype(np.uint8)
    noise[-16:] = 128  # as grey as what decoders put in
    path = tmp_path / "a.jpg"
    Image.fromarray(noise).convert(mode).save(path, **options)
    data = path.read_bytes()
    head = data.index(b"\xff\xc2" if "progressive" in options else b"\xff\xc0")
    path.write_bytes(data[: head + 5] + (80 * times).to_bytes(2, "big") + data[head + 7 :])
    if times == 1:
        assert open_image(path).stored.shape[:2] == (80, 72)
    else:
        fails(path, errors.TruncatedImageError, "a.jpg", "end before its last row")


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize("size", [(1, 1), (5, 3), (40, 48)])
def test_a_whole_png_that_ends_in_black_opens(interlaced: bool, size: tuple[int, int], tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(black_png(*size, interlaced))
    np.testing.assert_array_equal(open_image(tmp_path / "a.png").stored, np.zeros(size[::-1], np.uint8))


def test_an_undecodable_syntax_is_named(shared_data: Path) -> None:
    path = shared_data / "dicom" / "rg2_jpeg_extended_12bit_undecodable.dcm"
    fails(path, errors.MissingDecoderError, "JPEG Extended", "12-bit", "dcmdjpeg")


def test_video_and_unknown_syntaxes_are_named(sample: Callable[[str], Path], tmp_path: Path) -> None:
    data = sample("JPEG2000.dcm").read_bytes()
    path = tmp_path / "other.dcm"
    path.write_bytes(data.replace(b"1.2.840.10008.1.2.4.91", b"1.2.840.10008.1.2.4.99", 1))
    fails(path, errors.MissingDecoderError, "1.2.840.10008.1.2.4.99")
    dataset = dcmread(sample("JPEG2000.dcm"))
    dataset.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.4.102"
    dataset.save_as(tmp_path / "video.dcm")
    fails(tmp_path / "video.dcm", errors.MissingDecoderError, "MPEG-4", "video")


def test_a_header_without_geometry(make_dicom: Callable[..., Path]) -> None:
    path = make_dicom(np.zeros((8, 8), np.uint16), Rows=None)
    fails(path, errors.DamagedImageError, "rows")


def test_a_frame_that_does_not_exist(rg1: Path) -> None:
    fails(rg1, errors.DamagedImageError, "1 frame", frame=3)


def test_one_pixel_opens(make_dicom: Callable[..., Path], tmp_path: Path) -> None:
    assert open_image(make_dicom(np.asarray([[500]], np.uint16))).width == 1
    Image.new("RGB", (1, 1), (3, 4, 5)).save(tmp_path / "1.png")
    assert open_image(tmp_path / "1.png").stored.tolist() == [[[3, 4, 5]]]


def test_a_very_long_picture_opens(tmp_path: Path) -> None:
    Image.fromarray(np.tile(np.arange(256, dtype=np.uint8), (30, 118))[:, :30000]).save(tmp_path / "long.png")
    image = open_image(tmp_path / "long.png")
    assert (image.width, image.height) == (30000, 30)


def test_a_constant_picture_opens(make_dicom: Callable[..., Path]) -> None:
    image = open_image(make_dicom(np.full((32, 32), 1000, np.uint16)))
    assert len(np.unique(render(image))) == 1


def _png_bomb(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")

    header = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([8, 0, 0, 0, 0])
    pixels = zlib.compress(b"\0" * 99)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def test_decompression_bombs_are_refused_with_the_limit(tmp_path: Path, make_dicom: Callable[..., Path]) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(_png_bomb(60000, 60000))
    fails(path, errors.ImageTooLargeError, "60,000 x 60,000", "256,000,000", "max_pixels")
    dicom = make_dicom(np.zeros((8, 8), np.uint16), Rows=65535, Columns=65535)
    fails(dicom, errors.ImageTooLargeError, "65,535 x 65,535")


def test_a_deflated_bomb_is_refused(make_dicom: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (2200, 2200)).astype(np.uint8)
    path = make_dicom(pixels, syntax="1.2.840.10008.1.2.1.99")
    assert (open_image(path).stored == pixels).all()
    data = path.read_bytes()
    start = 144 + int.from_bytes(data[140:144], "little")
    deflater = zlib.compressobj(1, zlib.DEFLATED, -15)
    content = zlib.decompress(data[start:], -15) + bytes(200 << 20)
    bomb = deflater.compress(content) + deflater.flush()
    path.write_bytes(data[:start] + bomb)
    monkeypatch.setenv("DIVISIVE_DESKTOP_MAX_PIXELS", str(5_000_000))
    fails(path, errors.ImageTooLargeError, "deflated", "max_pixels")


@pytest.mark.parametrize("name", ["JPEG2000.dcm", "SC_rgb_jpeg_dcmtk.dcm", "MR_small_jpeg_ls_lossless.dcm"])
def test_a_codestream_larger_than_the_limit_is_not_decoded(
    name: str, sample: Callable[[str], Path], tmp_path: Path
) -> None:
    data = bytearray(sample(name).read_bytes())
    start = data.rindex(b"\xe0\x7f\x10\x00")
    j2k = data.find(b"\xff\x4f\xff\x51", start)
    if j2k >= 0:
        data[j2k + 8 : j2k + 16] = b"\0\1\0\0" * 2
    else:
        frame = min(at for at in (data.find(b"\xff" + bytes([n]), start) for n in (0xC0, 0xF7)) if at > 0)
        data[frame + 5 : frame + 9] = b"\xff" * 4
    path = tmp_path / "large.dcm"
    path.write_bytes(bytes(data))
    fails(path, errors.DamagedImageError, "compressed picture 65,53")


def test_the_limit_can_be_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIVISIVE_DESKTOP_MAX_PIXELS", "")
    Image.new("L", (100, 100), 3).save(tmp_path / "a.png")
    limits.set_max_pixels(9999)
    fails(tmp_path / "a.png", errors.ImageTooLargeError, "9,999")
    limits.set_max_pixels(10000)
    assert open_image(tmp_path / "a.png").width == 100
    fails(tmp_path / "a.png", errors.ImageTooLargeError, max_pixels=50)
    with pytest.raises(ValueError, match="positive"):
        limits.set_max_pixels(0)


def test_scan_finds_pictures_by_content(tmp_path: Path, rg1: Path) -> None:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "deep" / "er" / "IM10").write_bytes(rg1.read_bytes())
    (tmp_path / "deep" / "er" / "IM2").write_bytes(rg1.read_bytes())
    (tmp_path / "deep" / "readme.txt").write_text("BM, this is no bitmap")
    (tmp_path / "deep" / "empty.dcm").touch()
    Image.new("L", (4, 4)).save(tmp_path / "a.png")
    (tmp_path / ".hidden.png").write_bytes((tmp_path / "a.png").read_bytes())
    (tmp_path / "deep" / "loop").symlink_to(tmp_path, target_is_directory=True)
    found = [path.relative_to(tmp_path).as_posix() for path in scan([tmp_path])]
    assert found == ["a.png", "deep/er/IM2", "deep/er/IM10"]
    assert list(scan([tmp_path], max_files=1)) == [tmp_path / "a.png"]
    assert list(scan([tmp_path], max_depth=1)) == [tmp_path / "a.png"]


def test_links_in_a_circle_and_to_nowhere_cost_nothing_but_themselves(tmp_path: Path) -> None:
    Image.new("L", (4, 4)).save(tmp_path / "m.png")
    for name, target in (("a", "b"), ("b", "a"), ("self.png", "self.png"), ("z.png", "nowhere.png")):
        (tmp_path / name).symlink_to(tmp_path / target)
    assert list(scan([tmp_path])) == [tmp_path / "m.png"]
    assert list(scan([tmp_path / "a"])) == [tmp_path / "a"], "named: opening it says what is wrong"


def test_the_pictures_inside_a_casebook_are_its_own(tmp_path: Path) -> None:
    Image.new("L", (4, 4)).save(tmp_path / "m.png")
    blobs = tmp_path / "Films.casebook" / "blobs" / "ab"
    blobs.mkdir(parents=True)
    (tmp_path / "Films.casebook" / "casebook.sqlite").write_bytes(b"")
    Image.new("L", (4, 4)).save(blobs / "thumbnail.png")
    assert list(scan([tmp_path])) == [tmp_path / "m.png"]
    assert list(scan([tmp_path / "Films.casebook"])) == []


def test_scan_keeps_named_files_so_that_they_can_be_complained_about(tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("x")
    assert list(scan([text, tmp_path / "missing.dcm", text])) == [text, tmp_path / "missing.dcm"]
    assert list(scan([tmp_path])) == []


def test_a_png_of_a_palette_without_one_is_refused(tmp_path: Path) -> None:
    """It would be black all over."""
    file = io.BytesIO()
    Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8)).convert("P").save(file, "PNG")
    data = file.getvalue()
    at = data.index(b"PLTE") - 4
    length = 12 + int.from_bytes(data[at : at + 4], "big")
    (tmp_path / "a.png").write_bytes(data[:at] + data[at + length :])
    with pytest.raises(errors.DamagedImageError, match="holds no palette"):
        open_image(tmp_path / "a.png")
    (tmp_path / "a.png").write_bytes(data)
    assert open_image(tmp_path / "a.png").stored.max() == 63


@pytest.mark.parametrize("pair", [["0", "0"], ["-0.1", "0.1"], ["nan", "0.1"], ["inf", "inf"], ["0.1"], ["0.1", "0"]])
@pytest.mark.parametrize("other", [False, True])
def test_a_spacing_that_can_t_be_is_told(pair: list[str], other: bool, tmp_path: Path) -> None:
    more = {"ImagerPixelSpacing": ["0.2", "0.2"]} if other else {}
    path = _dicom(tmp_path, {"PixelSpacing": pair}, more)
    record = open_image(path)
    said = " ".join(record.notes)
    assert "Pixel Spacing is" in said
    assert ("No millimetres are shown" in said) == (not other)
    assert (record.spacing is None) == (not other)


@pytest.mark.parametrize("width", ["nan", "inf", "-400", "0", "-inf"])
def test_a_window_that_can_t_be_is_told_and_the_others_stay_in_their_place(width: str, tmp_path: Path) -> None:
    record = open_image(_dicom(tmp_path, {"WindowCenter": ["10", "20"], "WindowWidth": [width, "300"]}, {}))
    assert "Window 1 has" in " ".join(record.notes)
    assert (20, 300) in [(v.center, v.width) for v in record.voi]
    assert not any(v.center == 10 for v in record.voi)


def _dicom(folder: Path, odd: dict[str, list[str]], more: dict[str, Any]) -> Path:
    """Values as files have them, which pydicom wouldn't write."""
    plain = {keyword: ["7" * len(value) for value in values] for keyword, values in odd.items()}
    path = variants.write(folder / "a.dcm", np.arange(64, dtype=np.uint16).reshape(8, 8), **plain, **more)
    data = path.read_bytes()
    for keyword, values in odd.items():
        before, after = ("\\".join(v).encode() for v in (plain[keyword], values))
        assert before in data
        data = data.replace(before, after, 1)
    path.write_bytes(data)
    return path
