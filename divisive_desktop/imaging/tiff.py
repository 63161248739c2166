"""What a TIFF says about its samples, and planes of it made readable: Pillow and OpenCV each read a part of them."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, Literal

from PIL import TiffImagePlugin

_MAX_PAGES = 100_000
_PHOTOMETRIC = {
    0: "grey (white is zero)", 1: "grey", 2: "RGB", 3: "palette", 4: "mask", 5: "CMYK", 6: "YCbCr", 8: "CIELab",
    9: "ICCLab", 10: "ITULab", 32803: "camera raw", 34892: "linear camera raw",
}  # fmt: skip
_EXTRA = {0: "without a meaning", 1: "alpha", 2: "alpha"}
_TYPES = {1: "bits", 2: "bits with sign", 3: "bits floating point", 5: "bits complex", 6: "bits complex"}
_COPIED = (256, 257, 259, 266, 278, 317, 322, 323)
"""Size, compression, order of bits, rows in a strip, predictor, size of a tile."""
_TEXTS = (271, 272, 305, 306, 315, 33432)
"""Camera, software, date, artist, copyright."""


@dataclass(frozen=True)
class TiffForm:
    """One page of a TIFF file."""

    little_endian: bool
    tags: dict[int, Any]
    pages: int

    def number(self, tag: int, otherwise: int) -> int:
        """First value of a tag."""
        value = self.tags.get(tag, otherwise)
        value = value[0] if isinstance(value, tuple) and value else value
        return value if isinstance(value, int) else otherwise

    @property
    def samples(self) -> int:
        return self.number(277, 1)

    @property
    def bits(self) -> int:
        """Of the first sample."""
        return self.number(258, 1)

    @property
    def photometric(self) -> int:
        return self.number(262, 1)

    @property
    def planar(self) -> bool:
        """Whether colours lie plane by plane."""
        return self.number(284, 1) == 2 and self.samples > 1

    @property
    def sample_format(self) -> int:
        """1 without sign, 2 with sign, 3 floating point."""
        return self.number(339, 1)

    @property
    def orientation(self) -> int:
        return self.number(274, 1)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.number(256, 0), self.number(257, 0)

    @property
    def alpha(self) -> Literal["none", "straight", "premultiplied", "unknown"]:
        """What the fourth sample of a colour picture is; one that isn't named is taken for alpha, as Pillow does."""
        if self.samples < 4:
            return "none"
        kinds: dict[int, Literal["premultiplied", "straight", "unknown"]] = {0: "unknown", 1: "premultiplied"}
        return kinds.get(self.number(338, 2), "straight")

    @property
    def own_colour(self) -> bool:
        """RGB of more than 8 bits, which Pillow would cut to 8, or with a fourth plane, which it can't always read."""
        odd = self.bits > 8 or (self.planar and self.samples == 4)
        return self.photometric == 2 and self.samples in (3, 4) and odd

    @property
    def rewritten(self) -> bool:
        """Whether it is read from its planes as ``grey_plane`` writes them."""
        return self.refused_grey or (self.planar and self.own_colour)

    @property
    def refused_grey(self) -> bool:
        """One sample in a form that Pillow can't read itself but could, were white not zero or the name another."""
        if self.samples != 1 or self.photometric not in (0, 1):
            return False
        if self.turned_twice and (self.bits, self.sample_format) == (16, 2):
            return True
        readable = (self.bits, self.sample_format) in {(8, 2), (12, 1), (16, 1), (16, 2), (32, 1), (32, 2), (32, 3)}
        key = (
            TiffImagePlugin.II if self.little_endian else TiffImagePlugin.MM,
            self.photometric, (self.sample_format,), self.number(266, 1), (self.bits,), (),
        )  # fmt: skip
        return readable and key not in TiffImagePlugin.OPEN_INFO

    @property
    def turned_twice(self) -> bool:
        """Whether Pillow swaps bytes that libtiff has swapped: compressed big-endian ones, but 16 bits unsigned."""
        return not self.little_endian and self.number(259, 1) != 1

    @property
    def missing_pieces(self) -> str:
        """What lacks of the strips or tiles that its size asks for, in words; empty when all are there."""
        width, height = self.size
        rows = self.number(278, height) or height
        if 324 in self.tags:
            needed = -(-width // (self.number(322, 0) or 1)) * -(-height // (self.number(323, 0) or 1))
        else:
            needed = -(-height // max(rows, 1))
        needed *= self.samples if self.planar else 1
        held = len(_several(self.tags.get(324, self.tags.get(273))))
        return f"only {held:,} of {needed:,} strips or tiles are there" if held < needed else ""

    @property
    def words(self) -> str:
        """For people: '3 x 16 bits floating point, RGB'."""
        kind = _PHOTOMETRIC.get(self.photometric, f"photometric interpretation {self.photometric}")
        return f"{self.samples} x {self.bits} {_TYPES.get(self.sample_format, 'bits')}, {kind}"


def read_form(source: BinaryIO, page: int) -> TiffForm | None:
    """The form of one page, 0-based; None when the file isn't a TIFF, has no such page, or can't be read."""
    source.seek(0)
    head = source.read(16)
    if head[:4] not in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return None
    head = head if b"+" in head[:4] else head[:8]  # BigTIFF has a longer one
    try:
        places = _places(source, head)
        if not 0 <= page < len(places):
            return None
        source.seek(places[page])
        directory = TiffImagePlugin.ImageFileDirectory_v2(head)
        directory.next = places[page]
        directory.load(source)
        found = dict(directory)
    except Exception:  # noqa: BLE001  damaged directories raise anything; opening says what is wrong
        return None
    return TiffForm(head[:1] == b"I", found, len(places)) if found else None


def left_out_samples(form: TiffForm) -> list[str]:
    """A note on samples beside those of grey or colour that can't be shown."""
    own = {0: 1, 1: 1, 2: 3, 3: 1, 4: 1, 5: 4, 6: 3, 8: 3, 9: 3, 10: 3}.get(form.photometric, form.samples)
    more = form.samples - own
    if more < 1:
        return []
    kinds = (_several(form.tags.get(338)) + [0] * more)[:more]
    # The first may be alpha, which is used; of colours whose fourth sample has no name it is said elsewhere.
    used = kinds[0] in (1, 2) or (form.own_colour and more == 1)
    which = [f"sample {own + 1 + index} ({_EXTRA.get(kind, 'unknown')})" for index, kind in enumerate(kinds)][used:]
    if not which:
        return []
    return [f"Left out: {', '.join(which[:8])}{' …' if len(which) > 8 else ''}, beside those of the picture."]


def _places(source: BinaryIO, head: bytes) -> list[int]:
    """Where the directories lie, without reading what they hold."""
    order: Literal["little", "big"] = "little" if head[:1] == b"I" else "big"
    big = len(head) == 16
    counted, entry, wide = (8, 20, 8) if big else (2, 12, 4)
    places: list[int] = []
    seen: set[int] = set()
    at = int.from_bytes(head[8:16] if big else head[4:8], order)
    while at and at not in seen and len(places) < _MAX_PAGES:
        seen.add(at)
        source.seek(at)
        count = source.read(counted)
        if len(count) < counted:
            break
        places.append(at)
        source.seek(at + counted + entry * int.from_bytes(count, order))
        at = int.from_bytes(source.read(wide), order)
    return places


def grey_plane(source: BinaryIO, form: TiffForm, index: int) -> bytes:
    """One sample of a page as a grey TIFF in which black is zero; its compressed pieces are copied as they are.

    Parameters
    ----------
    source : file
        The whole TIFF.
    form : TiffForm
        Of one sample, or planar.
    index : int
        Which sample, 0-based.

    Raises
    ------
    ValueError
        The page's pieces aren't where they should be.
    """
    tiled = 324 in form.tags
    offsets, counts = (_several(form.tags.get(tag)) for tag in ((324, 325) if tiled else (273, 279)))
    each = len(offsets) // form.samples
    offsets, counts = offsets[index * each : (index + 1) * each], counts[index * each : (index + 1) * each]
    # Overlapping strips of a forged file could be read again and again.
    if not offsets or len(offsets) != len(counts) or sum(counts) > source.seek(0, 2):
        raise ValueError("the strips of this TIFF aren't where they should be")
    pieces = []
    for at, count in zip(offsets, counts, strict=True):
        source.seek(at)
        pieces.append(source.read(count))
    tags: dict[int, tuple[int, ...] | bytes] = {
        tag: tuple(_several(form.tags[tag])) for tag in _COPIED if tag in form.tags
    }
    # Pillow knows some with a sign, some without; the bits are the same.
    kind = {16: 1, 32: 2}.get(form.bits, form.sample_format) if form.sample_format in (1, 2) else form.sample_format
    tags |= {258: (form.bits,), 262: (1,), 277: (1,), 339: (kind,)}
    if form.samples == 1:  # else it is put together with the others, and then turned
        tags[274] = (form.orientation,)
    tags |= {tag: form.tags[tag].encode() + b"\0" for tag in _TEXTS if isinstance(form.tags.get(tag), str)}
    tags[325 if tiled else 279] = tuple(len(piece) for piece in pieces)
    return _written("<" if form.little_endian else ">", tags, 324 if tiled else 273, pieces)


def _several(value: Any) -> list[int]:
    return [] if value is None else [value] if isinstance(value, int) else list(value)


def _written(order: str, tags: dict[int, tuple[int, ...] | bytes], where: int, pieces: Sequence[bytes]) -> bytes:
    """A TIFF of one page: header, directory, long values, pieces; their offsets become the tag ``where``."""
    tags[where] = (0,) * len(pieces)
    behind = 8 + 2 + 12 * len(tags) + 4
    long = sum(_padded(tag_value) for tag_value in tags.values())
    place = behind + long
    offsets = []
    for piece in pieces:
        offsets.append(place)
        place += len(piece)
    tags[where] = tuple(offsets)
    entries, values = b"", b""
    for tag, value in sorted(tags.items()):
        text = isinstance(value, bytes)
        packed = value if isinstance(value, bytes) else struct.pack(f"{order}{len(value)}I", *value)
        entries += struct.pack(f"{order}HHI", tag, 2 if text else 4, len(value))
        if len(packed) <= 4:
            entries += packed.ljust(4, b"\0")
        else:
            entries += struct.pack(f"{order}I", behind + len(values))
            values += packed + b"\0" * (len(packed) % 2)
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}IH", 8, len(tags))
    return b"".join([head, entries, bytes(4), values, *pieces])


def _padded(value: tuple[int, ...] | bytes) -> int:
    size = len(value) if isinstance(value, bytes) else 4 * len(value)
    return 0 if size <= 4 else size + size % 2
