"""Parsing DICOM bytes with pydicom: tolerant of real files, wary of forged ones."""

from __future__ import annotations

import io
import logging
import zlib
from typing import Any, BinaryIO, Literal

import pydicom
from pydicom import FileDataset, dcmread
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, ExplicitVRLittleEndian

from divisive_desktop.errors import ImageTooLargeError
from divisive_desktop.imaging.limits import max_pixels

# A decoder that fails is followed by the next one, and what all of them said stands in our error.
logging.getLogger("pydicom.pixels.decoders.base").setLevel(logging.CRITICAL)
# Real files break the rules of value representations all the time; we check what we use.
pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE

_DEFLATED = str(DeflatedExplicitVRLittleEndian).encode()
_BIG = str(ExplicitVRBigEndian).encode()
_GROUP_LENGTH = b"\2\0\0\0UL\4\0"
_LONG_VRS = (b"OB", b"OW", b"OF", b"OD", b"OL", b"OV", b"SQ", b"UC", b"UN", b"UR", b"UT", b"SV", b"UV")
_PLAIN = str(ExplicitVRLittleEndian).encode().ljust(len(_DEFLATED), b"\0")


def read_dicom(source: BinaryIO, *, force: bool = True, **options: Any) -> FileDataset:
    """``pydicom.dcmread`` for a file that needn't have a preamble.

    Parameters
    ----------
    source : file
        Read from its beginning.
    force : bool
        Read it even where the preamble is missing.
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
        return dcmread(source, force=force, **options)
    dataset = dcmread(_inflated(source, head), force=force, **options)
    dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    return dataset


def held_instead(source: BinaryIO) -> str:
    """What the data set is, in words, where it is stored in another form than the file says; '' where it isn't, or
    nobody can tell. For files in which nothing was found.
    """
    source.seek(0)
    head = source.read(8192)
    if head[128:132] != b"DICM":
        return ""
    at = _end_of_meta(head)
    meta, body = head[132:at], head[at:]
    if _DEFLATED in meta:
        return "a data set that isn't deflated" if _begins(body, "little") or _begins(body, "big") else ""
    little, big = _begins(body, "little"), _begins(body, "big")
    if little or big:
        right = big if _BIG in meta else little
        return "" if right else f"a data set in {'little' if little else 'big'} endian order"
    try:
        inside = zlib.decompressobj(-zlib.MAX_WBITS).decompress(body, 16)
    except zlib.error:
        return ""
    return "a deflated data set" if _begins(inside, "little") else ""


def _begins(body: bytes, order: Literal["little", "big"]) -> bool:
    """Whether bytes begin with an attribute of the groups that data sets begin with."""
    return int.from_bytes(body[:2], order) in (0x08, 0x10, 0x18, 0x20, 0x28)


def _inflated(source: BinaryIO, head: bytes) -> io.BytesIO:
    """The file as it was before deflating: pydicom would inflate without a limit, and trusts the group length."""
    limit = max(8 * max_pixels(), 64 << 20)
    start = _end_of_meta(head)
    plain = io.BytesIO()
    plain.write(head[:132])
    meta = head[132:start].replace(_DEFLATED, _PLAIN)
    if meta[:8] == _GROUP_LENGTH:
        meta = meta[12:]
    plain.write(_GROUP_LENGTH + len(meta).to_bytes(4, "little") + meta)
    source.seek(start)
    block = source.read(1 << 20)
    # Raw deflate, as the standard asks; some writers put zlib's two bytes before it.
    wrapped = block[:1] == b"\x78" and int.from_bytes(block[:2], "big") % 31 == 0
    inflater = zlib.decompressobj(zlib.MAX_WBITS if wrapped else -zlib.MAX_WBITS)
    while block and not inflater.eof:
        plain.write(inflater.decompress(block, 1 << 22))
        if plain.tell() > limit:
            raise ImageTooLargeError(
                f"The deflated file grows to more than {limit:,} bytes.",
                "If you trust it, raise the limit (max_pixels) in the settings and open it again.",
            )
        block = inflater.unconsumed_tail or source.read(1 << 20)
    plain.seek(0)
    return plain


def _end_of_meta(head: bytes) -> int:
    """Where the file meta information ends, told by its elements: its group length may be missing or wrong."""
    at = 132
    while head[at : at + 2] == b"\2\0" and at + 8 <= len(head):
        if head[at + 4 : at + 6] in _LONG_VRS:
            at += 12 + int.from_bytes(head[at + 8 : at + 12], "little")
        else:
            at += 8 + int.from_bytes(head[at + 6 : at + 8], "little")
    return min(at, len(head))
