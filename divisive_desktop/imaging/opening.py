"""``open_image``: any file -> ImageRecord, or an error that says what is wrong and what to do."""

from __future__ import annotations

import os
import stat
import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from divisive_desktop.errors import (
    DamagedImageError,
    EmptyFileError,
    ImageError,
    ImageTooLargeError,
    NoPixelDataError,
    NotAnImageError,
    UnreadableFileError,
    in_words,
)
from divisive_desktop.imaging import limits
from divisive_desktop.imaging.bounded_reader import BoundedReader
from divisive_desktop.imaging.corrected import corrected
from divisive_desktop.imaging.correction import UNCORRECTED, Correction
from divisive_desktop.imaging.digest import Digest
from divisive_desktop.imaging.foreign_formats import foreign_format
from divisive_desktop.imaging.record import ImageRecord
from divisive_desktop.imaging.sniff import HEAD_BYTES, sniff

if TYPE_CHECKING:
    from divisive_desktop.imaging.dicom import DicomFile


def open_image(
    path: str | os.PathLike[str],
    frame: int = 0,
    correction: Correction = UNCORRECTED,
    *,
    max_pixels: int | None = None,
) -> ImageRecord:
    """Open one picture. The file is only read, never changed.

    Parameters
    ----------
    path : path
        A DICOM file, or a PNG, JPEG, TIFF, WebP, BMP, GIF or JPEG 2000 picture; recognised by content.
    frame : int
        Index of the frame of a multi-frame file, 0-based.
    correction : Correction
        What the analyst mended about the picture: the record is of the picture as corrected.
    max_pixels : int, optional
        Refuse larger pictures; default ``limits.max_pixels()``.

    Returns
    -------
    ImageRecord

    Raises
    ------
    ImageError
        The subclass says what is wrong: EmptyFileError, NotAnImageError, NoPixelDataError, TruncatedImageError,
        DamagedImageError, MissingDecoderError, ImageTooLargeError, UnreadableFileError.
    """
    path = Path(path)
    limit = max_pixels or limits.max_pixels()
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise UnreadableFileError(f"{path.name} is a folder.", "Open the folder to list the pictures in it.")
        if not stat.S_ISREG(mode):
            raise UnreadableFileError(f"{path.name} is not a regular file.", "Open a picture file.")
        with BoundedReader(path) as source:
            return corrected(_read(path, source, frame, limit), correction)
    except FileNotFoundError as exc:
        raise UnreadableFileError(f"{path} doesn't exist.", "Check the name; it may have been moved.") from exc
    except PermissionError as exc:
        raise UnreadableFileError(f"You may not read {path}.", "Ask its owner for permission.") from exc
    except OSError as exc:
        raise UnreadableFileError(
            f"{path} can't be read ({in_words(exc)}).", "Check the disk or the network drive, and try again."
        ) from exc


def _read(path: Path, source: BoundedReader, frame: int, limit: int) -> ImageRecord:
    head = source.read(HEAD_BYTES)
    if not head:
        raise EmptyFileError(f"{path.name} is empty (0 bytes).", "Copy or download the file again.")
    kind = sniff(head)
    if kind not in ("dicom", "photograph"):
        raise _not_an_image(path, kind, head)
    try:
        if kind == "dicom":
            return _read_dicom(path, source, frame, limit)
        from divisive_desktop.imaging.photograph import open_photograph

        source.seek(0)
        with Digest(path, source) as digest:
            return replace(open_photograph(path, source, frame, limit), sha256=digest.result())
    except ImageError:
        raise
    except MemoryError as exc:
        raise ImageTooLargeError(
            f"There is not enough memory to open {path.name}.", "Close other pictures or programs and try again."
        ) from exc
    except Exception as exc:  # forged and damaged files find every hole in every decoder
        raise DamagedImageError(
            f"{path.name} is damaged: {in_words(exc)}.",
            "Ask for the file again, or open another copy of it.",
        ) from exc


# The multi-frame file that was opened last, so that stepping through its frames doesn't read and hash it every time.
_last: tuple[object, DicomFile] | None = None
_last_lock = threading.Lock()


def _read_dicom(path: Path, source: BoundedReader, frame: int, limit: int) -> ImageRecord:
    # Imported where used: pydicom costs 0.4 s, and a folder of photographs doesn't need it.
    from divisive_desktop.imaging.dicom import DicomFile

    global _last
    status = os.fstat(source.fileno())
    key = (path, status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns, limit)
    with _last_lock:
        file = _last[1] if _last is not None and _last[0] == key else None
    if file is not None:
        return file.frame(frame)
    with Digest(path, source) as digest:
        file = DicomFile(path, source, limit)
        record = file.frame(frame)
        file.sha256 = digest.result()
    with _last_lock:
        _last = (key, file) if file.frames > 1 else None
    return replace(record, sha256=file.sha256)


def _not_an_image(path: Path, kind: str, head: bytes) -> ImageError:
    if kind == "dicomdir":
        return NoPixelDataError(
            f"{path.name} is the index of a DICOM medium; it holds no picture itself.",
            "Open the folder that it lies in.",
        )
    if kind == "zip":
        return NotAnImageError(f"{path.name} is a ZIP archive.", "Drop it into the worklist to open what it holds.")
    known = foreign_format(head)
    if known is not None:
        return NotAnImageError(f"{path.name} is {known.name}, which this program doesn't read.", known.remedy)
    if _looks_like_text(head):
        return NotAnImageError(
            f"{path.name} is a text file, whatever its name says.", "Open a DICOM file, or a PNG, JPEG or TIFF picture."
        )
    return NotAnImageError(
        f"{path.name} is no DICOM file and no picture of a known format.",
        "Open a DICOM file, or a PNG, JPEG, TIFF, WebP or BMP picture.",
    )


def _looks_like_text(head: bytes) -> bool:
    try:
        text = head.decode("utf-8", errors="strict")
    except UnicodeDecodeError as exc:
        if exc.start < len(head) - 4:  # a character cut at the end of the head is no matter
            return False
        text = head[: exc.start].decode("utf-8")
    return all(char.isprintable() or char in "\r\n\t\f" for char in text)
