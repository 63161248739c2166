"""Smart select: scribble on what is meant and on what isn't; a proposal appears, a key accepts it."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QKeyEvent, QPainter

from divisive_desktop.desktop.features.painting.paint_tool import PaintTool, StampLayer, draw_hint, outlined, outlines
from divisive_desktop.desktop.features.painting.session import PaintSession
from divisive_desktop.desktop.session.runner import BackgroundTask
from divisive_desktop.desktop.viewer.layers import MaskLayer
from divisive_desktop.desktop.viewer.maps import PaneKind
from divisive_desktop.desktop.viewer.tool import PaneMouse
from divisive_desktop.desktop.viewer.view import Transform
from divisive_desktop.desktop.viewer.view_state import ViewState
from divisive_desktop.errors import UserFacingError
from divisive_desktop.geometry import enclose
from divisive_desktop.masks import ops, select
from divisive_desktop.masks.mask import Mask
from divisive_desktop.masks.shapes import Brush, Point, Stamp

Proposal = tuple[Stamp, StampLayer, list[list[Point]]]
"""What would be painted, and how it is drawn."""
_INSIDE, _OUTSIDE = QColor(60, 220, 90), QColor(255, 70, 70)
_WIDTH = 7.0
"""Of a scribble, in logical pixels."""


class SmartTool(PaintTool):
    """Left button: belongs to it. Ctrl, or the Shift key: doesn't. A key accepts, Escape forgets."""

    id = "smart"
    text = "Smart select"
    icon = "smart"
    key_hint = "S"
    tip = "Scribble on what is meant; with Ctrl on what isn't. Escape forgets"
    uses = ("paint-accept",)

    def __init__(self, state: ViewState, session: PaintSession) -> None:
        super().__init__(state, session)
        self._scribbles: Mask | None = None
        self._layers: list[MaskLayer] = []
        self._strokes: list[tuple[int, list[Point]]] = []
        self._drawing = False
        self._working = False
        self._wanted = False
        """To be accepted as soon as it is found."""
        self._proposal: Stamp | None = None
        self._drawn: StampLayer | None = None
        self._outlines: list[list[Point]] = []
        session.opened.connect(self.forget)

    @property
    def proposal(self) -> Stamp | None:
        """What Enter would take; None while there is nothing."""
        return self._proposal

    @property
    def working(self) -> bool:
        """A proposal is being computed."""
        return self._working

    def press(self, event: PaneMouse) -> None:
        if not self.ready:
            return
        if self._scribbles is None:
            self._scribbles = Mask(*self.size)
            for name, colour in (("inside", _INSIDE), ("outside", _OUTSIDE)):
                region = self._scribbles.add(name)
                self._layers.append(MaskLayer(self._scribbles.pixels(region.id), colour, within=(0, 0, 1, 1)))
        outside = event.modifiers & (Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier)
        self._strokes.append((2 if outside else 1, [(event.x, event.y)]))
        self._drawing, self._wanted = True, False
        self._draw(event, [(event.x, event.y)])

    def move(self, event: PaneMouse) -> None:
        if self._drawing:
            points = self._strokes[-1][1]
            points.append((event.x, event.y))
            self._draw(event, points[-2:])

    def release(self, event: PaneMouse) -> None:
        if self._drawing:
            self._drawing = False
            self._propose()

    def cancel(self) -> bool:
        under_way = self._scribbles is not None
        self.forget()
        return under_way

    def deactivate(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Drop scribbles and proposal."""
        self._scribbles, self._proposal, self._drawn = None, None, None
        self._layers.clear()
        self._strokes.clear()
        self._drawing = self._working = self._wanted = False
        self.state.notify()

    def accept(self) -> None:
        """Take the proposal into the active region; one that is still being looked for, as soon as it is there."""
        proposal, self._wanted = self._proposal, self._working
        if proposal is not None and not self._working:
            self.forget()
            self.session.stamp(self.text, proposal)

    def wants_key(self, event: QKeyEvent) -> bool:
        return self._scribbles is not None and super().wants_key(event)

    def key(self, event: QKeyEvent) -> bool:
        if self.wants_key(event):
            self.accept()
            return True
        return False

    # -- inside ---------------------------------------------------------------------------------------------

    def _draw(self, event: PaneMouse, points: list[Point]) -> None:
        assert self._scribbles is not None
        radius = max(0.5, _WIDTH / 2 * event.transform.dpr / event.transform.scale_x)
        region = self._strokes[-1][0]
        brush = Brush(radius, aspect=self.session.aspect)
        box = ops.stroke(self._scribbles, region, points, brush)
        other = ops.stroke(self._scribbles, 3 - region, points, brush, erase=True)  # the last word counts
        box = enclose(box, other)
        if box is not None:
            for layer in self._layers:
                layer.refresh(box)
        self.state.notify()

    def _propose(self) -> None:
        session, scribbles = self.session, self._scribbles
        if scribbles is None or session.pictured is None or scribbles.bounds(1) is None:
            return
        pictured, drawn = session.pictured, scribbles.copy()
        self._working = True
        self.state.notify()

        def show(found: Proposal | None) -> None:
            """What there is so far."""
            if scribbles is self._scribbles:
                self._proposal, self._drawn, self._outlines = found or (None, None, [])
                self.state.notify()

        def done(found: Proposal | None) -> None:
            if scribbles is self._scribbles:
                self._working = False
                show(found)
                if self._wanted:
                    self.accept()

        def failed(error: UserFacingError) -> None:
            if scribbles is self._scribbles:
                self._working = self._wanted = False
                self.state.notify()
            session.refused.emit(error)

        colour = session.regions.colour

        def ready(stamp: Stamp | None) -> Proposal | None:
            return (stamp, StampLayer(stamp, colour), outlines(stamp)) if stamp is not None else None

        def work(task: BackgroundTask) -> Proposal | None:
            coarse = lambda stamp: session.runner.stream(task, ready(stamp))  # noqa: E731
            wanted = lambda: not task.cancelled  # noqa: E731
            return ready(select.smart_select(pictured(drawn.box), drawn, 1, 2, first=coarse, wanted=wanted))

        session.runner.run(work, done, failed, key="smart select", stream=show, priority=40)

    def paint_layer(self, painter: QPainter, kind: PaneKind, transform: Transform) -> None:
        if self._drawn is not None:
            self._drawn.paint_layer(painter, kind, transform)
            for line in self._outlines:
                outlined(painter, [transform.to_widget(x, y) for x, y in line], closed=True, dashed=True)
        for layer in self._layers:
            layer.paint_layer(painter, kind, transform)
        offer = f"{self.key_name('paint-accept')} accepts, Escape forgets"
        text = "Looking…" if self._working else offer if self._proposal is not None else ""
        if text and kind is self.state.lead:
            draw_hint(painter, text, transform)
