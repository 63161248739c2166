"""The pages of a report as they will be printed, one below the other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QColor, QImage, QPainter, QPaintEvent, QPixmap, QResizeEvent, QWheelEvent
from PySide6.QtWidgets import QFrame, QLabel, QScrollArea, QStackedWidget, QVBoxLayout, QWidget

from divisive_desktop.desktop.ui import theme
from divisive_desktop.desktop.ui.theme import GRID

_ZOOMS = (1.0, 1.4, 2.0, 2.8)
"""Widths of a page, in widths of the view."""


class PageView(QWidget):
    """One page with a hairline around it."""

    def __init__(self, picture: QImage, number: int) -> None:
        super().__init__()
        self._picture = picture
        self._scaled = QPixmap()
        self.setAccessibleName(f"Page {number}")

    def set_width(self, width: int) -> None:
        """Show it so wide, in device-independent pixels."""
        self.setFixedSize(width, round(width * self._picture.height() / max(1, self._picture.width())))

    def paintEvent(self, event: QPaintEvent) -> None:
        ratio = self.devicePixelRatioF()
        wanted = QSize(round(self.width() * ratio), round(self.height() * ratio))
        if self._scaled.size() != wanted:
            self._scaled = QPixmap.fromImage(
                self._picture.scaled(
                    wanted, Qt.AspectRatioMode.IgnoreAspectRatio, Qt.TransformationMode.SmoothTransformation
                )
            )
            self._scaled.setDevicePixelRatio(ratio)
        painter = QPainter(self)
        painter.drawPixmap(0, 0, self._scaled)
        painter.setPen(QColor(0, 0, 0, 60))
        painter.drawRect(self.rect().adjusted(0, 0, -1, -1))


class PagePreview(QStackedWidget):
    """Pages, or words where there are none yet. Ctrl and the wheel enlarge.

    Signals
    -------
    zoomed(float)
        Width of a page in widths of the view.
    """

    zoomed = Signal(float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.zoom = _ZOOMS[0]
        self.pages: list[PageView] = []
        self._words = QLabel(alignment=Qt.AlignmentFlag.AlignCenter)
        self._words.setWordWrap(True)
        self._words.setMargin(GRID * 4)
        theme.set_role(self._words, "muted")
        self._holder = QWidget()
        self._column = QVBoxLayout(self._holder)
        self._column.setContentsMargins(GRID * 2, GRID * 2, GRID * 2, GRID * 2)
        self._column.setSpacing(GRID * 2)
        self._scroll = _Scroll(self)
        self._scroll.setWidget(self._holder)
        self.addWidget(self._words)
        self.addWidget(self._scroll)

    @property
    def words(self) -> str:
        """What stands in place of pages; '' while there are some."""
        return self._words.text() if self.currentWidget() is self._words else ""

    def show_words(self, text: str) -> None:
        """Say why there are no pages."""
        self._words.setText(text)
        self.setCurrentWidget(self._words)

    def show_pages(self, pages: Sequence[np.ndarray]) -> None:
        """Show pages, uint8 (rows, columns, 3); where one was being read it stays."""
        at = self._scroll.verticalScrollBar().value()
        for page in self.pages:
            self._column.removeWidget(page)
            page.hide()
            page.deleteLater()
        self.pages = [PageView(_image(picture), number) for number, picture in enumerate(pages, 1)]
        for page in self.pages:
            self._column.addWidget(page, 0, Qt.AlignmentFlag.AlignHCenter)
        self.setCurrentWidget(self._scroll)
        self._fit()
        self._scroll.verticalScrollBar().setValue(at)

    def set_zoom(self, zoom: float) -> None:
        """Width of a page in widths of the view."""
        self.zoom = zoom
        self._fit()
        self.zoomed.emit(zoom)

    def step_zoom(self, steps: int) -> None:
        """Larger or smaller."""
        at = min(range(len(_ZOOMS)), key=lambda i: abs(_ZOOMS[i] - self.zoom))
        self.set_zoom(_ZOOMS[min(max(at + steps, 0), len(_ZOOMS) - 1)])

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        room = self.width() - GRID * 4 - self._scroll.verticalScrollBar().sizeHint().width()
        for page in self.pages:
            page.set_width(max(GRID * 10, round(room * self.zoom)))


class _Scroll(QScrollArea):
    def __init__(self, preview: PagePreview) -> None:
        super().__init__()
        self._preview = preview
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setBackgroundRole(self.palette().ColorRole.Mid)

    def wheelEvent(self, event: QWheelEvent) -> None:
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self._preview.step_zoom(1 if event.angleDelta().y() > 0 else -1)
            event.accept()
        else:
            super().wheelEvent(event)


def _image(picture: np.ndarray) -> QImage:
    height, width = picture.shape[:2]
    return QImage(picture.tobytes(), width, height, 3 * width, QImage.Format.Format_RGB888).copy()
