"""Parsing DICOM bytes with pydicom: tolerant of real files, wary of forged ones."""

from __future__ import annotations

import logging
import zlib
from typing import Any

import pydicom
from pydicom import FileDataset, dcmread
from pydicom.uid import DeflatedExplicitVRLittleEndian

from divisive_desktop.errors import ImageTooLargeError
from divisive_desktop.imaging.limits import max_pixels
from divisive_desktop.imaging.reading import BoundedReader

# A decoder that fails is followed by the next one, and what all of them said stands in our error.
logging.getLogger("pydicom.pixels.decoders.base").setLevel(logging.CRITICAL)
# Real files break the rules of value representations all the time; we check what we use.
pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE

_HARMLESS_DEFLATED = 4 << 20
"""Deflate shrinks to a 1,032nd at most: a file of this size can't grow beyond 4 GB."""


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
    if source.size > _HARMLESS_DEFLATED:
        _check_deflated(source)
    source.seek(0)
    return dcmread(source, force=True, **options)


def _check_deflated(source: BoundedReader) -> None:
    head = source.read(4096)
    if head[128:132] != b"DICM" or str(DeflatedExplicitVRLittleEndian).encode() not in head:
        return
    limit = max(8 * max_pixels(), 64 << 20)
    source.seek(144 + int.from_bytes(head[140:144], "little"))  # behind the file meta information
    inflater, size = zlib.decompressobj(-zlib.MAX_WBITS), 0
    while (block := inflater.unconsumed_tail or source.read(1 << 16)) and not inflater.eof:
        size += len(inflater.decompress(block, 1 << 22))
        if size > limit:
            raise ImageTooLargeError(
                f"The deflated file grows to more than {limit:,} bytes.",
                "If you trust it, raise the limit (max_pixels) in the settings and open it again.",
            )
