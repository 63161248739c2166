"""How large a compressed frame says it is, read from the first bytes of its codestream."""

from __future__ import annotations


def codestream_size(data: bytes) -> tuple[int, int] | None:
    """Width and height that a JPEG, JPEG-LS, JPEG 2000 or HTJ2K codestream states, None when none is found.

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


def _jpeg_2000(data: bytes) -> tuple[int, int]:
    right, bottom, left, top = (int.from_bytes(data[at : at + 4], "big") for at in (8, 12, 16, 20))
    return max(right - left, 0), max(bottom - top, 0)


def _jpeg(data: bytes) -> tuple[int, int] | None:
    at = 2
    while at + 9 <= len(data):
        if data[at] != 0xFF:
            at += 1
            continue
        code = data[at + 1]
        # Start of frame: JPEG's (but for tables and arithmetic conditioning) and JPEG-LS's.
        if (0xC0 <= code <= 0xCF and code not in (0xC4, 0xC8, 0xCC)) or code == 0xF7:
            return int.from_bytes(data[at + 7 : at + 9], "big"), int.from_bytes(data[at + 5 : at + 7], "big")
        if code in (0xFF, 0x01) or 0xD0 <= code <= 0xD8:
            at += 1 if code == 0xFF else 2
        elif code == 0xDA:
            return None
        else:
            at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return None
