"""One drawing (SVG) -> the pictures that desktops want: PNG in their sizes, ICO for Windows, ICNS for macOS."""

from __future__ import annotations

import os
from pathlib import Path

SIZES = (16, 24, 32, 48, 64, 128, 256, 512, 1024)
NAME = "divisive-desktop"


def write(drawing: Path, folder: Path) -> None:
    """``folder/icons/SIZE.png``, ``folder/divisive-desktop.ico`` and ``.icns``."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from PIL import Image
    from PySide6.QtCore import Qt
    from PySide6.QtGui import QImage, QPainter
    from PySide6.QtSvg import QSvgRenderer

    renderer = QSvgRenderer(str(drawing))
    if not renderer.isValid():
        raise SystemExit(f"{drawing} is no drawing that Qt can read.")
    (folder / "icons").mkdir(parents=True, exist_ok=True)
    for size in SIZES:
        picture = QImage(size, size, QImage.Format.Format_ARGB32)
        picture.fill(Qt.GlobalColor.transparent)
        painter = QPainter(picture)
        renderer.render(painter)
        painter.end()
        picture.save(str(folder / "icons" / f"{size}.png"), "PNG")
    large = Image.open(folder / "icons" / "1024.png")
    others = [Image.open(folder / "icons" / f"{size}.png") for size in SIZES if size <= 256]
    others[-1].save(folder / f"{NAME}.ico", append_images=others[:-1], sizes=[(s, s) for s in SIZES if s <= 256])
    large.save(folder / f"{NAME}.icns")
