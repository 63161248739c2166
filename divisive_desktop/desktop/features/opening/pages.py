"""What the middle shows when there is no picture: an invitation, or why a file can't be shown."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from divisive_desktop.desktop.session.wording import plural
from divisive_desktop.desktop.shell.pages import Page
from divisive_desktop.desktop.ui import theme
from divisive_desktop.desktop.ui.theme import GRID
from divisive_desktop.errors import UserFacingError
from divisive_desktop.foreign.text import plain


class EmptyPage(Page):
    """Nothing is open yet, or no case of the list is looked at."""

    openRequested = Signal()
    folderRequested = Signal()
    samplesRequested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("drop", "muted", parent)
        self.set_cases(0)
        self.add_button("Open files…", default=True).clicked.connect(self.openRequested)
        self.add_button("Open folder…").clicked.connect(self.folderRequested)
        self.add_button("Open sample cases").clicked.connect(self.samplesRequested)

    def set_cases(self, number: int) -> None:
        """So many cases are in the list."""
        self.title.setText(
            f"Choose one of {plural(number, 'case')} in the worklist" if number else
            "Drop radiographs or photographs here"
        )  # fmt: skip
        formats = "DICOM, PNG, JPEG, TIFF, WebP, BMP; single files, folders or ZIP archives"
        self.detail.setText(f"Or drop more here: {formats}" if number else formats)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        pen = QPen(theme.colour("hairline"), 2, Qt.PenStyle.DashLine)
        painter.setPen(pen)
        painter.drawRoundedRect(self.rect().adjusted(GRID * 3, GRID * 3, -GRID * 3, -GRID * 3), GRID, GRID)

    def sizeHint(self) -> QSize:
        return QSize(480, 360)


class ProblemPage(Page):
    """The current case's file can't be shown."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("error", "error", parent)
        self._run: Callable[[], object] = lambda: None
        self.remedy = self.add_button("")
        self.remedy.clicked.connect(lambda: self._run())

    def set_error(
        self, name: str, error: UserFacingError, remedy: tuple[str, Callable[[], object]] | None = None
    ) -> None:
        """Say which file, what is wrong, and what to do; a button where the program can help."""
        self.remedy.setVisible(remedy is not None)
        if remedy is not None:
            self._run = remedy[1]
            self.remedy.setText(remedy[0])
        self.title.setText(f"{name} can't be shown")
        self.detail.setText(plain(f"{error.message}\n\n{error.remedy}", lines=True))
