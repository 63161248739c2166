"""What the window knows of an image: the analyst's and the models' words on it, and how they read in a list."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from PySide6.QtGui import QImage

from divisive_desktop.desktop.session import redaction
from divisive_desktop.desktop.session.wording import capitalised
from divisive_desktop.errors import ModelNotFoundError, NoIrisError, NothingFoundError, OutOfScopeError, UserFacingError
from divisive_desktop.explanation.analysis import Analysis
from divisive_desktop.explanation.decision import ANSWERS, RATES, Answer, Rates, Wanted, accepted, answer_of
from divisive_desktop.explanation.statement import Brief, version_in_words
from divisive_desktop.imaging.correction import UNCORRECTED, Correction
from divisive_desktop.library.tasks import question_of
from divisive_desktop.paths import name_within_limits

if TYPE_CHECKING:
    from divisive_desktop.casebook import CaseRow
    from divisive_desktop.casebook.rows import Review as StoredReview
    from divisive_desktop.imaging.framing import Framing


HIDDEN = "Hidden until the mask is done"
"""What stands where the model's opinion isn't shown."""


class Review(Enum):
    """How far the analyst is with a case."""

    NEW = "New"
    OPEN = "In review"
    DONE = "Done"
    FLAGGED = "Flagged"

    @property
    def stored(self) -> StoredReview:
        """Its name in the casebook."""
        return _STORED[self]

    @classmethod
    def of(cls, stored: str) -> Review:
        return _READ[stored]


_STORED: dict[Review, StoredReview] = {
    Review.NEW: "new", Review.OPEN: "in_review", Review.DONE: "done", Review.FLAGGED: "flagged"
}  # fmt: skip
_READ: dict[str, Review] = {name: review for review, name in _STORED.items()}


class Verdict(NamedTuple):
    """What the worklist shows of an analysis: kept in memory for every case, while the maps stay on the disk."""

    predicted: int
    probability: float
    """Of class 1, 0..1."""
    margin: float
    """|logit 1 - logit 0|."""
    classes: tuple[str, str]
    model: str
    version: str = ""
    insisted: bool = False
    """Asked for although the image is out of the model's scope."""
    task: str = ""
    """The question that it answers."""
    weights: str = ""
    """SHA-256: which model version it is from, whatever that is called."""
    zone: str = "not_checked"
    """As in `explanation.scope.Zone`."""
    p: tuple[float, float] | None = None
    """Conformal p-values of class 0 and class 1; None: nothing was measured for images like this one."""
    rates: Rates = RATES
    """Error rates that the model's card accepted."""

    @classmethod
    def of(cls, analysis: Analysis) -> Verdict:
        margin, model = abs(analysis.logits[1] - analysis.logits[0]), analysis.model
        return cls(
            analysis.predicted, analysis.probability, margin, model.classes, model.id, model.version,
            analysis.scope.insisted, model.task, model.weights_sha256, analysis.scope.zone, analysis.decision.p,
            analysis.decision.rates,
        )  # fmt: skip

    @property
    def by(self) -> str:
        """The model version that it is from, as people call it."""
        return version_in_words(self.model, self.version)

    @property
    def doubt(self) -> float:
        """How possible the less likely class is, 0..1: the smaller p-value, or where none was measured the smaller
        probability."""
        return min(self.p) if self.p is not None else min(self.probability, 1 - self.probability)

    def answer(self, rates: Wanted | None) -> Answer | None:
        """What is answered at these error rates; None: at the card's."""
        return answer_of(self.zone, self.insisted, self.p, self.predicted, accepted(rates, self.rates))

    def words(self, answer: Answer | None) -> str:
        """An answer, without its probability, as a list says it."""
        return _words(self.zone, self.insisted, answer, self.predicted, self.classes)

    def brief(self, rates: Wanted | None) -> Brief:
        """The answer in words."""
        return Brief.of(
            self.zone, self.insisted, self.p, self.predicted, self.probability, self.classes,
            accepted(rates, self.rates),
        )


@lru_cache(maxsize=512)
def _words(
    zone: str, insisted: bool, answer: Answer | None, predicted: int, classes: tuple[str, str]
) -> str:
    """What lists of thousands say again and again: the words of an answer, from p-values that give it."""
    p = (1.0 - predicted, float(predicted)) if answer in ANSWERS else None
    return Brief.of(zone, insisted, p, predicted, 0.5, classes, RATES).words


def _measured(row: CaseRow) -> tuple[tuple[float, float] | None, Rates]:
    """p-values and the card's error rates, as they were kept with the analysis."""
    if row.p_negative is None or row.p_positive is None:
        return None, RATES
    rates = row.rate_negative, row.rate_positive
    return (row.p_negative, row.p_positive), RATES if rates[0] is None or rates[1] is None else (rates[0], rates[1])


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
    in_use: str = field(default="", repr=False)
    """The version that is in use, where the verdict is from another one; '' otherwise."""
    thumbnail_asked: bool = field(default=False, repr=False)
    rates: Wanted | None = field(default=None, repr=False)
    """Error rates that the analyst accepts; None, also for one of the two: what the model's card states."""
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
    task: str | None = None
    """The question that the analyst chose; None: by what the image is."""
    framing: Framing | None = None
    """The part that the analyst chose; None: models of faces and irises look for theirs."""
    correction: Correction = UNCORRECTED
    """What the analyst mended about the picture, as the casebook has it."""
    file_state: str = "ok"
    """``ok``, ``missing`` or ``altered`` since import."""
    notes: str = ""
    tags: tuple[str, ...] = ()
    added: str = ""
    """UTC, ISO 8601; also the next."""
    analysed: str = ""
    regions: int = 0
    """Painted regions of the mask; 0: no mask."""
    energy: float | None = None
    """Agreement with the mask: share of the divergence's energy inside it, 0..1."""
    seconds: float = 0.0
    """Time that people spent on the case."""
    superseded: str = ""
    """The file at ``path`` was altered and its new version is a case of its own: the hash of this one's bytes."""
    removed: bool = False
    """Taken off the list; not to be written any more."""
    words: str | None = field(default=None, repr=False)
    """What a search looks through; None: to be put together anew."""
    _judged: tuple[Analysis, Verdict] | None = field(default=None, repr=False)

    @property
    def key(self) -> tuple[str, int, str]:
        """What makes it one row of the list."""
        return str(self.path), self.frame, self.superseded

    @property
    def name(self) -> str:
        """What the case is called on the screen; its number where the file's name is hidden."""
        name = redaction.case_name(self.path.name, self.id)
        return name if self.frame == 0 else f"{name} [{self.frame + 1}]"

    def redacted(self, error: UserFacingError) -> UserFacingError:
        """An error about it as it may be shown now."""
        if not redaction.names_hidden():
            return error
        message, remedy = (redaction.redacted(text, self.path) for text in (error.message, error.remedy))
        return UserFacingError(message, remedy)

    @property
    def stem(self) -> str:
        """What names of files begin with that are made from it."""
        stem = self.name.lower().replace(" ", "-") if redaction.names_hidden() else self.path.stem
        return name_within_limits(stem, "")

    @property
    def verdict(self) -> Verdict | None:
        """What the shown analysis says, loaded or not; None also after a new one failed."""
        if self.analysis is None:
            return None if self.analysis_error is not None else self.stored_verdict
        if self._judged is None or self._judged[0] is not self.analysis:
            self._judged = self.analysis, Verdict.of(self.analysis)
        return self._judged[1]

    @property
    def opinion(self) -> Verdict | None:
        """The verdict as far as it may be seen, sorted or filtered by: nothing while the mask is painted blind."""
        return None if self.hidden else self.verdict

    @property
    def answer(self) -> Answer | None:
        """What the model answers, as far as it may be seen; None also where it was not asked."""
        opinion = self.opinion
        return None if opinion is None else opinion.answer(self.rates)

    @property
    def brief(self) -> Brief | None:
        """The same in words; None before an analysis."""
        opinion = self.opinion
        return None if opinion is None else opinion.brief(self.rates)

    @property
    def disagrees(self) -> bool:
        """The model decided against the analyst's label, and may be seen to."""
        return self.label is not None and self.answer == ANSWERS[1 - self.label]

    @property
    def agrees(self) -> bool:
        """The model decided as the analyst did, and may be seen to."""
        return self.label is not None and self.answer == ANSWERS[self.label]

    @classmethod
    def from_row(cls, row: CaseRow) -> Case:
        """A case as the casebook knows it."""
        case = cls(Path(row.path), row.frame)
        case.merge_row(row)
        case.file_state, case.notes = row.file_state, row.notes
        return case

    def merge_case(self, other: Case) -> None:
        """Take over what the casebook says about the same file, listed before the casebook was open."""
        for name in ("id", "sha256", "added", "source", "file_state", "notes", "tags", "analysed", "regions",
                     "energy", "seconds", "stored_thumbnail", "stored_analysis", "stored_verdict",
                     "correction"):  # fmt: skip
            setattr(self, name, getattr(other, name))
        self.label = other.label if self.label is None else self.label
        self.task, self.framing = self.task or other.task, self.framing or other.framing
        self.review = other.review if self.review in (Review.NEW, Review.OPEN) else self.review

    def merge_row(self, row: CaseRow) -> None:
        """Take over what the casebook knows and nobody has said anew since."""
        self.id, self.sha256 = row.id, row.sha256
        self.take_correction(Correction.parse(row.correction))
        if self.label is None:
            self.label = row.label
        if row.review != "new" and self.review in (Review.NEW, Review.OPEN):
            self.review = Review.of(row.review)
        self.task = self.task or row.task
        self.notes, self.tags = self.notes or row.notes, self.tags or row.tags
        if self.analysis is None:
            self.update_verdict(row)
        self.refresh_from(row)

    def take_correction(self, correction: Correction) -> bool:
        """The picture is corrected in this way from now on: what was made of it as it was is dropped.

        Returns
        -------
        bool
            False when it was like this already.
        """
        if correction == self.correction:
            return False
        self.correction = correction
        self.analysis = self.analysis_error = self.stored_analysis = self.stored_verdict = None
        self.thumbnail, self.stored_thumbnail, self.thumbnail_asked, self.words = None, None, False, None
        self.framing = None  # it was of the picture as it was
        return True

    def refresh_from(self, row: CaseRow) -> None:
        """Take over what only the casebook knows: mask, agreement, time, thumbnail."""
        self.added, self.analysed, self.stored_thumbnail = row.added, row.analysed or "", row.thumbnail
        self.regions, self.energy, self.seconds = row.regions, row.energy, row.seconds

    def update_verdict(self, row: CaseRow) -> None:
        """Take over the verdict; the maps stay where they are until the case is looked at."""
        if row.analysis is not None and row.predicted is not None:
            self.stored_analysis = row.analysis
            self.stored_verdict = Verdict(
                row.predicted, row.probability or 0.0, row.margin or 0.0, (row.negative or "0", row.positive or "1"),
                row.model or "", row.model_version or "", bool(row.insisted), row.model_task or "",
                row.weights_sha256 or "", row.zone, *_measured(row),
            )  # fmt: skip


def is_todo(case: Case) -> bool:
    """Whether a case waits for an analysis that can be made."""
    return case.analysis is None and case.stored_analysis is None and case.error is None and case.file_state == "ok"


def searchable(case: Case) -> str:
    """What a search looks through, in lower case."""
    if case.words is None:
        # A search that finds hidden names would tell them.
        places = (case.name,) if redaction.names_hidden() else (case.path.name, case.path.parent.name)
        parts = (*places, verdict_line(case), case.review.value, case.notes, *case.tags)
        case.words = " ".join(parts).casefold()
    return case.words


def verdict_line(case: Case) -> str:
    """The second line of a row: what is known about the case, in a few words."""
    if case.error is not None:
        return redaction.redacted(case.error.message, case.path)
    if case.hidden:
        return "Hidden until the mask is done"
    if case.file_state == "altered":
        return "File altered since import"
    if case.file_state == "missing":
        return "File is missing"
    verdict = case.verdict
    if verdict is None or case.analysing:
        return waiting_text(case)
    answer = verdict.answer(case.rates)
    line = capitalised(verdict.words(answer))
    if case.label is None or answer not in ANSWERS:
        return line
    return f"{line} · label agrees" if answer == ANSWERS[case.label] else f"{line} · label differs"


def whose(case: Case) -> tuple[str, ...]:
    """Which version the shown verdict is from, and whether another one is in use; nothing without a verdict."""
    verdict = case.opinion
    if verdict is None or case.error is not None or case.analysing:
        return ()
    by = f"By {verdict.by}"
    return (by, f"{case.in_use} is in use") if case.in_use else (by,)


def verdict_lines(case: Case) -> tuple[str, ...]:
    """What a pointer resting on a row reads of the model: question, answer and whose it is, or why there is none."""
    verdict, error = case.opinion, case.analysis_error
    if isinstance(error, OutOfScopeError) and case.verdict is None and not case.hidden and not case.analysing:
        return (error.message,)
    if verdict is None or case.error is not None or case.analysing:
        return ()
    brief = verdict.brief(case.rates)
    answer = ", ".join(part for part in (brief.words, brief.chance, f"by {verdict.by}") if part)
    lines = question_of(verdict.task), capitalised(answer), *whose(case)[1:]
    return tuple(line for line in lines if line)


def waiting_text(case: Case) -> str:
    """Why there is no analysis of a case that can be opened, in two or three words."""
    if case.analysing:
        return "Analysing…"
    if case.analysis_error is None:
        return "Not analysed"
    if isinstance(case.analysis_error, ModelNotFoundError):
        return "No model installed"
    if isinstance(case.analysis_error, NothingFoundError):
        return "No iris found" if isinstance(case.analysis_error, NoIrisError) else "No face found"
    if isinstance(case.analysis_error, OutOfScopeError):
        return capitalised(Brief.of("out_of_scope", False, None, 0, 0.0, ("", ""), RATES).words)
    return "Analysis failed"
