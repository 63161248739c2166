"""NIfTI (.nii, .nii.gz) by nibabel, one slice.

NIfTI's first axis is x and its space is right-anterior-superior; a picture's x runs to the patient's left and y to the
back (DICOM), so its affine has -1 in x and y. That is what ITK writes for a two-dimensional picture, and what
ITK-SNAP and 3D Slicer lay over it. Reading undoes whatever flips the file's affine says.
"""

from __future__ import annotations

import gzip
import math
import zlib
from typing import Any

import numpy as np
import numpy.typing as npt

from divisive_desktop.errors import MaskError
from divisive_desktop.masks.formats.common import (
    Options,
    Reading,
    check_pixels,
    cut_note,
    damaged,
    from_grid,
    label_map,
    needs,
    union_bytes,
    weight_note,
)
from divisive_desktop.masks.mask import Mask, is_binary

_GZIP = b"\x1f\x8b"
_HEAD_BYTES = 1024
"""Room for the header of either version."""
_MOST_OFFSET = 64 << 20
"""Bytes of header and extensions before the pixels."""


def encode(mask: Mask, options: Options) -> tuple[bytes, tuple[str, ...]]:
    """NIfTI-1 bytes (not compressed), and notes on what the format couldn't keep."""
    nibabel = _nibabel()
    notes: tuple[str, ...] = ()
    grid: npt.NDArray[Any]
    if options.content == "labels":
        grid = label_map(mask)
        notes = cut_note(mask, "A label map") + weight_note(mask, "A label map")
    else:
        grid = union_bytes(mask)
        grid = grid // 255 if is_binary(union_bytes(mask)) else mask.union()
    width, height = options.pixel_mm or (1.0, 1.0)
    image = nibabel.Nifti1Image(grid.T[:, :, None], np.diag([-width, -height, 1.0, 1.0]))
    image.header.set_xyzt_units("mm")
    return image.to_bytes(), notes


def compress(data: bytes) -> bytes:
    """For ``.nii.gz``; the same bytes every time."""
    return gzip.compress(data, 6, mtime=0)


def decode(data: bytes, name: str) -> Reading:
    """A mask from a NIfTI file with one slice.

    Raises
    ------
    MaskError
        Not NIfTI, damaged, or more than one slice.
    """
    nibabel = _nibabel()
    try:
        packed = data[:2] == _GZIP
        head = _inflate(data, _HEAD_BYTES) if packed else data[:_HEAD_BYTES]
        kind = nibabel.Nifti2Image if head[:4] in (b"\x1c\x02\0\0", b"\0\0\x02\x1c") else nibabel.Nifti1Image
        announced = _announced(kind.header_class, head, name)
        if packed:
            data = _inflate(data, announced)
        if len(data) < announced:
            raise ValueError("it is cut off")
        image = kind.from_bytes(data)
        shape = image.shape
        scaled = any(factor is not None for factor in image.header.get_slope_inter())
        # Whole numbers stay what they are: as NiBabel's 64-bit floats they would take eight times the memory.
        grid = np.squeeze(np.asanyarray(image.dataobj, np.float32 if scaled else None))
        affine = np.asarray(image.affine)
    except _errors(nibabel) as e:
        raise damaged(name, "NIfTI", e) from e
    if grid.ndim == 1 and len(shape) >= 2:
        grid = grid.reshape(shape[0], shape[1])  # a picture one pixel wide or high
    if grid.ndim != 2:
        raise MaskError(f"{name} holds {'x'.join(map(str, shape))} voxels, not one slice.", "Export a single slice.")
    if affine[0, 0] > 0:
        grid = grid[::-1]
    if affine[1, 1] > 0:
        grid = grid[:, ::-1]
    return from_grid(np.ascontiguousarray(grid.T), name)


def _announced(header_class: Any, head: bytes, name: str) -> int:
    """How many bytes a file with this header has, after checking that they aren't too many."""
    size = header_class.template_dtype.itemsize
    if len(head) < size:
        raise ValueError("it is cut off")
    header = header_class(head[:size])
    sides = [int(side) for side in header.get_data_shape()]
    if min(sides, default=0) < 1:
        raise ValueError("its size is missing")
    check_pixels(sides[0], math.prod(sides[1:]), name)
    offset = int(header.get_data_offset())
    if not 0 <= offset <= _MOST_OFFSET:
        raise ValueError("its pixels begin far behind its header")
    return offset + math.prod(sides) * int(header.get_data_dtype().itemsize)


def _inflate(data: bytes, length: int) -> bytes:
    """The first ``length`` bytes, or fewer where there are no more."""
    return zlib.decompressobj(wbits=31).decompress(data, max(length, 1))


def _errors(nibabel: Any) -> tuple[type[Exception], ...]:
    return (
        OSError,
        ValueError,
        EOFError,
        zlib.error,
        nibabel.spatialimages.HeaderDataError,
        nibabel.filebasedimages.ImageFileError,
        nibabel.wrapstruct.WrapStructError,
    )


def _nibabel() -> Any:
    try:
        import nibabel
    except ImportError as e:
        raise needs("nibabel", "NIfTI", "masks") from e
    return nibabel
