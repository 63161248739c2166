"""Writing pictures to files."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtGui import QImage, QImageWriter


def save_png(picture: QImage, path: Path) -> bool:
    """Write a picture as PNG, whatever the file is called; False when it could not be written."""
    return QImageWriter(str(path), b"PNG").write(picture)
