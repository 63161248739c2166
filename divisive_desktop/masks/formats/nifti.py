"""NIfTI (.nii, .nii.gz) by nibabel, one slice.

NIfTI's first axis is x and its space is right-anterior-superior; a picture's x runs to the patient's left and y to the
back (DICOM), so its affine has -1 in x and y. That is what ITK writes for a two-dimensional picture, and what
ITK-SNAP and 3D Slicer lay over it. Reading undoes whatever flips the file's affine says.
"""

from __future__ import annotations

import gzip
import zlib
from typing import Any

import numpy as np
import numpy.typing as npt

from divisive_desktop.errors import MaskError
from divisive_desktop.imaging.limits import max_pixels
from divisive_desktop.masks.formats.common import (
    Options,
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


def decode(data: bytes, name: str) -> Mask:
    """A mask from a NIfTI file with one slice.

    Raises
    ------
    MaskError
        Not NIfTI, damaged, or more than one slice.
    """
    nibabel = _nibabel()
    try:
        if data[:2] == _GZIP:
            data = _inflate(data, name)
        kind = nibabel.Nifti2Image if data[:4] in (b"\x1c\x02\0\0", b"\0\0\x02\x1c") else nibabel.Nifti1Image
        image = kind.from_bytes(data)
        shape = image.shape
        grid = np.squeeze(np.asanyarray(image.dataobj))
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


def _inflate(data: bytes, name: str) -> bytes:
    limit = max_pixels() * 8 + 4096
    inflated = zlib.decompressobj(wbits=31).decompress(data, limit)
    if len(inflated) >= limit:
        raise damaged(name, "NIfTI", "it is larger than the limit for images")
    return inflated


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
