"""The colour bar of a map: raw values, and what they mean."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QImage, QPainter, QPen

from divisive_desktop.desktop.viewer.maps import MapSource, PaneKind
from divisive_desktop.desktop.viewer.overlay_text import halo_text
from divisive_desktop.explanation import colours as colormaps

_WIDTH = 10
_LEAST_HEIGHT = 90
"""A pane lower than this (logical pixels) shows no bar."""


def draw_colorbar(painter: QPainter, area: QRectF, maps: MapSource, kind: PaneKind, font: QFont) -> None:
    """Draw at the right edge of ``area``: bar, its raw values, and the scale's name above it."""
    metrics = QFontMetricsF(font)
    bar = _bar_in(area, metrics)
    if bar is None:
        return
    low, high = maps.limits(kind)
    painter.setFont(font)
    painter.drawImage(bar, _bar(kind is PaneKind.FEATURES))
    painter.setPen(QPen(QColor(0, 0, 0, 200), 1))
    painter.drawRect(bar.adjusted(-0.5, -0.5, 0.5, 0.5))
    for value in ticks(low, high, kind is PaneKind.FEATURES):
        share = 0.5 if high <= low else (value - low) / (high - low)
        y = bar.bottom() - share * bar.height()
        text = raw_text(value, high - low)
        x = bar.left() - 6 - metrics.horizontalAdvance(text)
        baseline = min(max(y + metrics.ascent() / 2 - 1, bar.top() + metrics.ascent() - 3), bar.bottom())
        halo_text(painter, QPointF(round(x), round(baseline)), text)
        painter.setPen(QPen(QColor(255, 255, 255, 220), 1))
        edge = min(max(round(y), bar.top()), bar.bottom() - 1) + 0.5
        painter.drawLine(QPointF(bar.left() - 3, edge), QPointF(bar.left(), edge))
    top, bottom = _captions(maps, kind)
    for text, y in ((top, bar.top() - 7), (bottom, bar.bottom() + metrics.ascent() + 5)):
        halo_text(painter, QPointF(round(bar.right() - metrics.horizontalAdvance(text)), round(y)), text)


def colorbar_boxes(area: QRectF, maps: MapSource, kind: PaneKind, font: QFont) -> tuple[QRectF, ...]:
    """What `draw_colorbar` draws on: the bar with its values, and the captions; nothing where it shows no bar."""
    metrics = QFontMetricsF(font)
    bar = _bar_in(area, metrics)
    if bar is None:
        return ()
    low, high = maps.limits(kind)
    values = [raw_text(value, high - low) for value in ticks(low, high, kind is PaneKind.FEATURES)]
    reach = 6 + max(metrics.horizontalAdvance(text) for text in values)
    line, boxes = metrics.height(), [bar.adjusted(-reach, -2, 1, 2)]
    for text, top in zip(_captions(maps, kind), (bar.top() - 7 - metrics.ascent(), bar.bottom() + 5), strict=True):
        width = metrics.horizontalAdvance(text)
        if text:
            boxes.append(QRectF(bar.right() - width, top, width, line))
    return tuple(boxes)


def _bar_in(area: QRectF, metrics: QFontMetricsF) -> QRectF | None:
    height = min(220.0, area.height() - 2 * metrics.height() - 8)
    if height < _LEAST_HEIGHT:
        return None
    return QRectF(area.right() - _WIDTH, round(area.center().y() - height / 2), _WIDTH, round(height))


def ticks(low: float, high: float, diverging: bool) -> tuple[float, ...]:
    """Values written beside the bar: both ends, and zero or the middle."""
    if high <= low:
        return (low,)
    if diverging:
        return (low, 0.0, high)
    middle = (low + high) / 2
    # Zero is worth more than the middle, where there is room for it between the ends.
    return (low, 0.0 if low < 0 < high and 0.15 < -low / (high - low) < 0.85 else middle, high)


def raw_text(value: float, span: float) -> str:
    """A raw value with as many decimals as the span of the scale deserves."""
    decimals = 0 if span >= 100 else 1 if span >= 10 else 2 if span >= 0.1 else 4
    text = f"{value:+.{decimals}f}" if round(value, decimals) else "0"
    return text.replace("-", "−")


def _captions(maps: MapSource, kind: PaneKind) -> tuple[str, str]:
    if kind is PaneKind.FEATURES:
        return ("for true", "for false") if maps.held == "label" else (f"for {maps.held}", "for other")
    return ("shared scale", "") if maps.scale_mode == "shared" else ("own scale", "")


@lru_cache(maxsize=2)
def _bar(diverging: bool) -> QImage:
    colours = colormaps.diverging() if diverging else colormaps.sequential()
    column = np.ascontiguousarray(colours[::-1, None, :])
    return QImage(column.data, 1, len(column), 3, QImage.Format.Format_RGB888).copy()
