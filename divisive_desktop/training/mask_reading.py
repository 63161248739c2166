"""Masks of training data: any depth, scaled by their own range, and checked before a run begins."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from divisive_desktop.errors import MaskError, TrainingError, in_words
from divisive_desktop.foreign.files import read_whole
from divisive_desktop.masks.files import MOST_BYTES, read_mask_file
from divisive_desktop.masks.formats.common import MOST_LABELS
from divisive_desktop.masks.mask import Mask
from divisive_desktop.masks.snapshot import is_blob

_SURROUNDS = "the whole border counts as inside. Bright is important: it may be the other way round."
_ROUNDED = 0.01
"""Share by which the shape of a mask may differ from its image's."""
_NAMED = 5
"""So many files are named in a message."""


@dataclass(frozen=True)
class Coverage:
    """A mask as it was read."""

    values: npt.NDArray[np.float32]
    """(h, w), 0..1; all zero where nothing is important."""
    scaled: str = ""
    """``255 of 65535`` when the brightest value is not the highest that the file could hold; '' when it is."""
    notes: tuple[str, ...] = ()
    """What was left out of it or guessed, in sentences."""


def read_coverage(path: Path) -> Coverage:
    """A casebook's mask, or one in any format that can be imported.

    Greys are divided by the brightest one in the file: 0 and 255 in 16 bits are inside and outside as in 8. In a label
    map (no value above 32 but the highest of its depth) every label is inside, and the highest means *not labelled*.

    Raises
    ------
    TrainingError
        The file can't be read.
    """
    try:
        data = read_whole(path, MOST_BYTES)
    except OSError as e:
        raise TrainingError(f"The mask {path.name} can't be read: {in_words(e)}.", "Draw or export it again.") from e
    if is_blob(data):
        return Coverage(Mask.from_blob(data).union())
    # imdecode, not imread: OpenCV can't open non-ASCII paths on Windows. It is faster by far than the general way.
    grey = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED) if data else None
    if grey is not None and grey.ndim == 2 and grey.dtype in (np.uint8, np.uint16):
        return _grey(np.asarray(grey, np.uint16), 255 if grey.dtype == np.uint8 else 65535)
    try:
        reading = read_mask_file(path)
    except MaskError as e:
        raise TrainingError(f"The mask {path.name} can't be read: {e.message}", "Draw or export it again.") from e
    union = reading.mask.union()
    return Coverage(np.asarray(union / (float(union.max()) or 1.0), np.float32), notes=reading.notes)


def _grey(grey: npt.NDArray[np.uint16], top: int) -> Coverage:
    high = int(grey.max())
    if high == top:
        rest = grey[grey < top]
        largest = int(rest.max()) if rest.size else 0
        if 0 < largest <= MOST_LABELS:
            return Coverage(((grey > 0) & (grey < top)).astype(np.float32))
    values = grey.astype(np.float32) / np.float32(high or 1)
    return Coverage(values, f"{high} of {top}" if 0 < high < top else "")


def check_masks(
    masks: Iterable[Path], images: Mapping[Path, tuple[str, tuple[int, int]]] | None = None
) -> tuple[str, ...]:
    """Read every mask once, before a run spends hours on them.

    Parameters
    ----------
    masks : iterable of Path
        Those that count.
    images : mapping, optional
        Mask -> name, width and height of its image, as far as known: a mask of another shape is of another picture.

    Returns
    -------
    tuple of str
        What was done to them, in sentences for the user.

    Raises
    ------
    TrainingError
        Nothing is important in some of them, or all of it; one can't be read, or has another shape than its image.
    """
    stretched: list[str] = []
    empty: list[str] = []
    scaled: dict[str, list[str]] = defaultdict(list)
    noted: dict[str, list[str]] = defaultdict(list)
    for path in dict.fromkeys(masks):
        coverage = read_coverage(path)
        if says_nothing(coverage.values):
            empty.append(path.name)
            continue
        if images is not None and path in images:
            name, size = images[path]
            if _other_shape(coverage.values.shape, size):
                raise other_shape(path.name, coverage.values.shape, name, size)
            if coverage.values.shape != size[::-1]:
                stretched.append(path.name)
        if _surrounds(coverage.values):
            noted[_SURROUNDS].append(path.name)
        if coverage.scaled:
            scaled[coverage.scaled].append(path.name)
        for note in coverage.notes:
            noted[note].append(path.name)
    if empty:
        raise empty_masks(empty)
    if stretched:
        noted["another size than the image, and the same shape: it is stretched over it."] += stretched
    return (
        *(f"{_listed(of)}: the brightest value is {how}, and counts as fully inside." for how, of in scaled.items()),
        *(f"{_listed(of)}: {note}" for note, of in noted.items()),
    )


def _surrounds(values: npt.NDArray[np.float32]) -> bool:
    """Whether the whole border is inside, but not the whole picture."""
    inside = values >= 0.5
    border = (inside[0], inside[-1], inside[:, 0], inside[:, -1])
    return all(bool(side.all()) for side in border) and not inside.all()


def says_nothing(values: npt.NDArray[np.float32]) -> bool:
    """Whether a mask is the same everywhere: all of a picture says as little as nothing of it."""
    return not values.size or bool(values.min() == values.max())


def _other_shape(shape: tuple[int, ...], size: tuple[int, int]) -> bool:
    """Whether rows and columns are in another proportion, by more than rounding to whole pixels explains."""
    (height, width), (columns, rows) = shape, size
    scale = min(width / columns, height / rows), max(width / columns, height / rows)
    return scale[1] > scale[0] * (1 + _ROUNDED + 1 / min(width, height))


def other_shape(mask: str, shape: tuple[int, ...], image: str, size: tuple[int, int]) -> TrainingError:
    """The error for a mask that can't be of its image."""
    return TrainingError(
        f"The mask {mask} has {shape[1]} x {shape[0]} pixels and its image {image} {size[0]} x {size[1]}: another "
        "shape, so it is of another picture, or of a part of this one.",
        "Export the mask in the size of its image, or name the right one in the column “mask”.",
    )


def empty_masks(names: list[str]) -> TrainingError:
    """The error for masks that are the same everywhere."""
    return TrainingError(
        f"Nothing is important in {_listed(names)}, or everything is: every pixel is the same.",
        "Leave the mask out where there is none (an empty field, or a mask_weight of 0), or export it again.",
    )


def _listed(names: list[str]) -> str:
    more = len(names) - _NAMED
    kind = "mask" if len(names) == 1 else "masks"
    return f"{len(names)} {kind} ({', '.join(names[:_NAMED])}{f' and {more} more' if more > 0 else ''})"
