"""A mouse, a wheel and a pen on one pane of the viewer, in the picture's own coordinates; real events throughout."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QImage, QMouseEvent, QPointingDevice, QTabletEvent, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from divisive_desktop.desktop.viewer.canvas import Canvas

Point = tuple[float, float]
LEFT = Qt.MouseButton.LeftButton
RIGHT = Qt.MouseButton.RightButton
NO_BUTTON = Qt.MouseButton.NoButton
NONE = Qt.KeyboardModifier.NoModifier
CTRL = Qt.KeyboardModifier.ControlModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier
ALT = Qt.KeyboardModifier.AltModifier


class Hand:
    """Where nothing else is said, positions are pixels of the picture (x right, y down)."""

    def __init__(self, canvas: Callable[[], Canvas]) -> None:
        self._canvas = canvas

    @property
    def canvas(self) -> Canvas:
        """The pane's surface."""
        return self._canvas()

    def at(self, x: float, y: float) -> QPointF:
        """Where a position of the picture is on the pane."""
        return self.canvas.transform().to_widget(x, y)

    def click(self, x: float, y: float, modifiers: Qt.KeyboardModifier = NONE) -> None:
        QTest.mouseClick(self.canvas, LEFT, modifiers, self.at(x, y).toPoint())

    def press(self, x: float, y: float, modifiers: Qt.KeyboardModifier = NONE) -> None:
        QTest.mousePress(self.canvas, LEFT, modifiers, self.at(x, y).toPoint())

    def release(self, x: float, y: float, modifiers: Qt.KeyboardModifier = NONE) -> None:
        QTest.mouseRelease(self.canvas, LEFT, modifiers, self.at(x, y).toPoint())

    def drag(self, *points: Point, modifiers: Qt.KeyboardModifier = NONE, release: bool = True) -> None:
        """Press at the first position, move along the others, release at the last one, unless told not to."""
        self.press(*points[0], modifiers)
        for point in points[1:]:
            self._move(QPointF(self.at(*point).toPoint()), LEFT, modifiers)
        if release:
            self.release(*points[-1], modifiers)

    def drag_on_screen(self, *points: Point, button: Qt.MouseButton = LEFT) -> None:
        """The same with positions of the pane, in its own pixels."""
        first, *others = (QPointF(*point) for point in points)
        QTest.mousePress(self.canvas, button, NONE, first.toPoint())
        for point in others:
            self._move(point, button, NONE)
        QTest.mouseRelease(self.canvas, button, NONE, QPointF(*points[-1]).toPoint())

    def double_click_on_screen(self, x: float, y: float) -> None:
        QTest.mouseDClick(self.canvas, LEFT, NONE, QPointF(x, y).toPoint())

    def click_in_the_middle(self) -> None:
        """Of the pane."""
        QTest.mouseClick(self.canvas, LEFT, NONE, QPoint(self.canvas.width() // 2, self.canvas.height() // 2))

    def turn(self, notches: int, modifiers: Qt.KeyboardModifier = NONE, at: Point = (60, 60)) -> None:
        """Turn the wheel away from (positive) or towards the hand; ``at``: a position of the pane."""
        where = QPointF(*at)
        QApplication.sendEvent(self.canvas, QWheelEvent(
            where, self.canvas.mapToGlobal(where), QPoint(), QPoint(0, 120 * notches), NO_BUTTON, modifiers,
            Qt.ScrollPhase.NoScrollPhase, False,
        ))  # fmt: skip

    def pen(
        self, kind: QEvent.Type, at: QPointF, pressure: float, button: Qt.MouseButton, held: Qt.MouseButton
    ) -> None:
        """One event of a pen; ``at``: a position of the pane; ``pressure``: 0 to 1."""
        QApplication.sendEvent(self.canvas, QTabletEvent(
            kind, QPointingDevice.primaryPointingDevice(), at, self.canvas.mapToGlobal(at), pressure,
            0, 0, 0, 0, 0, NONE, button, held,
        ))  # fmt: skip

    def pen_stroke(self, *points: Point, pressure: float) -> None:
        """A pen's events, each followed by the mouse event that Qt makes of it when nobody takes it."""
        last = len(points) - 1
        for i, point in enumerate(points):
            at = QPointF(self.at(*point).toPoint())
            button, held = LEFT if i in (0, last) else NO_BUTTON, NO_BUTTON if i == last else LEFT
            name = "Press" if i == 0 else "Release" if i == last else "Move"
            self.pen(QEvent.Type[f"Tablet{name}"], at, 0.0 if i == last else pressure, button, held)
            kind = QEvent.Type.MouseMove if name == "Move" else QEvent.Type[f"MouseButton{name}"]
            self._send(kind, at, button, held, NONE)

    def seen(self) -> QImage:
        """The pane as it is drawn."""
        return self.canvas.grab().toImage()

    def _move(self, at: QPointF, held: Qt.MouseButton, modifiers: Qt.KeyboardModifier) -> None:
        # QTest.mouseMove doesn't say that a button is held.
        self._send(QEvent.Type.MouseMove, at, NO_BUTTON, held, modifiers)

    def _send(
        self, kind: QEvent.Type, at: QPointF, button: Qt.MouseButton, held: Qt.MouseButton,
        modifiers: Qt.KeyboardModifier,
    ) -> None:  # fmt: skip
        event = QMouseEvent(kind, at, self.canvas.mapToGlobal(at), button, held, modifiers)
        QApplication.sendEvent(self.canvas, event)
