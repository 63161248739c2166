"""A page for the middle of the window where there is no picture: an icon, a line, a quieter line, buttons."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from divisive_desktop.desktop.ui import icons, theme
from divisive_desktop.desktop.ui.theme import GRID

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
            label.setTextFormat(Qt.TextFormat.PlainText)  # names and reasons come from files
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
