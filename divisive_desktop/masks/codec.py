"""Compact bytes for a uint8 array, tile by tile and without pickle: for undo, for the casebook and for hashing.

A mask is mostly flat: the array is cut into tiles of 256 x 256 pixels; a flat one costs two bytes, one with two levels
a bit per pixel. A tile's bytes are canonical (the same on every machine and however its pixels came about), so they
can be compared and hashed; what wasn't touched needn't be packed again. ``deflate`` makes them small.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping

import cv2
import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
Tile = tuple[int, int]
"""Column and row of a tile."""

TILE = 256
EMPTY = b""
"""The bytes of a tile that is all zero."""

_FLAT, _BITS, _RAW = 0, 1, 2
_HEAD = struct.Struct("<BIII")  # format, rows, columns, tiles that aren't empty
_FORMAT = 2


def pack_tile(pixels: Pixels) -> bytes:
    """Canonical bytes of a tile, uint8 (h, w) of at most ``TILE`` pixels a side; any strides."""
    low, high, _, _ = cv2.minMaxLoc(pixels)
    if low == high:
        return bytes((_FLAT, int(low))) if high else EMPTY
    if high - low > 1 and cv2.countNonZero(cv2.inRange(pixels, (low + 1,), (high - 1,))):
        return bytes((_RAW,)) + pixels.tobytes()
    bits = np.packbits(pixels if low == 0 else pixels == high)
    return bytes((_BITS, int(low), int(high))) + bits.tobytes()


def unpack_tile(block: bytes, out: Pixels) -> None:
    """Write a tile's pixels into ``out``, which has the size that was packed.

    Raises
    ------
    ValueError
        The bytes are damaged.
    """
    kind = block[0] if block else _FLAT
    if not block:
        out[:] = 0
    elif kind == _FLAT and len(block) == 2:
        out[:] = block[1]
    elif kind == _BITS and len(block) == 3 + -(-out.size // 8):
        bits = np.unpackbits(np.frombuffer(block, np.uint8, offset=3), count=out.size)
        levels = block[1], block[2]
        out[:] = (np.negative(bits) if levels == (0, 255) else np.array(levels, np.uint8)[bits]).reshape(out.shape)
    elif kind == _RAW and len(block) == 1 + out.size:
        out[:] = np.frombuffer(block, np.uint8, offset=1).reshape(out.shape)
    else:
        raise ValueError("pixel block is damaged: a tile's length is wrong")


def join(rows: int, columns: int, tiles: Mapping[Tile, bytes]) -> bytes:
    """The tiles of an array as one block of bytes; the order in which they are given doesn't matter."""
    across = -(-columns // TILE)
    painted = sorted((row * across + column, block) for (column, row), block in tiles.items() if block)
    index = np.array([(at, len(block)) for at, block in painted], "<u4")
    head = _HEAD.pack(_FORMAT, rows, columns, len(painted))
    return b"".join((head, index.tobytes(), *(block for _, block in painted)))


def split(data: bytes | memoryview) -> tuple[int, int, dict[Tile, bytes]]:
    """Inverse of ``join``: rows, columns, and the tiles that aren't empty.

    Raises
    ------
    ValueError
        The bytes are damaged or of a newer format.
    """
    try:
        fmt, rows, columns, count = _HEAD.unpack_from(data)
        if fmt != _FORMAT:
            raise ValueError(f"pixel block has the unknown format {fmt}")
        if not (rows and columns):
            raise ValueError("it is of no size")
        index = np.frombuffer(data, "<u4", count=2 * count, offset=_HEAD.size).reshape(count, 2)
    except (struct.error, ValueError) as e:
        raise ValueError(f"pixel block is damaged: {e}") from e
    across, at = -(-columns // TILE), _HEAD.size + 8 * count
    tiles: dict[Tile, bytes] = {}
    for number, length in index.tolist():
        tiles[number % across, number // across] = bytes(data[at : at + length])
        at += length
    if at != len(data) or any(row * TILE >= rows for _, row in tiles):
        raise ValueError("pixel block is damaged: its length is wrong")
    return rows, columns, tiles


def most_packed(rows: int, columns: int) -> int:
    """How many bytes ``join`` gives for an array of this size at most."""
    return _HEAD.size + rows * columns + (-(-rows // TILE)) * (-(-columns // TILE)) * 16


def deflate(packed: bytes) -> bytes:
    """Make packed bytes small (zlib level 1: the tiles have done the greater part already)."""
    return zlib.compress(packed, 1)


def inflate(data: bytes | memoryview, most_bytes: int) -> bytes:
    """Inverse of ``deflate``, for packed bytes that are no more than ``most_bytes``.

    Raises
    ------
    ValueError
        The bytes are damaged.
    """
    try:
        inflater = zlib.decompressobj()
        packed = inflater.decompress(data, most_bytes + 1)
    except zlib.error as e:
        raise ValueError(f"pixel block is damaged: {e}") from e
    if len(packed) > most_bytes or not inflater.eof:
        raise ValueError("pixel block is damaged: its length is wrong")
    return packed
