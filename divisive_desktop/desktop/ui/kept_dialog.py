"""A window beside the main one that is kept when it is closed, because something in it goes on."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QCloseEvent, QKeyEvent
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from divisive_desktop import RESEARCH_USE
from divisive_desktop.desktop.ui import theme


class KeptDialog(QWidget):
    """The banner above, and room below it. Closing hides it, so does Escape.

    Not a ``QDialog``: that would hand the emphasis of the one default button from page to page.

    Signals
    -------
    activated()
        The user came back to it: what it shows may have changed meanwhile.
    closed()
        The user closed it; it is hidden.
    """

    activated = Signal()
    closed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent, Qt.WindowType.Window)
        banner = QLabel(RESEARCH_USE, alignment=Qt.AlignmentFlag.AlignCenter)
        theme.set_role(banner, "banner")
        self.column = QVBoxLayout(self)
        """Top to bottom; the banner is in it."""
        self.column.setContentsMargins(0, 0, 0, 0)
        self.column.setSpacing(0)
        self.column.addWidget(banner)

    def bring_up(self) -> None:
        """Show it in front of the main window."""
        bring_up(self)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.ActivationChange and self.isActiveWindow():
            self.activated.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.close()
        else:
            super().keyPressEvent(event)

    def closeEvent(self, event: QCloseEvent) -> None:
        self.hide()
        event.accept()
        self.closed.emit()


def bring_up(window: QWidget) -> None:
    """Show a window in front of the others, and give it the keyboard."""
    window.show()
    window.raise_()
    window.activateWindow()
