"""The saliency mask of one case: named regions over the image, their union is what training takes in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Protocol

import cv2
import numpy as np
import numpy.typing as npt

from divisive_desktop.errors import MaskError
from divisive_desktop.geometry import Box, enclose, intersect, slices
from divisive_desktop.imaging.correction import Correction
from divisive_desktop.masks import codec
from divisive_desktop.masks.codec import EMPTY, TILE, Pixels, Tile
from divisive_desktop.masks.region import DEFAULT_NAME, PALETTE, Region
from divisive_desktop.masks.snapshot import Snapshot


class Recorder(Protocol):
    """Told before anything changes, so that it can be undone (``history.History``)."""

    def before_pixels(self, region: int, box: Box) -> None: ...

    def before_regions(self) -> None: ...


class Mask:
    """Regions over an image of ``width`` x ``height`` pixels.

    Pixels of a region are uint8 (height, width): 0 is outside, 255 is fully inside, between is partial. They change
    through ``editing`` only, which asks for the box that is going to change: that is what undo, display and the
    agreement scores are bounded by. Not thread-safe: change it on one thread, hand ``snapshot()`` to others.
    """

    def __init__(self, width: int, height: int) -> None:
        if width < 1 or height < 1:
            raise ValueError(f"a mask needs at least one pixel, got {width} x {height}")
        self.width = width
        self.height = height
        self.recorder: Recorder | None = None
        self.revision = 0
        """Goes up with every change of pixels or regions."""
        self._regions: list[Region] = []
        self._pixels: dict[int, Pixels] = {}
        self._bounds: dict[int, Box | None] = {}  # encloses the painted pixels
        self._loose: set[int] = set()  # regions whose bounds may be too large
        self._blocks: dict[int, dict[Tile, bytes]] = {}  # tiles as bytes, unless edited since; blank ones aren't there
        self._edited: dict[int, npt.NDArray[np.bool_]] = {}  # tiles whose bytes are out of date
        self._packed: dict[int, tuple[Box | None, bytes]] = {}  # of regions unchanged since the last snapshot
        self._next_id = 1

    # ---- regions ----------------------------------------------------------------------------------------

    @property
    def regions(self) -> tuple[Region, ...]:
        """In drawing order: the last one lies on top."""
        return tuple(self._regions)

    def region(self, region: int) -> Region:
        """The region with this id; KeyError if there is none."""
        for candidate in self._regions:
            if candidate.id == region:
                return candidate
        raise KeyError(f"no region {region}")

    def __contains__(self, region: object) -> bool:
        return region in self._pixels

    def add(self, name: str = "", colour: str = "", **settings: Any) -> Region:
        """Add an empty region on top; without a name or colour it gets the next free ones."""
        taken = {r.name for r in self._regions}
        if not name:
            name = DEFAULT_NAME
            number = 2
            while name in taken:
                name, number = f"{DEFAULT_NAME} {number}", number + 1
        used = [r.colour for r in self._regions]
        colour = colour or min(PALETTE, key=used.count)
        region = Region(self._next_id, name, colour, **settings)
        self._note_regions()
        self._insert(region, len(self._regions))
        return region

    def change(self, region: int, **changes: Any) -> Region:
        """Change name, colour, visible, locked or weight of a region; returns it as it is then."""
        index = self._regions.index(self.region(region))
        changed = replace(self._regions[index], **changes)
        if changed.id != region:
            raise ValueError("a region keeps its id")
        if changed != self._regions[index]:
            self._note_regions()
            self._regions[index] = changed
        return changed

    def move(self, region: int, index: int) -> None:
        """Move a region to another place in the drawing order."""
        moved = self.region(region)
        self._note_regions()
        self._regions.remove(moved)
        self._regions.insert(index, moved)

    def remove(self, region: int) -> Box | None:
        """Remove a region with its pixels; returns the box that it covered.

        Raises
        ------
        MaskError
            The region is locked.
        """
        removed = self.region(region)
        box = self.bounds(region)
        if box is not None:
            with self.editing(region, box) as pixels:  # recorded, so that undo brings the pixels back
                pixels[:] = 0
        elif removed.locked:
            raise _locked(removed)
        self._note_regions()
        self.set_regions(tuple(r for r in self._regions if r.id != region))
        return box

    def set_regions(self, regions: tuple[Region, ...]) -> None:
        """Put this list of regions in place (undo): new ones start empty, missing ones go with their pixels."""
        kept = {r.id for r in regions}
        for gone in [i for i in self._pixels if i not in kept]:
            del self._pixels[gone], self._bounds[gone], self._blocks[gone], self._edited[gone]
            self._packed.pop(gone, None)
            self._loose.discard(gone)
        self._regions = []
        for region in regions:
            if region.id in self._pixels:
                self._regions.append(region)
            else:
                self._insert(region, len(self._regions))
        self.revision += 1

    def _insert(self, region: Region, index: int) -> None:
        self._regions.insert(index, region)
        self._pixels[region.id] = np.zeros((self.height, self.width), np.uint8)
        self._bounds[region.id] = None
        self._blocks[region.id] = {}
        self._edited[region.id] = np.zeros((-(-self.height // TILE), -(-self.width // TILE)), np.bool_)
        self._next_id = max(self._next_id, region.id + 1)

    def _note_regions(self) -> None:
        if self.recorder is not None:
            self.recorder.before_regions()
        self.revision += 1

    # ---- pixels -----------------------------------------------------------------------------------------

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.width, self.height

    @property
    def box(self) -> Box:
        """All of the image."""
        return 0, 0, self.width, self.height

    def pixels(self, region: int, box: Box | None = None) -> Pixels:
        """A read-only view of a region's pixels, uint8 (h, w); it follows later changes."""
        view = self._pixels[region][slices(box)] if box else self._pixels[region].view()
        view.flags.writeable = False
        return view

    @contextmanager
    def editing(self, region: int, box: Box) -> Iterator[Pixels]:
        """The one door to a region's pixels: a writable view of ``box``, which is recorded for undo.

        Raises
        ------
        MaskError
            The region is locked.
        """
        settings = self.region(region)
        if settings.locked:
            raise _locked(settings)
        x, y, w, h = box
        if x < 0 or y < 0 or w < 1 or h < 1 or x + w > self.width or y + h > self.height:
            raise ValueError(f"the box {box} isn't inside {self.width} x {self.height}")
        if self.recorder is not None:
            self.recorder.before_pixels(region, box)
        try:
            yield self._pixels[region][y : y + h, x : x + w]
        finally:
            self._changed(region, box)

    def _changed(self, region: int, box: Box) -> None:
        x, y, w, h = box
        self._edited[region][y // TILE : (y + h - 1) // TILE + 1, x // TILE : (x + w - 1) // TILE + 1] = True
        self._touched(region, box)

    def _touched(self, region: int, box: Box) -> None:
        self._bounds[region] = enclose(self._bounds[region], box)
        self._loose.add(region)
        self._packed.pop(region, None)
        self.revision += 1

    def restore(self, region: int, box: Box, pixels: Pixels | int) -> None:
        """Put old pixels back (undo): not recorded, and a lock doesn't stand in the way."""
        self._pixels[region][slices(box)] = pixels
        self._changed(region, box)

    def tile_box(self, tile: Tile) -> Box:
        """Where a tile lies."""
        x, y = tile[0] * TILE, tile[1] * TILE
        return x, y, min(TILE, self.width - x), min(TILE, self.height - y)

    def tile(self, region: int, tile: Tile) -> bytes:
        """A tile of a region as canonical bytes (``codec.pack_tile``); one that wasn't edited since costs nothing."""
        edited, blocks = self._edited[region], self._blocks[region]
        if edited[tile[1], tile[0]]:
            block = codec.pack_tile(self._pixels[region][slices(self.tile_box(tile))])
            edited[tile[1], tile[0]] = False
            if block:
                blocks[tile] = block
            else:
                blocks.pop(tile, None)
        return blocks.get(tile, EMPTY)

    def put_tile(self, region: int, tile: Tile, block: bytes) -> None:
        """Put a tile's bytes back (undo): not recorded, and a lock doesn't stand in the way."""
        box = self.tile_box(tile)
        codec.unpack_tile(block, self._pixels[region][slices(box)])
        self._edited[region][tile[1], tile[0]] = False
        if block:
            self._blocks[region][tile] = block
        else:
            self._blocks[region].pop(tile, None)
        self._touched(region, box)

    def bounds(self, region: int, exact: bool = True) -> Box | None:
        """Box of the painted pixels of a region, None when nothing is painted.

        ``exact=False`` may give a larger box, at no cost.
        """
        if exact and region in self._loose:
            found = self._bounds[region]
            for side in range(4):
                found = self._trimmed(region, found, side) if found else None
            self._bounds[region] = found
            self._loose.discard(region)
        return self._bounds[region]

    def _trimmed(self, region: int, box: Box, side: int) -> Box | None:
        """The box without what is blank at its top, bottom, left or right (0..3): only strips there are looked at."""
        x, y, w, h = box
        length = h if side < 2 else w
        for start in range(0, length, TILE):
            step = min(TILE, length - start)
            at = start if side % 2 == 0 else length - start - step
            strip = (x, y + at, w, step) if side < 2 else (x + at, y, step, h)
            fx, fy, fw, fh = cv2.boundingRect(self._pixels[region][slices(strip)])
            if fw:
                first, last = (at + fy, at + fy + fh) if side < 2 else (at + fx, at + fx + fw)
                if side == 0:
                    return x, y + first, w, h - first
                if side == 1:
                    return x, y, w, last
                return (x + first, y, w - first, h) if side == 2 else (x, y, last, h)
        return None

    @property
    def is_empty(self) -> bool:
        """True when no pixel of any region is painted."""
        return all(self.bounds(r.id) is None for r in self._regions)

    def union(self, box: Box | None = None) -> npt.NDArray[np.float32]:
        """The saliency mask, float32 (h, w) in 0..1: at each pixel the highest weighted region. What training sees."""
        x, y, w, h = box = box or self.box
        total = np.zeros((h, w), np.float32)
        for region in self._regions:
            part = intersect(self._bounds[region.id], box)
            if part is None or region.weight == 0:
                continue
            target = total[part[1] - y : part[1] - y + part[3], part[0] - x : part[0] - x + part[2]]
            weighted = self._pixels[region.id][slices(part)] * np.float32(region.weight / 255)
            np.maximum(target, weighted, out=target)
        return total

    def union_bounds(self) -> Box | None:
        """Box of everything that is painted."""
        total: Box | None = None
        for region in self._regions:
            box = self.bounds(region.id)
            total = enclose(total, box) if box else total
        return total

    # ---- keeping ----------------------------------------------------------------------------------------

    def snapshot(self) -> Snapshot:
        """What the mask is now, safe to hand to another thread; only tiles edited since the last one cost anything."""
        parts = []
        for region in self._regions:
            if region.id not in self._packed:
                for row, column in np.argwhere(self._edited[region.id]).tolist():
                    self.tile(region.id, (column, row))
                tiles = self._blocks[region.id]
                packed = codec.join(self.height, self.width, tiles) if tiles else b""
                self._packed[region.id] = self.bounds(region.id), packed
            parts.append((region, *self._packed[region.id]))
        return Snapshot(self.width, self.height, tuple(parts))

    def digest(self) -> str:
        """SHA-256 (hex) of size, names, weights and pixels; colours and visibility don't count."""
        return self.snapshot().digest()

    def to_blob(self) -> bytes:
        """Compact bytes for the casebook (``Snapshot.to_blob``)."""
        return self.snapshot().to_blob()

    @classmethod
    def from_blob(cls, blob: bytes) -> Mask:
        """Read what ``to_blob`` wrote.

        Raises
        ------
        MaskError
            The bytes are damaged or were written by a newer version.
        """
        return cls.from_snapshot(Snapshot.from_blob(blob))

    @classmethod
    def from_snapshot(cls, snapshot: Snapshot) -> Mask:
        """A mask that can be changed, from a snapshot."""
        mask = cls(snapshot.width, snapshot.height)
        for region, box, packed in snapshot.parts:
            mask._insert(region, len(mask._regions))
            if box is None:
                continue
            rows, columns, tiles = codec.split(packed)
            if (columns, rows) != mask.size:
                raise ValueError(f"pixels of {columns} x {rows} don't fit a mask of {mask.width} x {mask.height}")
            for tile, block in tiles.items():
                mask.put_tile(region.id, tile, block)
            mask._bounds[region.id] = box
            mask._loose.discard(region.id)
        return mask

    @classmethod
    def from_array(cls, array: npt.NDArray[Any], name: str = DEFAULT_NAME, colour: str = PALETTE[0]) -> Mask:
        """A mask with one region from uint8 (0..255), bool, or float (0..1) pixels (h, w)."""
        if array.ndim != 2:
            raise ValueError(f"a mask is (h, w), got {array.shape}")
        mask = cls(array.shape[1], array.shape[0])
        region = mask.add(name, colour)
        with mask.editing(region.id, mask.box) as pixels:
            pixels[:] = to_bytes(array)
        return mask

    def copy(self) -> Mask:
        """An independent copy, without recorder."""
        return Mask.from_snapshot(self.snapshot())

    def corrected(self, step: Correction) -> Mask:
        """The same regions over the picture turned and mirrored in this way; exact, so that it can be taken back."""
        mask = Mask(*step.size(self.width, self.height))
        for region in self._regions:
            mask._insert(region, len(mask._regions))
            if self.bounds(region.id) is not None:
                mask.restore(region.id, mask.box, step.pixels(self._pixels[region.id]))
        return mask

    def resampled(self, width: int, height: int) -> Mask:
        """The same regions over another image size: area average when shrinking, bilinear when enlarging.

        Regions that had two levels have two levels afterwards (half of a pixel covered counts as inside).
        """
        mask = Mask(width, height)
        shrinks = width < self.width or height < self.height
        for region in self._regions:
            mask._insert(region, len(mask._regions))
            box = self.bounds(region.id)
            if box is None:
                continue
            source = self._pixels[region.id]
            scaled = cv2.resize(source, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
            if is_binary(source[slices(box)]):
                scaled = np.where(scaled >= 128, np.uint8(255), np.uint8(0))
            mask.restore(region.id, mask.box, to_bytes(scaled))
        return mask


def to_bytes(array: npt.NDArray[Any]) -> Pixels:
    """uint8 0..255 from uint8, bool, or float 0..1."""
    if array.dtype == np.uint8:
        same: Pixels = array
        return same
    if array.dtype == np.bool_:
        return np.where(array, np.uint8(255), np.uint8(0))
    if np.issubdtype(array.dtype, np.floating):
        grey: Pixels = np.rint(np.clip(array, 0, 1) * 255).astype(np.uint8)
        return grey
    raise ValueError(f"mask pixels are uint8, bool or float, got {array.dtype}")


def is_binary(pixels: Pixels) -> bool:
    """True when there is nothing but 0 and 255."""
    return bool(pixels.size == 0 or (pixels + np.uint8(1)).max() <= 1)  # 255 + 1 wraps to 0


def _locked(region: Region) -> MaskError:
    return MaskError(f"The region “{region.name}” is locked.", "Unlock it in the region list, or choose another one.")
