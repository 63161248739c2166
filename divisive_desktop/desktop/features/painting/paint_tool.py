"""What all painting tools have in common, and how they draw over the picture."""

from __future__ import annotations

from dataclasses import replace

import cv2
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QColor, QKeyEvent, QPainter, QPen, QPolygonF

from divisive_desktop.desktop.features.painting.session import PaintSession
from divisive_desktop.desktop.shell.keys import named
from divisive_desktop.desktop.viewer.layers import MaskLayer
from divisive_desktop.desktop.viewer.maps import PaneKind
from divisive_desktop.desktop.viewer.overlay_text import halo_text, overlay_font
from divisive_desktop.desktop.viewer.tool import PaneMouse, Tool
from divisive_desktop.desktop.viewer.view import Transform
from divisive_desktop.desktop.viewer.view_state import ViewState
from divisive_desktop.masks.ops import Mode
from divisive_desktop.masks.shapes import Point, Stamp

RIM = QColor(0, 0, 0, 170)
INK = QColor(255, 255, 255, 235)
_MOST_POINTS = 5000


class PaintTool(Tool):
    """Common to all: the session, modes by modifier keys, brush sizes by key and wheel."""

    cursor = Qt.CursorShape.CrossCursor
    icon = ""
    key_hint = ""
    tip = ""
    uses: tuple[str, ...] = ()
    """Keys of its own while it is active (ids of `bindings.PLACE_KEYS`)."""

    def __init__(self, state: ViewState, session: PaintSession) -> None:
        super().__init__(state)
        self.session = session

    @property
    def ready(self) -> bool:
        """There is an image, its mask has been read, and nothing is being done to it in the background."""
        return self.session.free

    def mode(self, modifiers: Qt.KeyboardModifier) -> Mode:
        """What a shape does: as chosen, but Ctrl subtracts, Ctrl+Shift intersects."""
        if modifiers & Qt.KeyboardModifier.ControlModifier:
            return "intersect" if modifiers & Qt.KeyboardModifier.ShiftModifier else "subtract"
        return self.session.settings.mode

    def pressed(self, event: QKeyEvent) -> str:
        """Which of its own keys this is, '' for none."""
        return self.session.keys.pressed(event, *self.uses)

    def wants_key(self, event: QKeyEvent) -> bool:
        """True for keys that this tool takes away from the window's shortcuts."""
        return bool(self.pressed(event))

    def key_name(self, name: str) -> str:
        """A key as a hint names it."""
        return named(self.session.keys[name])

    def double_click(self, event: PaneMouse) -> bool:
        return True  # quick dabs don't enlarge the pane

    def shift(self, held: bool) -> None:
        """The Shift key went down or up."""

    @property
    def size(self) -> tuple[int, int]:
        assert self.session.mask is not None
        return self.session.mask.size


def outlined(painter: QPainter, path: list[QPointF], closed: bool = False, dashed: bool = False) -> None:
    """A line that is seen on black, on white and on every colour."""
    for colour, width in ((RIM, 3.0), (INK, 1.2)):
        pen = QPen(colour, width, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap, Qt.PenJoinStyle.RoundJoin)
        if dashed and colour is INK:
            pen.setDashPattern([4, 4])
        painter.setPen(pen)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawPolygon(QPolygonF(path)) if closed else painter.drawPolyline(QPolygonF(path))


class StampLayer:
    """A proposal over the picture, stronger than what is painted; quick on the screen however large it is."""

    def __init__(self, stamp: Stamp, region_colour: str) -> None:
        self.stamp = stamp
        colour = QColor(region_colour)
        colour.setAlphaF(0.6)
        self._layer = MaskLayer(stamp.coverage, colour)

    def paint_layer(self, painter: QPainter, kind: PaneKind, transform: Transform) -> None:
        x, y = transform.to_device(*self.stamp.box[:2])
        self._layer.paint_layer(painter, kind, replace(transform, offset_x=x, offset_y=y))


def draw_hint(painter: QPainter, text: str, transform: Transform) -> None:
    """A short line at the bottom of a pane: what to do next, or what is being waited for."""
    painter.setFont(overlay_font(painter.font(), 13))
    width = painter.fontMetrics().horizontalAdvance(text)
    pane_width, pane_height = (side / transform.dpr for side in transform.pane)
    halo_text(painter, QPointF(round((pane_width - width) / 2), round(pane_height - 28)), text, QColor("white"))


def outlines(stamp: Stamp) -> list[list[Point]]:
    """Borders of a stamp for the screen, without needless points; none where there are too many to be drawn quickly."""
    left, top = stamp.box[:2]
    found, _ = cv2.findContours(stamp.coverage, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_TC89_KCOS)
    lines = [[(float(x) + left + 0.5, float(y) + top + 0.5) for x, y in c.reshape(-1, 2)] for c in found if len(c) > 2]
    return lines if sum(map(len, lines)) <= _MOST_POINTS else []
