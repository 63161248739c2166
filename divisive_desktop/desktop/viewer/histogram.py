"""Histogram of an image's values with the window over it: drag an edge, or the whole window."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPainterPath, QPaintEvent, QPalette, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from divisive_desktop.desktop.viewer import windowing
from divisive_desktop.desktop.viewer.overlay_text import overlay_font
from divisive_desktop.imaging.display import apply_voi
from divisive_desktop.imaging.record import ImageRecord, Voi

_BINS = 256
_SAMPLE = 1_000_000
_GRIP = 6.0
_CHANNELS = (QColor(226, 88, 88), QColor(86, 184, 104), QColor(94, 140, 236))


class HistogramView(QWidget):
    """Shows how often values occur and which of them the window spreads from black to white."""

    voiDragged = Signal(Voi)
    """The window that the user made by dragging."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._record: ImageRecord | None = None
        self._voi: Voi | None = None
        self._inverted = False
        self._curves: list[npt.NDArray[np.float64]] = []
        self._range = (0.0, 1.0)
        self._drag: tuple[str, float, Voi] | None = None
        self.setMouseTracking(True)
        self.setMinimumSize(120, 80)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Histogram with window")
        self.setToolTip("Drag an edge of the window, or the window itself")

    def sizeHint(self) -> QSize:
        return QSize(260, 120)

    def set_record(self, record: ImageRecord | None) -> None:
        """Count the values of another image (of a million pixels at most)."""
        self._record, self._drag = record, None
        self._curves, self._range = histogram(record) if record is not None else ([], (0.0, 1.0))
        if record is None:
            self._voi = None
        self.update()

    def set_voi(self, voi: Voi, invert: bool = False) -> None:
        """Show the window in force (connect the viewer's ``voiChanged`` here)."""
        self._voi = voi
        self._inverted = invert != (self._record is not None and self._record.inverted)
        self.update()

    @property
    def span(self) -> tuple[float, float] | None:
        """Values at the edges of the window, None without an image."""
        if self._voi is None:
            return None
        voi = windowing.as_window(self._voi)
        return voi.center - voi.width / 2, voi.center + voi.width / 2

    # -- painting -------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        with QPainter(self) as painter:
            self._paint(painter)

    def _paint(self, painter: QPainter) -> None:
        palette = self.palette()
        ink, base = palette.color(QPalette.ColorRole.WindowText), palette.color(QPalette.ColorRole.Base)
        accent = palette.color(QPalette.ColorRole.Highlight)
        plot = self._plot()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(base)
        painter.drawRoundedRect(plot, 3, 3)
        if not self._curves:
            return
        span = self.span
        painter.setClipRect(plot)
        if span is not None:
            band = QColor(accent)
            band.setAlphaF(0.16)
            left, right = (self._x(v) for v in span)
            painter.fillRect(QRectF(QPointF(left, plot.top()), QPointF(right, plot.bottom())), band)
        colours = _CHANNELS if len(self._curves) == 3 else (ink,)
        for curve, colour in zip(self._curves, colours, strict=True):
            fill = QColor(colour)
            fill.setAlphaF(0.45)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(fill)
            painter.drawPath(self._shape(curve, plot))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        if span is not None and self._voi is not None:
            painter.setPen(QPen(accent, 1.5))
            painter.drawPath(self._transfer(plot))
            for x in self._edges(plot):
                painter.drawLine(QPointF(x, plot.top()), QPointF(x, plot.bottom()))
        painter.setClipping(False)
        self._paint_ends(painter, plot, ink)

    def _paint_ends(self, painter: QPainter, plot: QRectF, ink: QColor) -> None:
        faint = QColor(ink)
        faint.setAlphaF(0.65)
        painter.setPen(faint)
        painter.setFont(overlay_font(self.font(), 11))
        below = QRectF(plot.left(), plot.bottom() + 2, plot.width(), self.height() - plot.bottom() - 2)
        low, high = self._range
        painter.drawText(below, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop, windowing.short(low))
        painter.drawText(below, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignTop, windowing.short(high))
        if self._voi is not None:
            text = windowing.describe(replace(windowing.as_window(self._voi), explanation=""))
            painter.drawText(below, Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop, text)

    def _shape(self, curve: npt.NDArray[np.float64], plot: QRectF) -> QPainterPath:
        # Square roots: the few pixels that matter show beside the many that don't.
        heights = np.sqrt(curve / max(curve.max(), 1e-12)) * (plot.height() - 4)
        path = QPainterPath(plot.bottomLeft())
        step = plot.width() / len(curve)
        for i, height in enumerate(heights):
            path.lineTo(plot.left() + (i + 0.5) * step, plot.bottom() - height)
        path.lineTo(plot.bottomRight())
        path.closeSubpath()
        return path

    def _transfer(self, plot: QRectF) -> QPainterPath:
        """Grey against value, through the same formula as the image."""
        assert self._voi is not None
        values = np.linspace(*self._range, max(2, int(plot.width())))
        greys = apply_voi(values, self._voi)
        greys = 1 - greys if self._inverted else greys
        path = QPainterPath()
        for i, (value, grey) in enumerate(zip(values, greys, strict=True)):
            at = QPointF(self._x(float(value)), plot.bottom() - 2 - float(grey) * (plot.height() - 4))
            path.lineTo(at) if i else path.moveTo(at)
        return path

    def _edges(self, plot: QRectF) -> tuple[float, float]:
        """Where the window's edges are drawn: those beyond the values stay within reach at the border."""
        assert self.span is not None
        low, high = (min(max(self._x(v), plot.left() + 1), plot.right() - 1) for v in self.span)
        return low, high

    def _plot(self) -> QRectF:
        return QRectF(self.rect()).adjusted(1, 1, -1, -18)

    def _x(self, value: float) -> float:
        low, high = self._range
        plot = self._plot()
        return plot.left() + (value - low) / (high - low) * plot.width()

    # -- mouse ----------------------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        part = self._part(event.position().x())
        if part and self._voi is not None and event.button() is Qt.MouseButton.LeftButton:
            self._drag = (part, event.position().x(), windowing.as_window(self._voi))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        x = event.position().x()
        if self._drag is None:
            part = self._part(x)
            edge = part in ("low", "high")
            self.setCursor(
                Qt.CursorShape.SizeHorCursor if edge else
                Qt.CursorShape.OpenHandCursor if part else Qt.CursorShape.ArrowCursor
            )  # fmt: skip
            return
        part, start, voi = self._drag
        low, high = self._range
        by = (x - start) / max(self._plot().width(), 1.0) * (high - low)
        least = windowing.least_width(self._record) if self._record is not None else 1.0
        if part == "whole":
            made = replace(voi, center=voi.center + by, explanation="")
        else:
            # One edge moves, the other one stays.
            sign = 1 if part == "high" else -1
            width = max(voi.width + sign * by, least)
            made = replace(voi, center=voi.center + sign * (width - voi.width) / 2, width=width, explanation="")
        self._voi = made
        self.update()
        self.voiDragged.emit(made)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._drag = None

    def leaveEvent(self, event: QEvent) -> None:
        self.unsetCursor()

    def _part(self, x: float) -> str:
        span = self.span
        if span is None or not self._curves:
            return ""
        low, high = self._edges(self._plot())
        near = sorted(((abs(x - low), "low"), (abs(x - high), "high")))[0]
        if near[0] <= _GRIP:
            return near[1]
        return "whole" if low < x < high else ""


def histogram(record: ImageRecord) -> tuple[list[npt.NDArray[np.float64]], tuple[float, float]]:
    """Relative frequencies in 256 bins for each channel, and the range of modality values that they span.

    Padding is left out. Colour images give three curves on one range.
    """
    step = max(1, int(np.sqrt(record.width * record.height / _SAMPLE)))
    sample = record.stored[::step, ::step]
    channels = [sample[..., i].ravel() for i in range(3)] if record.is_colour else [sample.ravel()]
    if record.padding is not None and not record.is_colour:
        kept = channels[0][(channels[0] < record.padding[0]) | (channels[0] > record.padding[1])]
        channels = [kept] if kept.size else channels
    values = [record.modality(c) for c in channels]
    low, high = float(min(v.min() for v in values)), float(max(v.max() for v in values))
    if record.is_colour and record.stored.dtype == np.uint8:
        low, high = 0.0, 255.0
    if high <= low:
        low, high = low - 0.5, low + 0.5
    return [np.histogram(v, _BINS, (low, high))[0] / v.size for v in values], (low, high)
