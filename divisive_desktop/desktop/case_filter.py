"""Which cases the worklist shows, and in what order. One pass in Python over plain objects: 10,000 cases in no time."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QAbstractProxyModel, QModelIndex, QObject

from divisive_desktop.desktop.case_model import CaseModel, Index
from divisive_desktop.desktop.cases import Case, Review, searchable

States = Callable[[Case], bool]

STATES: dict[str, States] = {
    "all": lambda c: True,
    "failed": lambda c: c.error is not None or c.analysis_error is not None or c.file_state != "ok",
    "unlabelled": lambda c: c.label is None and c.error is None,
    "positive": lambda c: c.label == 1,
    "negative": lambda c: c.label == 0,
    "model-positive": lambda c: c.verdict is not None and c.verdict.predicted == 1,
    "model-negative": lambda c: c.verdict is not None and c.verdict.predicted == 0,
    "unanalysed": lambda c: c.verdict is None and c.error is None,
    "disagree": lambda c: c.disagrees,
    **{r.value: lambda c, r=r: c.review is r for r in Review},
}
"""Names for :meth:`CaseFilter.set_state`."""

_REVIEW_ORDER = {r: i for i, r in enumerate((Review.NEW, Review.OPEN, Review.FLAGGED, Review.DONE))}


def _doubt(case: Case) -> tuple[int, float]:
    """Sure and contradicted first, then small margins; what has no verdict comes last."""
    verdict = case.verdict
    if verdict is None:
        return 2, 0.0
    return (0, -verdict.margin) if case.disagrees else (1, verdict.margin)


def _probability(case: Case) -> tuple[int, float]:
    verdict = case.verdict
    return (1, 0.0) if verdict is None else (0, -verdict.probability)


SORTS: dict[str, Callable[[Case], Any] | None] = {
    "added": None,
    "name": lambda c: c.name.casefold(),
    "review": lambda c: _REVIEW_ORDER[c.review],
    "label": lambda c: 2 if c.label is None else 1 - c.label,
    "probability": _probability,
    "disagreement": _doubt,
}
"""Names for :meth:`CaseFilter.set_sort`; None: the order in which they were opened."""


class CaseFilter(QAbstractProxyModel):
    """Rows of a :class:`CaseModel` that match a text and a state, sorted.

    A row that no longer matches after its case changed goes at once; one that only sorts differently stays where it is
    until the order is chosen anew, so that nothing jumps away under the analyst's hands.
    """

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._model: CaseModel | None = None
        self._words: list[str] = []
        self._state = "all"
        self._sort = "added"
        self._descending = False
        self._rows: list[int] = []
        self._place: dict[int, int] = {}

    # -- what is shown --------------------------------------------------------------------------------------

    def set_text(self, text: str) -> None:
        """Every word must occur in the case's name, folder, verdict, label, state or notes."""
        self._words = text.casefold().split()
        self.refresh()

    def set_state(self, state: str) -> None:
        """A name in ``STATES``."""
        self._state = state
        self.refresh()

    def set_sort(self, name: str, descending: bool = False) -> None:
        """A name in ``SORTS``."""
        self._sort, self._descending = name, descending
        self.refresh()

    @property
    def order(self) -> tuple[str, bool]:
        """Name of the sort order, and whether it is turned round."""
        return self._sort, self._descending

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

    def case(self, row: int) -> Case:
        """The case shown in a row."""
        assert self._model is not None
        return self._model.case(self._rows[row])

    def _accepts(self, case: Case) -> bool:
        if not STATES[self._state](case):
            return False
        if not self._words:
            return True
        text = searchable(case)
        return all(word in text for word in self._words)

    def _rebuild(self) -> None:
        model = self._model
        rows = [] if model is None else [i for i in range(len(model)) if self._accepts(model.case(i))]
        key = SORTS[self._sort]
        if key is not None and model is not None:
            rows.sort(key=lambda i: key(model.case(i)), reverse=self._descending)
        elif self._descending:
            rows.reverse()
        self._set_rows(rows)

    def _set_rows(self, rows: list[int]) -> None:
        self._rows = rows
        self._place = {source: row for row, source in enumerate(rows)}

    # -- Qt's interface -------------------------------------------------------------------------------------

    def setSourceModel(self, model: CaseModel) -> None:
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
        return 0 if parent is not None and parent.isValid() else 1

    def index(self, row: int, column: int = 0, parent: Index | None = None) -> QModelIndex:
        inside = 0 <= row < len(self._rows) and column == 0 and not (parent is not None and parent.isValid())
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
        for source in range(first.row(), last.row() + 1):
            assert self._model is not None
            place, wanted = self._place.get(source), self._accepts(self._model.case(source))
            if place is not None and wanted:
                self.dataChanged.emit(self.index(place), self.index(place))
            elif place is not None:
                self.beginRemoveRows(QModelIndex(), place, place)
                self._set_rows(self._rows[:place] + self._rows[place + 1 :])
                self.endRemoveRows()
            elif wanted:
                self._insert(source)

    def _insert(self, source: int) -> None:
        assert self._model is not None
        key = SORTS[self._sort]
        if self._descending:
            at = 0 if key is None else len(self._rows)
        elif key is None:
            at = bisect(self._rows, source)
        else:
            at = bisect(self._rows, key(self._model.case(source)), key=lambda i: key(self._model.case(i)))
        self.beginInsertRows(QModelIndex(), at, at)
        self._set_rows([*self._rows[:at], source, *self._rows[at:]])
        self.endInsertRows()

    def _inserted(self, _: QModelIndex, first: int, last: int) -> None:
        """Cases only ever come at the end of the source."""
        assert self._model is not None
        if self._sort != "added" or self._descending:
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
        for source in range(first, last + 1):
            place = self._place.get(source)
            if place is not None:
                self.beginRemoveRows(QModelIndex(), place, place)
                self._set_rows(self._rows[:place] + self._rows[place + 1 :])
                self.endRemoveRows()

    def _removed(self, _: QModelIndex, first: int, last: int) -> None:
        gone = last - first + 1
        self._set_rows([i - gone if i > last else i for i in self._rows])

    def _was_reset(self) -> None:
        self._rebuild()
        self.endResetModel()
