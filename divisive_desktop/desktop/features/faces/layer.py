"""Faces and irises that were found and the part that was analysed, drawn over the panes."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen

from divisive_desktop.desktop.features.faces.tool import CROP_COLOUR, RIM, draw_box
from divisive_desktop.desktop.viewer.maps import PaneKind
from divisive_desktop.desktop.viewer.overlay_text import overlay_font
from divisive_desktop.desktop.viewer.view import Transform
from divisive_desktop.geometry import Box
from divisive_desktop.imaging.framing import Found, Framing
from divisive_desktop.imaging.irises import Iris

_OTHER = QColor(255, 255, 255, 220)
_DARK = QColor(10, 11, 13)


class FacesLayer:
    """In the image pane the faces, numbered where there are several, or the iris; in all panes the analysed part."""

    def __init__(self) -> None:
        self.framing: Framing | None = None
        self.region: Box | None = None
        """The analysed part; None: nothing was analysed, or the whole picture."""
        self.shown = True

    def face_at(self, x: float, y: float) -> int | None:
        """The face at an image position, the smallest where boxes overlap."""
        faces = self.framing.found if self.framing is not None else ()
        under = [i for i, face in enumerate(faces) if face.contains(x, y)]
        return min(under, key=lambda i: faces[i].area, default=None)

    def paint_layer(self, painter: QPainter, kind: PaneKind, transform: Transform) -> None:
        if not self.shown:
            return
        painter.setBrush(Qt.BrushStyle.NoBrush)
        if self.region is not None:
            draw_box(painter, transform.rect_to_widget(*self.region), 1.2, dashed=True)
        if kind is not PaneKind.IMAGE or self.framing is None:
            return
        if isinstance(self.framing.subject, Iris):
            _draw_iris(painter, self.framing.subject, transform)
        if len(self.framing.found) < 2:
            return
        for index, face in enumerate(self.framing.found):
            _draw_face(painter, face, index, index == self.framing.chosen, transform)


def _draw_iris(painter: QPainter, iris: Iris, transform: Transform) -> None:
    """Pupil and limbus as they were found: where they lie beside the eye, the frame is wrong."""
    for x, y, r in (iris.pupil, iris.limbus):
        area = transform.rect_to_widget(x - r, y - r, 2 * r, 2 * r)
        for colour, width in ((RIM, 3.0), (CROP_COLOUR, 1.2)):
            painter.setPen(QPen(colour, width))
            painter.drawEllipse(area)


def _draw_face(painter: QPainter, face: Found, index: int, chosen: bool, transform: Transform) -> None:
    area = transform.rect_to_widget(*face.box)
    colour = CROP_COLOUR if chosen else _OTHER
    painter.setBrush(Qt.BrushStyle.NoBrush)
    draw_box(painter, area, 2.4 if chosen else 1.4, colour)
    badge = QRectF(QPointF(area.left(), area.top() - 18), QPointF(area.left() + 20, area.top()))
    if badge.top() < 0:
        badge.moveTop(area.top())
    painter.setPen(QPen(_DARK, 1))
    painter.setBrush(colour)
    painter.drawRect(badge)
    painter.setFont(overlay_font(painter.font(), 12, bold=True))
    painter.drawText(badge, Qt.AlignmentFlag.AlignCenter, str(index + 1))
    painter.setBrush(Qt.BrushStyle.NoBrush)
