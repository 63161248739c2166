"""A pane: a title strip in the window's colours above the dark picture."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QMouseEvent, QPainter, QPaintEvent, QPalette, QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from divisive_desktop.desktop.viewer.canvas import Canvas
from divisive_desktop.desktop.viewer.maps import PaneKind
from divisive_desktop.desktop.viewer.tool import ToolChoice
from divisive_desktop.desktop.viewer.view_state import ViewState

HEADER, TALL = 26, 42
"""Height of the title strip with one line and with two, logical pixels."""
BETWEEN = "   "
"""Between the parts of a detail."""
_MARGIN, _GAP, _TITLE = 10, 12.0, 90.0
"""Logical pixels beside the texts, between them, and those that are left to a title before the detail gives way."""


class Header(QWidget):
    """Title at the left, a muted detail at the right, whose last parts give way when there is no room.

    Where title and figure don't fit on one line there are two: the kind of a class with its figure above, its name
    below; of other titles the detail below. The viewer gives all headers as many, so that linked pictures stay level.
    """

    doubleClicked = Signal()
    resized = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.title = ""
        self.detail = ""
        self._tall = False
        self.setFixedHeight(HEADER)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    @property
    def crowded(self) -> bool:
        """One line would cut the title, or leave out the figure beside it."""
        figure = self.detail.partition(BETWEEN)[0]
        wanted = self._width(self.title, True) + (_GAP + self._width(figure, False) if figure else 0)
        return wanted > self.width() - 2 * _MARGIN

    def set_tall(self, tall: bool) -> None:
        """Show two lines, or one."""
        if tall != self._tall:
            self._tall = tall
            self.setFixedHeight(TALL if tall else HEADER)
            self.update()

    def set_texts(self, title: str, detail: str) -> None:
        if (title, detail) != (self.title, self.detail):
            self.title, self.detail = title, detail
            self.setToolTip(f"{title}   {detail}".strip())
            self.setAccessibleName(title)
            self.update()

    def sizeHint(self) -> QSize:
        return QSize(200, TALL if self._tall else HEADER)

    def resizeEvent(self, event: QResizeEvent) -> None:
        self.resized.emit()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self.doubleClicked.emit()

    def paintEvent(self, event: QPaintEvent) -> None:
        with QPainter(self) as painter:
            self._paint(painter)

    def shown(self) -> tuple[str, str]:
        """What can be read of title and detail on one line.

        Of a long detail the last parts give way; the first, a figure, stays beside a title that is cut.
        """
        room = float(self.width() - 2 * _MARGIN)
        wanted = self._width(self.title, True)
        detail = self._fitting(room - wanted - _GAP)
        left = room - _GAP - self._width(detail, False)
        if detail and left >= min(wanted, _TITLE):
            room = left
        else:
            detail = ""
        return QFontMetricsF(self._font(True)).elidedText(self.title, Qt.TextElideMode.ElideRight, room), detail

    def shown_tall(self) -> tuple[str, str, str]:
        """What can be read on two lines: first line's left and right, and the second line."""
        room, (kind, _, name) = float(self.width() - 2 * _MARGIN), self.title.partition(": ")
        cut, middle = QFontMetricsF(self._font(True)).elidedText, Qt.TextElideMode.ElideMiddle
        if not name:
            return cut(self.title, Qt.TextElideMode.ElideRight, room), "", self._fitting(room)
        figure = self._fitting(room - _GAP / 2 - self._width(kind, True))
        if _GAP / 2 + self._width(kind, True) + self._width(figure, False) > room:
            figure = ""
        return cut(kind, Qt.TextElideMode.ElideRight, room), figure, cut(name, middle, room)

    def _fitting(self, room: float) -> str:
        """As many parts of the detail as there is room for, and the first one in any case."""
        detail = self.detail
        while BETWEEN in detail and self._width(detail, False) > room:
            detail = detail.rpartition(BETWEEN)[0]
        return detail

    def _width(self, text: str, title: bool) -> float:
        return QFontMetricsF(self._font(title)).horizontalAdvance(text)

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
        left, right = Qt.AlignmentFlag.AlignLeft, Qt.AlignmentFlag.AlignRight
        muted = _mixed(text, window, 0.62)

        def write(where: QRectF, words: str, at: Qt.AlignmentFlag, strong: bool) -> None:
            painter.setFont(self._font(strong))
            painter.setPen(text if strong else muted)
            painter.drawText(where, at | Qt.AlignmentFlag.AlignVCenter, words)

        if not self._tall:
            title, detail = self.shown()
            write(area, detail, right, False)
            write(area, title, left, True)
            return
        above, below = (area.adjusted(0, 3, 0, -area.height() / 2), area.adjusted(0, area.height() / 2, 0, -3))
        title, detail, second = self.shown_tall()
        write(above, detail, right, False)
        write(above, title, left, True)
        write(below, second, left, ": " in self.title)


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
