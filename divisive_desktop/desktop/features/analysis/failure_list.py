"""The sheet that lists what a batch could not analyse, and what to do about it."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QDialogButtonBox,
    QHeaderView,
    QLabel,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from divisive_desktop.desktop.session import redaction
from divisive_desktop.desktop.session.case import Case
from divisive_desktop.desktop.session.wording import plural
from divisive_desktop.desktop.ui.theme import GRID
from divisive_desktop.errors import UserFacingError


class FailureList(QDialog):
    """One row per failed case; a double click goes there."""

    retry = Signal()
    chosen = Signal(Case)

    def __init__(self, failures: Sequence[tuple[Case, UserFacingError]], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Not analysed")
        self._cases = [case for case, _ in failures]
        self.table = QTableWidget(len(failures), 3)
        self.table.setTabKeyNavigation(False)
        self.table.setHorizontalHeaderLabels(["File", "What happened", "What to do"])
        for row, (case, error) in enumerate(failures):
            said = (redaction.redacted(text, case.path) for text in (error.message, error.remedy))
            for column, text in enumerate((case.name, *said)):
                item = QTableWidgetItem(text)
                item.setToolTip(redaction.shown_path(case.path) if column == 0 else text)
                self.table.setItem(row, column, item)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setWordWrap(True)
        self.table.verticalHeader().hide()
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.ResizeToContents)
        self.table.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        self.table.cellDoubleClicked.connect(lambda row, _: self._choose(row))
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        self.again = buttons.addButton("Try again", QDialogButtonBox.ButtonRole.ActionRole)
        self.again.clicked.connect(self._try_again)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(GRID * 2, GRID * 2, GRID * 2, GRID * 2)
        layout.setSpacing(GRID * 2)
        layout.addWidget(QLabel(f"{plural(len(failures), 'image')} could not be analysed."))
        layout.addWidget(self.table)
        layout.addWidget(buttons)
        self.resize(820, 360)

    def _choose(self, row: int) -> None:
        self.chosen.emit(self._cases[row])
        self.accept()

    def _try_again(self) -> None:
        self.retry.emit()
        self.accept()
