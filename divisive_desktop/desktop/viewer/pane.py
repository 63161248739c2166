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
BETWEEN = "   "
"""Between the parts of a detail."""
_MARGIN, _GAP, _TITLE = 10, 12.0, 90.0
"""Logical pixels beside the texts, between them, and those that are left to a title before the detail gives way."""


class Header(QWidget):
    """Title at the left, a muted detail at the right, whose last parts give way when there is no room."""

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

    def shown(self) -> tuple[str, str]:
        """What can be read of title and detail.

        Of a long detail the last parts give way; the first, a figure, stays beside a title that is cut.
        """
        title_metrics, detail_metrics = QFontMetricsF(self._font(True)), QFontMetricsF(self._font(False))
        detail, room = self.detail, float(self.width() - 2 * _MARGIN)
        wanted = title_metrics.horizontalAdvance(self.title)
        while BETWEEN in detail and wanted + _GAP + detail_metrics.horizontalAdvance(detail) > room:
            detail = detail.rpartition(BETWEEN)[0]
        left = room - _GAP - detail_metrics.horizontalAdvance(detail)
        if detail and left >= min(wanted, _TITLE):
            room = left
        else:
            detail = ""
        return title_metrics.elidedText(self.title, Qt.TextElideMode.ElideRight, room), detail

    def _font(self, title: bool) -> QFont:
        font = QFont(self.font())
        font.setPixelSize(12)
        font.setWeight(QFont.Weight.DemiBold if title else font.weight())
        return font

    def _paint(self, painter: QPainter) -> None:
        palette = self.palette()
        window, text = palette.color(QPalette.ColorRole.Window), palette.color(QPalette.ColorRole.WindowText)
        painter.fillRect(self.rect(), window)
        area = QRectF(self.rect()).adjusted(_MARGIN, 0, -_MARGIN, 0)
        title, detail = self.shown()
        painter.setFont(self._font(False))
        painter.setPen(_mixed(text, window, 0.62))
        painter.drawText(area, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, detail)
        painter.setFont(self._font(True))
        painter.setPen(text)
        painter.drawText(area, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, title)


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
