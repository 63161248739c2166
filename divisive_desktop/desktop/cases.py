"""The cases of the worklist as a Qt model: one row per image, thumbnails made only for rows that are seen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

from PySide6.QtCore import (
    QAbstractListModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QSortFilterProxyModel,
    Qt,
    Signal,
)
from PySide6.QtGui import QImage

from divisive_desktop.desktop.wording import percent, probability_of_predicted
from divisive_desktop.errors import ModelNotFoundError, UserFacingError
from divisive_desktop.explanation.analysis import Analysis

Index = QModelIndex | QPersistentModelIndex


class Review(Enum):
    """How far the analyst is with a case."""

    NEW = "New"
    OPEN = "In review"
    DONE = "Done"
    FLAGGED = "Flagged"


@dataclass(eq=False)
class Case:
    """One image with what the analyst and the models said about it."""

    path: Path
    frame: int = 0
    review: Review = Review.NEW
    label: int | None = None
    """The analyst's class, 0 or 1; None until labelled."""
    analysis: Analysis | None = None
    hidden: bool = False
    """The model's opinion isn't shown: the mask is being painted blind."""
    error: UserFacingError | None = None
    """Why the file can't be opened; such a case stays in the list."""
    analysis_error: UserFacingError | None = None
    thumbnail: QImage | None = None
    analysing: bool = False
    thumbnail_asked: bool = field(default=False, repr=False)
    counted: tuple[str, ...] = field(default=(), repr=False)
    """What the worklist counts it as now."""

    @property
    def key(self) -> tuple[str, int]:
        return str(self.path), self.frame

    @property
    def name(self) -> str:
        return self.path.name if self.frame == 0 else f"{self.path.name} [{self.frame + 1}]"

    @property
    def true_class(self) -> tuple[int, str] | None:
        """The class held true and ``label`` or ``predicted``; None before an analysis."""
        return None if self.analysis is None else self.analysis.true_class(self.label)


class CaseRole:
    """Item roles beyond Qt's own."""

    CASE = int(Qt.ItemDataRole.UserRole) + 1
    SEARCH = CASE + 1


class CaseModel(QAbstractListModel):
    """All cases in the order they were opened.

    Signals
    -------
    thumbnailWanted(object)
        A row came into view whose case has no thumbnail yet. Asked once per case.
    countsChanged()
        Rows came or went, or a case changed.
    """

    thumbnailWanted = Signal(object)
    countsChanged = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._cases: list[Case] = []
        self._row: dict[tuple[str, int], int] = {}
        self._counts: Counter[str] = Counter()

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
            return f"{case.path}\n{case.error.message}\n{case.error.remedy}" if case.error else str(case.path)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{case.name}, {verdict_line(case)}, {case.review.value}"
        return None

    # -- ours -----------------------------------------------------------------------------------------------

    def __iter__(self) -> Iterable[Case]:
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
                self._recount(case, there=True)
            self.endInsertRows()
            self.countsChanged.emit()
        return [self._cases[self._row[c.key]] for c in cases]

    def remove(self, cases: Iterable[Case]) -> None:
        """Take cases out of the list (the files stay where they are)."""
        for row in sorted((self._row[c.key] for c in cases if c.key in self._row), reverse=True):
            self.beginRemoveRows(QModelIndex(), row, row)
            self._recount(self._cases[row], there=False)
            del self._cases[row]
            self._row = {c.key: i for i, c in enumerate(self._cases)}
            self.endRemoveRows()
        self.countsChanged.emit()

    def changed(self, case: Case) -> None:
        """Tell the views that a case looks different now."""
        row = self._row.get(case.key)
        if row is not None:
            self._recount(case, there=True)
            self.dataChanged.emit(self.index(row), self.index(row))
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


def _kinds(case: Case) -> tuple[str, ...]:
    """What a case counts as."""
    flags = {
        "failed": case.error is not None,
        "analysed": case.analysis is not None,
        "labelled": case.label is not None,
        "todo": case.analysis is None and case.error is None,
    }
    return "all", case.review.value, *(name for name, on in flags.items() if on)


class CaseFilter(QSortFilterProxyModel):
    """Rows that match a text and a state."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._words: list[str] = []
        self._state = "all"

    def set_text(self, text: str) -> None:
        """Every word must occur in the case's name, folder, verdict, label or state."""
        self._words = text.casefold().split()
        self.invalidate()

    def set_state(self, state: str) -> None:
        """``all``, ``failed``, ``unlabelled``, ``disagree``, or the value of a :class:`Review`."""
        self._state = state
        self.invalidate()

    def filterAcceptsRow(self, row: int, parent: Index) -> bool:
        case = self.sourceModel().index(row, 0, parent).data(CaseRole.CASE)
        return _in_state(case, self._state) and all(w in searchable(case) for w in self._words)


def _in_state(case: Case, state: str) -> bool:
    if state == "all":
        return True
    if state == "failed":
        return case.error is not None or case.analysis_error is not None
    if state == "unlabelled":
        return case.label is None and case.error is None
    if state == "disagree":
        return case.label is not None and case.analysis is not None and case.analysis.predicted != case.label
    return case.review.value == state


def searchable(case: Case) -> str:
    """What a search looks through, in lower case."""
    return f"{case.path.name} {case.path.parent.name} {verdict_line(case)} {case.review.value}".casefold()


def verdict_line(case: Case) -> str:
    """The second line of a row: what is known about the case, in a few words."""
    if case.error is not None:
        return case.error.message
    if case.hidden:
        return "Hidden until the mask is done"
    if case.analysis is not None:
        predicted = case.analysis.predicted
        line = f"{case.analysis.model.classes[predicted]} {percent(probability_of_predicted(case.analysis))}"
        if case.label is None:
            return line
        return f"{line} · label {'agrees' if case.label == predicted else 'differs'}"
    return waiting_text(case)


def waiting_text(case: Case) -> str:
    """Why there is no analysis of a case that can be opened, in two or three words."""
    if case.analysing:
        return "Analysing…"
    if case.analysis_error is None:
        return "Not analysed"
    if case.analysis_error.kind == ModelNotFoundError.kind:
        return "No model installed"
    return "Analysis failed"
