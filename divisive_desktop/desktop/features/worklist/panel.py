"""The worklist: search, filters, order and columns above one row per case with thumbnail, name, verdict and state."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QByteArray, QItemSelectionModel, QModelIndex, Qt, QTimer, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QLineEdit, QMenu, QToolButton, QVBoxLayout, QWidget

from divisive_desktop.desktop.features.worklist import summary
from divisive_desktop.desktop.features.worklist.columns import COLUMNS
from divisive_desktop.desktop.features.worklist.criteria import SORTS, model_of
from divisive_desktop.desktop.features.worklist.filter_model import FilterModel
from divisive_desktop.desktop.features.worklist.filter_panel import FilterPanel, with_text
from divisive_desktop.desktop.features.worklist.table import CaseList
from divisive_desktop.desktop.session.case import Case
from divisive_desktop.desktop.session.case_model import CaseModel, CaseRole
from divisive_desktop.desktop.session.settings import Settings
from divisive_desktop.desktop.ui import icons, theme
from divisive_desktop.desktop.ui.theme import GRID

STATES = (
    ("All cases", "all"), ("New", "New"), ("In review", "In review"), ("Done", "Done"), ("Flagged", "Flagged"),
    ("Not labelled", "unlabelled"), ("Not analysed", "unanalysed"), ("Undecided", "undecided"),
    ("Label against model", "disagree"),
    ("Failed", "failed"),
)  # fmt: skip


class Worklist(QWidget):
    """Search field, state, order, filters, the list, and a line of counts.

    Parameters
    ----------
    settings : Settings, optional
        Where the columns and the height of the rows are remembered.

    Signals
    -------
    chosen(Case)
        The case that became the list's current row.
    labelled(object)
        0, 1 or None: a label given by key.
    widthWanted(int)
        The columns that were chosen need so much room.
    """

    chosen = Signal(Case)
    labelled = Signal(object)
    widthWanted = Signal(int)

    def __init__(self, cases: CaseModel, settings: Settings | None = None, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.cases, self._settings = cases, settings
        self.filter = FilterModel(self)
        self.filter.setSourceModel(cases)
        self.list = CaseList(self.filter)
        self.list.labelled.connect(self.labelled)
        self.list.selectionModel().currentChanged.connect(self._current_changed)
        self._build_head()
        self._lay_out()
        for signal in (cases.countsChanged, self.filter.rowsInserted, self.filter.rowsRemoved,
                       self.filter.layoutChanged, self.filter.modelReset):  # fmt: skip
            signal.connect(self._count)
        # Not at once: in the middle of its own changes the header would describe itself wrongly.
        self._soon = QTimer(self, singleShot=True, interval=0)
        self._soon.timeout.connect(self._write_down)
        self._restore()
        self._count()

    # -- construction ---------------------------------------------------------------------------------------

    def _build_head(self) -> None:
        self.search = QLineEdit()
        self.search.setPlaceholderText("Search cases")
        self.search.setAccessibleName("Search cases")
        self.search.setClearButtonEnabled(True)
        self.search.textChanged.connect(lambda _: self._narrow())
        self.state = QComboBox()
        self.state.setAccessibleName("Show cases in state")
        for text, value in STATES:
            self.state.addItem(text, value)
        self.state.currentIndexChanged.connect(lambda _: self._narrow())
        self.panel = FilterPanel()
        self.panel.hide()
        self.panel.changed.connect(lambda _: self._narrow())
        self.filters = _tool("filter", "Filters", "Narrow the list by verdict, label, mask, agreement, model, date")
        self.filters.setCheckable(True)
        self.filters.toggled.connect(self._show_filters)
        self.order = QComboBox()
        self.order.setAccessibleName("Order of the cases")
        self.order.setToolTip(
            "“Doubt”: labels that the model contradicts first, then the undecided, the most doubtful of them first; "
            "answers of other versions than the one in use come after its own"
        )
        for sort in SORTS.values():
            self.order.addItem(sort.title, sort.name)
        self.order.currentIndexChanged.connect(lambda _: self.set_order(self.order.currentData()))
        self.direction = _tool("sort-up", "Turn the order round", "Turn the order round")
        self.direction.clicked.connect(lambda: self.set_order(*self._turned()))
        self.columns = _tool("columns", "Columns", "Choose columns and the height of the rows")
        menu = QMenu(self.columns)
        menu.aboutToShow.connect(lambda: self._fill_columns(menu))
        self.columns.setMenu(menu)
        self.columns.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        header = self.list.horizontalHeader()
        header.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        header.customContextMenuRequested.connect(lambda at: menu.popup(header.mapToGlobal(at)))
        header.sectionClicked.connect(self._head_clicked)
        self.counts = QLabel()
        self.answers = QLabel()
        self.answers.setWordWrap(True)
        for label in (self.counts, self.answers):
            theme.set_role(label, "muted")

    def _lay_out(self) -> None:
        first, second = QHBoxLayout(), QHBoxLayout()
        for row in (first, second):
            row.setSpacing(GRID // 2)
        first.addWidget(self.search, 1)
        first.addWidget(self.filters)
        first.addWidget(self.columns)
        second.addWidget(self.state, 1)
        second.addWidget(self.order, 1)
        second.addWidget(self.direction)
        for combo in (self.state, self.order):
            combo.setMinimumContentsLength(6)
            combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        top = QVBoxLayout()
        top.setContentsMargins(GRID, 0, GRID, 0)
        top.setSpacing(GRID)
        top.addLayout(first)
        top.addLayout(second)
        top.addWidget(self.panel)
        top.addWidget(self.counts)
        top.addWidget(self.answers)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, GRID, 0, 0)
        column.setSpacing(GRID // 2)
        column.addLayout(top)
        column.addWidget(self.list, 1)

    # -- going through the cases ----------------------------------------------------------------------------

    def show_current(self, case: Case | None) -> None:
        """Bring a case into view as the list's current row."""
        if case is None:
            return
        index = self.filter.index_of(case)
        if index.isValid() and index != self.list.currentIndex():
            flags = QItemSelectionModel.SelectionFlag.ClearAndSelect | QItemSelectionModel.SelectionFlag.Rows
            self.list.selectionModel().setCurrentIndex(index, flags)
            self.list.scrollTo(index)

    def selected(self) -> list[Case]:
        """The selected cases, in the list's order."""
        return self.list.selected()

    def step(self, by: int, wanted: Callable[[Case], bool] = lambda _: True, wrap: bool = False) -> bool:
        """Go to the next (1) or previous (-1) visible case that is wanted; stay, and say False, where there is none.

        Parameters
        ----------
        wrap : bool
            Begin again at the other end.
        """
        here, count = self.list.currentIndex().row(), self.filter.rowCount()
        rows = range(here + 1, count) if by > 0 else range(here - 1, -1, -1)
        for row in (*rows, *(range(here) if wrap else ())):
            case = self.filter.case(row)
            if wanted(case):
                self.show_current(case)
                return True
        return False

    def focus_search(self) -> None:
        self.search.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.search.selectAll()

    def _current_changed(self, index: QModelIndex) -> None:
        if index.isValid():
            self.chosen.emit(index.data(CaseRole.CASE))

    # -- narrowing and ordering -----------------------------------------------------------------------------

    def _narrow(self) -> None:
        self.filter.set_criteria(with_text(self.panel.criteria(), self.search.text(), self.state.currentData()))
        number = self.panel.number()
        self.filters.setText(str(number) if number else "")
        wide = Qt.ToolButtonStyle.ToolButtonTextBesideIcon
        self.filters.setToolButtonStyle(wide if number else Qt.ToolButtonStyle.ToolButtonIconOnly)

    def show_all(self) -> None:
        """Narrow the list by nothing."""
        self.search.clear()
        self.state.setCurrentIndex(0)
        self.panel.reset()

    def _show_filters(self, on: bool) -> None:
        if on:
            self.panel.set_values(
                sorted({model_of(c) for c in self.cases} - {""}), sorted({t for c in self.cases for t in c.tags})
            )
        self.panel.setVisible(on)

    def set_order(self, name: str, descending: bool | None = None) -> None:
        """A name in ``criteria.SORTS``; ``descending``: None for the direction that people mostly want."""
        if descending is None:
            descending = SORTS[name].descending
        self.filter.set_sort(name, descending)
        self.order.blockSignals(True)
        self.order.setCurrentIndex(self.order.findData(name))
        self.order.blockSignals(False)
        self.direction.setIcon(icons.icon("sort-down" if descending else "sort-up"))
        column = next((i for i, c in enumerate(COLUMNS) if c.sort == name), -1)
        self.list.horizontalHeader().setSortIndicatorShown(column >= 0)
        turned = Qt.SortOrder.DescendingOrder if descending else Qt.SortOrder.AscendingOrder
        self.list.horizontalHeader().setSortIndicator(column, turned)
        self.list.scrollTo(self.list.currentIndex())

    def _turned(self) -> tuple[str, bool]:
        name, descending = self.filter.order
        return name, not descending

    def _head_clicked(self, section: int) -> None:
        name = COLUMNS[section].sort
        self.set_order(*(self._turned() if name == self.filter.order[0] else (name,)))

    # -- columns --------------------------------------------------------------------------------------------

    def set_columns(self, names: list[str]) -> None:
        """Show these columns beside the first one."""
        for i, column in enumerate(COLUMNS):
            if i:
                self.list.setColumnHidden(i, column.name not in names)
        self._columns_chosen()

    def set_compact(self, on: bool) -> None:
        """One line for a case instead of two."""
        self.list.compact = on
        self._remember()

    def _fill_columns(self, menu: QMenu) -> None:
        menu.clear()
        shown = self.list.shown()
        for column in COLUMNS[1:]:
            entry = QAction(column.title, menu, checkable=True, checked=column.name in shown)
            entry.setToolTip(column.tip)
            entry.toggled.connect(lambda on, name=column.name: self._toggle(name, on))
            menu.addAction(entry)
        menu.addSeparator()
        small = QAction("Small rows", menu, checkable=True, checked=self.list.compact)
        small.toggled.connect(self.set_compact)
        menu.addAction(small)
        menu.addAction("Only the first column", lambda: self.set_columns([]))

    def _toggle(self, name: str, on: bool) -> None:
        shown = self.list.shown()
        self.set_columns([*shown, name] if on else [n for n in shown if n != name])

    def _columns_chosen(self) -> None:
        self.list.columns_changed()
        if len(self.list.shown()) > 1:
            widths = sum(self.list.columnWidth(i) for i in range(len(COLUMNS)) if not self.list.isColumnHidden(i))
            self.widthWanted.emit(widths + 2 * GRID)
        self._remember()

    def _remember(self) -> None:
        self._soon.start()

    def _write_down(self) -> None:
        if self._settings is not None:
            self._settings.set_worklist(self.list.horizontalHeader().saveState(), self.list.compact, len(COLUMNS))

    def _restore(self) -> None:
        if self._settings is None:
            return
        state, self.list.compact = self._settings.worklist()
        if not state.isEmpty():
            self.list.horizontalHeader().restoreState(QByteArray(state))
            for newer in range(self._settings.columns_known, len(COLUMNS)):
                self.list.setColumnHidden(newer, True)
            self.list.columns_changed()
        self.set_order("added")
        self.list.horizontalHeader().sectionResized.connect(lambda *_: self._remember())
        self.list.horizontalHeader().sectionMoved.connect(lambda *_: self._remember())

    def recolour(self) -> None:
        """Draw the icons anew after the theme changed."""
        self.filters.setIcon(icons.icon("filter"))
        self.columns.setIcon(icons.icon("columns"))
        self.direction.setIcon(icons.icon("sort-down" if self.filter.order[1] else "sort-up"))

    def _count(self) -> None:
        counts = self.cases.counts()
        self.counts.setText(summary.number_text(counts, self.filter.rowCount()))
        self.counts.setToolTip(summary.number_tip(counts))
        self.answers.setText(summary.answers_text(counts))
        self.answers.setToolTip(summary.answers_tip(counts))
        self.answers.setVisible(bool(self.answers.text()))


def _tool(icon: str, name: str, tip: str) -> QToolButton:
    button = QToolButton()
    button.setIcon(icons.icon(icon))
    button.setAutoRaise(True)
    button.setAccessibleName(name)
    button.setToolTip(tip)
    theme.set_role(button, "tool")
    return button
