"""Mask files: which formats there are, reading one for an image, writing one."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from divisive_desktop.errors import MaskError, MaskSizeError
from divisive_desktop.masks.formats import coco, dicom_seg, labelme, nifti, npy, png
from divisive_desktop.masks.formats.common import Options
from divisive_desktop.masks.mask import Mask

_Encoder = Callable[[Mask, Options], tuple[bytes, tuple[str, ...]]]


@dataclass(frozen=True)
class Format:
    """A file format for masks."""

    id: str
    text: str
    suffixes: tuple[str, ...]
    """The first one is used for new files."""
    keeps_regions: bool
    """Names and overlapping regions survive."""


FORMATS = (
    Format("png", "PNG picture", (".png",), False),
    Format("npy", "NumPy array", (".npy",), False),
    Format("nifti", "NIfTI", (".nii.gz", ".nii"), False),
    Format("coco", "COCO JSON", (".json",), True),
    Format("labelme", "labelme JSON", (".labelme.json", ".json"), True),
    Format("dicom-seg", "DICOM segmentation", (".dcm",), True),
)
_ENCODERS: dict[str, _Encoder] = {
    "png": png.encode,
    "npy": npy.encode,
    "nifti": nifti.encode,
    "coco": coco.encode,
    "labelme": labelme.encode,
    "dicom-seg": dicom_seg.encode,
}


def write_mask(path: Path, mask: Mask, format_id: str = "", options: Options | None = None) -> tuple[str, ...]:
    """Write a mask file; a file that is there already is replaced only once the new one is complete.

    Parameters
    ----------
    path : Path
    mask : Mask
    format_id : str
        Id from ``FORMATS``; by default the first one with the path's suffix.
    options : Options, optional

    Returns
    -------
    tuple of str
        What the format couldn't keep, in words for the user; empty when everything is in the file.

    Raises
    ------
    MaskError
        No such format, the mask doesn't fit it, or the file can't be written.
    """
    chosen = format_id or _by_suffix(path)
    if chosen not in _ENCODERS:
        raise MaskError(f"There is no mask format “{chosen}”.", f"Choose one of {', '.join(_ENCODERS)}.")
    data, notes = _ENCODERS[chosen](mask, options or Options())
    if chosen == "nifti" and path.name.lower().endswith(".gz"):
        data = nifti.compress(data)
    _write(path, data)
    return notes


def read_mask(
    path: Path,
    size: tuple[int, int] | None = None,
    *,
    resample: bool = False,
    image_name: str = "",
    source_uid: str = "",
) -> Mask:
    """Read a mask file, whichever format it is in (recognised by content).

    Parameters
    ----------
    path : Path
    size : (int, int), optional
        Width and height of the image that it is for.
    resample : bool
        Scale a mask of another size instead of refusing it.
    image_name : str
        COCO: which of the file's images.
    source_uid : str
        DICOM: SOP Instance UID of the image, to refuse a segmentation of another one.

    Raises
    ------
    MaskSizeError
        The mask is for an image of another size, and ``resample`` is False.
    MaskError
        The file can't be read as a mask.
    """
    try:
        data = path.read_bytes()
    except OSError as e:
        raise MaskError(f"{path.name} can't be read ({e.strerror or e}).", "Check the name and the permissions.") from e
    name = path.name
    if data[128:132] == b"DICM":
        mask = dicom_seg.decode(data, name, source_uid)
    elif data[:6] == b"\x93NUMPY":
        mask = npy.decode(data, name)
    elif name.lower().endswith((".nii", ".nii.gz")):
        mask = nifti.decode(data, name)
    elif data.lstrip()[:1] in (b"{", b"["):
        mask = labelme.decode(data, name) if b'"shapes"' in data else coco.decode(data, name, image_name)
    else:
        mask = png.decode(data, name)
    if size is not None and mask.size != size:
        if not resample:
            raise MaskSizeError(
                f"{name} is a mask of {mask.width} x {mask.height} pixels, the image has {size[0]} x {size[1]}.",
                "Resample the mask if it shows the same picture in another resolution, or choose another file.",
            )
        mask = mask.resampled(*size)
    return mask


def _by_suffix(path: Path) -> str:
    name = path.name.lower()
    for suffix, chosen in ((s, f.id) for f in reversed(FORMATS) for s in f.suffixes if s != ".json"):
        if name.endswith(suffix):
            return chosen
    if name.endswith(".json"):
        return "coco"
    raise MaskError(f"{path.name} has no suffix that names a mask format.", "Use .png, .npy, .nii.gz, .json or .dcm.")


def _write(path: Path, data: bytes) -> None:
    try:
        handle, temporary = tempfile.mkstemp(prefix=".", suffix=".part", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as e:
        raise MaskError(
            f"{path.name} can't be written ({e.strerror or e}).", "Choose another folder or free some space."
        ) from e
