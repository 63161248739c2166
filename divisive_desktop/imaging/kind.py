"""Radiograph or photograph, from the file's head where possible: quick enough for a folder of thousands."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
from PIL import ExifTags, Image

from divisive_desktop.imaging.exif import read_exif
from divisive_desktop.imaging.photograph import FORMATS

_GREY_MODES = ("1", "L", "LA", "I", "F")
_SMALL = 4_000_000
"""Pixels up to which a picture stored in colour is decoded to see whether it is grey."""


def is_dicom(path: Path) -> bool:
    """Whether the file begins as DICOM files do."""
    with path.open("rb") as file:
        return file.read(132)[128:] == b"DICM"


def guess_kind(path: Path) -> Literal["radiograph", "photograph"]:
    """The kind that ``open_image`` would find: DICOM and grey pictures without camera data are radiographs.

    Large grey pictures stored in colour in a format that can't be read at a lower resolution count as photographs.

    Raises
    ------
    OSError
        The file can't be read.
    """
    if is_dicom(path):
        return "radiograph"
    try:
        with Image.open(path, formats=FORMATS) as image:
            exif = read_exif(image) if image.format != "PNG" or "exif" in image.info else Image.Exif()
            if exif.get(ExifTags.Base.Make) or exif.get(ExifTags.Base.Model):
                return "photograph"
            grey = image.mode.startswith(_GREY_MODES) or _equal_channels(image)
    except (OSError, Image.DecompressionBombError, ValueError, SyntaxError):
        return "photograph"  # opening it will say what is wrong with it
    return "radiograph" if grey else "photograph"


def _equal_channels(image: Image.Image) -> bool:
    """Whether red, green and blue are the same everywhere, seen at an eighth of a JPEG's resolution."""
    image.draft("RGB", (image.width // 8, image.height // 8))
    if image.width * image.height > _SMALL:
        return False
    pixels = np.asarray(image.convert("RGB"))
    return bool(np.array_equal(pixels[..., 0], pixels[..., 1]) and np.array_equal(pixels[..., 1], pixels[..., 2]))
