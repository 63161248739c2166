"""The images of training data, each opened once before a run spends hours on them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from divisive_desktop.errors import ImageError
from divisive_desktop.imaging.opening import open_image
from divisive_desktop.imaging.record import ImageRecord
from divisive_desktop.training.dataset import Example
from divisive_desktop.training.duplicates import check_duplicates
from divisive_desktop.training.mask_reading import check_masks

_EVERY = 500
"""Images between two lines that tell how far it is."""


def check_data(examples: Sequence[Example], say: Callable[[str], object] = lambda _: None) -> None:
    """Refuse pictures that are there twice, in whichever file format, and masks that don't belong to their images.

    Parameters
    ----------
    examples : sequence of Example
    say : callable
        Told what was done to masks, and how far it is.

    Raises
    ------
    TrainingError
        A picture is in more than one split or has both labels, or a mask says nothing or is of another picture.
    """
    pictures: dict[Path, bytes] = {}
    sizes: dict[Path, tuple[int, int]] = {}
    whole = [e for e in examples if not e.frame and not e.correction]
    files = list(dict.fromkeys(e.file for e in whole))
    for number, file in enumerate(files, 1):
        try:
            record = open_image(file)
        except ImageError:
            continue  # said where it is used
        pictures[file], sizes[file] = _shown(record), (record.width, record.height)
        if number % _EVERY == 0 and number < len(files):
            say(f"Checking the images: {number} of {len(files)}")
    check_duplicates(((e.file, e.split, e.label) for e in whole), pictures)
    masks = {e.mask: (e.file.name, sizes[e.file]) for e in whole if e.weight and e.mask is not None and e.file in sizes}
    for note in check_masks((e.mask for e in examples if e.weight and e.mask is not None), masks):
        say(note)


def _shown(record: ImageRecord) -> bytes:
    """The pixels of a picture, the same for grey and for three equal colours, whatever type they are stored as."""
    values = record.stored
    if values.ndim == 3 and values.shape[2] >= 3 and (values[..., :1] == values[..., 1:3]).all():
        values = values[..., 0]
    digest = hashlib.sha256(repr((values.shape, bool(record.inverted))).encode())
    digest.update(np.ascontiguousarray(values, np.float32).data)
    return digest.digest()
