"""Compact bytes for a uint8 array, without pickle: for the casebook and for hashing.

A mask is mostly flat: the array is cut into 64 x 64 tiles, flat tiles cost one byte, and only the others are kept,
as bits when they hold two levels at most. ``pack`` gives canonical bytes (the same on every machine, so they can be
hashed), ``deflate`` makes them small.
"""

from __future__ import annotations

import struct
import zlib

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]

TILE = 64
_HEAD = struct.Struct("<BIIBBB")  # format, rows, columns, packing, low level, high level
_FORMAT = 1
_RAW, _BITS = 0, 1


def pack(array: Pixels) -> bytes:
    """Canonical, undeflated bytes of a uint8 array (h, w); any strides."""
    if array.ndim != 2 or array.dtype != np.uint8:
        raise ValueError(f"the codec takes uint8 (h, w), got {array.dtype} {array.shape}")
    rows, columns = array.shape
    low, high = _tile_range(array)
    flat = low == high
    mixed = _gather(array, flat)
    packing, zero, one = _RAW, 0, 255
    if mixed.size:
        zero, one = int(mixed.min()), int(mixed.max())
        bits = mixed == one
        if np.count_nonzero(bits) + np.count_nonzero(mixed == zero) == mixed.size:  # two levels only
            packing, mixed = _BITS, np.packbits(bits)
    head = _HEAD.pack(_FORMAT, rows, columns, packing, zero, one)
    return b"".join((head, np.packbits(flat).tobytes(), low[flat].tobytes(), mixed.tobytes()))


def unpack(data: bytes | memoryview) -> Pixels:
    """The array that ``pack`` was given, C-contiguous and writable.

    Raises
    ------
    ValueError
        The bytes are damaged or of a newer format.
    """
    try:
        fmt, rows, columns, packing, zero, one = _HEAD.unpack_from(data)
    except struct.error as e:
        raise ValueError(f"pixel block is damaged: {e}") from e
    if fmt != _FORMAT:
        raise ValueError(f"pixel block has the unknown format {fmt}")
    grid = (-(-rows // TILE), -(-columns // TILE))
    tiles = grid[0] * grid[1]
    body = np.frombuffer(data, np.uint8, offset=_HEAD.size)
    cut = -(-tiles // 8)
    if len(body) < cut:
        raise ValueError("pixel block is damaged: too short")
    flat = np.unpackbits(body[:cut], count=tiles).astype(bool).reshape(grid)
    levels = body[cut : cut + np.count_nonzero(flat)]
    array = np.zeros((rows, columns), np.uint8)
    for (i, j), level in zip(np.argwhere(flat), levels, strict=True):
        if level:
            array[i * TILE : (i + 1) * TILE, j * TILE : (j + 1) * TILE] = level
    payload = body[cut + len(levels) :]
    if packing == _BITS:
        bits = np.unpackbits(payload)
        payload = np.negative(bits) if (zero, one) == (0, 255) else np.array([zero, one], np.uint8)[bits]
    _scatter(array, flat, payload)
    return array


def deflate(packed: bytes) -> bytes:
    """Make packed bytes small (zlib level 1: the tiles have done the greater part already)."""
    return zlib.compress(packed, 1)


def inflate(data: bytes | memoryview) -> bytes:
    """Inverse of ``deflate``.

    Raises
    ------
    ValueError
        The bytes are damaged.
    """
    try:
        return zlib.decompress(data)
    except zlib.error as e:
        raise ValueError(f"pixel block is damaged: {e}") from e


def _tile_range(array: Pixels) -> tuple[Pixels, Pixels]:
    """Lowest and highest value of every tile, (grid rows, grid columns) each."""
    rows, columns = array.shape
    starts = np.arange(0, columns, TILE)
    low = np.empty((-(-rows // TILE), len(starts)), np.uint8)
    high = np.empty_like(low)
    for i in range(len(low)):  # band by band: reduceat over the rows of the whole array is 100 times slower
        band = array[i * TILE : (i + 1) * TILE]
        low[i] = np.minimum.reduceat(band.min(axis=0), starts)
        high[i] = np.maximum.reduceat(band.max(axis=0), starts)
    return low, high


def _gather(array: Pixels, flat: npt.NDArray[np.bool_]) -> Pixels:
    parts = [array[y : y + TILE, x : x + TILE].ravel() for y, x in np.argwhere(~flat) * TILE]
    return np.concatenate(parts) if parts else np.zeros(0, np.uint8)


def _scatter(array: Pixels, flat: npt.NDArray[np.bool_], values: Pixels) -> None:
    at = 0
    for y, x in np.argwhere(~flat) * TILE:
        block = array[y : y + TILE, x : x + TILE]
        if at + block.size > len(values):
            raise ValueError("pixel block is damaged: too short")
        block[:] = values[at : at + block.size].reshape(block.shape)
        at += block.size
