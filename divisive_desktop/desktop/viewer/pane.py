"""A pane: a title strip in the window's colours above the dark picture."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QMouseEvent, QPainter, QPaintEvent, QPalette
from PySide6.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from divisive_desktop.desktop.viewer.canvas import Canvas
from divisive_desktop.desktop.viewer.maps import PaneKind
from divisive_desktop.desktop.viewer.tool import ToolChoice
from divisive_desktop.desktop.viewer.view_state import ViewState

HEADER = 26
"""Height of the title strip, logical pixels."""


class Header(QWidget):
    """Title at the left, a muted detail at the right; the detail gives way when there is no room."""

    doubleClicked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.title = ""
        self.detail = ""
        self.setFixedHeight(HEADER)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def set_texts(self, title: str, detail: str) -> None:
        if (title, detail) != (self.title, self.detail):
            self.title, self.detail = title, detail
            self.setToolTip(f"{title}   {detail}".strip())
            self.setAccessibleName(title)
            self.update()

    def sizeHint(self) -> QSize:
        return QSize(200, HEADER)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self.doubleClicked.emit()

    def paintEvent(self, event: QPaintEvent) -> None:
        with QPainter(self) as painter:
            self._paint(painter)

    def _paint(self, painter: QPainter) -> None:
        palette = self.palette()
        window, text = palette.color(QPalette.ColorRole.Window), palette.color(QPalette.ColorRole.WindowText)
        painter.fillRect(self.rect(), window)
        area = QRectF(self.rect()).adjusted(10, 0, -10, 0)
        title_font = QFont(self.font())
        title_font.setPixelSize(12)
        title_font.setWeight(QFont.Weight.DemiBold)
        detail_font = QFont(self.font())
        detail_font.setPixelSize(12)
        title_metrics, detail_metrics = QFontMetricsF(title_font), QFontMetricsF(detail_font)
        detail_width = detail_metrics.horizontalAdvance(self.detail)
        if title_metrics.horizontalAdvance(self.title) + 16 + detail_width <= area.width():
            painter.setFont(detail_font)
            painter.setPen(_mixed(text, window, 0.62))
            painter.drawText(area, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, self.detail)
        painter.setFont(title_font)
        painter.setPen(text)
        shown = title_metrics.elidedText(self.title, Qt.TextElideMode.ElideRight, area.width())
        painter.drawText(area, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, shown)


class Pane(QWidget):
    """Header and canvas of one kind."""

    def __init__(
        self, state: ViewState, kind: PaneKind, tool_for: ToolChoice, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.kind = kind
        self.header = Header(self)
        self.setAccessibleName(f"Pane: {kind.value}")
        self.canvas = Canvas(state, kind, tool_for, self)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(0)
        box.addWidget(self.header)
        box.addWidget(self.canvas, 1)


def _mixed(a: QColor, b: QColor, share: float) -> QColor:
    """``share`` of ``a`` in ``b``: a muted text colour that fits every palette."""
    channels = ((a.redF(), b.redF()), (a.greenF(), b.greenF()), (a.blueF(), b.blueF()))
    return QColor.fromRgbF(*(share * x + (1 - share) * y for x, y in channels))
