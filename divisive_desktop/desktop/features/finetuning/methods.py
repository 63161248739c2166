"""The methods that the window offers: a name, one sentence, and a small drawing of what each asks of the maps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QBrush, QColor, QPainter, QPainterPath, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from divisive_desktop.desktop.ui import theme


@dataclass(frozen=True)
class Method:
    """One way to learn."""

    id: str
    """Its name in the registry of losses."""
    name: str
    sentence: str
    guided: bool = True
    """Learns from masks."""


METHODS: tuple[Method, ...] = (
    Method("focus", "Focus",
           "The true class's map takes the shape of your mask, and outside it the two classes must agree."),
    Method("difference", "Difference",
           "True minus false map takes the shape of your mask: what decides lies where you painted."),
    Method("containment", "Containment",
           "Outside your mask the two maps must agree; inside, the model is free to find what it likes."),
    Method("evidence", "Evidence",
           "Cell by cell: inside your mask the true class must win, outside it neither may."),
    Method("cyborg", "CYBORG",
           "The true class's map alone takes the shape of your mask; the false class isn't looked at."),
    Method("cross_entropy", "Labels only",
           "Cross-entropy: learns from your labels and pays no heed to masks.", guided=False),
)  # fmt: skip
"""The default first."""


def method(method_id: str) -> Method:
    """The method of this id; one that the window doesn't offer (a study's) gets its id as name."""
    found = next((m for m in METHODS if m.id == method_id), None)
    return found or Method(method_id, method_id.replace("_", " "), "A method from the command line.")


class MethodPicture(QWidget):
    """The drawing of a method: frames are images, the dashed oval the mask, colours the two classes' evidence."""

    SIZE = QSize(136, 54)

    def __init__(self, method_id: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.method_id = method_id
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)

    def sizeHint(self) -> QSize:
        return self.SIZE

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        draw(painter, self.method_id, QRectF(self.rect()))


def draw(painter: QPainter, method_id: str, box: QRectF) -> None:
    """Draw a method's picture into a box of about 136 x 54."""
    _DRAWINGS.get(method_id, _cross_entropy)(painter, box)


def _frames(box: QRectF, count: int, gap: float) -> list[QRectF]:
    side = min(box.height() - 6, (box.width() - 2 - gap * (count - 1)) / count)
    left = box.center().x() - (side * count + gap * (count - 1)) / 2
    return [QRectF(left + i * (side + gap), box.center().y() - side / 2, side, side) for i in range(count)]


def _oval(frame: QRectF) -> QRectF:
    w, h = frame.width(), frame.height()
    return QRectF(frame.left() + 0.26 * w, frame.top() + 0.22 * h, 0.5 * w, 0.58 * h)


def _frame(painter: QPainter, frame: QRectF, mask: bool = True) -> None:
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(QPen(theme.colour("outline"), 1))
    painter.drawRoundedRect(frame, 3, 3)
    if mask:
        painter.setPen(QPen(theme.colour("muted"), 1.2, Qt.PenStyle.DashLine))
        painter.drawEllipse(_oval(frame))


def _blob(painter: QPainter, area: QRectF, colour: str, strength: float = 0.85) -> None:
    tint = QColor(theme.colour(colour))
    tint.setAlphaF(strength)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(tint)
    painter.drawEllipse(area)


def _sign(painter: QPainter, left: QRectF, right: QRectF, text: str) -> None:
    painter.setPen(theme.colour("muted"))
    between = QRectF(left.right(), left.top(), right.left() - left.right(), left.height())
    painter.drawText(between, Qt.AlignmentFlag.AlignCenter, text)


def _part(frame: QRectF, x: float, y: float, w: float, h: float) -> QRectF:
    """A part of a frame, in shares of its sides."""
    return QRectF(
        frame.left() + x * frame.width(), frame.top() + y * frame.height(), w * frame.width(), h * frame.height()
    )


def _difference(painter: QPainter, box: QRectF) -> None:
    true, false, both = _frames(box, 3, 9)
    _blob(painter, _part(true, 0.2, 0.15, 0.6, 0.7), "trueEvidence", 0.8)
    _blob(painter, _part(true, 0.05, 0.62, 0.35, 0.3), "trueEvidence", 0.4)
    _blob(painter, _part(false, 0.05, 0.62, 0.35, 0.3), "falseEvidence", 0.55)
    _blob(painter, _oval(both), "trueEvidence")
    _frame(painter, true, mask=False)
    _frame(painter, false, mask=False)
    _frame(painter, both)
    _sign(painter, true, false, "−")
    _sign(painter, false, both, "=")


def _hatch_outside(painter: QPainter, frame: QRectF) -> None:
    """Nothing may be here: all of a frame but the mask is hatched."""
    outside = QPainterPath()
    outside.addRoundedRect(frame, 3, 3)
    hole = QPainterPath()
    hole.addEllipse(_oval(frame))
    tint = QColor(theme.colour("muted"))
    tint.setAlphaF(0.55)
    painter.fillPath(outside.subtracted(hole), QBrush(tint, Qt.BrushStyle.BDiagPattern))


def _focus(painter: QPainter, box: QRectF) -> None:
    true, false = _frames(box, 2, 12)
    for frame in (true, false):
        _hatch_outside(painter, frame)
    _blob(painter, _oval(true), "trueEvidence")
    _blob(painter, _part(false, 0.38, 0.38, 0.22, 0.26), "falseEvidence", 0.55)
    for frame in (true, false):
        _frame(painter, frame)


def _containment(painter: QPainter, box: QRectF) -> None:
    true, false = _frames(box, 2, 12)
    for frame, colour in ((true, "trueEvidence"), (false, "falseEvidence")):
        _hatch_outside(painter, frame)
        _blob(painter, _part(frame, 0.34, 0.34, 0.3, 0.34), colour)
        _frame(painter, frame)
    _sign(painter, true, false, "=")


def _evidence(painter: QPainter, box: QRectF) -> None:
    (frame,) = _frames(QRectF(box.left(), box.top(), box.width(), box.height()), 1, 0)
    frame = QRectF(frame.left() - 0.3 * frame.width(), frame.top(), 1.6 * frame.width(), frame.height())
    mask = _oval(frame)
    columns, rows = 7, 5
    for i in range(columns):
        for j in range(rows):
            at = QPointF(
                frame.left() + (i + 0.5) * frame.width() / columns, frame.top() + (j + 0.5) * frame.height() / rows
            )
            dx = (at.x() - mask.center().x()) / (mask.width() / 2)
            dy = (at.y() - mask.center().y()) / (mask.height() / 2)
            if dx * dx + dy * dy <= 1.1:
                painter.setPen(QPen(theme.colour("trueEvidence"), 1.8))
                painter.drawLine(at - QPointF(3, 0), at + QPointF(3, 0))
                painter.drawLine(at - QPointF(0, 3), at + QPointF(0, 3))
            else:
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(theme.colour("outline"))
                painter.drawEllipse(at, 1.3, 1.3)
    _frame(painter, frame)


def _cyborg(painter: QPainter, box: QRectF) -> None:
    true, false = _frames(box, 2, 12)
    _blob(painter, _oval(true), "trueEvidence")
    _frame(painter, true)
    painter.setOpacity(0.35)
    _blob(painter, _part(false, 0.05, 0.5, 0.4, 0.35), "falseEvidence", 0.6)
    _frame(painter, false, mask=False)
    painter.setOpacity(1.0)


def _cross_entropy(painter: QPainter, box: QRectF) -> None:
    true, false = _frames(box, 2, 12)
    _blob(painter, _part(true, 0.05, 0.08, 0.3, 0.3), "trueEvidence", 0.8)
    _blob(painter, _part(true, 0.5, 0.45, 0.4, 0.45), "trueEvidence", 0.5)
    _blob(painter, _part(false, 0.1, 0.55, 0.45, 0.35), "falseEvidence", 0.6)
    _frame(painter, true, mask=False)
    _frame(painter, false, mask=False)


_DRAWINGS: dict[str, Callable[[QPainter, QRectF], None]] = {
    "focus": _focus, "difference": _difference, "containment": _containment, "evidence": _evidence, "cyborg": _cyborg,
    "cross_entropy": _cross_entropy,
}  # fmt: skip
