"""Undo and redo of mask edits: one stroke, one step, whatever the tool; bounded in memory.

While a step is open every tile that an edit is going to touch is kept once, as it was, in the packed form that the
mask needs for saving anyway. A long thin stroke costs the tiles under it, not the box around it, and a step that
changed nothing leaves no trace. Undoing swaps the kept tiles with the present ones, so one copy serves both directions.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from divisive_desktop.geometry import Box, enclose
from divisive_desktop.masks.codec import EMPTY, TILE, Tile
from divisive_desktop.masks.mask import Mask
from divisive_desktop.masks.region import Region

DEFAULT_LIMIT = 256 * 2**20

_Key = tuple[int, Tile]
"""Region and tile."""


@dataclass
class Step:
    """One thing that can be undone."""

    name: str
    """What it was, e.g. "Brush stroke"; shown in the menu."""
    time: float
    """Seconds since the epoch."""
    tiles: dict[_Key, bytes] = field(default_factory=dict)
    regions: tuple[Region, ...] | None = None
    """The region list to put back, None when the step didn't change it."""

    @property
    def bytes(self) -> int:
        """Memory that the step takes, roughly."""
        return 400 + sum(150 + len(kept) for kept in self.tiles.values())


@dataclass(frozen=True)
class Change:
    """What undo or redo did, so that the screen can follow."""

    name: str
    boxes: tuple[Box, ...]
    """Where pixels may have changed; empty when only the region list did."""
    regions_changed: bool

    @property
    def box(self) -> Box | None:
        """One box around all of them."""
        total: Box | None = None
        for box in self.boxes:
            total = enclose(total, box)
        return total


class History:
    """Undo and redo for one mask.

    Parameters
    ----------
    limit : int
        Memory in bytes; when it is passed, the oldest steps go. The last step always stays.
    """

    def __init__(self, limit: int = DEFAULT_LIMIT) -> None:
        self.limit = limit
        self._undo: list[Step] = []
        self._redo: list[Step] = []
        self._sizes: dict[int, int] = {}  # by id(step)
        self._open: _Recording | None = None
        self._digest: str | None = None

    # ---- recording --------------------------------------------------------------------------------------

    def begin(self, mask: Mask, name: str) -> None:
        """Open a step: every change of ``mask`` until ``end`` belongs to it."""
        if self._open is not None or mask.recorder is not None:
            raise RuntimeError(f"“{name}” begins before the last step has ended")
        self._open = _Recording(mask, name)
        mask.recorder = self._open

    def end(self) -> bool:
        """Close the step; returns False (and keeps nothing) when nothing changed."""
        recording = self._closed()
        step = recording.finish()
        if step is None:
            return False
        for dropped in self._redo:
            del self._sizes[id(dropped)]
        self._redo.clear()
        self._push(self._undo, step)
        self.shrink_to(self.limit)
        return True

    def cancel(self) -> Change | None:
        """Close the step and take its changes back (Escape in the middle of a stroke)."""
        recording = self._closed()
        step = recording.finish()
        return None if step is None else _swap(recording.mask, step)

    @contextmanager
    def step(self, mask: Mask, name: str) -> Iterator[None]:
        """``begin`` and ``end`` around a block; what an exception interrupts is taken back."""
        self.begin(mask, name)
        try:
            yield
        except BaseException:
            self.cancel()
            raise
        self.end()

    @property
    def open_name(self) -> str:
        """Name of the open step, '' when none is."""
        return self._open.name if self._open is not None else ""

    @property
    def is_open(self) -> bool:
        """True between ``begin`` and ``end``."""
        return self._open is not None

    def _closed(self) -> _Recording:
        if self._open is None:
            raise RuntimeError("no step is open")
        recording, self._open = self._open, None
        recording.mask.recorder = None
        return recording

    # ---- going back and forth ---------------------------------------------------------------------------

    @property
    def undo_name(self) -> str | None:
        """Name of what ``undo`` would take back, None when there is nothing."""
        return self._undo[-1].name if self._undo else None

    @property
    def redo_name(self) -> str | None:
        """Name of what ``redo`` would do again, None when there is nothing."""
        return self._redo[-1].name if self._redo else None

    @property
    def undo_pixels(self) -> int:
        """How many pixels ``undo`` would touch, roughly."""
        return len(self._undo[-1].tiles) * TILE * TILE if self._undo else 0

    @property
    def redo_pixels(self) -> int:
        """How many pixels ``redo`` would touch, roughly."""
        return len(self._redo[-1].tiles) * TILE * TILE if self._redo else 0

    def names(self) -> tuple[str, ...]:
        """Steps that can be undone, the last one last."""
        return tuple(step.name for step in self._undo)

    def undo(self, mask: Mask) -> Change | None:
        """Take the last step back; None when there is none. Locked regions don't stand in the way."""
        return self._move(mask, self._undo, self._redo)

    def redo(self, mask: Mask) -> Change | None:
        """Do the step again that was taken back last; None when there is none."""
        return self._move(mask, self._redo, self._undo)

    def _move(self, mask: Mask, source: list[Step], target: list[Step]) -> Change | None:
        if self._open is not None:
            raise RuntimeError("a step is open")
        if not source:
            return None
        step = source.pop()
        del self._sizes[id(step)]
        change = _swap(mask, step)
        self._push(target, step)
        return change

    def clear(self) -> None:
        """Forget everything."""
        self._undo.clear()
        self._redo.clear()
        self._sizes.clear()

    # ---- memory, and cases that come back ---------------------------------------------------------------

    @property
    def bytes(self) -> int:
        """Memory taken by all steps, roughly."""
        return sum(self._sizes.values())

    def shrink_to(self, limit: int, keep: int = 1) -> None:
        """Drop the oldest steps until ``limit`` bytes are enough; the last ``keep`` ones to undo stay."""
        while self.bytes > limit and len(self._undo) > keep:
            del self._sizes[id(self._undo.pop(0))]
        while self.bytes > limit and self._redo:
            del self._sizes[id(self._redo.pop(0))]

    def _push(self, steps: list[Step], step: Step) -> None:
        steps.append(step)
        self._sizes[id(step)] = step.bytes

    def leave(self, mask: Mask) -> None:
        """Remember what the mask looks like when its case is closed."""
        self._digest = mask.digest()

    def enter(self, mask: Mask) -> bool:
        """The case is back: keep the steps if the mask is the one that was left, else forget them.

        Returns
        -------
        bool
            False when the mask changed in between (import, another program) and the steps were dropped.
        """
        if self._digest is not None and self._digest != mask.digest():
            self.clear()
            self._digest = None
            return False
        return True


class Histories:
    """One history per case, under one memory limit: the cases used longest ago lose their steps first."""

    def __init__(self, limit: int = DEFAULT_LIMIT) -> None:
        self.limit = limit
        self._of: OrderedDict[Hashable, History] = OrderedDict()

    def of(self, case: Hashable) -> History:
        """The history of a case, made when asked for the first time."""
        history = self._of.setdefault(case, History(self.limit))
        self._of.move_to_end(case)
        excess = self.bytes - self.limit
        for other in list(self._of.values())[:-1]:
            if excess <= 0:
                break
            before = other.bytes
            other.shrink_to(max(0, before - excess), keep=0)
            excess -= before - other.bytes
        return history

    @property
    def bytes(self) -> int:
        """Memory taken by all histories."""
        return sum(history.bytes for history in self._of.values())

    def forget(self, case: Hashable) -> None:
        """Drop a case's steps (the case was deleted)."""
        self._of.pop(case, None)


class _Recording:
    """Keeps tiles as they were before the first touch (``mask.Recorder``)."""

    def __init__(self, mask: Mask, name: str) -> None:
        self.mask = mask
        self.name = name
        self.regions = mask.regions
        self.list_touched = False
        self.kept: dict[_Key, bytes] = {}

    def before_pixels(self, region: int, box: Box) -> None:
        x, y, w, h = box
        for row in range(y // TILE, (y + h - 1) // TILE + 1):
            for column in range(x // TILE, (x + w - 1) // TILE + 1):
                key = (region, (column, row))
                if key not in self.kept:
                    self.kept[key] = self.mask.tile(*key)

    def before_regions(self) -> None:
        self.list_touched = True

    def finish(self) -> Step | None:
        """The step, None when nothing is different now."""
        step = Step(self.name, time.time())
        if self.list_touched and self.mask.regions != self.regions:
            step.regions = self.regions
        before = {r.id for r in self.regions}
        for (region, tile), old in self.kept.items():
            there = region in self.mask
            now = self.mask.tile(region, tile) if there else EMPTY  # a region may go within the step
            if old != now and (there or region in before):
                step.tiles[region, tile] = old
        return step if step.tiles or step.regions is not None else None


def _swap(mask: Mask, step: Step) -> Change:
    """Put the kept tiles and regions in place and keep those of now instead."""
    listed = step.regions
    present = mask.regions
    if listed is not None:  # the union of both lists, unlocked, while pixels move
        returning = {r.id for r in listed}
        mask.set_regions((*listed, *(r for r in present if r.id not in returning)))
    moved = []
    for (region, tile), kept in step.tiles.items():
        if region in mask:
            step.tiles[region, tile] = mask.tile(region, tile)
            mask.put_tile(region, tile, kept)
            moved.append(tile)
    if listed is not None:
        mask.set_regions(listed)
        step.regions = present
    return Change(step.name, _runs(mask, moved), listed is not None)


def _runs(mask: Mask, tiles: list[Tile]) -> tuple[Box, ...]:
    """Boxes over tiles: neighbours in a row as one, and equal runs of rows below each other as one."""
    runs: list[list[int]] = []  # first column, end, first row, end
    for column, row in sorted(set(tiles), key=lambda t: (t[1], t[0])):
        if runs and runs[-1][1] == column and runs[-1][2] == row:
            runs[-1][1] = column + 1
        else:
            runs.append([column, column + 1, row, row + 1])
    stacked: list[list[int]] = []
    below: dict[tuple[int, int, int], list[int]] = {}  # by columns and the row that would go on
    for left, right, top, bottom in runs:
        upper = below.pop((left, right, top), None)
        if upper is None:
            stacked.append(upper := [left, right, top, bottom])
        upper[3] = bottom
        below[left, right, bottom] = upper
    boxes = []
    for left, right, top, bottom in stacked:
        x, y = left * TILE, top * TILE
        boxes.append((x, y, min(right * TILE, mask.width) - x, min(bottom * TILE, mask.height) - y))
    return tuple(boxes)


__all__ = ["DEFAULT_LIMIT", "Change", "Histories", "History", "Step"]
