"""Tools that measure: ruler, angle, regions. Measurements stay until the image changes or they are deleted."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPen

from divisive_desktop.desktop.viewer.maps import PaneKind
from divisive_desktop.desktop.viewer.measuring import Angle, Measurement, Point, Region, Ruler, moved
from divisive_desktop.desktop.viewer.overlay_text import DIM, INK, halo_text, overlay_font
from divisive_desktop.desktop.viewer.tool import PaneMouse, Tool
from divisive_desktop.desktop.viewer.view import Transform
from divisive_desktop.desktop.viewer.view_state import ViewState

_COLOUR = QColor(126, 231, 135)
_RIM = QColor(0, 0, 0, 170)
_GRIP = 7.0
"""A handle is taken when the pointer is this near, in logical pixels."""


class MeasurementLayer:
    """Draws all measurements, in every pane."""

    def __init__(self, state: ViewState) -> None:
        self._state = state

    def paint_layer(self, painter: QPainter, kind: PaneKind, transform: Transform) -> None:
        record = self._state.record
        if record is None:
            return
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for index, measurement in enumerate(self._state.measurements):
            points = [transform.to_widget(*p) for p in measurement.points]
            line = 2.2 if index == self._state.chosen else 1.4
            for colour, width in ((_RIM, line + 2), (_COLOUR, line)):
                painter.setPen(QPen(colour, width, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
                if isinstance(measurement, Region):
                    rect = QRectF(points[0], points[1]).normalized()
                    painter.drawEllipse(rect) if measurement.shape == "ellipse" else painter.drawRect(rect)
                else:
                    painter.drawPolyline(points)
                if index == self._state.chosen:
                    for point in points:
                        painter.drawEllipse(point, 3.0, 3.0)
            if kind is self._state.lead:
                _write(painter, measurement, points, measurement.lines(record), transform)


class MeasureTool(Tool):
    """Common to all: press and drag to draw, take a handle to change; the last one touched is the chosen one."""

    cursor = Qt.CursorShape.CrossCursor

    def __init__(self, state: ViewState) -> None:
        super().__init__(state)
        self._taken: tuple[int, int] | None = None
        self._new = False

    def make(self, start: Point) -> Measurement:
        """A measurement of this tool's kind with all its points at the start of the drag."""
        raise NotImplementedError

    def press(self, event: PaneMouse) -> None:
        state = self.state
        self._taken, self._new = handle_at(state, event), False
        if self._taken is None:
            state.measurements = (*state.measurements, self.make((event.x, event.y)))
            self._taken, self._new = (len(state.measurements) - 1, 1), True
        state.chosen = self._taken[0]

    def move(self, event: PaneMouse) -> None:
        if self._taken is not None:
            self.place(*self._taken, event)

    def place(self, index: int, number: int, event: PaneMouse) -> None:
        """Bring one point of a measurement under the pointer."""
        state = self.state
        old, at = state.measurements[index], (event.x, event.y)
        if event.modifiers & Qt.KeyboardModifier.ShiftModifier and state.record is not None:
            at = _straight(old, number, at, state.record.pixel_aspect)
        changed = moved(old, number, at)
        state.measurements = (*state.measurements[:index], changed, *state.measurements[index + 1 :])
        state.notify()

    def release(self, event: PaneMouse) -> None:
        if self._taken is None:
            return
        state = self.state
        index = self._taken[0]
        self._taken = None
        if self._new and _tiny(state.measurements[index], event.transform):
            state.drop_measurement(index)
        self.state.measured.emit()
        state.notify()

    def cancel(self) -> bool:
        taken, self._taken = self._taken, None
        state = self.state
        if taken is not None and self._new and taken[0] < len(state.measurements):
            state.drop_measurement(taken[0])
            state.notify()
        return taken is not None

    def hover(self, event: PaneMouse) -> None:
        if handle_at(self.state, event) is not None:
            event.canvas.setCursor(Qt.CursorShape.PointingHandCursor)

    def double_click(self, event: PaneMouse) -> bool:
        return True


class RulerTool(MeasureTool):
    id = "ruler"
    text = "Ruler"

    def make(self, start: Point) -> Ruler:
        return Ruler((start, start))


class EllipseTool(MeasureTool):
    id = "ellipse"
    text = "Elliptical region"

    def make(self, start: Point) -> Region:
        return Region((start, start), "ellipse")


class RectangleTool(MeasureTool):
    id = "rectangle"
    text = "Rectangular region"

    def make(self, start: Point) -> Region:
        return Region((start, start), "rectangle")


class AngleTool(MeasureTool):
    """A drag sets one leg, from its end to the vertex; the next press sets the end of the other leg."""

    id = "angle"
    text = "Angle"

    def __init__(self, state: ViewState) -> None:
        super().__init__(state)
        self._open: int | None = None

    def make(self, start: Point) -> Angle:
        return Angle((start, start, start))

    def press(self, event: PaneMouse) -> None:
        if self._open is None:
            super().press(event)
        else:
            self._taken, self._new, self._open = (self._open, 2), False, None
            self.move(event)

    def move(self, event: PaneMouse) -> None:
        super().move(event)
        if self._taken is not None and self._new:  # the second leg has no length yet
            self.place(self._taken[0], 2, event)

    def release(self, event: PaneMouse) -> None:
        before, taken = len(self.state.measurements), self._taken
        super().release(event)
        if self._new and taken is not None and len(self.state.measurements) == before:
            self._open = taken[0]

    def hover(self, event: PaneMouse) -> None:
        if self._open is None:
            super().hover(event)
        else:
            self.place(self._open, 2, event)

    def cancel(self) -> bool:
        index, self._open = self._open, None
        if index is not None and index < len(self.state.measurements):
            self.state.delete_measurement(index)
        return super().cancel() or index is not None


MEASURE_TOOLS: tuple[type[MeasureTool], ...] = (RulerTool, AngleTool, EllipseTool, RectangleTool)


def handle_at(state: ViewState, event: PaneMouse) -> tuple[int, int] | None:
    """Index of the measurement and of its point under the pointer; the newest on top."""
    for index in range(len(state.measurements) - 1, -1, -1):
        for number, point in enumerate(state.measurements[index].points):
            away = event.transform.to_widget(*point) - event.position
            if abs(away.x()) <= _GRIP and abs(away.y()) <= _GRIP:
                return index, number
    return None


def _tiny(measurement: Measurement, transform: Transform) -> bool:
    a, b = (transform.to_widget(*p) for p in measurement.points[:2])
    return (b - a).manhattanLength() < 4


def _straight(old: Measurement, moved: int, at: Point, aspect: float) -> Point:
    """Shift: rulers and angles along 0, 45 or 90 degrees, regions as squares and circles."""
    fixed = old.points[moved - 1] if moved else old.points[1]
    dx, dy = at[0] - fixed[0], (at[1] - fixed[1]) * aspect
    side = max(abs(dx), abs(dy))
    if isinstance(old, Region):
        dx, dy = (side if dx >= 0 else -side), (side if dy >= 0 else -side)
    elif min(abs(dx), abs(dy)) < 0.414 * side:
        dx, dy = (dx, 0.0) if abs(dx) > abs(dy) else (0.0, dy)
    else:
        dx, dy = (side if dx >= 0 else -side), (side if dy >= 0 else -side)
    return fixed[0] + dx, fixed[1] + dy / aspect


def _write(
    painter: QPainter, measurement: Measurement, points: list[QPointF], lines: tuple[str, ...], transform: Transform
) -> None:
    """The figures beside the last point, kept inside the pane."""
    font = overlay_font(painter.font(), 12)
    painter.setFont(font)
    metrics = QFontMetricsF(font)
    line = round(metrics.height())
    width = max(metrics.horizontalAdvance(t) for t in lines)
    pane_width, pane_height = (side / transform.dpr for side in transform.pane)
    pane = QRectF(0, 0, pane_width, pane_height)
    if isinstance(measurement, Region):
        rect = QRectF(points[0], points[1]).normalized()
        points = [QPointF(rect.right(), rect.top()), QPointF(rect.left(), rect.bottom())]
    else:
        points = [points[1], points[0]]
    anchor = next((p for p in points if pane.contains(p)), None)
    if anchor is None:
        return
    x = anchor.x() + 9 if anchor.x() + 13 + width < pane_width else anchor.x() - 9 - width
    y = min(max(anchor.y() - line * (len(lines) - 1) / 2 + metrics.ascent() / 2, line), pane_height - line * len(lines))
    for i, text in enumerate(lines):
        ink = DIM if i and i == len(lines) - 1 else INK
        halo_text(painter, QPointF(round(max(x, 4.0)), round(y + i * line)), text, ink)
