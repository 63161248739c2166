"""Whether a file ends before the picture that its header states: decoders fill up PNG with black and JPEG with grey."""

from __future__ import annotations

import io
import math
import zlib
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
from PIL import Image

from divisive_desktop.imaging.jpeg_entropy import DRI, SOS, entropy_segments, next_segment

_PIECE = 1 << 20
_FILLERS = 16
_GREY = (126, 129)
"""What 8-bit samples are where a JPEG decoder had none; CMYK is turned round."""
_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
"""First column and row, and their steps, of the seven passes of an interlaced PNG."""


def missing_pixels(source: BinaryIO, image: Image.Image) -> str:
    """What of a decoded picture the file doesn't hold, in words; empty when it is whole or of another format.

    Only pictures that end as one filled up does are looked into, for it costs as much as decoding.

    Parameters
    ----------
    source : file
        The whole PNG or JPEG.
    image : Image
        As Pillow opened it, first frame.
    """
    if image.format == "PNG":
        ending = np.asarray(image.crop((0, max(image.height - 2, 0), image.width, image.height)))
        if ending.reshape(len(ending), -1).any(axis=1).all():
            return ""
        return _missing_rows(source)
    if image.format in ("JPEG", "MPO"):
        last = np.asarray(image.crop((image.width - 1, image.height - 1, image.width, image.height)))
        if not is_filler(last):
            return ""
        source.seek(0)
        return "its data end before its last row" if runs_out(source.read()) else ""
    return ""


def is_filler(last: npt.NDArray[Any]) -> bool:
    """Whether the last pixel of a picture, its samples of 8 bits, is what JPEG decoders put where they have none."""
    return bool(last.min() >= _GREY[0] and last.max() <= _GREY[1])


def _missing_rows(source: BinaryIO) -> str:
    """Inflate the pixels of a PNG and compare their number with what the header states."""
    source.seek(8)
    stream, held, needed = zlib.decompressobj(), 0, 0
    while len(head := source.read(8)) == 8:
        length, kind = int.from_bytes(head[:4], "big"), head[4:]
        if kind not in (b"IHDR", b"IDAT"):
            source.seek(length + 4, 1)
            continue
        data = source.read(length)
        source.seek(4, 1)
        if kind == b"IHDR":
            needed = _stated_bytes(data)
            continue
        while data and not stream.eof:
            try:
                held += len(stream.decompress(data, _PIECE))
            except zlib.error:
                return ""  # a wrong checksum at the end, over which decoders pass
            data = stream.unconsumed_tail
    while not stream.eof and (more := stream.decompress(stream.unconsumed_tail, _PIECE)):
        held += len(more)
    return f"only {held:,} of {needed:,} bytes of pixels are there" if held < needed else ""


def _stated_bytes(header: bytes) -> int:
    """Bytes of all rows, each with the number of its filter, that an IHDR chunk promises."""
    width, height = int.from_bytes(header[:4], "big"), int.from_bytes(header[4:8], "big")
    bits = header[8] * {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}.get(header[9], 1)
    sizes = [(width, height)]
    if header[12]:
        sizes = [(max(0, -((x - width) // dx)), max(0, -((y - height) // dy))) for x, y, dx, dy in _PASSES]
    return sum(rows * (1 + math.ceil(columns * bits / 8)) for columns, rows in sizes if columns and rows)


def runs_out(data: bytes) -> bool:
    """Whether the entropy-coded data of a JPEG end before its last block.

    Decoders pass over what follows the last block, and take it for pixels where blocks are missing: so a picture that
    changes when something is put before the end of its scans isn't whole.
    """
    longer = _lengthened(data)
    jpeg = ("JPEG",)
    try:
        with Image.open(io.BytesIO(data), formats=jpeg) as as_is, Image.open(io.BytesIO(longer), formats=jpeg) as other:
            return not np.array_equal(np.asarray(as_is), np.asarray(other))
    except (OSError, SyntaxError, ValueError):
        return False


def _lengthened(data: bytes) -> bytes:
    """The JPEG with blocks of noise behind each scan, set off by restart markers where it has such."""
    noise = np.random.default_rng(0).integers(0, 255, 64, np.uint8).tobytes()
    out, done, at, restarts = [], 0, 2, False
    while (segment := next_segment(data, at)) is not None:
        marker, content, at = segment
        if marker == DRI:
            restarts = any(content[:2])
        if marker != SOS:
            continue
        end, parts = entropy_segments(data, at)
        out.append(data[done:end])
        out.append(noise)
        if restarts:
            first = len(parts) - 1
            out.extend(bytes((0xFF, 0xD0 + number % 8)) + noise for number in range(first, first + _FILLERS))
        done = at = end
    return b"".join([*out, data[done:]])
