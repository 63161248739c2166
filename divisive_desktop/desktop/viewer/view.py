"""Where the image lies on the screen: one shared view, so that linked panes can't drift apart."""

from __future__ import annotations

import math
from dataclasses import dataclass

from PySide6.QtCore import QObject, QPointF, QRectF, QSize, Signal

MAX_ZOOM = 64.0
"""Largest magnification: device pixels per image pixel."""
_MIN_SHOWN = 24.0
"""Zooming out stops when the image's longer side is this many device pixels long."""


@dataclass(frozen=True)
class Transform:
    """Maps image coordinates to the device pixels of one pane and back.

    Image coordinates are continuous: pixel (column 0, row 0) covers 0 <= x < 1, 0 <= y < 1. Device pixels are
    counted from the pane's top-left corner. ``scale_x`` and ``scale_y`` are device pixels per image pixel; they
    differ when pixels aren't square.
    """

    scale_x: float
    scale_y: float
    offset_x: float
    offset_y: float
    dpr: float = 1.0
    """Device pixels per logical (widget) pixel."""
    pane: tuple[int, int] = (1, 1)
    """Width and height of the pane in device pixels."""

    def to_device(self, x: float, y: float) -> tuple[float, float]:
        return x * self.scale_x + self.offset_x, y * self.scale_y + self.offset_y

    def to_widget(self, x: float, y: float) -> QPointF:
        """Widget position, in logical pixels, of an image position."""
        dx, dy = self.to_device(x, y)
        return QPointF(dx / self.dpr, dy / self.dpr)

    def to_image(self, position: QPointF) -> tuple[float, float]:
        """Image position of a widget position in logical pixels."""
        return (
            (position.x() * self.dpr - self.offset_x) / self.scale_x,
            (position.y() * self.dpr - self.offset_y) / self.scale_y,
        )

    def rect_to_widget(self, x: float, y: float, width: float, height: float) -> QRectF:
        return QRectF(self.to_widget(x, y), self.to_widget(x + width, y + height))


class SharedView(QObject):
    """Centre and zoom that all panes share.

    ``zoom`` is device pixels per image column (1.0: one image pixel is one screen pixel, whatever the screen's
    scaling). While ``fitted`` is true the image keeps filling the pane when the pane changes size.
    """

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._image = (0, 0)
        self._aspect = 1.0
        self._pane = (1.0, 1.0)
        self.center = (0.0, 0.0)
        self.zoom = 1.0
        self.fitted = True

    @property
    def empty(self) -> bool:
        return 0 in self._image

    def set_image(self, width: int, height: int, aspect: float = 1.0) -> None:
        """Show an image of this size, fitted. ``aspect``: height of a pixel over its width."""
        self._image = (width, height)
        self._aspect = aspect
        self.fit()

    def set_pane(self, size: QSize, dpr: float) -> None:
        """Tell the size of a pane in logical pixels; all visible panes are of one size."""
        pane = (max(1.0, size.width() * dpr), max(1.0, size.height() * dpr))
        if pane != self._pane:
            self._pane = pane
            if self.fitted:
                self.fit()
            else:
                self.changed.emit()

    def transform(self, size: QSize, dpr: float) -> Transform:
        """The transform for a pane of this size. The offset is a whole number of device pixels: no shimmering."""
        sx, sy = self.zoom, self.zoom * self._aspect
        ox = round(size.width() * dpr / 2 - self.center[0] * sx)
        oy = round(size.height() * dpr / 2 - self.center[1] * sy)
        pane = max(1, math.ceil(size.width() * dpr)), max(1, math.ceil(size.height() * dpr))
        return Transform(sx, sy, ox, oy, dpr, pane)

    def fit_zoom(self) -> float:
        """Zoom at which the whole image just fits the pane."""
        if self.empty:
            return 1.0
        width, height = self._image
        return min(self._pane[0] / width, self._pane[1] / (height * self._aspect), MAX_ZOOM)

    def fit(self) -> None:
        self.fitted = True
        self.center = (self._image[0] / 2, self._image[1] / 2)
        self.zoom = self.fit_zoom()
        self.changed.emit()

    def set_zoom(self, zoom: float, anchor: tuple[float, float] | None = None) -> None:
        """Zoom so that ``anchor`` (image coordinates, default the centre) stays where it is on the screen."""
        if self.empty:
            return
        longest = max(self._image[0], self._image[1] * self._aspect)
        zoom = min(max(zoom, min(_MIN_SHOWN / longest, self.fit_zoom())), MAX_ZOOM)
        ax, ay = anchor if anchor is not None else self.center
        ratio = self.zoom / zoom
        self.fitted = False
        self.zoom = zoom
        self._move_to(ax + (self.center[0] - ax) * ratio, ay + (self.center[1] - ay) * ratio)

    def zoom_by(self, factor: float, anchor: tuple[float, float] | None = None) -> None:
        self.set_zoom(self.zoom * factor, anchor)

    def pan_by(self, dx: float, dy: float) -> None:
        """Move the picture by device pixels."""
        if self.empty:
            return
        self.fitted = False
        self._move_to(self.center[0] - dx / self.zoom, self.center[1] - dy / (self.zoom * self._aspect))

    def focus(self, x: float, y: float, width: float, height: float, margin: float = 0.6) -> None:
        """Bring a box in image coordinates to the middle, with ``margin`` times its size around it."""
        if self.empty:
            return
        wanted = min(
            self._pane[0] / max(width * (1 + margin), 1e-6),
            self._pane[1] / max(height * (1 + margin) * self._aspect, 1e-6),
        )
        self.fitted = False
        self.zoom = min(max(wanted, self.fit_zoom()), max(8.0, self.fit_zoom()), MAX_ZOOM)
        self._move_to(x + width / 2, y + height / 2)

    def _move_to(self, x: float, y: float) -> None:
        # The middle of the pane never leaves the image: the picture can't get lost.
        if not (math.isfinite(x) and math.isfinite(y)):
            raise ValueError("the centre of the view must be finite")
        self.center = (min(max(x, 0.0), float(self._image[0])), min(max(y, 0.0), float(self._image[1])))
        self.changed.emit()
