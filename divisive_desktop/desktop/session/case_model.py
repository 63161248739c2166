"""The cases of the worklist as a Qt model: one row per image, thumbnails made only for rows that are seen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal

from divisive_desktop.desktop.session import redaction
from divisive_desktop.desktop.session.case import Case, is_todo, searchable, verdict_line

Index = QModelIndex | QPersistentModelIndex

RUNS = 8
"""Rows that go are taken out run by run; when there are more runs, the model is reset, which is quicker."""


class CaseRole:
    """Item roles beyond Qt's own."""

    CASE = int(Qt.ItemDataRole.UserRole) + 1
    SEARCH = CASE + 1


class CaseModel(QAbstractListModel):
    """All cases in the order they were opened.

    Signals
    -------
    thumbnailWanted(Case)
        A row came into view whose case has no thumbnail yet. Asked once per case.
    countsChanged()
        Rows came or went, or a case changed.
    """

    thumbnailWanted = Signal(Case)
    countsChanged = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._cases: list[Case] = []
        self._row: dict[tuple[str, int, str], int] = {}
        self._counts: Counter[str] = Counter()
        self.hides: Callable[[Case], bool] = lambda _: False
        """Whether the model's opinion on a case that arrives is hidden from the person who paints."""

    # -- Qt's interface -------------------------------------------------------------------------------------

    def rowCount(self, parent: Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self._cases)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        case = self._cases[index.row()]
        if role == CaseRole.CASE:
            return case
        if role == Qt.ItemDataRole.DisplayRole:
            return case.name
        if role == CaseRole.SEARCH:
            return searchable(case)
        if role == Qt.ItemDataRole.DecorationRole:
            if case.thumbnail is None and case.error is None and not case.thumbnail_asked:
                case.thumbnail_asked = True
                self.thumbnailWanted.emit(case)
            return case.thumbnail
        if role == Qt.ItemDataRole.ToolTipRole:
            lines = [redaction.shown_path(case.path)]
            if case.error is not None:
                lines += [redaction.redacted(text, case.path) for text in (case.error.message, case.error.remedy)]
            return "\n".join(line for line in (*lines, case.notes) if line)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{case.name}, {verdict_line(case)}, {case.review.value}"
        return None

    # -- ours -----------------------------------------------------------------------------------------------

    def __contains__(self, case: object) -> bool:
        return isinstance(case, Case) and (row := self._row.get(case.key, -1)) >= 0 and self._cases[row] is case

    def __iter__(self) -> Iterator[Case]:
        return iter(self._cases)

    def __len__(self) -> int:
        return len(self._cases)

    def add(self, cases: Sequence[Case]) -> list[Case]:
        """Append cases that aren't in the list yet; returns, for each one given, the case in the list."""
        new = [c for c in {c.key: c for c in cases}.values() if c.key not in self._row]
        if new:
            first = len(self._cases)
            self.beginInsertRows(QModelIndex(), first, first + len(new) - 1)
            self._cases.extend(new)
            self._row.update((c.key, first + i) for i, c in enumerate(new))
            for case in new:
                case.hidden = self.hides(case)
                self._recount(case, there=True)
            self.endInsertRows()
            self.countsChanged.emit()
        return [self._cases[self._row[c.key]] for c in cases]

    def remove(self, cases: Iterable[Case]) -> None:
        """Take cases out of the list (the files stay where they are)."""
        rows = sorted({self._row[c.key] for c in cases if c.key in self._row})
        if not rows:
            return
        for row in rows:
            self._recount(self._cases[row], there=False)
        together = runs(rows)
        if len(together) > RUNS:
            gone = set(rows)
            self.beginResetModel()
            self._cases = [c for i, c in enumerate(self._cases) if i not in gone]
            self._number()
            self.endResetModel()
        else:
            for first, last in reversed(together):
                self.beginRemoveRows(QModelIndex(), first, last)
                del self._cases[first : last + 1]
                self._number()
                self.endRemoveRows()
        self.countsChanged.emit()

    def supersede(self, case: Case) -> None:
        """Make room for a new version of a case's file: the case stays, under a key of its own."""
        row = self._row.pop(case.key)
        case.superseded = case.sha256 or "superseded"
        self._row[case.key] = row
        self.changed(case)

    def _number(self) -> None:
        self._row = {c.key: i for i, c in enumerate(self._cases)}

    def case(self, row: int) -> Case:
        """The case in a row; without Qt's detour over an index, for filters that look at all of them."""
        return self._cases[row]

    def changed(self, case: Case) -> None:
        """Tell the views that a case looks different now."""
        case.words = None
        row = self._row.get(case.key)
        if row is not None and self._cases[row] is case:  # another case of this key may be listed: only that counts
            self._recount(case, there=True)
            self.dataChanged.emit(self.index(row), self.index(row))
            self.countsChanged.emit()

    def all_changed(self) -> None:
        """Tell the views that every case may look, and be ordered, differently now."""
        for case in self._cases:
            case.words = None
            self._recount(case, there=True)
        if self._cases:
            self.dataChanged.emit(self.index(0), self.index(len(self._cases) - 1))
            self.countsChanged.emit()

    def index_of(self, case: Case) -> QModelIndex:
        row = self._row.get(case.key, -1)
        return self.index(row) if row >= 0 else QModelIndex()

    def counts(self) -> Counter[str]:
        """How many cases: ``all``, ``failed``, ``analysed``, ``labelled``, ``todo``, and one entry per review state."""
        return self._counts

    def _recount(self, case: Case, there: bool) -> None:
        self._counts.subtract(case.counted)
        case.counted = _kinds(case) if there else ()
        self._counts.update(case.counted)


def runs(rows: Sequence[int]) -> list[tuple[int, int]]:
    """First and last of each run of neighbours among ascending numbers."""
    found: list[tuple[int, int]] = []
    for row in rows:
        if found and found[-1][1] == row - 1:
            found[-1] = found[-1][0], row
        else:
            found.append((row, row))
    return found


def _kinds(case: Case) -> tuple[str, ...]:
    """What a case counts as."""
    flags = {
        "failed": case.error is not None,
        "analysed": case.verdict is not None,
        "labelled": case.label is not None,
        "todo": is_todo(case),
    }
    return "all", case.review.value, *(name for name, on in flags.items() if on)
