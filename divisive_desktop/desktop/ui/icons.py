"""SVG icons drawn with ``currentColor``, recoloured from the palette so that they are seen in every theme."""

from __future__ import annotations

from functools import lru_cache

from PySide6.QtCore import QByteArray, QRectF, Qt
from PySide6.QtGui import QColor, QGuiApplication, QIcon, QPainter, QPalette, QPixmap
from PySide6.QtSvg import QSvgRenderer

from divisive_desktop import paths

_SIZES = (16, 20, 24, 32, 48, 64)


def icon(name: str) -> QIcon:
    """Icon ``resources/icons/NAME.svg`` in the text colour of the palette in force, with a paler disabled state."""
    palette = QGuiApplication.palette()
    made = QIcon()
    for mode, group in (
        (QIcon.Mode.Normal, QPalette.ColorGroup.Active),
        (QIcon.Mode.Disabled, QPalette.ColorGroup.Disabled),
    ):
        text = palette.color(group, QPalette.ColorRole.WindowText)
        for size in _SIZES:
            made.addPixmap(pixmap(name, size, text), mode)
    return made


def pixmap(name: str, size: int, colour: QColor, ratio: float = 1.0) -> QPixmap:
    """The icon as a square picture of ``size`` device-independent pixels."""
    return _pixmap(name, size, colour.name(QColor.NameFormat.HexArgb), ratio)


@lru_cache(maxsize=512)
def _pixmap(name: str, size: int, argb: str, ratio: float) -> QPixmap:
    drawn = QPixmap(round(size * ratio), round(size * ratio))
    drawn.setDevicePixelRatio(ratio)
    drawn.fill(Qt.GlobalColor.transparent)
    painter = QPainter(drawn)
    colour = QColor(argb)
    painter.setOpacity(colour.alphaF())
    svg = _source(name).replace("currentColor", colour.name())
    QSvgRenderer(QByteArray(svg.encode())).render(painter, QRectF(0, 0, size, size))
    painter.end()
    return drawn


@lru_cache(maxsize=64)
def _source(name: str) -> str:
    return (paths.resources_dir() / "icons" / f"{name}.svg").read_text(encoding="utf-8")
