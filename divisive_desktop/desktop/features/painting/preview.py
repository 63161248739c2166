"""What an operation would make of the active region, seen before it is applied."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QPainter

from divisive_desktop.desktop.features.painting.paint_tool import StampLayer, outlined, outlines
from divisive_desktop.desktop.features.painting.session import PaintSession
from divisive_desktop.desktop.viewer.maps import PaneKind
from divisive_desktop.desktop.viewer.view import Transform
from divisive_desktop.geometry import Box
from divisive_desktop.masks.mask import Mask
from divisive_desktop.masks.shapes import Point, Stamp

Reshaping = Callable[[Mask, int], Box | None]
"""An operation of ``masks.ops`` on one region."""


@dataclass(frozen=True)
class Outcome:
    """What a region would be, and how that is drawn."""

    region: int
    before: int
    after: int
    """Painted pixels."""
    layer: StampLayer | None
    """None when nothing would be left."""
    old: list[list[Point]]
    """The border as it is."""

    def paint_layer(self, painter: QPainter, kind: PaneKind, transform: Transform) -> None:
        if self.layer is not None:
            self.layer.paint_layer(painter, kind, transform)
        for line in self.old:
            outlined(painter, [transform.to_widget(x, y) for x, y in line], closed=True, dashed=True)


class Preview(QObject):
    """Tries an operation on a copy of the active region, in the background; the last one asked for counts.

    Signals
    -------
    changed()
        There is another outcome, or none.
    """

    changed = Signal()

    def __init__(self, session: PaintSession, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._asked: object = None
        self.outcome: Outcome | None = None
        session.opened.connect(self.clear)

    def show(self, operation: Reshaping) -> None:
        """Try this; the mask stays as it is."""
        session = self._session
        mask, active = session.mask, session.regions.active
        box = mask.bounds(active.id) if mask is not None and active is not None and session.free else None
        if mask is None or active is None or box is None:
            self.clear()
            return
        # Only what the operation needs is copied: one region, within its bounds.
        trial = Mask(*mask.size)
        region = trial.add().id
        trial.restore(region, box, mask.pixels(active.id, box).copy())
        asked = self._asked = object()

        def work(_: object) -> Outcome:
            was = Stamp(box, trial.pixels(region, box).copy())
            operation(trial, region)
            found = trial.bounds(region)
            stamp = Stamp(found, trial.pixels(region, found).copy()) if found is not None else None
            return Outcome(
                active.id,
                cv2.countNonZero(was.coverage),
                cv2.countNonZero(stamp.coverage) if stamp is not None else 0,
                StampLayer(stamp, active.colour) if stamp is not None else None,
                outlines(was),
            )

        def done(outcome: Outcome) -> None:
            if asked is self._asked:
                self.outcome = outcome
                self.changed.emit()

        session.runner.run(work, done, session.refused.emit, key="preview", priority=40)

    def clear(self) -> None:
        """Show the mask as it is."""
        self._asked = None
        if self.outcome is not None:
            self.outcome = None
            self.changed.emit()
