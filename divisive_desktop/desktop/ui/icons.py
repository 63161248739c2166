"""SVG icons drawn with ``currentColor``, recoloured from the palette so that they are seen in every theme."""

from __future__ import annotations

from functools import lru_cache

from PySide6.QtCore import QByteArray, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QGuiApplication, QIcon, QIconEngine, QPainter, QPalette, QPixmap
from PySide6.QtSvg import QSvgRenderer

from divisive_desktop import paths


def icon(name: str) -> QIcon:
    """Icon ``resources/icons/NAME.svg`` in the text colour of the palette in force, with a paler disabled state."""
    palette = QGuiApplication.palette()
    role = QPalette.ColorRole.WindowText
    return QIcon(_Drawn(
        name, palette.color(QPalette.ColorGroup.Active, role), palette.color(QPalette.ColorGroup.Disabled, role)
    ))  # fmt: skip


class _Drawn(QIconEngine):
    """Drawn when it is first shown, in the size in which it is shown: most icons never are, and never in all sizes."""

    def __init__(self, name: str, colour: QColor, disabled: QColor) -> None:
        super().__init__()
        self._name, self._colour, self._disabled = name, colour, disabled

    def clone(self) -> QIconEngine:
        return _Drawn(self._name, self._colour, self._disabled)

    def scaledPixmap(self, size: QSize, mode: QIcon.Mode, state: QIcon.State, scale: float) -> QPixmap:
        colour = self._disabled if mode is QIcon.Mode.Disabled else self._colour
        return pixmap(self._name, min(size.width(), size.height()), colour, scale)

    def pixmap(self, size: QSize, mode: QIcon.Mode, state: QIcon.State) -> QPixmap:
        return self.scaledPixmap(size, mode, state, 1.0)

    def paint(self, painter: QPainter, rect: QRect, mode: QIcon.Mode, state: QIcon.State) -> None:
        scale = painter.device().devicePixelRatioF()
        painter.drawPixmap(rect, self.scaledPixmap(rect.size(), mode, state, scale))


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
