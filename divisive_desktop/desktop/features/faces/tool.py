"""The tool that moves, sizes and draws the crop box."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QKeyEvent, QPainter, QPainterPath, QPen

from divisive_desktop.desktop.features.faces.box import HANDLES, Crop, CropBox, Grip, drawn
from divisive_desktop.desktop.shell.keys import LocalKeys
from divisive_desktop.desktop.viewer.maps import PaneKind
from divisive_desktop.desktop.viewer.overlay_text import INK, halo_text, overlay_font
from divisive_desktop.desktop.viewer.tool import PaneMouse, Tool
from divisive_desktop.desktop.viewer.view import Transform
from divisive_desktop.desktop.viewer.view_state import ViewState

CROP_COLOUR = QColor(120, 225, 215)
RIM = QColor(0, 0, 0, 170)
_DIM = QColor(0, 0, 0, 120)
_GRIP = 9.0
"""A handle is taken when the pointer is this near, in logical pixels."""
_SIDE = 8.0
_KEYS = {
    "part-left": (-1, 0, 0), "part-right": (1, 0, 0), "part-up": (0, -1, 0), "part-down": (0, 1, 0),
    "part-larger": (0, 0, 1), "part-smaller": (0, 0, -1),
}  # fmt: skip
"""Key of this place -> how far it moves the box to the right and down, and how much it grows it."""
_CURSORS: dict[str, Qt.CursorShape] = {
    "nw": Qt.CursorShape.SizeFDiagCursor, "se": Qt.CursorShape.SizeFDiagCursor,
    "ne": Qt.CursorShape.SizeBDiagCursor, "sw": Qt.CursorShape.SizeBDiagCursor,
    "n": Qt.CursorShape.SizeVerCursor, "s": Qt.CursorShape.SizeVerCursor,
    "e": Qt.CursorShape.SizeHorCursor, "w": Qt.CursorShape.SizeHorCursor,
    "inside": Qt.CursorShape.SizeAllCursor, "new": Qt.CursorShape.CrossCursor,
}  # fmt: skip


@dataclass
class _Drag:
    grip: Grip
    start: tuple[float, float]
    before: CropBox


class CropTool(Tool):
    """Drag inside the box to move it, a handle to size it, beside it to draw a new one.

    Arrow keys move it by a pixel (with Shift by ten), Ctrl+Up and Ctrl+Down size it, unless rebound. Shift while
    dragging frees or keeps the square. Escape gives up a drag, then everything since the tool was taken, then the tool.
    """

    id = "crop"
    text = "Part to analyse"
    cursor = Qt.CursorShape.CrossCursor

    def __init__(
        self,
        state: ViewState,
        changed: Callable[[Crop], None],
        reverted: Callable[[], None],
        put_away: Callable[[], None],
    ) -> None:
        super().__init__(state)
        self._changed, self._reverted, self._put_away = changed, reverted, put_away
        self.keys = LocalKeys()
        self.square = True
        """Boxes are squares unless Shift is held; else the other way round."""
        self.box: CropBox | None = None
        self._first: CropBox | None = None
        self._drag: _Drag | None = None

    def set_box(self, crop: Crop | None, picture: tuple[int, int]) -> None:
        """Begin with this box; Escape comes back to it."""
        self.box = self._first = CropBox.of(crop, picture) if crop is not None else None
        self._drag = None
        self.state.notify()

    @property
    def edited(self) -> bool:
        return self.box != self._first

    def deactivate(self) -> None:
        self._drag = None

    # -- mouse ----------------------------------------------------------------------------------------------

    def press(self, event: PaneMouse) -> None:
        record = self.state.record
        if record is None:
            return
        grip = self._grip_at(event)
        before = self.box or CropBox(0, 0, record.width, record.height, (record.width, record.height))
        self._drag = _Drag(grip, (event.x, event.y), before)

    def move(self, event: PaneMouse) -> None:
        drag = self._drag
        if drag is None:
            return
        square = self.square != bool(event.modifiers & Qt.KeyboardModifier.ShiftModifier)
        if drag.grip == "inside":
            self.box = drag.before.moved(event.x - drag.start[0], event.y - drag.start[1])
        elif drag.grip == "new":
            self.box = drawn(*drag.start, event.x, event.y, drag.before.picture, square=square)
        else:
            self.box = drag.before.dragged(drag.grip, event.x, event.y, square)
        self.state.notify()

    def release(self, event: PaneMouse) -> None:
        drag, self._drag = self._drag, None
        if drag is not None and self.box is not None and self.box != drag.before:
            self._changed(self.box.crop)

    def hover(self, event: PaneMouse) -> None:
        event.canvas.setCursor(_CURSORS[self._grip_at(event)])

    def double_click(self, event: PaneMouse) -> bool:
        return True

    def cancel(self) -> bool:
        if self._drag is not None:
            whole = (0, 0, *self._drag.before.picture)
            self.box = self._drag.before if self._first is not None or self._drag.before.crop != whole else None
            self._drag = None
            self.state.notify()
            return True
        return False

    def escape(self) -> bool:
        """Back to the box that was there at the beginning; when it is there, away from the tool."""
        if self.edited:
            self.box = self._first
            self.state.notify()
            self._reverted()
        else:
            self._put_away()
        return True

    def key(self, event: QKeyEvent) -> bool:
        name, step = self._pressed(event)
        if not name or self.box is None:
            return False
        right, down, more = (step * by for by in _KEYS[name])
        box = self.box.grown(more) if more else self.box.moved(right, down)
        if box != self.box:
            self.box = box
            self.state.notify()
            self._changed(box.crop)
        return True

    def wants_key(self, event: QKeyEvent) -> bool:
        """True for keys that this tool takes away from the window's shortcuts."""
        return self.box is not None and bool(self._pressed(event)[0])

    def _pressed(self, event: QKeyEvent) -> tuple[str, int]:
        """Which of the tool's keys this is, '' for none, and how many pixels it goes: ten with Shift besides."""
        shift = Qt.KeyboardModifier.ShiftModifier
        name = self.keys.pressed(event, *_KEYS)
        if name or not event.modifiers() & shift:
            return name, 1
        return self.keys.pressed(QKeyEvent(event.type(), event.key(), event.modifiers() & ~shift), *_KEYS), 10

    def _grip_at(self, event: PaneMouse) -> Grip:
        if self.box is None:
            return "new"
        for grip in HANDLES:
            reach = event.transform.to_widget(*self.box.handle(grip)) - event.position
            if abs(reach.x()) <= _GRIP and abs(reach.y()) <= _GRIP:
                return grip
        return "inside" if self.box.contains(event.x, event.y) else "new"

    # -- painting -------------------------------------------------------------------------------------------

    def paint_layer(self, painter: QPainter, kind: PaneKind, transform: Transform) -> None:
        record = self.state.record
        if self.box is None or record is None:
            return
        area = transform.rect_to_widget(*self.box.crop)
        if kind is PaneKind.IMAGE:
            outside = QPainterPath()
            outside.addRect(transform.rect_to_widget(0, 0, record.width, record.height))
            outside.addRect(area)
            painter.fillPath(outside, _DIM)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        draw_box(painter, area, 1.8)
        for grip in HANDLES:
            at = transform.to_widget(*self.box.handle(grip))
            spot = QRectF(at.x() - _SIDE / 2, at.y() - _SIDE / 2, _SIDE, _SIDE)
            painter.setPen(QPen(RIM, 1.5))
            painter.setBrush(CROP_COLOUR)
            painter.drawRect(spot)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        if kind is PaneKind.IMAGE:
            painter.setFont(overlay_font(painter.font(), 12))
            text = f"{self.box.width} × {self.box.height} px"
            below = QPointF(round(area.left()), round(area.bottom() + 18))
            halo_text(painter, below, text, INK)


def draw_box(painter: QPainter, area: QRectF, width: float, colour: QColor = CROP_COLOUR, dashed: bool = False) -> None:
    """A rectangle that is seen on black, on white and on every colour."""
    painter.setPen(QPen(RIM, width + 2))
    painter.drawRect(area)
    pen = QPen(colour, width)
    if dashed:
        pen.setDashPattern([4, 3])
    painter.setPen(pen)
    painter.drawRect(area)
