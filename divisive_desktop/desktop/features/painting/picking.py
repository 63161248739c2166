"""Tools that look at the picture: bucket and magic wand."""

from __future__ import annotations

from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QPainter

from divisive_desktop.desktop.features.painting.edits import AT_ONCE
from divisive_desktop.desktop.features.painting.paint_tool import PaintTool, StampLayer, draw_hint
from divisive_desktop.desktop.features.painting.session import PaintSession
from divisive_desktop.desktop.viewer.maps import PaneKind
from divisive_desktop.desktop.viewer.tool import PaneMouse
from divisive_desktop.desktop.viewer.view import Transform
from divisive_desktop.desktop.viewer.view_state import ViewState
from divisive_desktop.geometry import Box
from divisive_desktop.masks import ops, select
from divisive_desktop.masks.mask import Mask
from divisive_desktop.masks.ops import Mode
from divisive_desktop.masks.shapes import Point, Stamp


class BucketTool(PaintTool):
    """Fills from a click up to what is painted, and to other greys; with Ctrl takes a connected part away."""

    id = "bucket"
    text = "Fill"
    icon = "bucket"
    key_hint = "Shift+F"
    tip = "Fill from a click. Ctrl+click: take a connected part away"

    def press(self, event: PaneMouse) -> None:
        mask, session = self.session.mask, self.session
        if mask is None or not self.ready:
            return
        at = (event.x, event.y)
        if event.modifiers & Qt.KeyboardModifier.ControlModifier:
            session.run("Remove part", lambda m, r: ops.apply(m, r, select.connected(m, r, at), "subtract"))
            return
        pictured = session.pictured if session.settings.fill_by_grey else None
        tolerance, limited = session.settings.tolerance, session.limited()

        def fill(mask: Mask, region: int) -> Box | None:
            image = pictured(mask.box) if pictured is not None else None
            stamp = select.bucket(mask, region, at, image, tolerance)
            return ops.apply(mask, region, limited(stamp) if stamp is not None else None)

        session.run("Fill", fill, mask.width * mask.height, new_region=True)


class WandTool(PaintTool):
    """Takes what looks like the pixel clicked; dragging sideways changes the tolerance before the button goes up."""

    id = "wand"
    text = "Magic wand"
    icon = "wand"
    key_hint = "V"
    tip = "Take what looks alike; drag sideways for the tolerance. Ctrl: subtract, Ctrl+Shift: intersect"

    def __init__(self, state: ViewState, session: PaintSession) -> None:
        super().__init__(state, session)
        self._seed: Point | None = None
        self._from = QPointF()
        self._tolerance = 0
        self._proposal: StampLayer | None = None
        self._looking = False
        self._mode: Mode | None = None  # once the button is up: what the proposal shall do as soon as it is there
        session.opened.connect(self._forget)

    def press(self, event: PaneMouse) -> None:
        if self.ready:
            self._forget()
            self._seed, self._from = (event.x, event.y), event.position
            self._tolerance = self.session.settings.tolerance
            self._propose()

    def move(self, event: PaneMouse) -> None:
        if self._seed is not None:
            by = round((event.position.x() - self._from.x()) / 3)
            tolerance = min(max(self._tolerance + by, 0), 255)
            if tolerance != self.session.settings.tolerance:
                self.session.set_settings(tolerance=tolerance)
                self._propose()

    def release(self, event: PaneMouse) -> None:
        if self._seed is not None:
            self._mode = self.mode(event.modifiers)
            if not self._looking:
                self._take()

    def cancel(self) -> bool:
        under_way = self._seed is not None
        self._forget()
        return under_way

    def deactivate(self) -> None:
        self._forget()

    def _forget(self) -> None:
        self._seed, self._proposal, self._mode, self._looking = None, None, None, False
        self.state.notify()

    def _propose(self) -> None:
        """Look for it; on a large picture in the background, the last tolerance counts."""
        mask, pictured, settings, seed = self.session.mask, self.session.pictured, self.session.settings, self._seed
        if mask is None or pictured is None or seed is None:
            return
        box = mask.box

        def look() -> Stamp | None:
            return select.wand(
                pictured(box), seed, settings.tolerance, contiguous=settings.contiguous, sample=settings.sample
            )

        if mask.width * mask.height <= AT_ONCE // 4:
            self._found(look())
            return

        def done(stamp: Stamp | None) -> None:
            if self._seed is seed:
                self._found(stamp)

        self._looking = True
        self.session.runner.run(lambda _: look(), done, self.session.refused.emit, key="wand", priority=40)

    def _found(self, stamp: Stamp | None) -> None:
        self._looking = False
        self._proposal = StampLayer(stamp, self.session.regions.colour) if stamp is not None else None
        if self._mode is not None:
            self._take()
        self.state.notify()

    def _take(self) -> None:
        proposal, mode = self._proposal, self._mode
        self._forget()
        if proposal is not None:
            self.session.stamp(self.text, proposal.stamp, mode)

    def paint_layer(self, painter: QPainter, kind: PaneKind, transform: Transform) -> None:
        if self._proposal is not None:
            self._proposal.paint_layer(painter, kind, transform)
        if self._looking and kind is self.state.lead:
            draw_hint(painter, "Looking…", transform)
