"""The histogram with its draggable window; counted only while someone looks at it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QVBoxLayout, QWidget

if TYPE_CHECKING:
    from divisive_desktop.desktop.viewer import Viewer
    from divisive_desktop.desktop.viewer.histogram import HistogramView
    from divisive_desktop.imaging.record import ImageRecord


class GreysPanel(QWidget):
    """Histogram of the current image, made at the first look."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self.histogram: HistogramView | None = None
        self._viewer: Viewer | None = None
        self._record: ImageRecord | None = None
        self._counted: ImageRecord | None = None

    def connect_viewer(self, viewer: Viewer) -> None:
        """The viewer whose window is shown and set."""
        self._viewer = viewer
        viewer.voiChanged.connect(lambda *_: self.refresh())

    def set_record(self, record: ImageRecord | None) -> None:
        self._record = record
        self.refresh()

    def refresh(self) -> None:
        """Bring the histogram up to date, if it can be seen."""
        viewer = self._viewer
        if viewer is None or not self.isVisible():
            return
        if self.histogram is None:
            from divisive_desktop.desktop.viewer.histogram import HistogramView

            self.histogram = HistogramView()
            self.histogram.voiDragged.connect(viewer.state.set_voi)
            self._column.addWidget(self.histogram)
        if self._counted is not self._record:
            self._counted = self._record
            self.histogram.set_record(self._record)
        if viewer.state.voi is not None and viewer.state.record is self._record:
            self.histogram.set_voi(viewer.state.voi, viewer.state.invert)
