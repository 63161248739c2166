"""The list of cases: selecting, searching, narrowing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QItemSelectionModel, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QComboBox, QLineEdit

from tests.desktop.pages.hand import NONE

if TYPE_CHECKING:
    from divisive_desktop.desktop.features.worklist.filter_panel import FilterPanel
    from divisive_desktop.desktop.features.worklist.panel import Worklist
    from divisive_desktop.desktop.features.worklist.table import CaseList
    from divisive_desktop.desktop.session.case import Case
    from tests.desktop.pages.window import Page


class WorklistPage:
    """The worklist of the window; rows are counted as they are shown, from 0."""

    def __init__(self, page: Page) -> None:
        self._page = page

    @property
    def panel(self) -> Worklist:
        """All of it."""
        return self._page.feature("worklist").panel

    @property
    def table(self) -> CaseList:
        """The rows."""
        return self.panel.list

    @property
    def filters(self) -> FilterPanel:
        """What the list is narrowed by, beside search and state."""
        return self.panel.panel

    @property
    def search_field(self) -> QLineEdit:
        return self.panel.search

    @property
    def state(self) -> QComboBox:
        """Which cases are shown at all: all, failed, in review, ..."""
        return self.panel.state

    # -- what is shown --------------------------------------------------------------------------------------

    @property
    def count_text(self) -> str:
        """What stands under the search field."""
        return self.panel.counts.text()

    @property
    def answers_text(self) -> str:
        """What is asked, and whose answers are shown."""
        return self.panel.answers.text()

    def tip(self, row: int) -> str:
        """What a pointer resting on a row reads."""
        return str(self.panel.filter.index(row, 0).data(Qt.ItemDataRole.ToolTipRole))

    @property
    def names(self) -> list[str]:
        """Names of the cases that are shown, in order."""
        rows = self.panel.filter
        return [rows.case(i).name for i in range(rows.rowCount())]

    def __len__(self) -> int:
        """How many rows are shown."""
        return self.panel.filter.rowCount()

    def cells(self) -> list[Any]:
        """What stands in the cells, row by row."""
        rows = self.panel.filter
        return [rows.index(r, c).data() for r in range(rows.rowCount()) for c in range(rows.columnCount())]

    # -- what is done ---------------------------------------------------------------------------------------

    def focus(self) -> None:
        """Keys go to the rows from here on."""
        self.table.setFocus()

    def key(self, key: Qt.Key | str, modifiers: Qt.KeyboardModifier = NONE) -> None:
        """Press a key in the rows."""
        QTest.keyClick(self.table, key, modifiers)

    def go_to(self, case: Case) -> None:
        """Make a case's row the current one."""
        self.panel.show_current(case)

    def step(self, by: int) -> bool:
        """Go down (1) or up (-1) by one; False at the end."""
        return self.panel.step(by)

    def select(self, *rows: int) -> None:
        """Select these rows and no others; the current case stays."""
        self.table.selectionModel().clearSelection()
        self.add_to_selection(*rows)

    def add_to_selection(self, *rows: int) -> None:
        flags = QItemSelectionModel.SelectionFlag.Select | QItemSelectionModel.SelectionFlag.Rows
        for row in rows:
            self.table.selectionModel().select(self.panel.filter.index(row, 0), flags)

    def select_all(self) -> None:
        self.table.selectAll()

    def search(self, text: str) -> None:
        """Type into the search field, in place of what was there."""
        self.search_field.clear()
        QTest.keyClicks(self.search_field, text)

    def show_state(self, state: str) -> None:
        """Show only cases in a state (the entry's value: ``failed``, ``In review``, ``all``)."""
        self.state.setCurrentIndex(self.state.findData(state))

    def show_filters(self) -> None:
        """Unfold what the list can be narrowed by."""
        self.panel.filters.setChecked(True)

    def scroll(self, by: int) -> None:
        """Move the scroll bar by so many of its steps."""
        bar = self.table.verticalScrollBar()
        bar.setValue(bar.value() + by)
