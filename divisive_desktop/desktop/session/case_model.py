"""The cases of the worklist as a Qt model: one row per image, thumbnails made only for rows that are seen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, Qt, QTimer, Signal

from divisive_desktop.desktop.session import redaction
from divisive_desktop.desktop.session.case import Case, is_todo, searchable, verdict_line, verdict_lines, whose
from divisive_desktop.explanation.decision import Wanted
from divisive_desktop.foreign.text import in_window

Index = QModelIndex | QPersistentModelIndex

RUNS = 8
"""Rows that go are taken out run by run; when there are more runs, the model is reset, which is quicker."""


BY, ASKED = "by ", "asked "
"""What the counts of verdicts begin with: the model version follows, or the task."""
OTHER = "of another version"
"""What is counted of verdicts that aren't from the version in use."""


AT_ONCE = 2_500
"""Cases that are counted anew in one go: in a fifth of the time that the window may be held up."""


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
        self._alike: Counter[tuple[str, ...]] = Counter()
        """How many cases count as the same things: far fewer entries than cases."""
        self.hides: Callable[[Case], bool] = lambda _: False
        """Whether the model's opinion on a case that arrives is hidden from the person who paints."""
        self._in_use: Mapping[str, tuple[str, str]] = {}
        self._rates: Wanted | None = None
        self._left: list[Case] = []
        """Cases that are still to be counted anew."""
        self._soon = QTimer(self, singleShot=True, interval=0)
        self._soon.timeout.connect(self._recount_some)

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
            return "\n".join(line for line in (*lines, *verdict_lines(case), in_window(case.notes, lines=True)) if line)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return ", ".join((case.name, verdict_line(case), *whose(case), case.review.value))
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
                case.hidden, case.rates = self.hides(case), self._rates
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
        self._recount_all()

    def _recount_all(self) -> None:
        """Count all cases anew: some at once, in a long list the others as soon as the window has had its turn."""
        self._left = list(self._cases)
        self._recount_some()

    def _recount_some(self) -> None:
        now, self._left = self._left[:AT_ONCE], self._left[AT_ONCE:]
        for case in now:
            if case in self:  # it may have been taken off the list meanwhile
                self._recount(case, there=True)
        if self._left:
            self._soon.start()
        elif self._cases:
            self.dataChanged.emit(self.index(0), self.index(len(self._cases) - 1))
            self.countsChanged.emit()

    def index_of(self, case: Case) -> QModelIndex:
        row = self._row.get(case.key, -1)
        return self.index(row) if row >= 0 else QModelIndex()

    def counts(self) -> Counter[str]:
        """How many cases: ``all``, ``failed``, ``analysed``, ``labelled``, ``todo``, ``undecided``, `OTHER`, and one
        entry per review state, version (`BY` and its name) and question (`ASKED` and its task)."""
        counts: Counter[str] = Counter()
        for kinds, number in self._alike.items():
            for kind in kinds if number else ():
                counts[kind] += number
        return counts

    def set_in_use(self, versions: Mapping[str, tuple[str, str]]) -> None:
        """Say which model versions answer now, so that verdicts of others are marked.

        Parameters
        ----------
        versions : mapping of str to (str, str)
            By task the SHA-256 of the weights, and what the version is called.
        """
        if versions != self._in_use:
            self._in_use = versions
            self._recount_all()  # what they are found by stays

    def set_rates(self, rates: Wanted | None) -> None:
        """Word all answers at other error rates; None, also for one of the two: at the models' cards'."""
        if rates != self._rates:
            self._rates = rates
            for case in self._cases:
                case.rates = rates
            self.all_changed()

    def _recount(self, case: Case, there: bool) -> None:
        verdict = case.verdict
        weights, name = self._in_use.get(verdict.task, ("", "")) if verdict is not None else ("", "")
        case.in_use = name if verdict is not None and weights != verdict.weights else ""
        kinds = _kinds(case) if there else ()
        if kinds != case.counted:
            if case.counted:
                self._alike[case.counted] -= 1
            if kinds:
                self._alike[kinds] += 1
            case.counted = kinds


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
    kinds = ["all", case.review.value]
    if case.error is not None:
        kinds.append("failed")
    if case.verdict is not None:
        kinds.append("analysed")
    if case.label is not None:
        kinds.append("labelled")
    if is_todo(case):
        kinds.append("todo")
    opinion = case.opinion
    if opinion is not None:
        kinds += (BY + opinion.by, ASKED + opinion.task)
        if opinion.answer(case.rates) == "undecided":
            kinds.append("undecided")
        if case.in_use:
            kinds.append(OTHER)
    return tuple(kinds)
