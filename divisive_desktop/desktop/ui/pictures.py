"""Writing pictures to files."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QIODevice, QSaveFile
from PySide6.QtGui import QImage, QImageWriter


def save_png(picture: QImage, path: Path) -> bool:
    """Write a picture as PNG, whatever the file is called; False when it could not be written: then nothing changed."""
    file = QSaveFile(str(path))
    file.setDirectWriteFallback(False)
    if not file.open(QIODevice.OpenModeFlag.WriteOnly):
        return False
    writer = QImageWriter(file, b"PNG")
    if not writer.write(picture):
        file.cancelWriting()
    return file.commit()
