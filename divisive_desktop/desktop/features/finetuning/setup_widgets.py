"""Building blocks of the page before the start: a card for a method, the table of data, the list of problems."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QLabel, QRadioButton, QVBoxLayout, QWidget

from divisive_desktop.desktop.features.finetuning.methods import Method, MethodPicture
from divisive_desktop.desktop.session.wording import capitalised
from divisive_desktop.desktop.ui import icons, theme
from divisive_desktop.desktop.ui.theme import GRID

if TYPE_CHECKING:
    from divisive_desktop.engine.finetuning.messages import DataCheck, DataProblem

_ICONS = {"blocks": "error", "worthless": "warning", "note": "info"}


def words(text: str = "", role: str = "") -> QLabel:
    """A label that wraps."""
    label = QLabel(text)
    label.setWordWrap(True)
    if role:
        theme.set_role(label, role)
    return label


class MethodCard(QFrame):
    """Picture, name and sentence of a method; a click anywhere on it chooses it."""

    chosen = Signal(str)

    def __init__(self, method: Method, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.method = method
        theme.set_role(self, "row")
        self.radio = QRadioButton(method.name)
        self.radio.setAccessibleDescription(method.sentence)
        font = self.radio.font()
        font.setBold(True)
        self.radio.setFont(font)
        self.radio.toggled.connect(self._toggled)
        self.sentence = words(method.sentence, "muted")
        text = QVBoxLayout()
        text.setSpacing(GRID // 2)
        text.addStretch(1)
        text.addWidget(self.radio)
        text.addWidget(self.sentence)
        text.addStretch(1)
        row = QHBoxLayout(self)
        row.setContentsMargins(GRID // 2, GRID // 2, GRID, GRID // 2)
        row.setSpacing(GRID * 2)
        row.addWidget(MethodPicture(method.id), 0, Qt.AlignmentFlag.AlignVCenter)
        row.addLayout(text, 1)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self.radio.setChecked(True)
            self.radio.setFocus()
        super().mousePressEvent(event)

    def _toggled(self, on: bool) -> None:
        theme.set_role(self, "activeRow" if on else "row")
        if on:
            self.chosen.emit(self.method.id)


class DataTable(QWidget):
    """Cases and masks by class, to learn from and held out."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(GRID * 2)
        self._grid.setVerticalSpacing(GRID // 2)
        self._grid.setColumnStretch(0, 1)
        for column, text in enumerate(("", "to learn from", "with mask", "held out", "with mask")):
            head = QLabel(text)
            theme.set_role(head, "muted")
            head.setAlignment(Qt.AlignmentFlag.AlignRight)
            self._grid.addWidget(head, 0, column)
        self._names = [QLabel(), QLabel()]
        self._cells: list[list[QLabel]] = []
        for row, name in enumerate(self._names, 1):
            self._grid.addWidget(name, row, 0)
            cells = [QLabel("–") for _ in range(4)]
            for column, cell in enumerate(cells, 1):
                cell.setAlignment(Qt.AlignmentFlag.AlignRight)
                theme.set_role(cell, "strong" if column in (1, 3) else "")
                self._grid.addWidget(cell, row, column)
            self._cells.append(cells)

    def show_check(self, check: DataCheck, classes: tuple[str, str]) -> None:
        """Fill in the numbers."""
        for label in (0, 1):
            self._names[label].setText(capitalised(classes[label]))
            numbers = (check.train[label], check.masks[label], check.holdout[label], check.holdout_masks[label])
            for cell, number in zip(self._cells[label], numbers, strict=True):
                cell.setText(f"{number:,}")

    def numbers(self) -> list[list[str]]:
        """What is shown, by class."""
        return [[cell.text() for cell in cells] for cells in self._cells]


class ProblemList(QWidget):
    """What is wrong with the data, the worst first, each with what to do about it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(GRID)
        self._shown: tuple[DataProblem, ...] = ()

    @property
    def problems(self) -> tuple[DataProblem, ...]:
        return self._shown

    def show_problems(self, problems: Sequence[DataProblem]) -> None:
        order = list(_ICONS)
        self._shown = tuple(sorted(problems, key=lambda p: order.index(p.severity)))
        while self._column.count():
            item = self._column.takeAt(0)
            widget = item.widget() if item is not None else None
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        for problem in self._shown:
            self._column.addWidget(_problem(problem, self.devicePixelRatioF()))
        if not self._shown:
            self._column.addWidget(words("Nothing stands against it.", "muted"))

    def recolour(self) -> None:
        """Draw the icons anew."""
        self.show_problems(self._shown)


def _problem(problem: DataProblem, ratio: float) -> QWidget:
    holder = QWidget()
    row = QHBoxLayout(holder)
    row.setContentsMargins(0, 0, 0, 0)
    row.setSpacing(GRID)
    name = _ICONS[problem.severity]
    icon = QLabel()
    icon.setPixmap(icons.pixmap(name, 18, theme.colour(name), ratio))
    row.addWidget(icon, 0, Qt.AlignmentFlag.AlignTop)
    text = words(f"<b>{_html(problem.message)}</b><br>{_html(problem.remedy)}")
    text.setTextFormat(Qt.TextFormat.RichText)
    text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    row.addWidget(text, 1)
    return holder


def _html(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
