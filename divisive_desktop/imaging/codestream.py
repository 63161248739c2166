"""What a compressed frame says of itself, read from the first bytes of its codestream."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

CodestreamKind = Literal["JPEG", "lossless JPEG", "JPEG-LS", "JPEG 2000"]


@dataclass(frozen=True)
class Codestream:
    """Head of a JPEG, JPEG-LS, JPEG 2000 or HTJ2K codestream."""

    kind: CodestreamKind
    width: int
    height: int
    precision: int
    """Bits per sample, of the first component."""
    samples: int
    """Components: 1 for greys, 3 for colours."""


def read_codestream(data: bytes) -> Codestream | None:
    """Kind, size and precision that a codestream states, None when none is found.

    A decoder makes room for this size whatever the file around it says, so it must be looked at first.
    """
    if data[:4] == b"\xff\x4f\xff\x51":
        return _jpeg_2000(data)
    if data[4:8] == b"jP  ":  # the JP2 wrapping, which doesn't belong into DICOM and occurs
        at = data.find(b"\xff\x4f\xff\x51")
        return _jpeg_2000(data[at:]) if at >= 0 else None
    if data[:2] == b"\xff\xd8":
        return _jpeg(data)
    return None


def _jpeg_2000(data: bytes) -> Codestream:
    right, bottom, left, top = (int.from_bytes(data[at : at + 4], "big") for at in (8, 12, 16, 20))
    precision = (data[42] & 0x7F) + 1 if len(data) > 42 else 0
    samples = int.from_bytes(data[40:42], "big")
    return Codestream("JPEG 2000", max(right - left, 0), max(bottom - top, 0), precision, samples)


def _jpeg(data: bytes) -> Codestream | None:
    at = 2
    while at + 9 <= len(data):
        if data[at] != 0xFF:
            at += 1
            continue
        code = data[at + 1]
        # Start of frame: JPEG's (but for tables and arithmetic conditioning) and JPEG-LS's.
        if (0xC0 <= code <= 0xCF and code not in (0xC4, 0xC8, 0xCC)) or code == 0xF7:
            height, width = (int.from_bytes(data[place : place + 2], "big") for place in (at + 5, at + 7))
            kind: CodestreamKind = "JPEG"
            if code == 0xF7:
                kind = "JPEG-LS"
            elif code in (0xC3, 0xC7, 0xCB, 0xCF):
                kind = "lossless JPEG"
            return Codestream(kind, width, height, data[at + 4], data[at + 9] if at + 9 < len(data) else 0)
        if code in (0xFF, 0x01) or 0xD0 <= code <= 0xD8:
            at += 1 if code == 0xFF else 2
        elif code == 0xDA:
            return None
        else:
            at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return None


def names_its_colours(data: bytes) -> bool:
    """Whether a JPEG says by itself if its three components are RGB or YCbCr: by JFIF, Adobe's mark, or their names."""
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] != 0xDA:
        code, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        if (code == 0xE0 and data[at + 4 : at + 8] == b"JFIF") or (code == 0xEE and data[at + 4 : at + 9] == b"Adobe"):
            return True
        if 0xC0 <= code <= 0xC2:
            return bytes(data[at + 10 + 3 * index] for index in range(3) if at + 10 + 3 * index < len(data)) == b"RGB"
        at += 2 + length
    return False


def looks_like_rle(data: bytes) -> bool:
    """Whether a compressed frame begins as DICOM's run lengths do (PS3.5 annex G): where its segments begin."""
    segments, *starts = (int.from_bytes(data[at : at + 4], "little") for at in range(0, 64, 4))
    used = starts[:segments]
    rising = all(a < b for a, b in pairwise(used))
    return 1 <= segments <= 15 and used[0] == 64 and rising and not any(starts[segments:])
