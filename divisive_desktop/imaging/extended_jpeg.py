"""Lossy JPEG of 12 bits (ITU-T T.81, process 4: sequential DCT, Huffman coding), greys, decoded with numpy.

The libraries that come along know 8 bits. As in ``lossless_jpeg``, only the codes are walked through one by one.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from divisive_desktop.imaging.jpeg_entropy import (
    DHT,
    DQT,
    DRI,
    SOF1,
    SOS,
    entropy_segments,
    huffman_tables,
    is_frame,
    next_segment,
    signed,
    windows_of,
    words_at,
)

_ZIGZAG = np.array(
    sorted(range(64), key=lambda i: (i // 8 + i % 8, i // 8 if (i // 8 + i % 8) % 2 else i % 8)), np.int64
)
"""Place in a block, row by row, of the coefficient with each number."""
_K, _N = np.mgrid[:8, :8]
_COSINES = np.cos((2 * _N + 1) * _K * np.pi / 16) * np.where(_K == 0, np.sqrt(1 / 8), np.sqrt(1 / 4))

Huffman = tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]
"""Length and symbol of the code that a word of 16 bits begins with."""


@dataclass
class _Header:
    precision: int = 0
    rows: int = 0
    columns: int = 0
    restart: int = 0
    quantiser: int = 0
    quantisers: dict[int, npt.NDArray[np.int64]] = field(default_factory=dict)
    huffman: dict[int, Huffman] = field(default_factory=dict)
    """By class (0x10: AC) and name."""


def decode_extended(data: bytes) -> npt.NDArray[np.uint16]:
    """Decode one grey picture of 12 bits.

    Parameters
    ----------
    data : bytes
        From SOI to EOI; what follows isn't looked at.

    Returns
    -------
    uint16 (rows, columns), 0..4095

    Raises
    ------
    ValueError
        Another kind of JPEG, or damaged.
    """
    header, at = _Header(), 2
    while (segment := next_segment(data, at)) is not None:
        marker, body, at = segment
        if marker == SOF1:
            _read_frame(header, body)
        elif is_frame(marker):
            raise ValueError("not JPEG of 12 bits with sequential DCT and Huffman coding")
        elif marker == DHT:
            header.huffman |= {name: (length, symbol) for name, length, symbol in huffman_tables(body)}
        elif marker == DQT:
            _read_quantisers(header.quantisers, body)
        elif marker == DRI and len(body) >= 2:
            header.restart = int.from_bytes(body[:2], "big")
        elif marker == SOS:
            return _read_scan(header, body, data, at)
    raise ValueError("the picture isn't there")


def _read_frame(header: _Header, body: bytes) -> None:
    if len(body) < 9 or body[0] != 12 or body[5] != 1:
        raise ValueError("not greys of 12 bits")
    header.precision, header.quantiser = body[0], body[8]
    header.rows, header.columns = int.from_bytes(body[1:3], "big"), int.from_bytes(body[3:5], "big")
    if not header.rows or not header.columns:
        raise ValueError("the frame header makes no sense")


def _read_quantisers(tables: dict[int, npt.NDArray[np.int64]], body: bytes) -> None:
    at = 0
    while at < len(body):
        kind = ">u2" if body[at] >> 4 else "u1"
        size = 64 * np.dtype(kind).itemsize
        if len(body) < at + 1 + size:
            raise ValueError("a quantisation table is cut off")
        tables[body[at] & 15] = np.frombuffer(body, kind, 64, at + 1).astype(np.int64)
        at += 1 + size


def _read_scan(header: _Header, body: bytes, data: bytes, at: int) -> npt.NDArray[np.uint16]:
    if not header.rows or len(body) < 6 or body[0] != 1 or (body[3], body[4]) != (0, 63):
        raise ValueError("forbidden scan parameters")
    dc, ac = header.huffman.get(body[2] >> 4), header.huffman.get(0x10 | body[2] & 15)
    quantiser = header.quantisers.get(header.quantiser)
    if dc is None or ac is None or quantiser is None:
        raise ValueError("the scan names what isn't there")
    down, across = (header.rows + 7) // 8, (header.columns + 7) // 8
    coefficients = np.zeros((down * across, 64), np.int64)
    done = 0
    for segment in entropy_segments(data, at)[1]:
        count = min(header.restart or len(coefficients), len(coefficients) - done)
        _read_blocks(segment, dc, ac, coefficients[done : done + count])
        done += count
        if done == len(coefficients):
            break
    if done < len(coefficients):
        raise ValueError("the picture isn't whole")
    blocks = np.zeros_like(coefficients)
    blocks[:, _ZIGZAG] = coefficients * quantiser
    samples = _COSINES.T @ blocks.reshape(-1, 8, 8).astype(np.float64) @ _COSINES
    picture = samples.reshape(down, across, 8, 8).swapaxes(1, 2).reshape(8 * down, 8 * across)
    top = (1 << header.precision) - 1
    levelled = np.clip(np.rint(picture + (top + 1) // 2), 0, top).astype(np.uint16)
    return np.ascontiguousarray(levelled[: header.rows, : header.columns])


def _read_blocks(segment: npt.NDArray[np.uint8], dc: Huffman, ac: Huffman, into: npt.NDArray[np.int64]) -> None:
    """Coefficients, in zigzag order, of the blocks between two restarts."""
    padded = np.concatenate([segment, np.full(32, 0xFF, np.uint8)])
    windows, bits = windows_of(padded), 8 * len(segment)
    places, numbers = _walk(windows, dc, ac, bits, len(into))
    words = words_at(padded, places)
    code = (words >> np.uint64(16)).astype(np.uint16)
    first = numbers % 64 == 0
    length = np.where(first, dc[0][code], ac[0][code]).astype(np.int64)
    size = np.where(first, dc[1][code], ac[1][code] & 15).astype(np.int64)
    if not length.all() or size.max(initial=0) > 15:
        raise ValueError("the entropy-coded data hold a code that no table has")
    extra = (words.astype(np.int64) >> (32 - length - size)) & ((1 << size) - 1)
    into.reshape(-1)[numbers] = signed(extra, size)
    into[:, 0] = np.cumsum(into[:, 0])


def _walk(
    windows: npt.NDArray[np.uint16], dc: Huffman, ac: Huffman, bits: int, blocks: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Where the codes of coefficients begin, and which coefficient of all blocks each is."""
    first = np.maximum(dc[0] + dc[1], 1)[windows].tobytes()
    step = np.maximum(ac[0] + (ac[1] & 15), 1)[windows].tobytes()
    symbols = ac[1][windows].tobytes()
    places: list[int] = []
    numbers: list[int] = []
    at = 0
    for block in range(0, 64 * blocks, 64):
        if at >= bits:
            raise ValueError("the entropy-coded data end early")
        places.append(at)
        numbers.append(block)
        at += first[at]
        number = 1
        while number < 64 and at < bits:
            symbol = symbols[at]
            if symbol & 15:
                number += symbol >> 4
                if number > 63:
                    raise ValueError("a block has too many coefficients")
                places.append(at)
                numbers.append(block + number)
                number += 1
            elif symbol == 0xF0:
                number += 16
            else:
                number = 64
            at += step[at]
    return np.asarray(places, np.int64), np.asarray(numbers, np.int64)
