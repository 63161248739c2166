"""Opening files for the window: what native decoders have to touch is decoded in another process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from pydicom.filereader import read_file_meta_info
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from divisive_desktop.errors import DamagedImageError, ImageTooLargeError
from divisive_desktop.imaging import limits
from divisive_desktop.imaging.bounded_reader import BoundedReader
from divisive_desktop.imaging.corrected import corrected
from divisive_desktop.imaging.correction import UNCORRECTED, Correction
from divisive_desktop.imaging.dicom_file import read_dicom
from divisive_desktop.imaging.opening import open_image
from divisive_desktop.imaging.record import ImageRecord
from divisive_desktop.imaging.sniff import HEAD_BYTES, sniff
from divisive_desktop.processes.apart import DiedError, OverdueError
from divisive_desktop.processes.decoding import PROCESSES

T = TypeVar("T")

PATIENCE_S = 180.0
"""Seconds for one file, and one more for every megabyte of it."""
_BYTES_PER_PIXEL = 24
"""Six for the largest kind of pixel, times two for the decoder's own copies, times two for what it takes beside."""
_MEMORY = 2 << 30
"""Libraries and their threads."""
_PLAIN = (
    ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian, "",
)  # fmt: skip
_OTHER = "no compressed picture"
_FORMATS = (
    (b"\x89PNG", "PNG"), (b"\xff\xd8", "JPEG"), (b"II", "TIFF"), (b"MM", "TIFF"), (b"GIF8", "GIF"), (b"RIFF", "WebP"),
    (b"BM", "BMP"), (b"\0\0\0\x0cjP", "JPEG 2000"), (b"\xff\x4f", "JPEG 2000"),
)  # fmt: skip


def open_image_apart(path: Path, frame: int = 0, correction: Correction = UNCORRECTED) -> ImageRecord:
    """``open_image``, for a process that must outlive every file: parameters, result and errors are the same.

    Uncompressed DICOM is opened here: no decoder but Python's and NumPy's sees it, and its many bytes needn't travel.

    Raises
    ------
    ImageError
        As ``open_image``; DamagedImageError also where decoding ended its process or took too long.
    """
    return corrected(looked_into(path, open_image, path, frame), correction)


def looked_into(path: Path, function: Callable[..., T], *arguments: Any) -> T:
    """A function that looks into a picture, called here or, where native decoders are needed for it, apart."""
    return function(*arguments) if codec(path) == "" else done_apart(path, function, *arguments)


def done_apart(path: Path, function: Callable[..., T], *arguments: Any, **named: Any) -> T:
    """A function that looks into a file, called in another process.

    Parameters
    ----------
    path : Path
        The file, for messages.

    Raises
    ------
    DamagedImageError, ImageTooLargeError
        The process ended, took too long, or wanted more memory than the largest picture needs.
    UserFacingError
        What the function raised.
    """
    try:
        size = path.stat().st_size
    except OSError:
        size = 0  # the function will say what is wrong
    try:
        return PROCESSES.call(
            function, *arguments, **named, subject=path, patience_s=PATIENCE_S + size / 1e6,
            memory=_MEMORY + _BYTES_PER_PIXEL * limits.max_pixels() + 2 * size,
        )  # fmt: skip
    except DiedError as e:
        raise DamagedImageError(
            f"{path.name} ended the process that was decoding it ({codec(path) or _OTHER}, exit code {e.code}).",
            "It is damaged or made to do harm; nothing else is affected. Ask for it again, or for another format.",
        ) from e
    except OverdueError as e:
        raise DamagedImageError(
            f"{path.name} was still being decoded after {PATIENCE_S + size / 1e6:.0f} s ({codec(path) or _OTHER}).",
            "Ask for the file again, or for another format of it.",
        ) from e
    except MemoryError as e:
        raise ImageTooLargeError(
            f"{path.name} takes more memory than a picture may ({codec(path) or _OTHER}).",
            "Close other pictures or programs and try again, or raise the limit (max_pixels) in the settings.",
        ) from e


def codec(path: Path) -> str:
    """How a file's pixels are packed, in a few words; '' where no native decoder is needed to open it."""
    try:
        if not path.is_file():
            return ""  # opening it will say what is wrong
        with BoundedReader(path) as source:
            head = source.read(HEAD_BYTES)
            kind = sniff(head)
            if kind == "photograph":
                return next(name for start, name in _FORMATS if head.startswith(start))
            if kind != "dicom":
                return ""
            # Read by the same function as when the file is opened: a forged file can't be two things to two readers.
            preamble = head[128:132] == b"DICM"
            meta = read_file_meta_info(path) if preamble else read_dicom(source, stop_before_pixels=True).file_meta
    except Exception:  # noqa: BLE001  damaged bytes raise anything; opening it will say what is wrong
        return "DICOM"
    syntax = UID(str(meta.get("TransferSyntaxUID") or ""))
    return "" if syntax in _PLAIN else f"DICOM, {syntax.name}"
