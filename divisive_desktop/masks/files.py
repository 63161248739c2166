"""Mask files: which formats there are, reading one for an image, writing one."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from divisive_desktop.errors import MaskError, MaskSizeError, in_words
from divisive_desktop.foreign.files import read_whole
from divisive_desktop.language import percent
from divisive_desktop.masks.formats import coco, cvat, dicom_seg, labelme, nifti, npy, png, via
from divisive_desktop.masks.formats.common import Options, Reading, damaged
from divisive_desktop.masks.formats.json_text import looks_like_json, read_json
from divisive_desktop.masks.mask import Mask

MOST_BYTES = 1 << 30
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
    """The mask that a file holds. See :func:`read_mask_file`, which also says what was left out of it."""
    return read_mask_file(path, size, resample=resample, image_name=image_name, source_uid=source_uid).mask


def read_mask_file(
    path: Path,
    size: tuple[int, int] | None = None,
    *,
    resample: bool = False,
    image_name: str = "",
    source_uid: str = "",
) -> Reading:
    """Read a mask file, whichever format it is in (recognised by content).

    Parameters
    ----------
    path : Path
    size : (int, int), optional
        Width and height of the image that it is for.
    resample : bool
        Scale a mask of another size instead of refusing it.
    image_name : str
        COCO, VIA, CVAT: which of the file's images.
    source_uid : str
        DICOM: SOP Instance UID of the image, to refuse a segmentation of another one.

    Raises
    ------
    MaskSizeError
        The mask is for an image of another size, and ``resample`` is False.
    MaskError
        The file can't be read as a mask.
    """
    name = path.name
    try:
        reading = _decode(read_whole(path, MOST_BYTES), name, size, image_name, source_uid)
    except MaskError:
        raise
    except OSError as e:
        raise MaskError(f"{name} can't be read ({in_words(e)}).", "Check the name and the permissions.") from e
    except MemoryError as e:
        raise MaskError(f"There is not enough memory to read {name}.", "Export the mask in a smaller size.") from e
    except Exception as e:  # forged and damaged files find every hole in every decoder
        raise damaged(name, "a mask", in_words(e)) from e
    mask = reading.mask
    if size is not None and mask.size != size:
        if not resample:
            raise MaskSizeError(
                f"{name} is a mask of {mask.width} x {mask.height} pixels, the image has {size[0]} x {size[1]}.",
                "Resample the mask if it shows the same picture in another resolution, or choose another file.",
            )
        mask = mask.resampled(*size)
    return replace(reading, mask=mask, notes=(*reading.notes, *_doubts(reading.mask)))


def image_names(data: bytes) -> tuple[str, ...]:
    """The names, without folders, of the images that a file says it is for; none if it names none."""
    if cvat.looks_like_xml(data):
        return cvat.image_names(data)
    try:
        document = read_json(data) if looks_like_json(data) else None
    except ValueError:
        return ()
    return via.names(document) or coco.names(document)


def _decode_json(data: bytes, name: str, size: tuple[int, int] | None, image_name: str) -> Reading:
    try:
        document = read_json(data)
    except ValueError as e:
        raise damaged(name, "JSON", e) from e
    if isinstance(document, dict) and "shapes" in document and "annotations" not in document:
        return labelme.decode(data, name, size)
    if via.is_via(document):
        return via.decode(data, name, image_name, size)
    return coco.decode(data, name, image_name, size)


def _doubts(mask: Mask) -> tuple[str, ...]:
    """What is odd about a mask though it can be read."""
    union = mask.union() >= 0.5
    border = (union[0], union[-1], union[:, 0], union[:, -1])
    if mask.is_empty:
        return ("Nothing is painted in it.",)
    if union.all():
        return ("All of the picture counts as inside: that says as little as an empty mask.",)
    if all(side.all() for side in border) and not union.all():
        return (
            f"{percent(float(union.mean()))} of the picture count as inside, its whole border too. If the file means "
            "the opposite, use Mask > Invert.",
        )
    return ()


def _decode(data: bytes, name: str, size: tuple[int, int] | None, image_name: str, source_uid: str) -> Reading:
    """By content, but for NIfTI, whose packed form says nothing about itself."""
    if data[128:132] == b"DICM":
        return dicom_seg.decode(data, name, source_uid)
    if data[:6] == b"\x93NUMPY":
        return npy.decode(data, name)
    if name.lower().endswith((".nii", ".nii.gz")):
        return nifti.decode(data, name)
    if looks_like_json(data):
        return _decode_json(data, name, size, image_name)
    if cvat.looks_like_xml(data):
        return cvat.decode(data, name, image_name)
    return png.decode(data, name)


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
            f"{path.name} can't be written ({in_words(e)}).", "Choose another folder or free some space."
        ) from e
