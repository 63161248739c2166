"""EXIF blocks, which are damaged often: a picture opens without one that can't be read."""

from __future__ import annotations

from typing import Any, BinaryIO

from PIL import ExifTags, Image

_LARGEST = 1 << 24


def read_exif(image: Image.Image, notes: list[str] | None = None) -> Image.Exif:
    """The EXIF block of a picture; an empty one where there is none or it is damaged, which ``notes`` are told."""
    try:
        exif = image.getexif()
        for directory in (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo, ExifTags.IFD.IFD1):
            exif.get_ifd(directory)
        exif.get(ExifTags.Base.Orientation)
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001  Pillow's parser raises SyntaxError, struct.error, KeyError, and what not
        if notes is not None:
            notes.append("The EXIF data are damaged and were left out.")
        return Image.Exif()
    return exif


def png_exif(source: BinaryIO, notes: list[str]) -> Image.Exif:
    """The EXIF block of a PNG wherever it stands, without decoding the pixels as Pillow does for one behind them."""
    exif = Image.Exif()
    source.seek(8)
    while len(head := source.read(8)) == 8:
        length, kind = int.from_bytes(head[:4], "big"), head[4:]
        if kind == b"eXIf" and length <= _LARGEST:
            try:
                exif.load(source.read(length))
                exif.get_ifd(ExifTags.IFD.Exif)
            except Exception:  # noqa: BLE001  as above
                notes.append("The EXIF data are damaged and were left out.")
                return Image.Exif()
            return exif
        source.seek(length + 4, 1)
    return exif


def orientation(exif: Image.Exif) -> int:
    """1 to 8; 1, upright, where it isn't stated or makes no sense."""
    value: Any = exif.get(ExifTags.Base.Orientation, 1)
    return value if isinstance(value, int) and 1 <= value <= 8 else 1
