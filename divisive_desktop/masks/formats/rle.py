"""COCO's run-length coding of binary masks, as pycocotools reads and writes it.

Runs go down the columns and alternate outside, inside, outside, ... The compressed form writes each run as the
difference to the one two before, five bits to a character from 48 on, the sixth bit says that more follow.
Reference: cocodataset/cocoapi, common/maskApi.c (rleEncode, rleToString).
"""

from __future__ import annotations

import operator
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from divisive_desktop.masks.codec import Pixels


def encode(inside: npt.NDArray[np.bool_]) -> list[int]:
    """Run lengths of a binary mask (h, w)."""
    flat = np.ascontiguousarray(inside.T).reshape(-1)
    changes = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    ends = np.concatenate(([0] if flat.size and flat[0] else [], changes, [flat.size]))
    return [int(run) for run in np.diff(ends, prepend=0)]


def decode(counts: Sequence[int], width: int, height: int) -> Pixels:
    """uint8 0/255 (h, w) from run lengths.

    Raises
    ------
    ValueError
        The runs don't add up to the size.
    TypeError
        A run isn't a whole number.
    """
    pixels = width * height
    if len(counts) > pixels + 1:
        raise ValueError(f"there are more run lengths than {width} x {height} pixels")
    # Python's integers: in NumPy's the sum of forged lengths wraps round, and `repeat` writes past its memory.
    runs = [operator.index(run) for run in counts]
    total = sum(runs)
    if total != pixels or min(runs, default=0) < 0:
        raise ValueError(f"run lengths don't add up to {width} x {height} pixels")
    lengths = np.asarray(runs, np.int64)
    levels = np.zeros(len(lengths), np.uint8)
    levels[1::2] = 255
    return np.ascontiguousarray(np.repeat(levels, lengths).reshape(width, height).T)


def to_text(counts: Sequence[int]) -> str:
    """The compressed form."""
    text = []
    for i, count in enumerate(counts):
        value = count - counts[i - 2] if i > 2 else count
        while True:
            bits = value & 31
            value >>= 5
            more = value != (-1 if bits & 16 else 0)
            text.append(chr(48 + bits + 32 * more))
            if not more:
                break
    return "".join(text)


def from_text(text: str) -> list[int]:
    """Run lengths from the compressed form.

    Raises
    ------
    ValueError
        Not such a text.
    """
    counts: list[int] = []
    value = shift = 0
    for character in text:
        bits = ord(character) - 48
        if not 0 <= bits < 64:
            raise ValueError("not COCO's run-length text")
        value |= (bits & 31) << shift
        shift += 5
        if bits & 32:
            if shift > 60:
                raise ValueError("not COCO's run-length text")
            continue
        if bits & 16:
            value -= 1 << shift
        if len(counts) > 2:
            value += counts[-2]
        counts.append(value)
        value = shift = 0
    if shift:
        raise ValueError("COCO's run-length text is cut off")
    return counts
