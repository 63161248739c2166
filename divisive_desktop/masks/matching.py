"""Which mask file belongs to which image, by their names."""

from __future__ import annotations

import ntpath
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

SUFFIXES = (".png", ".npy", ".nii.gz", ".nii", ".json", ".xml", ".dcm", ".tif", ".tiff", ".bmp")
"""Of files that masks are looked for in."""
_DOUBLE = (".labelme.json", ".coco.json", ".nii.gz")
_WORD = "masks?|seg|segmentation|labels?|saliency|annotations?|gt"
_AROUND = re.compile(rf"^(?:{_WORD})[ ._-]+|[ ._-]+(?:{_WORD})$")


def stem(name: str) -> str:
    """A file's name without folders and suffix, in lower case: what names are compared by."""
    base = ntpath.basename(name).casefold()
    for suffix in _DOUBLE:
        if base.endswith(suffix):
            return base.removesuffix(suffix)
    return base.rpartition(".")[0] or base


def bare_stem(name: str) -> str:
    """The stem without what says that it is a mask: ``film-mask.png`` and ``mask_film.png`` are ``film``."""
    return _AROUND.sub("", stem(name))


def same_picture(named: str, names: Iterable[str]) -> bool:
    """Whether a file's word for its picture is one of these names, whatever the suffix, case and folders."""
    return stem(named) in {stem(n) for n in names}


def mask_files(folder: Path) -> list[Path]:
    """Files in a folder that a mask may be in, in order; what lies in its folders isn't looked at.

    Raises
    ------
    OSError
        The folder can't be read.
    """
    return sorted(p for p in folder.iterdir() if p.name.lower().endswith(SUFFIXES) and p.is_file())


def find(file: str, images: Sequence[str]) -> list[int]:
    """Which of the images a mask file is of: those of its whole stem, or else of its bare stem.

    Parameters
    ----------
    file : str
        Name of the mask file.
    images : sequence of str
        Names of the images.

    Returns
    -------
    list of int
        Indices into ``images``; more than one when the name doesn't tell them apart.
    """
    for of in (stem, bare_stem):
        found = [i for i, name in enumerate(images) if stem(name) == of(file)]
        if found:
            return found
    return []
