"""Pictures are PNG whatever their file is called, and a place that can't be written is no crash."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtGui import QImage

from divisive_desktop.desktop.ui.pictures import save_png


def test_a_picture_is_png_and_a_missing_folder_is_said(tmp_path: Path) -> None:
    picture = QImage(3, 2, QImage.Format.Format_RGB888)
    picture.fill(0x336699)
    assert save_png(picture, tmp_path / "view.jpg")
    assert (tmp_path / "view.jpg").read_bytes().startswith(b"\x89PNG")
    assert QImage(str(tmp_path / "view.jpg")).pixelColor(2, 1) == picture.pixelColor(2, 1)
    assert not save_png(picture, tmp_path / "no folder" / "view.png")
