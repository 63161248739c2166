"""A CAM pair over its picture, small: for the gallery during a run and for before | after."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPaintEvent, QPen, QPolygonF, QTransform
from PySide6.QtWidgets import QSizePolicy, QWidget

from divisive_desktop.desktop.ui import theme
from divisive_desktop.desktop.ui.theme import GRID
from divisive_desktop.explanation import colours
from divisive_desktop.explanation.maps import own_range, shared_range, symmetric_range, upsample
from divisive_desktop.explanation.picture import blend
from divisive_desktop.imaging.correction import Correction

if TYPE_CHECKING:
    from pathlib import Path

Picture = npt.NDArray[np.uint8]
Outline = list[QPolygonF]
"""Closed curves, x and y in shares of the picture's sides."""
LONGEST = 360


class Pictures(NamedTuple):
    """What is drawn of one CAM pair."""

    true: QImage
    false: QImage
    divergence: QImage
    true_range: tuple[float, float]
    """Raw values at the ends of the colours of the first two."""
    divergence_range: tuple[float, float]


def shrunk(path: Path, frame: int, correction: Correction, longest: int = LONGEST) -> Picture:
    """The image as it is displayed by default, uint8 (h, w) or (h, w, 3) RGB, its longer side at most ``longest``.

    Slow: for the background.

    Raises
    ------
    ImageError
    """
    from divisive_desktop.imaging.apart import open_image_apart
    from divisive_desktop.imaging.display import render

    record = open_image_apart(path, frame, correction)
    picture = render(record)
    height, width = record.height * record.pixel_aspect, record.width
    scale = min(1.0, longest / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


def outline_of(mask: npt.NDArray[Any]) -> Outline:
    """Border curves of a mask (any size, 0..1 or 0..255), for drawing over small pictures."""
    height, width = mask.shape
    scale = min(1.0, LONGEST / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    top = float(mask.max()) or 1.0
    small = cv2.resize(mask.astype(np.float32) / top, size, interpolation=cv2.INTER_AREA)
    found, _ = cv2.findContours((small >= 0.5).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    curves = [(cv2.approxPolyDP(c, 0.6, True).reshape(-1, 2) + 0.5) / np.array(size) for c in found if len(c) > 2]
    return [QPolygonF([QPointF(float(x), float(y)) for x, y in curve]) for curve in curves]


def image_of(picture: Picture) -> QImage:
    """A picture as Qt takes it; the pixels are copied."""
    data = np.ascontiguousarray(picture)
    height, width = data.shape[:2]
    if data.ndim == 2:
        return QImage(data.data, width, height, width, QImage.Format.Format_Grayscale8).copy()
    return QImage(data.data, width, height, 3 * width, QImage.Format.Format_RGB888).copy()


def pictures_of(
    base: Picture, cams: npt.NDArray[Any], true_class: int, limits: tuple[float, float] | None = None,
    d_limits: tuple[float, float] | None = None,
) -> Pictures:  # fmt: skip
    """Colour a CAM pair and its divergence over a picture.

    Parameters
    ----------
    base : uint8 (h, w) or (h, w, 3)
    cams : (2, rows, columns)
        Raw CAM pair by class.
    limits, d_limits : (low, high), optional
        Raw values at the ends of the colours, so that two pairs can share a scale; default: their own.
    """
    true, false = cams[true_class], cams[1 - true_class]
    divergence = np.asarray(true, np.float32) - np.asarray(false, np.float32)
    shared = limits or shared_range(true, false)
    around = d_limits or symmetric_range(divergence)
    size = base.shape[1], base.shape[0]

    def drawn(cam: npt.NDArray[Any], ends: tuple[float, float], table: Picture) -> QImage:
        return image_of(blend(base, upsample(cam, size), ends, table))

    sequential = colours.sequential()
    return Pictures(
        drawn(true, shared, sequential), drawn(false, shared, sequential),
        drawn(divergence, around, colours.diverging()), shared, around,
    )  # fmt: skip


def common_limits(*pairs: npt.NDArray[Any]) -> tuple[tuple[float, float], tuple[float, float]]:
    """Limits for several CAM pairs (2, h, w): of the maps, and around zero of their divergences."""
    low, high = shared_range(*pairs)
    most = max(abs(v) for pair in pairs for v in own_range(np.asarray(pair[1], np.float32) - pair[0]))
    return (low, high), (-most, most)


class Tile(QWidget):
    """A picture with its aspect kept, a caption below it, and the mask's outline over it."""

    def __init__(self, caption: str = "", side: int = 120, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._image: QImage | None = None
        self._outline: Outline = []
        self._caption = caption
        self._side = side
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(side // 2, side // 2)
        self.setAccessibleName(caption)

    def sizeHint(self) -> QSize:
        return QSize(self._side, self._side + self._caption_height())

    @property
    def image(self) -> QImage | None:
        """What is shown."""
        return self._image

    def show_image(self, image: QImage | None, outline: Outline | None = None) -> None:
        """Show a picture; ``outline`` None leaves the one that there is."""
        self._image = image
        if outline is not None:
            self._outline = outline
        self.update()

    def _caption_height(self) -> int:
        return self.fontMetrics().height() + 2 if self._caption else 0

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHints(QPainter.RenderHint.SmoothPixmapTransform | QPainter.RenderHint.Antialiasing)
        room = QRectF(self.rect()).adjusted(0, 0, 0, -self._caption_height())
        shown = room
        if self._image is not None:
            scale = min(room.width() / self._image.width(), room.height() / self._image.height())
            width, height = self._image.width() * scale, self._image.height() * scale
            shown = QRectF(room.center().x() - width / 2, room.top(), width, height)
            painter.drawImage(shown, self._image)
            onto = QTransform.fromTranslate(shown.left(), shown.top()).scale(shown.width(), shown.height())
            curves = [onto.map(curve) for curve in self._outline]
            for width, colour in ((2.6, "black"), (1.2, "white")):
                painter.setPen(QPen(QColor(colour), width))
                for curve in curves:
                    painter.drawPolygon(curve)
        else:
            painter.setPen(QPen(theme.colour("hairline"), 1, Qt.PenStyle.DashLine))
            painter.drawRoundedRect(shown.adjusted(1, 1, -1, -1), GRID / 2, GRID / 2)
        if self._caption:
            painter.setPen(theme.colour("muted"))
            below = QRectF(0, shown.bottom() + 1, self.width(), self._caption_height())
            text = self.fontMetrics().elidedText(self._caption, Qt.TextElideMode.ElideRight, self.width())
            painter.drawText(below, Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignVCenter, text)
