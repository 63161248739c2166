"""The inspector's section on the part that is analysed: faces to pick from, crop by hand, the whole picture."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QIcon, QImage, QPixmap
from PySide6.QtWidgets import (
    QLabel,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from divisive_desktop.desktop.ui import theme
from divisive_desktop.desktop.ui.flow_layout import Flow
from divisive_desktop.desktop.ui.sections import Form, Row
from divisive_desktop.desktop.ui.theme import GRID

FACE_SIDE = 56
"""Side of a face's picture in logical pixels."""
SHOWN = 8


class FramingPanel(QWidget):
    """What was analysed in words, the faces as small pictures, and what can be done about it."""

    facePicked = Signal(int)
    cropToggled = Signal(bool)
    wholeRequested = Signal()
    automaticRequested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.words = QLabel()
        self.words.setWordWrap(True)
        self.words.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.warning = QLabel()
        self.warning.setWordWrap(True)
        theme.set_role(self.warning, "warningText")
        self.faces: list[QToolButton] = []
        pictures, buttons = QWidget(), QWidget()
        self._row, row = Flow(pictures, GRID // 2), Flow(buttons, GRID // 2)
        for flow in (self._row, row):
            flow.setContentsMargins(0, 0, 0, 0)
        self.facts = Form()
        self.adjust = _button("Adjust…", "Move, size or draw the part with the mouse (Escape: back)", checkable=True)
        self.whole = _button("Whole picture", "Analyse all of the picture")
        self.automatic = _button("Automatic", "Find the face or the iris again, and take the largest")
        self.adjust.toggled.connect(self.cropToggled)
        self.whole.clicked.connect(self.wholeRequested)
        self.automatic.clicked.connect(self.automaticRequested)
        for button in (self.adjust, self.whole, self.automatic):
            row.addWidget(button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID)
        column.addWidget(self.words)
        column.addWidget(self.warning)
        column.addWidget(pictures)
        column.addWidget(buttons)
        column.addWidget(self.facts)

    def set_faces(self, pictures: Sequence[QImage], chosen: int | None) -> None:
        """Small pictures of the faces that were found, the largest first; one is marked."""
        shown = pictures[:SHOWN] if len(pictures) > 1 else []
        while len(self.faces) < len(shown):
            self._add_face()
        for index, button in enumerate(self.faces):
            button.setVisible(index < len(shown))
            if index < len(shown):
                button.setIcon(QIcon(QPixmap.fromImage(shown[index])))
                button.setChecked(index == chosen)

    def set_texts(self, words: str, warning: str, facts: Sequence[Row]) -> None:
        """``warning``: what makes the part unlike what the model knows; '' when nothing does."""
        self.words.setText(words)
        self.warning.setText(warning)
        self.warning.setVisible(bool(warning))
        self.facts.set_rows(facts)
        self.facts.setVisible(bool(facts))

    def set_adjusting(self, on: bool) -> None:
        """Show whether the crop tool is at work."""
        if self.adjust.isChecked() != on:
            self.adjust.blockSignals(True)
            self.adjust.setChecked(on)
            self.adjust.blockSignals(False)

    def _add_face(self) -> None:
        index = len(self.faces)
        button = QToolButton()
        button.setCheckable(True)
        button.setIconSize(QSize(FACE_SIDE, FACE_SIDE))
        button.setText(str(index + 1))
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextUnderIcon)
        button.setProperty("role", "toggle")
        button.setAccessibleName(f"Face {index + 1}")
        button.setToolTip(f"Analyse face {index + 1}")
        button.clicked.connect(lambda: self.facePicked.emit(index))
        self.faces.append(button)
        self._row.addWidget(button)
        before = self.adjust.previousInFocusChain()
        assert before is not None  # the chain is a ring
        QWidget.setTabOrder(before, button)  # the pictures are above the buttons


def _button(text: str, tip: str, checkable: bool = False) -> QPushButton:
    button = QPushButton(text)
    button.setToolTip(tip)
    button.setCheckable(checkable)
    return button
