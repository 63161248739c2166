"""Which cases the worklist shows, and in what order. One pass in Python over plain objects: 10,000 cases in no time."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QAbstractItemModel, QAbstractProxyModel, QModelIndex, QObject, Qt

from divisive_desktop.desktop.features.worklist.columns import COLUMNS
from divisive_desktop.desktop.features.worklist.criteria import SORTS, Criteria, Test
from divisive_desktop.desktop.session.case import Case
from divisive_desktop.desktop.session.case_model import CaseModel, Index, runs


class _Down:
    """A key turned round: what is larger comes first."""

    __slots__ = ("key",)

    def __init__(self, key: Any) -> None:
        self.key = key

    def __lt__(self, other: _Down) -> bool:
        return bool(other.key < self.key)


class FilterModel(QAbstractProxyModel):
    """Rows of a :class:`CaseModel` that meet criteria, sorted, with a column for each of ``COLUMNS``.

    A row that no longer matches after its case changed goes at once; one that only sorts differently stays where it is
    until the order is chosen anew, so that nothing jumps away under the analyst's hands.
    """

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._model: CaseModel | None = None
        self._criteria = Criteria()
        self._tests: list[Test] = []
        self._sort = SORTS["added"]
        self._descending = False
        self._rows: list[int] = []
        self._place: dict[int, int] = {}

    # -- what is shown --------------------------------------------------------------------------------------

    @property
    def criteria(self) -> Criteria:
        return self._criteria

    def set_criteria(self, criteria: Criteria) -> None:
        """Show the cases that meet all of them."""
        if criteria != self._criteria:
            self._criteria, self._tests = criteria, criteria.tests()
            self.refresh()

    def set_sort(self, name: str, descending: bool = False) -> None:
        """A name in ``criteria.SORTS``."""
        self._sort, self._descending = SORTS[name], descending
        self.refresh()

    @property
    def order(self) -> tuple[str, bool]:
        """Name of the sort order, and whether it is turned round."""
        return self._sort.name, self._descending

    def refresh(self) -> None:
        """Filter and sort all cases anew."""
        self.layoutAboutToBeChanged.emit()
        old = self.persistentIndexList()
        sources = [self._rows[i.row()] for i in old]
        self._rebuild()
        place = self._place
        self.changePersistentIndexList(
            old, [self.index(place[s], i.column()) if s in place else QModelIndex()
                  for s, i in zip(sources, old, strict=True)],
        )  # fmt: skip
        self.layoutChanged.emit()

    def index_of(self, case: Case) -> QModelIndex:
        """Where a case is shown; invalid when it isn't."""
        return self.mapFromSource(self._model.index_of(case)) if self._model is not None else QModelIndex()

    def case(self, row: int) -> Case:
        """The case shown in a row."""
        assert self._model is not None
        return self._model.case(self._rows[row])

    def _accepts(self, case: Case) -> bool:
        return all(test(case) for test in self._tests)

    def _rebuild(self) -> None:
        model = self._model
        if model is None:
            self._set_rows([])
            return
        rows = [i for i, case in enumerate(model) if self._accepts(case)] if self._tests else list(range(len(model)))
        key = self._sort.key
        if key is not None:
            keys = {i: key(model.case(i)) for i in rows}
            known = [i for i in rows if keys[i] is not None]
            known.sort(key=keys.__getitem__, reverse=self._descending)
            rows = known + [i for i in rows if keys[i] is None]
        elif self._descending:
            rows.reverse()
        self._set_rows(rows)

    def _key(self) -> Callable[[int], Any]:
        """Of a row of the source: keys that ascend in the order that is shown."""
        assert self._model is not None
        model, key, down = self._model, self._sort.key, self._descending

        def of(source: int) -> Any:
            value = source if key is None else key(model.case(source))
            return (True, 0) if value is None else (False, _Down(value) if down else value)

        return of

    def _set_rows(self, rows: list[int]) -> None:
        self._rows = rows
        self._place = {source: row for row, source in enumerate(rows)}

    # -- Qt's interface -------------------------------------------------------------------------------------

    def setSourceModel(self, model: QAbstractItemModel) -> None:
        assert isinstance(model, CaseModel)  # the one kind whose rows are cases
        self.beginResetModel()
        self._model = model
        super().setSourceModel(model)
        model.dataChanged.connect(self._changed)
        model.rowsInserted.connect(self._inserted)
        model.rowsAboutToBeRemoved.connect(self._removing)
        model.rowsRemoved.connect(self._removed)
        model.modelAboutToBeReset.connect(self.beginResetModel)
        model.modelReset.connect(self._was_reset)
        self._rebuild()
        self.endResetModel()

    def rowCount(self, parent: Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self._rows)

    def columnCount(self, parent: Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(COLUMNS)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid() or self._model is None:
            return None
        column = COLUMNS[index.column()]
        if column.text is None or role not in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.TextAlignmentRole):
            if index.column() and role in (Qt.ItemDataRole.DecorationRole, Qt.ItemDataRole.AccessibleTextRole):
                return None
            return self._model.data(self._model.index(self._rows[index.row()]), role)
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return column.alignment
        return column.text(self._model.case(self._rows[index.row()]))

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation is not Qt.Orientation.Horizontal or not 0 <= section < len(COLUMNS):
            return None
        column = COLUMNS[section]
        if role == Qt.ItemDataRole.DisplayRole:
            return column.title
        if role == Qt.ItemDataRole.ToolTipRole:
            return column.tip or None
        return column.alignment if role == Qt.ItemDataRole.TextAlignmentRole else None

    def index(self, row: int, column: int = 0, parent: Index | None = None) -> QModelIndex:
        inside = 0 <= row < len(self._rows) and 0 <= column < len(COLUMNS)
        inside = inside and not (parent is not None and parent.isValid())
        return self.createIndex(row, column) if inside else QModelIndex()

    def parent(self, index: Index | None = None) -> Any:
        return QModelIndex() if index is not None else super().parent()

    def mapToSource(self, index: Index) -> QModelIndex:
        if not index.isValid() or self._model is None or index.row() >= len(self._rows):
            return QModelIndex()
        return self._model.index(self._rows[index.row()])

    def mapFromSource(self, index: Index) -> QModelIndex:
        row = self._place.get(index.row()) if index.isValid() else None
        return QModelIndex() if row is None else self.index(row)

    # -- news from the source -------------------------------------------------------------------------------

    def _changed(self, first: QModelIndex, last: QModelIndex) -> None:
        if last.row() > first.row():  # of all cases something else may be seen now: not even their order may tell it
            self.refresh()
            if self._rows:
                self.dataChanged.emit(self.index(0), self.index(len(self._rows) - 1, len(COLUMNS) - 1))
            return
        for source in range(first.row(), last.row() + 1):
            assert self._model is not None
            place, wanted = self._place.get(source), self._accepts(self._model.case(source))
            if place is not None and wanted:
                self.dataChanged.emit(self.index(place), self.index(place, len(COLUMNS) - 1))
            elif place is not None:
                self.beginRemoveRows(QModelIndex(), place, place)
                self._set_rows(self._rows[:place] + self._rows[place + 1 :])
                self.endRemoveRows()
            elif wanted:
                self._insert(source)

    def _insert(self, source: int) -> None:
        key = self._key()
        at = bisect(self._rows, key(source), key=key)
        self.beginInsertRows(QModelIndex(), at, at)
        self._set_rows([*self._rows[:at], source, *self._rows[at:]])
        self.endInsertRows()

    def _inserted(self, _: QModelIndex, first: int, last: int) -> None:
        """Cases only ever come at the end of the source."""
        assert self._model is not None
        if self._sort.key is not None or self._descending:
            self.refresh()
            return
        new = [i for i in range(first, last + 1) if self._accepts(self._model.case(i))]
        if new:
            at = len(self._rows)
            self.beginInsertRows(QModelIndex(), at, at + len(new) - 1)
            self._rows.extend(new)
            self._place.update((source, at + i) for i, source in enumerate(new))
            self.endInsertRows()

    def _removing(self, _: QModelIndex, first: int, last: int) -> None:
        places = sorted(p for s in range(first, last + 1) if (p := self._place.get(s)) is not None)
        for start, end in reversed(runs(places)):
            self.beginRemoveRows(QModelIndex(), start, end)
            self._set_rows(self._rows[:start] + self._rows[end + 1 :])
            self.endRemoveRows()

    def _removed(self, _: QModelIndex, first: int, last: int) -> None:
        gone = last - first + 1
        self._set_rows([i - gone if i > last else i for i in self._rows])

    def _was_reset(self) -> None:
        self._rebuild()
        self.endResetModel()
