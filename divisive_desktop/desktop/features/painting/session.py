"""The mask that is being painted: active region, undo, agreement, saving. Knows no widget and no mouse."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy.typing as npt
from PySide6.QtCore import QObject, Signal

from divisive_desktop.desktop.features.painting.autosave import Saver
from divisive_desktop.desktop.features.painting.edits import (
    AT_ONCE,
    Edit,
    EditRunner,
    Operation,
    Pictured,
    area,
    within_levels,
)
from divisive_desktop.desktop.features.painting.regions import RegionChoice
from divisive_desktop.desktop.features.painting.settings import ToolSettings
from divisive_desktop.desktop.features.painting.work_clock import WorkClock
from divisive_desktop.desktop.session.runner import Runner
from divisive_desktop.desktop.shell.keys import LocalKeys
from divisive_desktop.errors import CasebookReadOnlyError, MaskError, UserFacingError
from divisive_desktop.explanation.features import FeatureSet
from divisive_desktop.geometry import Box, enclose
from divisive_desktop.imaging.record import ImageRecord
from divisive_desktop.masks import ops
from divisive_desktop.masks.agreement import Agreement, LiveAgreement
from divisive_desktop.masks.history import Change, Histories, History
from divisive_desktop.masks.mask import Mask
from divisive_desktop.masks.shapes import Brush, Point, Stamp

NOTHING = Agreement(None, None, None)
READ_ONLY_REMEDY = "Masks can be looked at and exported here. To paint, open a casebook of your own in the File menu."


class PaintSession(QObject):
    """One case's mask while it is on the screen.

    Signals
    -------
    opened()
        Another mask (or none) is being painted.
    painted(tuple)
        Pixels changed inside this box.
    regionsChanged()
        A region came, went or has other settings, or another one is active.
    historyChanged()
        There is something else to undo or redo.
    agreementChanged(Agreement)
        Of the mask with the divergence shown.
    settingsChanged(ToolSettings)
        After a change.
    refused(UserFacingError)
        Why something can't be done (a locked region, ...).
    """

    opened = Signal()
    painted = Signal(tuple)
    regionsChanged = Signal()
    historyChanged = Signal()
    agreementChanged = Signal(Agreement)
    settingsChanged = Signal(ToolSettings)
    refused = Signal(UserFacingError)

    def __init__(self, runner: Runner, saver: Saver, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.runner, self.saver = runner, saver
        self.edits = EditRunner(runner, self)
        self.edits.drawn.connect(self.painted)
        self.edits.ended.connect(self._ended)
        self.histories = Histories()
        self.clock = WorkClock()
        self.record: ImageRecord | None = None
        self.mask: Mask | None = None
        self.previous: Mask | None = None
        """The mask of the case before, to copy from."""
        self.settings = ToolSettings()
        self.keys = LocalKeys()
        """The keys that tools have while they are active."""
        self.pressure = 1.0
        """What the pen reports; 1 for a mouse."""
        self.agreement = NOTHING
        self.pictured: Pictured | None = None
        """Gives a part of the picture as displayed, for tools that look at it."""
        self.regions = RegionChoice(self)
        """Which region tools paint on."""
        self.regions.changed.connect(self.regionsChanged)
        self._live: LiveAgreement | None = None
        self.edited = False
        """The mask was changed since it was opened."""
        self.read_only: str | None = None
        """Why nothing that is painted could be kept; None when it can."""

    # -- which mask -----------------------------------------------------------------------------------------

    def open(self, record: ImageRecord | None, mask: Mask | None) -> None:
        """Paint on this image from now on, on its mask or a new one; None: on nothing."""
        self._let_go()
        self.record = record
        self.mask = None
        self._live = None
        self.edited = False
        self.agreement = NOTHING
        if record is not None:
            self.mask = mask or Mask(record.width, record.height)
            self.history.enter(self.mask)
        self.regions.set_mask(self.mask)
        self.opened.emit()
        self.regionsChanged.emit()
        self.historyChanged.emit()
        self.agreementChanged.emit(self.agreement)

    def _let_go(self) -> None:
        self.edits.settle()
        if self.mask is None or self.record is None:
            return
        if self.history.is_open:
            self.history.cancel()
        self.saver.flush()
        self.history.leave(self.mask)
        if not self.mask.is_empty:
            self.previous = self.mask
        self.clock.stop()

    @property
    def history(self) -> History:
        """Undo and redo of the image at hand."""
        record = self.record
        return self.histories.of((record.sha256, record.frame, record.correction) if record is not None else None)

    @property
    def aspect(self) -> float:
        """Height of a pixel over its width."""
        return self.record.pixel_aspect if self.record is not None else 1.0

    # -- editing --------------------------------------------------------------------------------------------

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Everything inside is one step to undo. A refusal is told to the user and leaves no trace."""
        if self.begin(name):
            try:
                yield
            except MaskError as error:
                self.cancel()
                self.refused.emit(error)
            except BaseException:
                self.cancel()
                raise
            else:
                self.end()
        else:
            yield

    def begin(self, name: str) -> bool:
        """Open a step; False when there is nothing to paint on."""
        if self.mask is None or not self.free or self.history.is_open:
            return False
        self.clock.tick()
        self.history.begin(self.mask, name)
        return True

    def end(self) -> None:
        """Close the step and keep the mask."""
        name = self.history.open_name
        if self.history.end():
            self._store(name)
        self.update_agreement()
        self.historyChanged.emit()

    def cancel(self) -> None:
        """Close the step and take back what it did."""
        if self.history.is_open:
            self._follow(self.history.cancel())

    def stroke(self, points: list[Point], erase: bool, pressures: list[float] | None = None) -> None:
        """Draw the brush through points, within an open step."""
        if self.mask is None or (erase and self.regions.active is None):
            return
        settings = self.settings
        brush = Brush(max(0.5, settings.radius(erase)), settings.hardness, self.aspect)
        region = self.regions.paintable().id
        if settings.limit_levels and not erase:
            limited = self.limited()
            for stamp in ops.stroke_stamps(self.mask.size, points, brush, pressures):
                self._changed(ops.apply(self.mask, region, limited(stamp)))
        else:
            self._changed(ops.stroke(self.mask, region, points, brush, erase=erase, pressure=pressures))

    def shape(self, name: str, make: Callable[[], Stamp | None], pixels: float, mode: ops.Mode | None = None) -> None:
        """Combine a shape with the active region, as one step.

        Parameters
        ----------
        name : str
            For undo.
        make : callable
            Gives the shape; called in the background when it is large.
        pixels : float
            How many pixels it may touch.
        mode : Mode, optional
            Default: as set.
        """
        how = mode or self.settings.mode
        if how != "add" and self.regions.active is None:
            return  # nothing to take away from
        if how == "intersect":
            pixels = max(pixels, self._painted_area())
        limited = self.limited() if how != "subtract" else lambda stamp: stamp

        def operation(mask: Mask, region: int) -> Box | None:
            stamp = make()
            return ops.apply(mask, region, limited(stamp) if stamp is not None else None, how)

        self.run(name if how == "add" else f"{name} ({how})", operation, pixels, new_region=True)

    def stamp(self, name: str, stamp: Stamp | None, mode: ops.Mode | None = None) -> None:
        """Combine a shape that there is already with the active region, as one step."""
        self.shape(name, lambda: stamp, area(stamp.box) if stamp is not None else 0, mode)

    def run(
        self,
        name: str,
        operation: Callable[[Mask, int], Box | None],
        pixels: float | None = None,
        new_region: bool = False,
    ) -> None:
        """Run an operation of ``masks.ops`` on the active region, as one step."""
        if (self.regions.active is None and not new_region) or not self.begin(name):
            return
        try:
            region = self.regions.paintable().id
        except MaskError as error:
            self.cancel()
            self.refused.emit(error)
            return
        self._do(lambda mask: (operation(mask, region),), self._painted_area() if pixels is None else pixels)

    def edit(self, name: str, operation: Callable[[Mask], Box | None], pixels: float | None = None) -> None:
        """Run something on the whole mask, as one step."""
        if self.begin(name):
            assert self.mask is not None
            painted = sum(area(self.mask.bounds(r.id, exact=False)) for r in self.mask.regions)
            self._do(lambda mask: (operation(mask),), painted if pixels is None else pixels)

    def clear(self) -> None:
        """Empty every region that isn't locked."""
        self.edit("Clear mask", ops.clear)

    def replace_mask(self, name: str, mask: Mask) -> None:
        """Put the regions of another mask of this size in place of all (import); can be undone."""

        def swap(present: Mask) -> Box | None:
            box = present.union_bounds()
            for region in present.regions:
                present.change(region.id, locked=False)
                present.remove(region.id)
            return enclose(box, ops.copy_regions(present, mask))

        self.edit(name, swap, mask.width * mask.height)

    @property
    def free(self) -> bool:
        """There is a mask, and nothing is being done to it in the background."""
        return self.mask is not None and not self.edits.busy and self.read_only is None

    def set_read_only(self, reason: str | None) -> None:
        """Refuse every change for this reason (the casebook can't be written); None: allow them."""
        if reason == self.read_only:
            return
        if reason is not None and self.history.is_open:
            self.cancel()
        self.read_only = reason
        self.regionsChanged.emit()
        self.historyChanged.emit()

    def refuse_writing(self) -> None:
        """Say why nothing can be painted."""
        if self.read_only is not None:
            self.refused.emit(CasebookReadOnlyError(self.read_only, READ_ONLY_REMEDY))

    def _do(self, operation: Operation, pixels: float) -> None:
        """Change the mask within the step that is open, and close it; a large change in the background."""
        assert self.mask is not None
        self._start(Edit(self.mask, self.history, operation, self._live), pixels)

    # -- regions --------------------------------------------------------------------------------------------

    def add_region(self, name: str = "") -> None:
        """A new region on top, active from now on."""
        if self.mask is None or not self.free:
            return
        with self.step("Add region"):
            self.regions.set_active(self.mask.add(name).id)
        self.regionsChanged.emit()

    def change_region(self, region: int, **changes: Any) -> None:
        """Name, colour, visible, locked or weight of a region. Display settings aren't steps to undo."""
        if self.mask is None or not self.free or region not in self.mask:
            return
        if changes.keys() & {"name", "weight"}:
            with self.step("Rename region" if "name" in changes else "Change weight"):
                self.mask.change(region, **changes)
        else:
            self.mask.change(region, **changes)
            self._store("region")
        self.regionsChanged.emit()
        if "weight" in changes:
            self._look_again()

    def remove_region(self, region: int) -> None:
        if self.mask is not None and region in self.mask:
            self.edit("Remove region", lambda mask: mask.remove(region), area(self.mask.bounds(region, exact=False)))

    def _start(self, edit: Edit, pixels: float) -> None:
        if pixels > AT_ONCE:
            self.saver.flush()  # what waits to be kept is taken as it is now
        self.edits.start(edit, pixels)

    def _ended(self, edit: Edit) -> None:
        self.regions.settle()
        if edit.changed:
            self._store(edit.name)
        self.regionsChanged.emit()
        self.historyChanged.emit()
        if edit.live is not self._live:
            self._look_again()  # another analysis has come in between
        elif edit.agreement is not None:
            self.agreement = edit.agreement
            self.agreementChanged.emit(edit.agreement)
        refusal = edit.refusal
        if refusal is not None:
            self.refused.emit(refusal)

    def _painted_area(self) -> int:
        active = self.regions.active
        return area(self.mask.bounds(active.id, exact=False)) if self.mask and active else 0

    def limited(self) -> Callable[[Stamp], Stamp]:
        """Takes from a stamp what isn't of the greys that may be painted; with the settings of now."""
        settings, pictured = self.settings, self.pictured
        if not settings.limit_levels or pictured is None:
            return lambda stamp: stamp
        return lambda stamp: within_levels(stamp, pictured, settings.low, settings.high)

    # -- undo -----------------------------------------------------------------------------------------------

    def undo(self) -> None:
        history = self.history
        if history.undo_name is not None:
            self._walk("undo", history.undo, history.undo_pixels)

    def redo(self) -> None:
        history = self.history
        if history.redo_name is not None:
            self._walk("redo", history.redo, history.redo_pixels)

    def _walk(self, name: str, move: Callable[[Mask], Change | None], pixels: int) -> None:
        if self.mask is None or not self.free or self.history.is_open:
            return
        self.clock.tick()

        def operation(mask: Mask) -> tuple[Box, ...]:
            change = move(mask)
            return change.boxes if change is not None else ()

        edit = Edit(self.mask, self.history, operation, self._live)
        edit.name = name
        self._start(edit, pixels / 4)  # packed tiles are put back faster than shapes are drawn

    def _follow(self, change: Change | None) -> None:
        if change is None or self.mask is None:
            return
        if change.regions_changed:
            self.regions.settle()
            self.regionsChanged.emit()
            self._look_again()
        for box in change.boxes:
            self._changed(box)
        self.update_agreement()

    # -- what follows a change ------------------------------------------------------------------------------

    def _changed(self, box: Box | None) -> None:
        if box is not None:
            if self._live is not None:
                self._live.mark(box)
            self.painted.emit(box)

    def _store(self, tool: str) -> None:
        if self.record is not None and self.mask is not None:
            self.edited = True
            self.clock.tick()
            self.saver.save(self.record, self.mask, tool, self.clock.take())

    def set_settings(self, **changes: Any) -> None:
        """Change how the tools are set."""
        changed = replace(self.settings, **changes)
        if changed != self.settings:
            self.settings = changed
            self.settingsChanged.emit(changed)

    # -- agreement ------------------------------------------------------------------------------------------

    def compare_with(self, divergence: npt.NDArray[Any] | None, region: Box, features: FeatureSet | None) -> None:
        """Compare the mask with this divergence map from now on; None: with nothing."""
        self._live = None if divergence is None else LiveAgreement(divergence, region, features)
        self._look_again()

    def compare_features(self, features: FeatureSet | None) -> None:
        """The important features changed (another threshold)."""
        if self._live is not None and features is not None:
            self._live.set_features(features)
            if not self.edits.busy:
                self.update_agreement()

    def _look_again(self) -> None:
        if self.mask is None or self.edits.busy:  # it looks again itself when it is done
            return
        self.agreement = self._live.reset(self.mask) if self._live is not None else NOTHING
        self.agreementChanged.emit(self.agreement)

    def update_agreement(self) -> None:
        """Follow the brush; cheap enough for every frame."""
        if self._live is not None and self.mask is not None:
            self.agreement = self._live.update(self.mask, None)
            self.agreementChanged.emit(self.agreement)
