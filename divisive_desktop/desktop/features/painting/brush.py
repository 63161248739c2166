"""Brush and eraser, and the ring that shows their size."""

from __future__ import annotations

import math
from functools import lru_cache

from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QColor, QKeyEvent, QPainter, QPen, QPixmap, QWheelEvent

from divisive_desktop.desktop.features.painting.paint_tool import INK, RIM, PaintTool, outlined
from divisive_desktop.desktop.features.painting.session import PaintSession
from divisive_desktop.desktop.features.painting.settings import ToolSettings
from divisive_desktop.desktop.viewer.maps import PaneKind
from divisive_desktop.desktop.viewer.tool import PaneMouse
from divisive_desktop.desktop.viewer.view import Transform
from divisive_desktop.desktop.viewer.view_state import ViewState
from divisive_desktop.errors import MaskError
from divisive_desktop.masks.shapes import Point

_LARGEST_RING = 400.0


class BrushTool(PaintTool):
    """Paints while the button is down; Shift draws a straight line from where the last stroke ended."""

    id = "brush"
    text = "Brush"
    icon = "brush"
    key_hint = "B"
    tip = "Paint. Shift+click: straight line. Shift+wheel: size"
    uses = ("brush-smaller", "brush-larger")
    cursor = Qt.CursorShape.BlankCursor
    erase = False

    def __init__(self, state: ViewState, session: PaintSession) -> None:
        super().__init__(state, session)
        self._last: Point | None = None
        self._last_pressure = 1.0
        self._end: Point | None = None
        """Where the stroke before ended; a straight line begins there."""
        self._painting = False
        self._straight = False
        """Shift is held: the next click draws a line."""
        session.opened.connect(self._forget)

    def press(self, event: PaneMouse) -> None:
        if not self.ready or not self.session.begin("Erase" if self.erase else "Brush stroke"):
            return
        self._painting = True
        at = (event.x, event.y)
        self._last_pressure = self._pressure()
        straight = event.modifiers & Qt.KeyboardModifier.ShiftModifier and self._end is not None
        self._draw([self._end, at] if straight and self._end is not None else [at])
        self._last = at

    def move(self, event: PaneMouse) -> None:
        if self._painting and self._last is not None:
            at = (event.x, event.y)
            self._draw([self._last, at])
            self._last = at

    def hover(self, event: PaneMouse) -> None:
        self.shift(bool(event.modifiers & Qt.KeyboardModifier.ShiftModifier))

    def shift(self, held: bool) -> None:
        if held != self._straight:
            self._straight = held
            self.state.notify()

    def release(self, event: PaneMouse) -> None:
        if self._painting:
            self._painting = False
            self._end, self._last = self._last, None
            self.session.end()

    def cancel(self) -> bool:
        under_way, self._painting = self._painting, False
        self._last = None
        if under_way:
            self.session.cancel()
        return under_way

    def _draw(self, points: list[Point]) -> None:
        pressure = self._pressure()
        pressures = [self._last_pressure] * (len(points) - 1) + [pressure]
        self._last_pressure = pressure
        try:
            self.session.stroke(points, self.erase, pressures)
        except MaskError as error:
            self._painting = False
            self.session.cancel()
            self.session.refused.emit(error)
        else:
            self.session.update_agreement()

    def _pressure(self) -> float:
        return self.session.pressure if self.session.settings.pressure else 1.0

    def _forget(self) -> None:
        self._end = self._last = None
        self._painting = False

    # -- size -----------------------------------------------------------------------------------------------

    def resize(self, steps: int) -> None:
        """Smaller (negative) or larger by tenths."""
        name = "eraser_radius" if self.erase else "brush_radius"
        radius = ToolSettings.stepped(self.session.settings.radius(self.erase), steps)
        self.session.set_settings(**{name: radius})
        self.state.notify()

    def key(self, event: QKeyEvent) -> bool:
        pressed = self.pressed(event)
        if pressed:
            self.resize(-1 if pressed == "brush-smaller" else 1)
        return bool(pressed)

    def wheel(self, event: QWheelEvent, at: Point) -> bool:
        if not event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            return False
        turned = event.angleDelta().y() or event.angleDelta().x()
        self.resize(1 if turned > 0 else -1)
        return True

    # -- cursor ---------------------------------------------------------------------------------------------

    def paint_layer(self, painter: QPainter, kind: PaneKind, transform: Transform) -> None:
        pointer = self.state.pointer
        if pointer is None or not self.ready:
            return
        at = transform.to_widget(*pointer)
        if self._straight and self._end is not None and not self._painting:
            outlined(painter, [transform.to_widget(*self._end), at], dashed=True)
        radius = self.session.settings.radius(self.erase)
        # Round on the screen: the radius is in pixel widths, and a pixel's height counts as much as it measures.
        across = radius * transform.scale_x / transform.dpr
        draw_ring(painter, at, across, self.session.settings.hardness, transform.dpr)
        if across < 5:  # too small to aim with: a cross around it
            for dx, dy in ((-1, 0), (1, 0), (0, -1), (0, 1)):
                outlined(painter, [at + QPointF(dx * 6, dy * 6), at + QPointF(dx * 11, dy * 11)])
        elif self.erase:
            painter.setPen(QPen(INK, 1.2))
            painter.drawLine(at + QPointF(-4, 0), at + QPointF(4, 0))


class EraserTool(BrushTool):
    """Takes away while the button is down."""

    id = "eraser"
    text = "Eraser"
    icon = "eraser"
    key_hint = "E"
    tip = "Take away. Shift+click: straight line. Shift+wheel: size"
    erase = True


def draw_ring(painter: QPainter, at: QPointF, radius: float, hardness: float, dpr: float) -> None:
    """The outline of a round brush; kept as a picture, since stroking a large circle takes longer than painting."""
    if radius > _LARGEST_RING:
        _stroke_ring(painter, at, radius, hardness)
        return
    reach = math.ceil(radius) + 3
    painter.drawPixmap(at - QPointF(reach, reach), _ring(radius, hardness, dpr))


@lru_cache(maxsize=8)
def _ring(radius: float, hardness: float, dpr: float) -> QPixmap:
    reach = math.ceil(radius) + 3
    drawn = QPixmap(round(2 * reach * dpr), round(2 * reach * dpr))
    drawn.setDevicePixelRatio(dpr)
    drawn.fill(Qt.GlobalColor.transparent)
    with QPainter(drawn) as painter:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        _stroke_ring(painter, QPointF(reach, reach), radius, hardness)
    return drawn


def _stroke_ring(painter: QPainter, at: QPointF, radius: float, hardness: float) -> None:
    painter.setBrush(Qt.BrushStyle.NoBrush)
    for colour, width in ((RIM, 3.0), (INK, 1.2)):
        painter.setPen(QPen(colour, width))
        painter.drawEllipse(at, radius, radius)
    if hardness < 1:
        painter.setPen(QPen(QColor(255, 255, 255, 120), 1.0, Qt.PenStyle.DotLine))
        painter.drawEllipse(at, radius * hardness, radius * hardness)
