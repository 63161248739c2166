"""Pictures whose EXIF block is rubbish open all the same, in every format and everywhere that EXIF is read."""

from __future__ import annotations

import io
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from divisive_desktop.imaging import open_image
from divisive_desktop.imaging.forensics import examine
from divisive_desktop.imaging.kind import guess_kind
from divisive_desktop.imaging.metadata import read_metadata

JUNK = {
    "no TIFF": b"this is no TIFF file at all", "empty": b"", "cut": b"II*\0\x08\0\0\0\x05\0",
    "loop": b"II*\0\x08\0\0\0\x01\0\x69\x87\x04\0\x01\0\0\0\x08\0\0\0\x08\0\0\0",
    "far": b"MM\0*\xff\xff\xff\xf0",
    "types": b"II*\0\x08\0\0\0\x02\0\x12\x01\x63\0\x01\0\0\0\x06\0\0\0\x0f\x01\x02\0\xff\xff\xff\xff\x08\0\0\0\0\0\0\0",
    "orientation 99": b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x63\0\0\0\0\0\0\0",
    "orientation is text": b"II*\0\x08\0\0\0\x01\0\x12\x01\x02\0\x02\0\0\0\x36\0\0\0\0\0\0\0",
}  # fmt: skip


def with_exif(form: str, junk: bytes) -> bytes:
    rgb = np.random.default_rng(0).integers(0, 256, (24, 32, 3)).astype(np.uint8)
    file = io.BytesIO()
    if form == "PNG behind":
        Image.fromarray(rgb).save(file, "PNG")
        data = file.getvalue()
        chunk = b"eXIf" + junk
        end = data.rindex(b"IEND") - 4
        packed = len(junk).to_bytes(4, "big") + chunk + zlib.crc32(chunk).to_bytes(4, "big")
        return data[:end] + packed + data[end:]
    options = {"exif": junk if form in ("PNG", "WEBP") else b"Exif\0\0" + junk}
    Image.fromarray(rgb).save(file, form, **options)
    return file.getvalue()


@pytest.mark.parametrize("kind", JUNK)
@pytest.mark.parametrize("form", ["PNG", "PNG behind", "JPEG", "WEBP"])
def test_junk_in_exif_harms_nothing(form: str, kind: str, tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(with_exif(form, JUNK[kind]))
    record = open_image(path)
    assert record.stored.shape == (24, 32, 3)
    assert guess_kind(path) == "photograph"
    assert read_metadata(path)
    examine(path)


def test_it_is_said(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(with_exif("PNG", JUNK["no TIFF"]))
    assert "The EXIF data are damaged and were left out." in open_image(path).notes


@pytest.mark.parametrize("bits", [8, 16])
def test_orientation_behind_the_pixels_of_a_png_counts_at_every_depth(bits: int, tmp_path: Path) -> None:
    import cv2

    rgb = np.random.default_rng(0).integers(0, 2**bits, (24, 32, 3)).astype(f"u{bits // 8}")
    cv2.imwrite(str(tmp_path / "a.png"), rgb[..., ::-1])
    data = (tmp_path / "a.png").read_bytes()
    chunk = b"eXIf" + b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"
    end = data.rindex(b"IEND") - 4
    packed = (len(chunk) - 4).to_bytes(4, "big") + chunk + zlib.crc32(chunk).to_bytes(4, "big")
    (tmp_path / "a.png").write_bytes(data[:end] + packed + data[end:])
    np.testing.assert_array_equal(open_image(tmp_path / "a.png").stored, rgb.swapaxes(0, 1)[:, ::-1])
