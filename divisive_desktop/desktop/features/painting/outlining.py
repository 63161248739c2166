"""Tools that draw an outline and fill it: lasso, polygon, rectangle, ellipse."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent, QPainter, QPen

from divisive_desktop.desktop.features.painting.paint_tool import INK, RIM, PaintTool, outlined
from divisive_desktop.desktop.features.painting.session import PaintSession
from divisive_desktop.desktop.viewer.maps import PaneKind
from divisive_desktop.desktop.viewer.tool import PaneMouse
from divisive_desktop.desktop.viewer.view import Transform
from divisive_desktop.desktop.viewer.view_state import ViewState
from divisive_desktop.masks import shapes
from divisive_desktop.masks.ops import Mode
from divisive_desktop.masks.shapes import Point, Stamp

_CLOSE = 8.0
"""A polygon is closed by a click this near to its first vertex, in logical pixels."""
_STEP = 2.0
"""A lasso takes a point when the pointer has moved this far on the screen, in device pixels."""


class LassoTool(PaintTool):
    """Draws an outline by hand; releasing the button closes it."""

    id = "lasso"
    text = "Lasso"
    icon = "lasso"
    key_hint = "L"
    tip = "Outline by hand. Ctrl: subtract, Ctrl+Shift: intersect"

    def __init__(self, state: ViewState, session: PaintSession) -> None:
        super().__init__(state, session)
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
            self.state.notify()

    def release(self, event: PaneMouse) -> None:
        points, self._points = self._points, []
        fill_polygon(self, points, self.mode(event.modifiers))
        self.state.notify()

    def cancel(self) -> bool:
        under_way, self._points = bool(self._points), []
        self.state.notify()
        return under_way

    def paint_layer(self, painter: QPainter, kind: PaneKind, transform: Transform) -> None:
        if len(self._points) > 1:
            path = [transform.to_widget(*p) for p in self._points]
            outlined(painter, path)
            outlined(painter, [path[-1], path[0]], dashed=True)


class PolygonTool(PaintTool):
    """Click by click; a double click, a key or a click on the first vertex closes it, another key takes one back."""

    id = "polygon"
    text = "Polygon"
    icon = "polygon"
    key_hint = "Q"
    tip = "Click the vertices; a double click closes. Ctrl: subtract, Ctrl+Shift: intersect"
    uses = ("paint-accept", "outline-back")

    def __init__(self, state: ViewState, session: PaintSession) -> None:
        super().__init__(state, session)
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
        self.state.notify()

    def move(self, event: PaneMouse) -> None:
        if self._points:
            self._points[-1] = (event.x, event.y)  # the vertex can be put in place before the button goes up
            self.state.notify()

    def hover(self, event: PaneMouse) -> None:
        if self._points:
            self.state.notify()

    def double_click(self, event: PaneMouse) -> bool:
        self.close()
        return True

    def close(self) -> None:
        """Fill the polygon."""
        points, self._points = self._points, []
        fill_polygon(self, points, self._mode)
        self.state.notify()

    def cancel(self) -> bool:
        under_way, self._points = bool(self._points), []
        self.state.notify()
        return under_way

    def deactivate(self) -> None:
        self._points = []

    def wants_key(self, event: QKeyEvent) -> bool:
        return bool(self._points) and super().wants_key(event)

    def key(self, event: QKeyEvent) -> bool:
        if not self.wants_key(event):
            return False
        if self.pressed(event) == "outline-back":
            self._points.pop()
            self.state.notify()
        else:
            self.close()
        return True

    def paint_layer(self, painter: QPainter, kind: PaneKind, transform: Transform) -> None:
        if not self._points:
            return
        path = [transform.to_widget(*p) for p in self._points]
        outlined(painter, path)
        pointer = self.state.pointer
        if pointer is not None:
            outlined(painter, [path[-1], transform.to_widget(*pointer)], dashed=True)
        painter.setPen(QPen(RIM, 1))
        painter.setBrush(INK)
        for i, point in enumerate(path):
            radius = 4.5 if i == 0 and len(path) > 2 else 3.0
            painter.drawEllipse(point, radius, radius)

    def _near_first(self, event: PaneMouse) -> bool:
        away = event.transform.to_widget(*self._points[0]) - event.position
        return abs(away.x()) <= _CLOSE and abs(away.y()) <= _CLOSE


def fill_polygon(tool: PaintTool, points: list[Point], mode: Mode) -> None:
    """Combine what lies within a line with the active region."""
    if len(points) > 2:
        size = tool.size
        (left, top), (right, bottom) = np.min(points, axis=0), np.max(points, axis=0)
        pixels = min(right - left, size[0]) * min(bottom - top, size[1])
        tool.session.shape(tool.text, lambda: shapes.polygon(points, size), float(pixels), mode)


class _BoxTool(PaintTool):
    """A shape between two corners; Shift makes its sides equal, as seen."""

    def __init__(self, state: ViewState, session: PaintSession) -> None:
        super().__init__(state, session)
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
            self.state.notify()

    def release(self, event: PaneMouse) -> None:
        start, self._start = self._start, None
        if start is not None:
            end, (width, height) = self._now, self.size
            pixels = min(abs(end[0] - start[0]), width) * min(abs(end[1] - start[1]), height)
            if pixels > 0:
                self.session.shape(self.text, lambda: self.make(start, end), pixels, self.mode(event.modifiers))
        self.state.notify()

    def cancel(self) -> bool:
        under_way, self._start = self._start is not None, None
        self.state.notify()
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
