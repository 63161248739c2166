"""The cases of the worklist as a Qt model: one row per image, thumbnails made only for rows that are seen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal
from PySide6.QtGui import QImage

from divisive_desktop.desktop.wording import percent
from divisive_desktop.errors import ModelNotFoundError, UserFacingError
from divisive_desktop.explanation.analysis import Analysis

if TYPE_CHECKING:
    from divisive_desktop.casebook import CaseRow

Index = QModelIndex | QPersistentModelIndex

MANY = 64
"""More rows than this are removed by resetting the model: one by one they would take seconds."""


class Review(Enum):
    """How far the analyst is with a case."""

    NEW = "New"
    OPEN = "In review"
    DONE = "Done"
    FLAGGED = "Flagged"

    @property
    def stored(self) -> str:
        """Its name in the casebook."""
        return self.name.lower() if self is not Review.OPEN else "in_review"

    @classmethod
    def of(cls, stored: str) -> Review:
        return cls.OPEN if stored == "in_review" else cls[stored.upper()]


class Verdict(NamedTuple):
    """What the worklist shows of an analysis: kept in memory for every case, while the maps stay on the disk."""

    predicted: int
    probability: float
    """Of class 1, 0..1."""
    margin: float
    """|logit 1 - logit 0|."""
    classes: tuple[str, str]
    model: str

    @classmethod
    def of(cls, analysis: Analysis) -> Verdict:
        margin = abs(analysis.logits[1] - analysis.logits[0])
        return cls(analysis.predicted, analysis.probability, margin, analysis.model.classes, analysis.model.id)

    @property
    def name(self) -> str:
        return self.classes[self.predicted]

    @property
    def certainty(self) -> float:
        """Probability of the predicted class."""
        return self.probability if self.predicted else 1 - self.probability


@dataclass(eq=False)
class Case:
    """One image with what the analyst and the models said about it."""

    path: Path
    frame: int = 0
    review: Review = Review.NEW
    label: int | None = None
    """The analyst's class, 0 or 1; None until labelled."""
    analysis: Analysis | None = None
    """The whole analysis, maps included; loaded from the casebook when the case is looked at."""
    error: UserFacingError | None = None
    """Why the file can't be opened; such a case stays in the list."""
    analysis_error: UserFacingError | None = None
    thumbnail: QImage | None = None
    analysing: bool = False
    hidden: bool = False
    """The model's opinion isn't shown: the mask is being painted blind."""
    thumbnail_asked: bool = field(default=False, repr=False)
    counted: tuple[str, ...] = field(default=(), repr=False)
    """What the worklist counts it as now."""
    id: int | None = None
    """In the casebook; None until it is written there."""
    sha256: str | None = None
    """Of the bytes that were taken into the casebook."""
    source: Path | None = None
    """The casebook's copy of the image, None: ``path``."""
    stored_analysis: int | None = None
    """Id of the casebook's analysis, for when ``analysis`` isn't loaded."""
    stored_verdict: Verdict | None = field(default=None, repr=False)
    stored_thumbnail: str | None = field(default=None, repr=False)
    file_state: str = "ok"
    """``ok``, ``missing`` or ``altered`` since import."""
    notes: str = ""
    added: str = ""
    removed: bool = False
    """Taken off the list; not to be written any more."""

    @property
    def key(self) -> tuple[str, int]:
        return str(self.path), self.frame

    @property
    def name(self) -> str:
        return self.path.name if self.frame == 0 else f"{self.path.name} [{self.frame + 1}]"

    @property
    def verdict(self) -> Verdict | None:
        """What the shown analysis says, loaded or not."""
        return Verdict.of(self.analysis) if self.analysis is not None else self.stored_verdict

    @property
    def disagrees(self) -> bool:
        """The model contradicts the analyst's label."""
        verdict = self.verdict
        return verdict is not None and self.label is not None and verdict.predicted != self.label

    @classmethod
    def from_row(cls, row: CaseRow) -> Case:
        """A case as the casebook knows it."""
        case = cls(Path(row.path), row.frame)
        case.adopt(row)
        case.file_state, case.notes = row.file_state, row.notes
        return case

    def join(self, other: Case) -> None:
        """Take over what the casebook says about the same file, listed before the casebook was open."""
        self.id, self.sha256, self.added = other.id, other.sha256, other.added
        self.source, self.file_state, self.notes = other.source, other.file_state, other.notes
        self.stored_thumbnail, self.stored_analysis = other.stored_thumbnail, other.stored_analysis
        self.stored_verdict = other.stored_verdict
        self.label = other.label if self.label is None else self.label
        self.review = other.review if self.review in (Review.NEW, Review.OPEN) else self.review

    def adopt(self, row: CaseRow) -> None:
        """Take over what the casebook knows and nobody has said anew since."""
        self.id, self.sha256, self.added, self.stored_thumbnail = row.id, row.sha256, row.added, row.thumbnail
        if self.label is None:
            self.label = row.label
        if row.review != "new" and self.review in (Review.NEW, Review.OPEN):
            self.review = Review.of(row.review)
        self.notes = self.notes or row.notes
        if self.analysis is None and row.analysis is not None and row.predicted is not None:
            self.stored_analysis = row.analysis
            self.stored_verdict = Verdict(
                row.predicted, row.probability or 0.0, row.margin or 0.0, (row.negative or "0", row.positive or "1"),
                row.model or "",
            )  # fmt: skip

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
            lines = [str(case.path)]
            if case.error is not None:
                lines += [case.error.message, case.error.remedy]
            return "\n".join([*lines, case.notes] if case.notes else lines)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{case.name}, {verdict_line(case)}, {case.review.value}"
        return None

    # -- ours -----------------------------------------------------------------------------------------------

    def __contains__(self, case: object) -> bool:
        return isinstance(case, Case) and (row := self._row.get(case.key, -1)) >= 0 and self._cases[row] is case

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
        rows = sorted({self._row[c.key] for c in cases if c.key in self._row}, reverse=True)
        for row in rows:
            self._recount(self._cases[row], there=False)
        if len(rows) > MANY:
            gone = set(rows)
            self.beginResetModel()
            self._cases = [c for i, c in enumerate(self._cases) if i not in gone]
            self._row = {c.key: i for i, c in enumerate(self._cases)}
            self.endResetModel()
        else:
            for row in rows:
                self.beginRemoveRows(QModelIndex(), row, row)
                del self._cases[row]
                self._row = {c.key: i for i, c in enumerate(self._cases)}
                self.endRemoveRows()
        self.countsChanged.emit()

    def case(self, row: int) -> Case:
        """The case in a row; without Qt's detour over an index, for filters that look at all of them."""
        return self._cases[row]

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
        "analysed": case.verdict is not None,
        "labelled": case.label is not None,
        "todo": is_todo(case),
    }
    return "all", case.review.value, *(name for name, on in flags.items() if on)


def is_todo(case: Case) -> bool:
    """Whether a case waits for an analysis that can be made."""
    return case.analysis is None and case.stored_analysis is None and case.error is None and case.file_state == "ok"


def searchable(case: Case) -> str:
    """What a search looks through, in lower case."""
    return f"{case.path.name} {case.path.parent.name} {verdict_line(case)} {case.review.value} {case.notes}".casefold()


def verdict_line(case: Case) -> str:
    """The second line of a row: what is known about the case, in a few words."""
    if case.error is not None:
        return case.error.message
    if case.hidden:
        return "Hidden until the mask is done"
    if case.file_state == "altered":
        return "File altered since import"
    if case.file_state == "missing":
        return "File is missing"
    verdict = case.verdict
    if verdict is not None and not case.analysing:
        line = f"{verdict.name} {percent(verdict.certainty)}"
        return line if case.label is None else f"{line} · label {'differs' if case.disagrees else 'agrees'}"
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
