"""What all Huffman-coded JPEG has in common: marker segments, tables, bits without stuffing (ITU-T T.81, B and F)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

SOF1, SOF3, DHT, EOI, SOS, DQT, DRI = 0xC1, 0xC3, 0xC4, 0xD9, 0xDA, 0xDB, 0xDD


def is_frame(marker: int) -> bool:
    """Whether a marker begins a frame, of whatever kind."""
    return 0xC0 <= marker <= 0xCF and marker not in (DHT, 0xC8, 0xCC)


def next_segment(data: bytes, at: int) -> tuple[int, bytes, int] | None:
    """Marker, content and end of the first segment from ``at`` on; None at the end of the picture or the data."""
    while at + 4 <= len(data):
        if data[at] != 0xFF or data[at + 1] in (0x00, 0x01, 0xFF) or 0xD0 <= data[at + 1] <= 0xD8:
            at += 1
            continue
        if data[at + 1] == EOI:
            return None
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        return data[at + 1], data[at + 4 : end], end
    return None


def huffman_tables(body: bytes) -> Iterator[tuple[int, npt.NDArray[np.uint8], npt.NDArray[np.uint8]]]:
    """Class and name of each table of a DHT segment, and for every word of 16 bits its code's length and symbol.

    Raises
    ------
    ValueError
        A table is cut off or contradicts itself.
    """
    at = 0
    while at + 17 <= len(body):
        counts = body[at + 1 : at + 17]
        symbols = body[at + 17 : at + 17 + sum(counts)]
        if len(symbols) < sum(counts):
            raise ValueError("a Huffman table is cut off")
        length, symbol_of = np.zeros(1 << 16, np.uint8), np.zeros(1 << 16, np.uint8)
        code, used = 0, 0
        for bits, count in enumerate(counts, 1):
            for symbol in symbols[used : used + count]:
                if code >= 1 << bits:
                    raise ValueError("a Huffman table makes no sense")
                words = slice(code << (16 - bits), (code + 1) << (16 - bits))
                length[words], symbol_of[words] = bits, symbol
                code += 1
            used += count
            code <<= 1
        yield body[at], length, symbol_of
        at += 17 + len(symbols)


def signed(extra: npt.NDArray[np.int64], bits: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Values of a category: the upper half is positive, the lower half negative (T.81 F.1.2.1)."""
    return np.where(bits == 0, 0, np.where(extra >= (1 << bits) >> 1, extra, extra - (1 << bits) + 1))


def entropy_segments(data: bytes, at: int) -> tuple[int, list[npt.NDArray[np.uint8]]]:
    """Where the entropy-coded data end, and what lies between restart markers, without stuffed zeros."""
    raw = np.frombuffer(data, np.uint8)[at:]
    marks = np.flatnonzero(raw[:-1] == 0xFF)
    following = raw[marks + 1]
    others = marks[(following != 0) & (following != 0xFF) & ((following < 0xD0) | (following > 0xD7))]
    stop = int(others[0]) if others.size else len(raw)
    restarts = marks[(following >= 0xD0) & (following <= 0xD7) & (marks < stop)]
    segments = []
    begin = 0
    for end in [*restarts.tolist(), stop]:
        part = raw[begin:end]
        stuffed = np.flatnonzero((part[:-1] == 0xFF) & (part[1:] == 0)) + 1
        segments.append(np.delete(part, stuffed))
        begin = end + 2
    return at + stop, segments


def windows_of(block: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint16]:
    """The 16 bits that begin at every bit but the last 24."""
    wide = block.astype(np.uint32)
    words = (wide[:-2] << 16) | (wide[1:-1] << 8) | wide[2:]
    windows = np.empty((words.size, 8), np.uint16)
    for shift in range(8):
        windows[:, shift] = words >> (8 - shift)
    return windows.reshape(-1)


def words_at(block: npt.NDArray[np.uint8], places: npt.NDArray[np.int64]) -> npt.NDArray[np.uint64]:
    """The 32 bits that begin at these bits."""
    byte = places >> 3
    word = np.zeros(places.size, np.uint64)
    for offset in range(5):
        word = (word << np.uint64(8)) | block[byte + offset]
    return (word >> (np.uint64(8) - (places & 7).astype(np.uint64))) & np.uint64(0xFFFFFFFF)
