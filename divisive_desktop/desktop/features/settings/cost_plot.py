"""What accepted error rates cost on a test set: the share that stays undecided, and errors among the decided."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from divisive_desktop.desktop.ui import theme
from divisive_desktop.desktop.ui.theme import GRID
from divisive_desktop.explanation.decision import RATES, Rates
from divisive_desktop.library.decision import Point

HIGHEST = 0.3
"""The largest rate that is drawn."""


class CostPlot(QWidget):
    """Two lines over the error rate, and a mark at the one that is chosen for each class."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._curve: tuple[Point, ...] = ()
        self._rates: Rates = RATES
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName("What the error rate costs")

    def sizeHint(self) -> QSize:
        return QSize(420, 200)

    def minimumSizeHint(self) -> QSize:
        return QSize(280, 150)

    def set_curve(self, curve: tuple[Point, ...], rates: Rates) -> None:
        """Draw a test set's curve, where one rate holds for both classes, with marks at ``rates`` (0..1)."""
        self._curve, self._rates = curve, rates
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        metrics = painter.fontMetrics()
        left, bottom = metrics.horizontalAdvance("100 % ") + 4, 2 * metrics.height() + 4
        plot = QRectF(left, GRID, self.width() - left - GRID * 2, self.height() - bottom - GRID)
        self._axes(painter, plot)
        if not self._curve:
            return
        undecided, wrong = theme.colour("undecided"), theme.colour("error")
        _line(painter, plot, [(p.rate, p.undecided) for p in self._curve], undecided, Qt.PenStyle.SolidLine)
        _line(painter, plot, [(p.rate, p.error) for p in self._curve if p.error is not None], wrong,
             Qt.PenStyle.DashLine)  # fmt: skip
        for rate, sign in zip(self._rates, ("−", "+"), strict=True):  # of the negative and of the positive class
            at = _place(plot, min(rate, HIGHEST), 0).x()
            painter.setPen(QPen(theme.colour("muted"), 1, Qt.PenStyle.DotLine))
            painter.drawLine(QPointF(at, plot.top()), QPointF(at, plot.bottom()))
            if self._rates[0] != self._rates[1]:
                painter.drawText(QPointF(at + 3, plot.bottom() - 3), sign)
        self._legend(painter, plot, (("undecided", undecided), ("wrong among the decided", wrong)))

    def _axes(self, painter: QPainter, plot: QRectF) -> None:
        height = painter.fontMetrics().height()
        for share in (0.0, 0.5, 1.0):
            y = _place(plot, 0, share).y()
            painter.setPen(QPen(theme.colour("hairline"), 1))
            painter.drawLine(QPointF(plot.left(), y), QPointF(plot.right(), y))
            painter.setPen(theme.colour("muted"))
            box = QRectF(0, y - height / 2, plot.left() - 4, height)
            painter.drawText(box, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, f"{100 * share:.0f} %")
        for rate in (0.1, 0.2, 0.3):
            x = _place(plot, rate, 0).x()
            box = QRectF(x - 40, plot.bottom() + 2, 80, height)
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, f"{100 * rate:.0f} %")
        below = QRectF(plot.left(), plot.bottom() + height + 2, plot.width(), height)
        painter.drawText(below, Qt.AlignmentFlag.AlignCenter, "accepted error rate, the same for both classes")

    def _legend(self, painter: QPainter, plot: QRectF, entries: tuple[tuple[str, QColor], ...]) -> None:
        height = painter.fontMetrics().height()
        for row, (text, ink) in enumerate(entries):
            painter.setPen(ink)
            box = QRectF(plot.left(), plot.top() + row * height, plot.width() - 4, height)
            painter.drawText(box, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, text)


def _line(
    painter: QPainter, plot: QRectF, points: list[tuple[float, float]], ink: QColor, style: Qt.PenStyle
) -> None:
    """A line through (rate, share) pairs, both 0..1."""
    painter.setPen(QPen(ink, 2, style))
    painter.drawPolyline(QPolygonF([_place(plot, rate, share) for rate, share in points]))


def _place(plot: QRectF, rate: float, share: float) -> QPointF:
    return QPointF(plot.left() + plot.width() * rate / HIGHEST, plot.bottom() - plot.height() * share)
