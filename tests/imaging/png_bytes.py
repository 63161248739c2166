"""PNG files put together chunk by chunk, as no library would write them."""

from __future__ import annotations

import struct
import zlib
from typing import Any

import numpy as np
import numpy.typing as npt


def half_a_png(pixels: npt.NDArray[Any]) -> bytes:
    """Pixels (rows, columns[, channels]) of bool, uint8 or uint16, of which the stream holds the upper half only."""
    rows = np.packbits(pixels, axis=1) if pixels.dtype == np.bool_ else pixels.astype(pixels.dtype.newbyteorder(">"))
    held = b"".join(b"\0" + row.tobytes() for row in rows[: len(rows) // 2])
    bits = 1 if pixels.dtype == np.bool_ else 8 * pixels.dtype.itemsize
    colour = {1: 0, 3: 2, 4: 6}[pixels.shape[2] if pixels.ndim == 3 else 1]
    return _file(pixels.shape[1], pixels.shape[0], bits, colour, 0, held)


def black_png(columns: int, rows: int, interlaced: bool) -> bytes:
    """Whole, grey, of 8 bits."""
    size = rows * (1 + columns)
    if interlaced:
        steps = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
        parts = [(len(range(x, columns, dx)), len(range(y, rows, dy))) for x, y, dx, dy in steps]
        size = sum(high * (1 + wide) for wide, high in parts if wide)
    return _file(columns, rows, 8, 0, int(interlaced), bytes(size))


def _file(columns: int, rows: int, bits: int, colour: int, interlaced: int, raw: bytes) -> bytes:
    header = struct.pack(">IIBBBBB", columns, rows, bits, colour, 0, 0, interlaced)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(raw)), (b"IEND", b""))
    packed = (struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)
