"""Things drawn over the image from image-sized masks: overlay planes, shutters, and whatever else is a mask."""

from __future__ import annotations

from collections.abc import Collection

import cv2
import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QPointF
from PySide6.QtGui import QColor, QImage, QPainter

from divisive_desktop.desktop.viewer.maps import PaneKind
from divisive_desktop.desktop.viewer.pyramid import PANE_SIZES, Pyramid
from divisive_desktop.desktop.viewer.view import Transform
from divisive_desktop.geometry import Box
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
    within : Box, optional
        Outside this box the mask is empty now.
    """

    def __init__(
        self,
        mask: npt.NDArray[np.uint8],
        colour: QColor,
        kinds: Collection[PaneKind] = tuple(PaneKind),
        within: Box | None = None,
    ) -> None:
        self._pyramid = Pyramid(mask, within)
        self._kinds = frozenset(kinds)
        self._pictures: dict[Transform, tuple[QPointF, QImage] | None] = {}
        self.set_colour(colour)

    def set_colour(self, colour: QColor) -> None:
        alpha = np.rint(np.arange(256) * colour.alphaF())
        channels = [np.rint(c * alpha / 255).astype(np.uint32) for c in (colour.red(), colour.green(), colour.blue())]
        # Premultiplied: the one format that Qt lays over a picture without converting it first.
        self._table = alpha.astype(np.uint32) << 24 | channels[0] << 16 | channels[1] << 8 | channels[2]
        self._pictures.clear()

    def refresh(self, box: Box) -> None:
        """The mask has changed inside ``box`` (x, y, width, height in image pixels)."""
        self._pyramid.refresh(box)
        self._pictures.clear()

    def paint_layer(self, painter: QPainter, kind: PaneKind, transform: Transform) -> None:
        if kind not in self._kinds:
            return
        if transform not in self._pictures:  # panes of one size share it
            if len(self._pictures) >= PANE_SIZES:
                self._pictures.clear()
            self._pictures[transform] = self._picture(transform)
        found = self._pictures[transform]
        if found is not None:
            painter.drawImage(*found)

    def _picture(self, transform: Transform) -> tuple[QPointF, QImage] | None:
        """The part of the mask that isn't empty, in colour, and where it goes."""
        patch = self._pyramid.patch(transform)
        x, y, width, height = cv2.boundingRect(patch.pixels) if patch is not None else (0, 0, 0, 0)
        if patch is None or width == 0:
            return None
        coloured = self._table[patch.pixels[y : y + height, x : x + width]]
        kind = QImage.Format.Format_ARGB32_Premultiplied
        image = QImage(coloured.data, width, height, 4 * width, kind).copy()  # numpy's memory goes
        image.setDevicePixelRatio(transform.dpr)
        return QPointF((patch.left + x) / transform.dpr, (patch.top + y) / transform.dpr), image


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
