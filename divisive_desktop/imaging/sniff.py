"""What a file is, judged by its first bytes: names lie, and radiographs often have no extension at all."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

FileKind = Literal["dicom", "dicomdir", "photograph", "zip", "unknown"]

HEAD_BYTES = 400
"""What ``sniff`` needs to see of a file: the DICOM preamble and the first elements behind it."""

_MEDIA_STORAGE_DIRECTORY = b"1.2.840.10008.1.3.10"

_EXPLICIT_VRS = frozenset(
    b"AE AS AT CS DA DS DT FD FL IS LO LT OB OD OF OL OV OW PN SH SL SQ SS ST SV TM UC UI UL UN UR US UT UV".split()
)


def sniff(head: bytes) -> FileKind:
    """Kind of file from its first ``HEAD_BYTES`` bytes."""
    if head[128:132] == b"DICM":
        return "dicomdir" if _MEDIA_STORAGE_DIRECTORY in head else "dicom"
    if head[:4] in (b"PK\3\4", b"PK\5\6"):
        return "zip"
    if _is_photograph(head):
        return "photograph"
    if _is_bare_dicom(head):
        return "dicom"
    return "unknown"


def sniff_file(path: str | os.PathLike[str]) -> FileKind:
    """Kind of file, 'unknown' for what can't be read or isn't a regular file."""
    path = Path(path)
    try:
        if not path.is_file():
            return "unknown"
        with path.open("rb") as file:
            return sniff(file.read(HEAD_BYTES))
    except OSError:
        return "unknown"


def is_image_file(path: str | os.PathLike[str]) -> bool:
    """Whether a file looks like a picture that ``open_image`` reads; reads a few hundred bytes, decodes nothing."""
    return sniff_file(path) in ("dicom", "photograph")


def _is_photograph(head: bytes) -> bool:
    if head.startswith((b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")):
        return True
    if head.startswith((b"GIF87a", b"GIF89a", b"\0\0\0\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51")):
        return True
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return True
    if head.startswith(b"BM") and len(head) >= 18:
        # Text may begin with 'BM' too: the size of the info header has few legal values.
        return int.from_bytes(head[14:18], "little") in (12, 16, 40, 52, 56, 64, 108, 124)
    return False


def _is_bare_dicom(head: bytes) -> bool:
    """A data set without preamble begins with an element of group 0002 or 0008, in any of three encodings."""
    if len(head) < 16:
        return False
    orders: tuple[Literal["little", "big"], ...] = ("little", "big")
    for order in orders:
        group, element = int.from_bytes(head[:2], order), int.from_bytes(head[2:4], order)
        if group not in (0x0002, 0x0008) or element > 0x0100:
            continue
        if head[4:6] in _EXPLICIT_VRS:
            return True
        # Implicit VR: a 32-bit length; the first elements are short, and even in a valid file.
        if order == "little" and group == 0x0008 and int.from_bytes(head[4:8], "little") <= 256:
            return True
    return False
