"""Parsing DICOM bytes with pydicom: tolerant of real files, wary of forged ones."""

from __future__ import annotations

import io
import logging
import zlib
from typing import Any

import pydicom
from pydicom import FileDataset, dcmread
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian

from divisive_desktop.errors import ImageTooLargeError
from divisive_desktop.imaging.bounded_reader import BoundedReader
from divisive_desktop.imaging.limits import max_pixels

# A decoder that fails is followed by the next one, and what all of them said stands in our error.
logging.getLogger("pydicom.pixels.decoders.base").setLevel(logging.CRITICAL)
# Real files break the rules of value representations all the time; we check what we use.
pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE

_DEFLATED = str(DeflatedExplicitVRLittleEndian).encode()
_PLAIN = str(ExplicitVRLittleEndian).encode().ljust(len(_DEFLATED), b"\0")


def read_dicom(source: BoundedReader, **options: Any) -> FileDataset:
    """``pydicom.dcmread`` for a file that needn't have a preamble.

    Parameters
    ----------
    source : BoundedReader
        Read from its beginning.
    options
        For ``dcmread``: ``stop_before_pixels``, ``specific_tags``, ``defer_size``.

    Raises
    ------
    ImageTooLargeError
        When a deflated file grows beyond any picture that would be opened.
    Exception
        Whatever pydicom raises on damaged bytes, which may be anything.
    """
    source.seek(0)
    head = source.read(4096)
    source.seek(0)
    if head[128:132] != b"DICM" or _DEFLATED not in head:
        return dcmread(source, force=True, **options)
    dataset = dcmread(_inflated(source, head), force=True, **options)
    dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    return dataset


def _inflated(source: BoundedReader, head: bytes) -> io.BytesIO:
    """The file as it was before deflating: pydicom would inflate without a limit."""
    limit = max(8 * max_pixels(), 64 << 20)
    start = min(144 + int.from_bytes(head[140:144], "little"), len(head))  # behind the file meta information
    plain = io.BytesIO()
    plain.write(head[:start].replace(_DEFLATED, _PLAIN))
    source.seek(start)
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    while (block := inflater.unconsumed_tail or source.read(1 << 20)) and not inflater.eof:
        plain.write(inflater.decompress(block, 1 << 22))
        if plain.tell() > limit:
            raise ImageTooLargeError(
                f"The deflated file grows to more than {limit:,} bytes.",
                "If you trust it, raise the limit (max_pixels) in the settings and open it again.",
            )
    plain.seek(0)
    return plain
