"""Contours, rank badges and the cell grid, drawn over the divergence map."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QBrush, QColor, QFont, QFontMetricsF, QPainter, QPen, QPolygonF

from divisive_desktop.desktop.viewer.badge_places import GAP, badge_places
from divisive_desktop.desktop.viewer.overlay_text import overlay_font
from divisive_desktop.desktop.viewer.view import Transform
from divisive_desktop.explanation.colours import FALSE_COLOUR, TRUE_COLOUR
from divisive_desktop.explanation.features import WORKING_SIDE, Feature, FeatureSet
from divisive_desktop.geometry import Box

_DARK = QColor(10, 11, 13)


def colour_of(feature: Feature) -> QColor:
    """Orange argues for the true class, blue for the false class: the two arms of the divergence colours."""
    return QColor(*(TRUE_COLOUR if feature.favours == "true" else FALSE_COLOUR))


def smooth_contour(contour: npt.NDArray[np.int32], step: float) -> npt.NDArray[np.float64]:
    """The contour without the staircase of the grid that it was found on.

    Parameters
    ----------
    contour : int array (n, 2)
        Closed, x and y of pixels.
    step : float
        Side of a pixel of that grid in image pixels. No point moves by more than about this.

    Returns
    -------
    float array (m, 2)
        Image coordinates (pixel centres at .5), about one point each step.
    """
    corners = contour + 0.5
    after = np.roll(corners, -1, axis=0)
    pieces = np.maximum(np.rint(np.hypot(*(after - corners).T) / step), 1).astype(int)
    share = np.concatenate([np.arange(n) / n for n in pieces])[:, None]
    dense: npt.NDArray[np.float64] = np.repeat(corners, pieces, axis=0) * (1 - share)
    dense += np.repeat(after, pieces, axis=0) * share
    if len(dense) < 8:
        return dense
    for _ in range(3):
        dense = (np.roll(dense, 1, axis=0) + 2 * dense + np.roll(dense, -1, axis=0)) / 4
    return dense


def outline(feature: Feature, transform: Transform, step: float) -> QPolygonF:
    """The smoothed contour in a pane's logical pixels."""
    scale, offset = (transform.scale_x, transform.scale_y), (transform.offset_x, transform.offset_y)
    points = (smooth_contour(feature.contour, step) * scale + offset) / transform.dpr
    return QPolygonF([QPointF(x, y) for x, y in points.tolist()])


def feature_at(found: FeatureSet, x: float, y: float) -> Feature | None:
    """The feature under an image position; where contours nest, the smallest."""
    hits = []
    for feature in found.features:
        left, top, width, height = feature.box
        if left <= x < left + width and top <= y < top + height:
            polygon = QPolygonF([QPointF(float(px) + 0.5, float(py) + 0.5) for px, py in feature.contour])
            if polygon.containsPoint(QPointF(x, y), Qt.FillRule.OddEvenFill):
                hits.append(feature)
    return min(hits, key=lambda f: f.area_px, default=None)


def draw_features(
    painter: QPainter, found: FeatureSet, transform: Transform, selected: int | None, font: QFont, region: str,
    taken: Sequence[QRectF] = (),
) -> None:
    """Contours first, then the badges; the most important has the first choice of a place.

    Parameters
    ----------
    region : str
        What one of them is called: ``map region``, or ``finding`` where the model was shown to point at some.
    taken : sequence of QRectF
        What the badges must not cover, logical pixels.
    """
    painter.setBrush(Qt.BrushStyle.NoBrush)
    step = max(1.0, max(found.region[2:]) / WORKING_SIDE)
    for feature in reversed(found.features):
        shape = outline(feature, transform, step)
        chosen = feature.rank == selected
        painter.setPen(_pen(QColor(0, 0, 0, 170), 4.5 if chosen else 3.5))
        painter.drawPolygon(shape)
        painter.setPen(_pen(colour_of(feature), 2.5 if chosen else 1.5))
        painter.drawPolygon(shape)
    bold = overlay_font(font, 11, bold=True)
    texts = {feature.rank: f"{region} {feature.rank}" for feature in found.features}
    wanted = [(_anchor(f, transform), *_size(bold, texts[f.rank], f.rank == selected)) for f in found.features]
    pane = QRectF(0, 0, transform.pane[0] / transform.dpr, transform.pane[1] / transform.dpr)
    boxes = badge_places(wanted, pane, taken)
    for feature, (at, *_), box in reversed(list(zip(found.features, wanted, boxes, strict=True))):
        _badge(painter, feature, at, box, bold, texts[feature.rank])


def draw_cell_grid(painter: QPainter, region: Box, grid: tuple[int, int], transform: Transform) -> None:
    """Borders of the CAM's cells: nothing smaller than a cell can be told apart."""
    x0, y0, width, height = region
    rows, columns = grid
    lines = []
    for i in range(columns + 1):
        x = x0 + width * i / columns
        lines.append((transform.to_widget(x, y0), transform.to_widget(x, y0 + height)))
    for j in range(rows + 1):
        y = y0 + height * j / rows
        lines.append((transform.to_widget(x0, y), transform.to_widget(x0 + width, y)))
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
    for a, b in lines:
        a, b = QPointF(round(a.x()), round(a.y())), QPointF(round(b.x()), round(b.y()))
        painter.setPen(QPen(QColor(0, 0, 0, 90), 1))
        painter.drawLine(a + QPointF(1, 1), b + QPointF(1, 1))
        painter.setPen(QPen(QColor(255, 255, 255, 90), 1))
        painter.drawLine(a, b)
    painter.restore()


def _pen(colour: QColor, width: float) -> QPen:
    return QPen(colour, width, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap, Qt.PenJoinStyle.RoundJoin)


def _anchor(feature: Feature, transform: Transform) -> QPointF:
    """Where the badge sits: on the topmost point of the contour."""
    top = feature.contour[int(np.argmin(feature.contour[:, 1]))]
    return transform.to_widget(float(top[0]) + 0.5, float(top[1]) + 0.5)


def _size(font: QFont, text: str, chosen: bool) -> tuple[float, float]:
    """Width and height of a badge, logical pixels."""
    height = 20.0 if chosen else 17.0
    return max(height, QFontMetricsF(font).horizontalAdvance(text) + 9), height


def _badge(painter: QPainter, feature: Feature, at: QPointF, box: QRectF, font: QFont, text: str) -> None:
    colour = colour_of(feature)
    if not box.adjusted(-GAP, -GAP, GAP, GAP).contains(at):  # it had to give way: a line leads to its region
        for ink, width in ((_DARK, 3.0), (colour, 1.5)):
            painter.setPen(_pen(ink, width))
            painter.drawLine(at, box.center())
    painter.setPen(QPen(_DARK, 1.5))
    painter.setBrush(QBrush(colour))
    painter.drawRoundedRect(box, box.height() / 2, box.height() / 2)
    painter.setPen(_DARK)
    painter.setFont(font)
    painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)
    painter.setBrush(Qt.BrushStyle.NoBrush)
