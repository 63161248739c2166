"""The page on which the masks of a folder are checked before anything of them is taken."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from divisive_desktop.desktop.features.painting.mask_folder import FoundMask, Rule
from divisive_desktop.desktop.session import redaction
from divisive_desktop.desktop.session.wording import plural
from divisive_desktop.desktop.ui.theme import GRID
from divisive_desktop.foreign.text import in_window
from divisive_desktop.language import NBSP

_RULES: tuple[tuple[str, Rule], ...] = (
    ("leave them as they are", "leave"), ("add the regions", "add"), ("replace their regions", "replace"),
)  # fmt: skip
_COLUMNS = ("Mask file", "Case", "Regions", "Painted", "To know")


class MaskFolderPage(QDialog):
    """One row per file; what is ticked is taken.

    Signals
    -------
    chosen(list, str)
        The ``FoundMask`` that are to be taken, and the ``Rule`` for cases on which something is painted.
    """

    chosen = Signal(list, str)

    def __init__(self, folder: Path, found: Sequence[FoundMask], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Import masks of a folder")
        self._found = list(found)
        self._painted = {id(f.case) for f in self._found if f.case is not None and f.case.regions}
        self.table = QTableWidget(len(self._found), len(_COLUMNS))
        self.table.setTabKeyNavigation(False)
        self.table.setAccessibleName("Mask files and the cases that they are for")
        self.table.setHorizontalHeaderLabels(_COLUMNS)
        self._ticks = [self._fill(row, one) for row, one in enumerate(self._found)]
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.verticalHeader().hide()
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(len(_COLUMNS) - 1, QHeaderView.ResizeMode.Stretch)
        self.table.itemChanged.connect(lambda _: self._count())
        self.rule = QComboBox()
        self.rule.setAccessibleName("What happens to cases that have a mask already")
        for text, rule in _RULES:
            self.rule.addItem(text, rule)
        self.rule.currentIndexChanged.connect(lambda _: self._count())
        question = QHBoxLayout()
        question.setSpacing(GRID)
        ask = QLabel(f"{plural(len(self._painted), 'case')} of these have a mask already:")
        ask.setVisible(bool(self._painted))
        self.rule.setVisible(bool(self._painted))
        question.addWidget(ask)
        question.addWidget(self.rule)
        question.addStretch(1)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        self.take = buttons.addButton("Import", QDialogButtonBox.ButtonRole.AcceptRole)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        heading = QLabel(f"Nothing is taken before you say so. In {redaction.shown_name(folder)}:")
        heading.setTextFormat(Qt.TextFormat.PlainText)
        column = QVBoxLayout(self)
        column.setContentsMargins(GRID * 2, GRID * 2, GRID * 2, GRID * 2)
        column.setSpacing(GRID * 2)
        column.addWidget(heading)
        column.addWidget(self.table, 1)
        column.addLayout(question)
        column.addWidget(buttons)
        self.resize(900, 480)
        self._count()

    def _fill(self, row: int, one: FoundMask) -> QTableWidgetItem:
        """One row; returns the item with the tick."""
        read = one.snapshot is not None
        painted = "" if one.case is None or not one.case.regions else "This case has a mask already. "
        texts = (
            redaction.file_name(one.file), one.case.name if one.case is not None else "",
            str(one.regions) if read else "", f"{100 * one.share:.1f}{NBSP}%" if read else "",
            redaction.redacted(painted + one.remark, one.file),
        )  # fmt: skip
        items = [QTableWidgetItem(text) for text in texts]
        for column, item in enumerate(items):
            item.setToolTip(in_window(item.text()))
            self.table.setItem(row, column, item)
        first = items[0]
        if read:
            first.setFlags(first.flags() | Qt.ItemFlag.ItemIsUserCheckable)
            first.setCheckState(Qt.CheckState.Unchecked if one.doubtful else Qt.CheckState.Checked)
        else:
            first.setFlags(first.flags() & ~Qt.ItemFlag.ItemIsUserCheckable)
        return first

    def _ticked(self) -> list[FoundMask]:
        leave = self.rule.currentData() == "leave"
        return [
            one
            for tick, one in zip(self._ticks, self._found, strict=True)
            if one.snapshot is not None
            and tick.checkState() == Qt.CheckState.Checked
            and not (leave and id(one.case) in self._painted)
        ]

    def _count(self) -> None:
        number = len(self._ticked())
        self.take.setText(f"Import {plural(number, 'mask')}")
        self.take.setEnabled(number > 0)

    def accept(self) -> None:
        self.chosen.emit(self._ticked(), self.rule.currentData())
        super().accept()
