"""NumPy ``.npy``: float32 0..1 (uint8 labels for a label map), rows first; never pickle."""

from __future__ import annotations

import io
import math

import numpy as np

from divisive_desktop.masks.formats.common import (
    Options,
    Reading,
    cut_note,
    damaged,
    from_grid,
    label_map,
    weight_note,
)
from divisive_desktop.masks.mask import Mask


def encode(mask: Mask, options: Options) -> tuple[bytes, tuple[str, ...]]:
    """``.npy`` bytes, and notes on what the format couldn't keep."""
    buffer = io.BytesIO()
    labels = options.content == "labels"
    np.save(buffer, label_map(mask) if labels else mask.union(), allow_pickle=False)
    return buffer.getvalue(), cut_note(mask, "A label map") + weight_note(mask, "A label map") if labels else ()


def decode(data: bytes, name: str) -> Reading:
    """A mask from a two-dimensional array of bool, floats 0..1, uint8, uint16 or labels.

    Raises
    ------
    MaskError
        Not an array, an array of objects, or of another shape.
    """
    try:
        _check_length(data)
        array = np.load(io.BytesIO(data), allow_pickle=False)
    except (ValueError, OSError, EOFError, SyntaxError, RecursionError, MemoryError) as e:
        raise damaged(name, "a NumPy array", e) from e
    if not isinstance(array, np.ndarray):
        raise damaged(name, "a NumPy array", "it is an archive")
    if array.dtype.kind not in "buif":
        raise damaged(name, "a mask", f"it holds {array.dtype}")
    return from_grid(array, name)


def _check_length(data: bytes) -> None:
    """Compare what the header announces with what is there: NumPy takes the memory before it looks."""
    source = io.BytesIO(data)
    version = np.lib.format.read_magic(source)
    if version == (1, 0):
        shape, _, dtype = np.lib.format.read_array_header_1_0(source)
    elif version == (2, 0):
        shape, _, dtype = np.lib.format.read_array_header_2_0(source)
    else:
        raise ValueError("it is of another version")
    if math.prod(int(side) for side in shape) * dtype.itemsize > len(data) - source.tell():
        raise ValueError("it is cut off")
