"""A refusal says what the file is."""

from __future__ import annotations

from pathlib import Path

import pytest

from divisive_desktop import errors
from divisive_desktop.imaging import open_image

HEADS = {
    b"\0\0\0\x18ftypheic": "a HEIC picture", b"\0\0\0\x1cftypavif": "an AVIF picture",
    b"\0\0\0\x18ftypmp42": "a video (MP4)", b"%PDF-1.7": "a PDF document", b"8BPS\0\1": "a Photoshop file",
    b"<?xml version='1.0'?>\n<svg xmlns='http://www.w3.org/2000/svg'>": "a drawing (SVG)",
    b"\xff\x0a": "a JPEG XL picture", b"v/1\x01\2\0\0\0": "an OpenEXR picture", b"P5\n3 3\n255\n": "a Netpbm picture",
    b"NRRD0004\n": "an NRRD volume", b"\x5c\x01\0\0": "an Analyze or NIfTI volume", b"\x1f\x8b\x08": "gzip",
    b"SIMPLE  =                    T": "a FITS file", b"\x89HDF\r\n\x1a\n": "an HDF5 file", b"MZ\x90": "for Windows",
    b"RIFF\0\0\0\0AVI LIST": "a video (AVI)", b"IIU\0": "raw file (Panasonic", b"\x93NUMPY\1\0": "a NumPy array",
}  # fmt: skip


@pytest.mark.parametrize("head", HEADS)
def test_a_refusal_names_the_format_and_a_way_out(head: bytes, tmp_path: Path) -> None:
    path = tmp_path / "film.dcm"
    path.write_bytes(head + b"\0" * 600)
    with pytest.raises(errors.NotAnImageError) as caught:
        open_image(path)
    assert HEADS[head] in str(caught.value)
    assert caught.value.remedy


def test_notes_in_words_are_still_a_text_file(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("P 5 is where the film lies. " * 30)
    with pytest.raises(errors.NotAnImageError, match="text file"):
        open_image(tmp_path / "a.txt")
