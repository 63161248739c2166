"""Lossless JPEG (ITU-T T.81 annex H: process 14, Huffman coding), decoded with numpy.

The decoders for Python that know 16 bits are under the GPL, or too large to come along. Where a sample's code begins
is told only by the one before it, so that is walked through one by one; all else is done for all samples at once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from divisive_desktop.imaging.jpeg_entropy import (
    DHT,
    DRI,
    SOF3,
    SOS,
    entropy_segments,
    huffman_tables,
    is_frame,
    next_segment,
    signed,
    windows_of,
    words_at,
)

_BLOCK = 1 << 18
"""Bytes whose bits are looked at together."""
_LONGER, _NONE = 1 << 20, 1 << 21
"""In place of a difference, which has 16 bits."""


@dataclass(frozen=True)
class _Table:
    """A Huffman table over all words of 16 bits."""

    length: npt.NDArray[np.uint8]
    """Bits of the code that a word begins with, 0 where there is none."""
    category: npt.NDArray[np.uint8]
    """How many bits of difference follow; 16 stands for 32768 and is followed by none."""

    @cached_property
    def step(self) -> npt.NDArray[np.uint8]:
        """Bits from the beginning of a code to the next one, at least 1."""
        bits = self.length + np.where(self.category < 16, self.category, 0).astype(np.uint8)
        return np.maximum(bits, 1)

    @cached_property
    def value(self) -> npt.NDArray[np.int32]:
        """Difference that a word says, modulo 65536; ``_LONGER`` where it takes more bits than the word has."""
        words = np.arange(1 << 16, dtype=np.uint64) << np.uint64(16)
        return np.where(self.step <= 16, self.differences(words), _LONGER).astype(np.int32)

    def differences(self, words: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
        """Differences, modulo 65536, that words of 32 bits begin with; ``_NONE`` where no code does."""
        code = (words >> np.uint64(16)).astype(np.uint16)
        length, category = self.length[code].astype(np.int64), self.category[code].astype(np.int64)
        bits = np.where(category < 16, category, 0)
        extra = (words.astype(np.int64) >> (32 - length - bits)) & ((1 << bits) - 1)
        value = np.where(category == 16, 32768, signed(extra, bits))
        return np.where(length > 0, value & 0xFFFF, _NONE)


@dataclass
class _Header:
    """What the marker segments say."""

    precision: int = 0
    rows: int = 0
    columns: int = 0
    components: list[int] = field(default_factory=list)
    restart: int = 0
    tables: dict[int, _Table] = field(default_factory=dict)


def decode_lossless(data: bytes) -> npt.NDArray[Any]:
    """Decode one picture.

    Parameters
    ----------
    data : bytes
        From SOI to EOI; what follows isn't looked at.

    Returns
    -------
    uint8 or uint16 (rows, columns) or (rows, columns, components)

    Raises
    ------
    ValueError
        Not lossless JPEG with Huffman coding and components of one size, or damaged.
    """
    header = _Header()
    planes: dict[int, npt.NDArray[np.uint16]] = {}
    at = 2
    while (segment := next_segment(data, at)) is not None:
        marker, body, at = segment
        if marker == SOF3:
            _read_frame(header, body)
        elif is_frame(marker):
            raise ValueError("not lossless JPEG with Huffman coding")
        elif marker == DHT:
            for name, length, category in huffman_tables(body):
                if category.max() > 16:
                    raise ValueError("a Huffman table makes no sense")
                header.tables[name & 15] = _Table(length, category)
        elif marker == DRI and len(body) >= 2:
            header.restart = int.from_bytes(body[:2], "big")
        elif marker == SOS:
            at = _read_scan(header, body, data, at, planes)
            if len(planes) == len(header.components):
                break
    if not planes or len(planes) < len(header.components):
        raise ValueError("the picture isn't whole")
    kind = np.uint8 if header.precision <= 8 else np.uint16
    ordered = [planes[component].astype(kind, copy=False) for component in header.components]
    return ordered[0] if len(ordered) == 1 else np.stack(ordered, axis=-1)


def _read_frame(header: _Header, body: bytes) -> None:
    if len(body) < 6 or len(body) < 6 + 3 * body[5]:
        raise ValueError("the frame header is cut off")
    header.precision = body[0]
    header.rows, header.columns = int.from_bytes(body[1:3], "big"), int.from_bytes(body[3:5], "big")
    header.components = [body[6 + 3 * index] for index in range(body[5])]
    sampling = {body[7 + 3 * index] for index in range(body[5])}
    if not 2 <= header.precision <= 16 or not header.rows or not header.columns or not header.components:
        raise ValueError("the frame header makes no sense")
    if len(header.components) > 1 and sampling != {0x11}:
        raise ValueError("components of different size")


def _read_scan(
    header: _Header, body: bytes, data: bytes, at: int, planes: dict[int, npt.NDArray[np.uint16]]
) -> int:
    """Decode the scan that begins at ``at`` into ``planes``; where it ends."""
    count = body[0] if body else 0
    if not header.rows or not count or len(body) < 1 + 2 * count + 3:
        raise ValueError("the scan header makes no sense")
    names = [body[1 + 2 * index] for index in range(count)]
    chosen = [header.tables.get(body[2 + 2 * index] >> 4) for index in range(count)]
    tables = [table for table in chosen if table is not None]
    if len(tables) < count or not set(names) <= set(header.components):
        raise ValueError("the scan names what isn't there")
    selection, transform = body[1 + 2 * count], body[3 + 2 * count] & 15
    if not 1 <= selection <= 7 or transform >= header.precision:
        raise ValueError(f"predictor {selection} with point transform {transform} makes no sense")
    end, segments = entropy_segments(data, at)
    rows = header.rows
    if header.restart:
        if header.restart % header.columns:
            raise ValueError("a restart in the middle of a row")
        rows = header.restart // header.columns
    made: list[list[npt.NDArray[np.uint16]]] = [[] for _ in names]
    left = header.rows
    for segment in segments:
        if left <= 0:
            break
        here = min(rows, left)
        differences = _differences(segment, tables, here * header.columns)
        for index, plane in enumerate(made):
            part = differences[index::count].reshape(here, header.columns)
            plane.append(_undo_prediction(part, selection, 1 << (header.precision - transform - 1)))
        left -= here
    if left > 0:
        raise ValueError(f"{left} rows are missing")
    for name, parts in zip(names, made, strict=True):
        planes[name] = np.concatenate(parts) << np.uint16(transform)
    return end


def _differences(segment: npt.NDArray[np.uint8], tables: list[_Table], pixels: int) -> npt.NDArray[np.uint16]:
    """The differences of ``pixels`` times ``len(tables)`` samples, modulo 65536, component by component in turn."""
    padded = np.concatenate([segment, np.full(32, 0xFF, np.uint8)])
    found = np.empty(pixels * len(tables), np.uint16)
    filled, position = 0, 0
    for begin in range(0, len(segment), _BLOCK):
        block = padded[begin : begin + _BLOCK + 32]
        bits = 8 * (min(begin + _BLOCK, len(segment)) - begin)
        windows = windows_of(block)
        turn = filled % len(tables)
        order = [*tables[turn:], *tables[:turn]]
        steps = [table.step[windows].tobytes() for table in order]
        places, at = _walk(steps, position - 8 * begin, bits, found.size - filled)
        values = np.empty(places.size, np.int32)
        for index, table in enumerate(order):
            mine = places[index :: len(order)]
            part = table.value[windows[mine]]
            longer = np.flatnonzero(part == _LONGER)
            part[longer] = table.differences(words_at(block, mine[longer]))
            values[index :: len(order)] = part
        if values.size and values.max() >= _LONGER:
            raise ValueError("the entropy-coded data hold a code that no table has")
        found[filled : filled + values.size] = values
        filled += values.size
        position = 8 * begin + at
        if filled == found.size:
            return found
    raise ValueError("the entropy-coded data end early")


def _walk(steps: list[bytes], at: int, bits: int, room: int) -> tuple[npt.NDArray[np.int64], int]:
    """The bits at which codes begin, at most ``room`` of them, and where the next one does."""
    here: list[int] = []
    note = here.append
    if len(steps) == 1:
        (step,) = steps
        while at < bits:  # four at a time; the windows reach as far behind the block
            note(at)
            at += step[at]
            note(at)
            at += step[at]
            note(at)
            at += step[at]
            note(at)
            at += step[at]
        while here and here[-1] >= bits:
            at = here.pop()
        if len(here) > room:
            at = here[room]
            del here[room:]
    else:
        turn = 0
        while at < bits and len(here) < room:
            note(at)
            at += steps[turn][at]
            turn = (turn + 1) % len(steps)
    return np.asarray(here, np.int64), at


def _undo_prediction(difference: npt.NDArray[np.uint16], selection: int, middle: int) -> npt.NDArray[np.uint16]:
    """Samples of a part that begins anew (T.81 H.1.2.1): Ra is to the left, Rb above, Rc above to the left."""
    work = difference.copy()
    work[0, 0] = (int(work[0, 0]) + middle) & 0xFFFF
    work[:, 0] = np.cumsum(work[:, 0], dtype=np.uint16)  # the first column is predicted from above
    if selection == 1:
        return np.cumsum(work, axis=1, dtype=np.uint16)
    if selection == 4:  # Ra + Rb - Rc: what is added from column to column adds up from row to row
        work[:, 1:] = np.cumsum(work[:, 1:], axis=0, dtype=np.uint16)
        return np.cumsum(work, axis=1, dtype=np.uint16)
    work[0] = np.cumsum(work[0], dtype=np.uint16)
    if selection == 2:
        work[1:, 0] = difference[1:, 0]
        return np.cumsum(work, axis=0, dtype=np.uint16)
    for row in range(1, len(work)):
        above = work[row - 1].astype(np.int32)
        if selection == 3:
            work[row, 1:] += work[row - 1, :-1]
        elif selection == 5:
            work[row, 1:] += ((above[1:] - above[:-1]) >> 1).astype(np.uint16)
            work[row] = np.cumsum(work[row], dtype=np.uint16)
        else:
            work[row] = _along(work[row].tolist(), above.tolist(), selection)
    return work


def _along(row: list[int], above: list[int], selection: int) -> list[int]:
    """A row whose samples depend on the one before in a way that doesn't add up; its first is done already."""
    left = row[0]
    for column in range(1, len(row)):
        if selection == 6:
            guess = above[column] + ((left - above[column - 1]) >> 1)
        else:
            guess = (left + above[column]) >> 1
        left = row[column] = (row[column] + guess) & 0xFFFF
    return row
