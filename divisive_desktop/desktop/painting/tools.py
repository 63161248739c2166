"""Tools for the viewer that paint: brush and eraser, shapes, bucket, wand, smart select."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QColor, QImage, QKeyEvent, QPainter, QPen, QPixmap, QPolygonF, QWheelEvent

from divisive_desktop.desktop.painting.session import PaintSession
from divisive_desktop.desktop.painting.settings import ToolSettings
from divisive_desktop.desktop.viewer.maps import PaneKind
from divisive_desktop.desktop.viewer.tools import PaneMouse, Tool
from divisive_desktop.desktop.viewer.view import Transform
from divisive_desktop.errors import MaskError
from divisive_desktop.masks import select, shapes
from divisive_desktop.masks.ops import Mode
from divisive_desktop.masks.shapes import Point, Stamp

if TYPE_CHECKING:
    from divisive_desktop.desktop.viewer.viewer import Viewer

_RIM = QColor(0, 0, 0, 170)
_INK = QColor(255, 255, 255, 235)
_CLOSE = 8.0
"""A polygon is closed by a click this near to its first vertex, in logical pixels."""
_LARGEST_RING = 400.0
_STEP = 2.0
"""A lasso takes a point when the pointer has moved this far on the screen, in device pixels."""


class PaintTool(Tool):
    """Common to all: the session, modes by modifier keys, brush sizes by key and wheel."""

    cursor = Qt.CursorShape.CrossCursor
    icon = ""
    key_hint = ""
    tip = ""

    def __init__(self, viewer: Viewer, session: PaintSession) -> None:
        super().__init__(viewer)
        self.session = session

    @property
    def ready(self) -> bool:
        """There is an image, and its mask has been read."""
        return self.session.mask is not None

    def mode(self, modifiers: Qt.KeyboardModifier) -> Mode:
        """What a shape does: as chosen, but Ctrl subtracts, Ctrl+Shift intersects."""
        if modifiers & Qt.KeyboardModifier.ControlModifier:
            return "intersect" if modifiers & Qt.KeyboardModifier.ShiftModifier else "subtract"
        return self.session.settings.mode

    def wants_key(self, event: QKeyEvent) -> bool:
        """True for keys that this tool takes away from the window's shortcuts."""
        return False

    def double_click(self, event: PaneMouse) -> bool:
        return True  # quick dabs don't enlarge the pane

    def touch(self) -> None:
        self.viewer.stage.touch()

    @property
    def size(self) -> tuple[int, int]:
        assert self.session.mask is not None
        return self.session.mask.size


def outlined(painter: QPainter, path: list[QPointF], closed: bool = False, dashed: bool = False) -> None:
    """A line that is seen on black, on white and on every colour."""
    for colour, width in ((_RIM, 3.0), (_INK, 1.2)):
        pen = QPen(colour, width, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap, Qt.PenJoinStyle.RoundJoin)
        if dashed and colour is _INK:
            pen.setDashPattern([4, 4])
        painter.setPen(pen)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawPolygon(QPolygonF(path)) if closed else painter.drawPolyline(QPolygonF(path))


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
    for colour, width in ((_RIM, 3.0), (_INK, 1.2)):
        painter.setPen(QPen(colour, width))
        painter.drawEllipse(at, radius, radius)
    if hardness < 1:
        painter.setPen(QPen(QColor(255, 255, 255, 120), 1.0, Qt.PenStyle.DotLine))
        painter.drawEllipse(at, radius * hardness, radius * hardness)


# ---- brush and eraser -----------------------------------------------------------------------------------


class BrushTool(PaintTool):
    """Paints while the button is down; Shift draws a straight line from where the last stroke ended."""

    id = "brush"
    text = "Brush"
    icon = "brush"
    key_hint = "B"
    tip = "Paint. Shift+click: straight line. [ and ] or Shift+wheel: size"
    cursor = Qt.CursorShape.BlankCursor
    erase = False

    def __init__(self, viewer: Viewer, session: PaintSession) -> None:
        super().__init__(viewer, session)
        self._last: Point | None = None
        self._last_pressure = 1.0
        self._end: Point | None = None
        """Where the stroke before ended; a straight line begins there."""
        self._painting = False
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
        self.touch()

    def wants_key(self, event: QKeyEvent) -> bool:
        return event.key() in (Qt.Key.Key_BracketLeft, Qt.Key.Key_BracketRight) or event.text() in ("[", "]")

    def key(self, event: QKeyEvent) -> bool:
        if not self.wants_key(event):
            return False
        self.resize(-1 if event.text() == "[" or event.key() == Qt.Key.Key_BracketLeft else 1)
        return True

    def wheel(self, event: QWheelEvent, at: Point) -> bool:
        if not event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            return False
        turned = event.angleDelta().y() or event.angleDelta().x()
        self.resize(1 if turned > 0 else -1)
        return True

    # -- cursor ---------------------------------------------------------------------------------------------

    def paint_layer(self, painter: QPainter, kind: PaneKind, transform: Transform) -> None:
        pointer = self.viewer.stage.pointer
        if pointer is None or not self.ready:
            return
        at = transform.to_widget(*pointer)
        if self._shift_held() and self._end is not None and not self._painting:
            outlined(painter, [transform.to_widget(*self._end), at], dashed=True)
        radius = self.session.settings.radius(self.erase)
        # Round on the screen: the radius is in pixel widths, and a pixel's height counts as much as it measures.
        across = radius * transform.scale_x / transform.dpr
        draw_ring(painter, at, across, self.session.settings.hardness, transform.dpr)
        if across < 5:  # too small to aim with: a cross around it
            for dx, dy in ((-1, 0), (1, 0), (0, -1), (0, 1)):
                outlined(painter, [at + QPointF(dx * 6, dy * 6), at + QPointF(dx * 11, dy * 11)])
        elif self.erase:
            painter.setPen(QPen(_INK, 1.2))
            painter.drawLine(at + QPointF(-4, 0), at + QPointF(4, 0))

    def _shift_held(self) -> bool:
        from PySide6.QtWidgets import QApplication

        return bool(QApplication.keyboardModifiers() & Qt.KeyboardModifier.ShiftModifier)


class EraserTool(BrushTool):
    """Takes away while the button is down."""

    id = "eraser"
    text = "Eraser"
    icon = "eraser"
    key_hint = "E"
    tip = "Take away. Shift+click: straight line. [ and ] or Shift+wheel: size"
    erase = True


# ---- shapes ---------------------------------------------------------------------------------------------


class LassoTool(PaintTool):
    """Draws an outline by hand; releasing the button closes it."""

    id = "lasso"
    text = "Lasso"
    icon = "lasso"
    key_hint = "L"
    tip = "Outline by hand. Ctrl: subtract, Ctrl+Shift: intersect"

    def __init__(self, viewer: Viewer, session: PaintSession) -> None:
        super().__init__(viewer, session)
        self._points: list[Point] = []

    def press(self, event: PaneMouse) -> None:
        if self.ready:
            self._points = [(event.x, event.y)]

    def move(self, event: PaneMouse) -> None:
        if self._points:
            last, t = self._points[-1], event.transform
            far = abs(event.x - last[0]) * t.scale_x + abs(event.y - last[1]) * t.scale_y
            if far >= _STEP:
                self._points.append((event.x, event.y))
            self.touch()

    def release(self, event: PaneMouse) -> None:
        points, self._points = self._points, []
        if len(points) > 2:
            self.session.stamp("Lasso", shapes.polygon(points, self.size), self.mode(event.modifiers))
        self.touch()

    def cancel(self) -> bool:
        under_way, self._points = bool(self._points), []
        self.touch()
        return under_way

    def paint_layer(self, painter: QPainter, kind: PaneKind, transform: Transform) -> None:
        if len(self._points) > 1:
            path = [transform.to_widget(*p) for p in self._points]
            outlined(painter, path)
            outlined(painter, [path[-1], path[0]], dashed=True)


class PolygonTool(PaintTool):
    """Click by click; a double click, Enter or a click on the first vertex closes it, Backspace takes one back."""

    id = "polygon"
    text = "Polygon"
    icon = "polygon"
    key_hint = "Q"
    tip = "Click the vertices; double click or Enter closes. Ctrl: subtract, Ctrl+Shift: intersect"

    def __init__(self, viewer: Viewer, session: PaintSession) -> None:
        super().__init__(viewer, session)
        self._points: list[Point] = []
        self._mode: Mode = "add"
        self._dragged = False

    def press(self, event: PaneMouse) -> None:
        if not self.ready:
            return
        if not self._points:
            self._mode = self.mode(event.modifiers)
        elif len(self._points) > 2 and self._near_first(event):
            self.close()
            return
        self._points.append((event.x, event.y))
        self.touch()

    def move(self, event: PaneMouse) -> None:
        if self._points:
            self._points[-1] = (event.x, event.y)  # the vertex can be put in place before the button goes up
            self.touch()

    def hover(self, event: PaneMouse) -> None:
        if self._points:
            self.touch()

    def double_click(self, event: PaneMouse) -> bool:
        self.close()
        return True

    def close(self) -> None:
        """Fill the polygon."""
        points, self._points = self._points, []
        if len(points) > 2:
            self.session.stamp("Polygon", shapes.polygon(points, self.size), self._mode)
        self.touch()

    def cancel(self) -> bool:
        under_way, self._points = bool(self._points), []
        self.touch()
        return under_way

    def deactivate(self) -> None:
        self._points = []

    def wants_key(self, event: QKeyEvent) -> bool:
        keys = (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Backspace)
        return bool(self._points) and event.key() in keys

    def key(self, event: QKeyEvent) -> bool:
        if not self.wants_key(event):
            return False
        if event.key() == Qt.Key.Key_Backspace:
            self._points.pop()
            self.touch()
        else:
            self.close()
        return True

    def paint_layer(self, painter: QPainter, kind: PaneKind, transform: Transform) -> None:
        if not self._points:
            return
        path = [transform.to_widget(*p) for p in self._points]
        outlined(painter, path)
        pointer = self.viewer.stage.pointer
        if pointer is not None:
            outlined(painter, [path[-1], transform.to_widget(*pointer)], dashed=True)
        painter.setPen(QPen(_RIM, 1))
        painter.setBrush(_INK)
        for i, point in enumerate(path):
            radius = 4.5 if i == 0 and len(path) > 2 else 3.0
            painter.drawEllipse(point, radius, radius)

    def _near_first(self, event: PaneMouse) -> bool:
        away = event.transform.to_widget(*self._points[0]) - event.position
        return abs(away.x()) <= _CLOSE and abs(away.y()) <= _CLOSE


class _BoxTool(PaintTool):
    """A shape between two corners; Shift makes its sides equal, as seen."""

    def __init__(self, viewer: Viewer, session: PaintSession) -> None:
        super().__init__(viewer, session)
        self._start: Point | None = None
        self._now: Point = (0.0, 0.0)

    def make(self, start: Point, end: Point) -> Stamp | None:
        raise NotImplementedError

    def press(self, event: PaneMouse) -> None:
        if self.ready:
            self._start = self._now = (event.x, event.y)

    def move(self, event: PaneMouse) -> None:
        if self._start is not None:
            self._now = self._end(event)
            self.touch()

    def release(self, event: PaneMouse) -> None:
        start, self._start = self._start, None
        if start is not None:
            stamp = self.make(start, self._now)
            if stamp is not None:
                self.session.stamp(self.text, stamp, self.mode(event.modifiers))
        self.touch()

    def cancel(self) -> bool:
        under_way, self._start = self._start is not None, None
        self.touch()
        return under_way

    def _end(self, event: PaneMouse) -> Point:
        assert self._start is not None
        only_shift = event.modifiers & (Qt.KeyboardModifier.ShiftModifier | Qt.KeyboardModifier.ControlModifier)
        if only_shift != Qt.KeyboardModifier.ShiftModifier:
            return event.x, event.y
        dx, dy = event.x - self._start[0], (event.y - self._start[1]) * self.session.aspect
        side = max(abs(dx), abs(dy))
        return self._start[0] + (side if dx >= 0 else -side), self._start[1] + (
            side if dy >= 0 else -side
        ) / self.session.aspect


class RectangleTool(_BoxTool):
    id = "paint-rectangle"
    text = "Rectangle"
    icon = "shape-rectangle"
    key_hint = "Shift+R"
    tip = "Drag a rectangle. Shift: square. Ctrl: subtract, Ctrl+Shift: intersect"

    def make(self, start: Point, end: Point) -> Stamp | None:
        return shapes.rectangle(start, end, self.size)

    def paint_layer(self, painter: QPainter, kind: PaneKind, transform: Transform) -> None:
        if self._start is not None:
            (x0, y0), (x1, y1) = self._start, self._now
            outlined(painter, [transform.to_widget(*p) for p in ((x0, y0), (x1, y0), (x1, y1), (x0, y1))], closed=True)


class EllipseTool(_BoxTool):
    id = "paint-ellipse"
    text = "Ellipse"
    icon = "shape-ellipse"
    key_hint = "Shift+C"
    tip = "Drag an ellipse. Shift: circle. Ctrl: subtract, Ctrl+Shift: intersect"

    def make(self, start: Point, end: Point) -> Stamp | None:
        return shapes.ellipse(start, end, self.size)

    def paint_layer(self, painter: QPainter, kind: PaneKind, transform: Transform) -> None:
        if self._start is None:
            return
        turn = np.linspace(0, 2 * np.pi, 73)[:-1]
        (x0, y0), (x1, y1) = self._start, self._now
        xs = (x0 + x1) / 2 + np.cos(turn) * (x1 - x0) / 2
        ys = (y0 + y1) / 2 + np.sin(turn) * (y1 - y0) / 2
        outlined(painter, [transform.to_widget(x, y) for x, y in zip(xs, ys, strict=True)], closed=True)


# ---- tools that look at the picture ---------------------------------------------------------------------


class BucketTool(PaintTool):
    """Fills from a click up to what is painted, and to other greys; with Ctrl takes a connected part away."""

    id = "bucket"
    text = "Fill"
    icon = "bucket"
    key_hint = "Shift+F"
    tip = "Fill from a click. Ctrl+click: take a connected part away"

    def press(self, event: PaneMouse) -> None:
        mask, session = self.session.mask, self.session
        if mask is None:
            return
        at = (event.x, event.y)
        if event.modifiers & Qt.KeyboardModifier.ControlModifier:
            if session.active is not None:
                session.stamp("Remove part", select.connected(mask, session.active.id, at), "subtract")
            return
        image = session.pictured(mask.box) if session.settings.fill_by_grey and session.pictured else None
        with session.step("Fill"):
            region = session.paintable().id
            session.apply(region, select.bucket(mask, region, at, image, session.settings.tolerance))


class WandTool(PaintTool):
    """Takes what looks like the pixel clicked; dragging sideways changes the tolerance before the button goes up."""

    id = "wand"
    text = "Magic wand"
    icon = "wand"
    key_hint = "V"
    tip = "Take what looks alike; drag sideways for the tolerance. Ctrl: subtract, Ctrl+Shift: intersect"

    def __init__(self, viewer: Viewer, session: PaintSession) -> None:
        super().__init__(viewer, session)
        self._seed: Point | None = None
        self._from = QPointF()
        self._tolerance = 0
        self._stamp: Stamp | None = None

    def press(self, event: PaneMouse) -> None:
        if self.ready:
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
        stamp, self._stamp = self._stamp, None
        if self._seed is not None and stamp is not None:
            self.session.stamp("Magic wand", stamp, self.mode(event.modifiers))
        self._seed = None
        self.touch()

    def cancel(self) -> bool:
        under_way, self._seed, self._stamp = self._seed is not None, None, None
        self.touch()
        return under_way

    def _propose(self) -> None:
        assert self.session.mask is not None
        if self.session.pictured is None or self._seed is None:
            return
        settings = self.session.settings
        self._stamp = select.wand(
            self.session.pictured(self.session.mask.box), self._seed, settings.tolerance,
            contiguous=settings.contiguous, sample=settings.sample,
        )  # fmt: skip
        self.touch()

    def paint_layer(self, painter: QPainter, kind: PaneKind, transform: Transform) -> None:
        if self._stamp is not None:
            draw_stamp(painter, self._stamp, transform, self.session.colour())


def draw_stamp(painter: QPainter, stamp: Stamp, transform: Transform, region_colour: str) -> None:
    """A proposal over the picture, stronger than what is painted."""
    colour = QColor(region_colour)
    colour.setAlphaF(0.6)
    rows, columns = stamp.coverage.shape
    pixels = np.ascontiguousarray(stamp.coverage)
    image = QImage(pixels.data, columns, rows, columns, QImage.Format.Format_Indexed8)
    rgb = colour.rgb() & 0xFFFFFF
    image.setColorTable([(round(i * colour.alphaF()) << 24) | rgb for i in range(256)])
    painter.drawImage(transform.rect_to_widget(*stamp.box), image)


PAINT_TOOLS: tuple[type[PaintTool], ...] = (
    BrushTool, EraserTool, LassoTool, PolygonTool, RectangleTool, EllipseTool, BucketTool, WandTool,
)  # fmt: skip
