"""Things drawn over the image from image-sized masks: overlay planes, shutters, and whatever else is a mask."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QPointF
from PySide6.QtGui import QColor, QImage, QPainter

from divisive_desktop.desktop.viewer.maps import PaneKind
from divisive_desktop.desktop.viewer.pyramid import Patch, Pyramid
from divisive_desktop.desktop.viewer.view import Transform
from divisive_desktop.explanation.analysis import Box
from divisive_desktop.imaging.record import ImageRecord

OVERLAY_COLOUR = QColor(120, 225, 215)


class MaskLayer:
    """A mask in one colour.

    Parameters
    ----------
    mask : uint8 array (rows, columns)
        0 (nothing) .. 255 (full); kept and read again, never copied. Call `refresh` after changing it.
    colour : QColor
        Its alpha is the strength of a full mask.
    kinds : collection of PaneKind
        Panes in which to show it.
    """

    def __init__(
        self, mask: npt.NDArray[np.uint8], colour: QColor, kinds: Collection[PaneKind] = tuple(PaneKind)
    ) -> None:
        self._pyramid = Pyramid(mask)
        self._kinds = frozenset(kinds)
        self._last: tuple[Transform, Patch | None] | None = None
        self.set_colour(colour)

    def set_colour(self, colour: QColor) -> None:
        rgb = colour.rgb() & 0xFFFFFF
        self._table = [(round(i * colour.alphaF()) << 24) | rgb for i in range(256)]

    def refresh(self, box: Box) -> None:
        """The mask has changed inside ``box`` (x, y, width, height in image pixels)."""
        self._pyramid.refresh(box)
        self._last = None

    def paint_layer(self, painter: QPainter, kind: PaneKind, transform: Transform) -> None:
        if kind not in self._kinds:
            return
        # All panes are of one size, so that they share one patch.
        if self._last is None or self._last[0] != transform:
            self._last = (transform, self._pyramid.patch(transform))
        patch, dpr = self._last[1], transform.dpr
        if patch is not None:
            rows, columns = patch.pixels.shape
            image = QImage(patch.pixels.data, columns, rows, columns, QImage.Format.Format_Indexed8)
            image.setColorTable(self._table)
            image.setDevicePixelRatio(dpr)
            painter.drawImage(QPointF(patch.left / dpr, patch.top / dpr), image)


def overlay_layer(record: ImageRecord) -> MaskLayer | None:
    """The file's overlay planes (60xx) as one layer; None without any."""
    if not record.overlays:
        return None
    drawn = np.zeros((record.height, record.width), np.uint8)
    for overlay in record.overlays:
        drawn[overlay.mask(record.height, record.width)] = 255
    return MaskLayer(drawn, OVERLAY_COLOUR)


def shutter_layer(record: ImageRecord) -> MaskLayer | None:
    """What the display shutter covers, in the grey it asks for; None without a shutter."""
    if record.shutter is None:
        return None
    seen = record.shutter.visible(record.height, record.width, record.pixel_aspect)
    grey = record.shutter.grey >> 8
    return MaskLayer(np.where(seen, np.uint8(0), np.uint8(255)), QColor(grey, grey, grey))
