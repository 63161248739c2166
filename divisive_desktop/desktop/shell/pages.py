"""What the centre shows when there is no picture: an invitation, or why a file can't be shown."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from divisive_desktop.desktop.ui import icons, theme
from divisive_desktop.desktop.ui.theme import GRID
from divisive_desktop.errors import UserFacingError

_TEXT_WIDTH = GRID * 64


class Page(QWidget):
    """An icon, a line, a quieter line, and buttons, centred."""

    def __init__(self, icon: str, tint: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._icon_name, self._tint = icon, tint
        self._icon = QLabel(alignment=Qt.AlignmentFlag.AlignCenter)
        self.title = QLabel(alignment=Qt.AlignmentFlag.AlignCenter)
        theme.set_role(self.title, "title")
        self.detail = QLabel(alignment=Qt.AlignmentFlag.AlignCenter)
        theme.set_role(self.detail, "muted")
        for label in (self.title, self.detail):
            label.setWordWrap(True)
            label.setFixedWidth(_TEXT_WIDTH)
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.buttons = QHBoxLayout()
        self.buttons.setSpacing(GRID)
        self.buttons.addStretch(1)
        self.buttons.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(GRID * 6, GRID * 4, GRID * 6, GRID * 4)
        column.setSpacing(GRID * 2)
        column.addStretch(2)
        column.addWidget(self._icon)
        for label in (self.title, self.detail):
            row = QHBoxLayout()  # an alignment flag instead would lose the height that wrapped text needs
            row.addStretch(1)
            row.addWidget(label)
            row.addStretch(1)
            column.addLayout(row)
        column.addLayout(self.buttons)
        column.addStretch(3)
        self.recolour()

    def add_button(self, text: str, default: bool = False) -> QPushButton:
        button = QPushButton(text)
        button.setDefault(default)
        button.setMinimumHeight(GRID * 4)
        self.buttons.insertWidget(self.buttons.count() - 1, button)
        return button

    def recolour(self) -> None:
        """Draw the icon in the colours of the scheme in force."""
        self._icon.setPixmap(icons.pixmap(self._icon_name, 56, theme.colour(self._tint), self.devicePixelRatioF()))


class EmptyPage(Page):
    """Nothing is open yet."""

    openRequested = Signal()
    folderRequested = Signal()
    samplesRequested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("drop", "muted", parent)
        self.title.setText("Drop radiographs or photographs here")
        self.detail.setText("DICOM, PNG, JPEG, TIFF, WebP, BMP; single files, folders or ZIP archives")
        self.add_button("Open files…", default=True).clicked.connect(self.openRequested)
        self.add_button("Open folder…").clicked.connect(self.folderRequested)
        self.add_button("Open sample cases").clicked.connect(self.samplesRequested)

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
        self._run: Callable[[], None] = lambda: None
        self.way_out = self.add_button("")
        self.way_out.clicked.connect(lambda: self._run())

    def set_error(
        self, name: str, error: UserFacingError, way_out: tuple[str, Callable[[], None]] | None = None
    ) -> None:
        """Say which file, what is wrong, and what to do; a button where the program can help."""
        self.way_out.setVisible(way_out is not None)
        if way_out is not None:
            self._run = way_out[1]
            self.way_out.setText(way_out[0])
        self.title.setText(f"{name} can't be shown")
        self.detail.setText(f"{error.message}\n\n{error.remedy}")
