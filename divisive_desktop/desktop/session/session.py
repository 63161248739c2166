"""What the window works on: the cases, the current one, and the way from a file to its features. No widgets here."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal

from divisive_desktop.desktop.session import opening, questions
from divisive_desktop.desktop.session.asking import Asking
from divisive_desktop.desktop.session.batch import BatchRunner, altered
from divisive_desktop.desktop.session.case import Case, Review
from divisive_desktop.desktop.session.case_edits import CaseEdits
from divisive_desktop.desktop.session.case_sync import CaseSync
from divisive_desktop.desktop.session.casebook_service import CasebookService, KnownImage
from divisive_desktop.desktop.session.runner import Runner
from divisive_desktop.desktop.session.settings import Settings
from divisive_desktop.desktop.session.thumbnails import Thumbnails
from divisive_desktop.engine import messages
from divisive_desktop.errors import (
    CancelledError,
    EngineDiedError,
    ImageAlteredError,
    ModelNotFoundError,
    NoFaceError,
    UserFacingError,
)

if TYPE_CHECKING:
    from divisive_desktop.explanation.features import FeatureSet
    from divisive_desktop.imaging.faces import Framing
    from divisive_desktop.imaging.record import ImageRecord
    from divisive_desktop.library.card import Card

KEPT_BYTES = 512 * 2**20
"""Decoded images kept in memory, so that going back and forth is instant."""


_SAID_ELSEWHERE = (ModelNotFoundError, EngineDiedError, NoFaceError)
"""Failures of an analysis that the inspector, the engine's own message or the choice of a part tells about."""


class Session(Asking, CaseEdits, QObject):
    """Cases and the current one; starts the background work and tells what came of it.

    Signals
    -------
    currentChanged(object)
        Another case (or None) is current; its record may still be on its way.
    recordReady(object, object)
        Case and its ``ImageRecord``: the current case's pixels are there.
    analysisChanged(object)
        The current case's analysis, its failure, or its label changed.
    featuresReady(object)
        ``FoundFeatures`` for the current case, or None.
    modelsChanged()
        The list of installed models was read.
    batchChanged()
        The analysis of many cases began or ended.
    merged(object)
        List of pairs of cases that turned out to be the same image: the one that went, the one that stayed.
    problem(object, object)
        Case (or None) and the ``UserFacingError`` that the user should read now.
    """

    currentChanged = Signal(object)
    recordReady = Signal(object, object)
    analysisChanged = Signal(object)
    featuresReady = Signal(object)
    modelsChanged = Signal()
    batchChanged = Signal()
    merged = Signal(object)
    problem = Signal(object, object)

    def __init__(self, tasks: Runner, settings: Settings, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.runner = tasks
        self.settings = settings
        self.current: Case | None = None
        self.record: ImageRecord | None = None
        self.features: FeatureSet | None = None
        self.quantile: float | None = None
        """Threshold of the features as a quantile of |D|; None: Otsu."""
        self._records: OrderedDict[tuple[str, int], ImageRecord] = OrderedDict()
        self._cards: list[Card] = []
        self._active: dict[str, str] = {}
        """Task -> the model chosen to answer it, where one was."""
        self._stepping = (Path(), 0)  # the file shown last and how many frames it has: quick steps outrun decoding
        self.casebook = CasebookService(tasks, self)
        self.sync = CaseSync(self.casebook, self)
        self.sync.known.connect(self._known)
        self.sync.merged.connect(self._merged)
        self.cases = self.sync.cases
        self._thumbnails = Thumbnails(tasks, self.casebook, self.cases, self)
        self.casebook.problem.connect(lambda error: self.problem.emit(None, error))
        self.batch = BatchRunner(tasks, self.casebook, self._request, self._batch_analysed, self._batch_failed, self)
        self.batch.changed.connect(self.batchChanged)

    # -- the casebook ---------------------------------------------------------------------------------------

    def open_casebook(
        self, path: Path | None = None, *, create: bool = False, take_over: bool = False
    ) -> None:
        """Work on another casebook (None: the user's own); the list becomes its cases."""
        self.batch.forget()
        self.sync.clear()
        self.select(None)
        self.casebook.open(path, create=create, take_over=take_over)

    def reload(self) -> None:
        """Read the list from the casebook anew."""
        self.open_casebook(self.casebook.path)

    def _known(self, case: Case) -> None:
        if case is self.current:
            self.analysisChanged.emit(case)

    def _merged(self, pairs: Sequence[tuple[Case, Case]]) -> None:
        for gone, kept in pairs:
            if gone is self.current:
                self.select(kept)
        self.merged.emit(pairs)

    def add_version(self, case: Case) -> None:
        """Take in an altered file as it is now, as a case of its own, and show it."""
        if self.casebook.writable and case.file_state == "altered" and not case.superseded:
            self._records.pop(case.key, None)
            self.select(self.sync.add_version(case))

    # -- adding ---------------------------------------------------------------------------------------------

    def open_paths(self, given: Sequence[Path], remember: bool = True) -> None:
        """Add files, folders and ZIP archives; the first image becomes the current case.

        Parameters
        ----------
        remember : bool
            List them among the recent files.
        """
        if not given:
            return
        wanted = [Path(p) for p in given]
        state = {"first": True, "found": 0}

        def arrived(batch: list[Case]) -> None:
            cases = self.sync.add(batch)
            state["found"] += len(cases)
            if state["first"] and cases:
                state["first"] = False
                self.select(cases[0])

        def done(problems: list[UserFacingError]) -> None:
            for error in problems:
                self.problem.emit(None, error)

        self.runner.run(
            lambda task: opening.find_cases(wanted, lambda cases: self.runner.emit(task, cases), task),
            done,
            lambda error: self.problem.emit(None, error),
            stream=arrived,
            priority=5,
        )
        if remember:
            self.settings.add_recent(wanted)

    def remove(self, cases: Iterable[Case]) -> None:
        """Move cases to the casebook's trash; the files stay where they are."""
        gone = list(cases)
        if not self.casebook.writable and any(c.id is not None for c in gone):
            return
        self.sync.remove(gone)
        if self.current in gone:
            self.select(next(iter(self.cases), None))

    # -- the current case -----------------------------------------------------------------------------------

    def select(self, case: Case | None) -> None:
        """Make a case current: its picture is opened, then analysed unless that was done before."""
        if case is self.current:
            return
        left, self.current = self.current, case
        if left is not None and self.record is None and left.thumbnail is None and left.error is None:
            left.thumbnail_asked = False  # its opening was given up
            self.cases.changed(left)
        self.record = None
        self.features = None
        self.currentChanged.emit(case)
        if case is None or case.error is not None:
            return
        known = self._records.get(case.key)
        if known is not None:
            self._records.move_to_end(case.key)
            self._show(case, known)
            return
        # Opening it makes the thumbnail, too: large pictures decoded twice at once would take twice the memory.
        case.thumbnail_asked = case.thumbnail_asked or case.stored_thumbnail is None
        self.runner.run(
            lambda _: self._decode(case),
            lambda opened: self._opened(case, *opened),
            lambda error: self._failed(case, error),
            key="open",
            priority=10,
        )

    def show_frame(self, frame: int) -> None:
        """Look at another frame of the current case's file; it becomes a case when something is said about it."""
        case = self.current
        if case is None or case.path != self._stepping[0] or not 0 <= frame < self._stepping[1] or frame == case.frame:
            return
        other = Case(case.path, frame, source=case.source, sha256=case.sha256, file_state=case.file_state)
        row = self.cases.index_of(other).row()
        self.select(self.cases.case(row) if row >= 0 else other)

    def ensure_listed(self, cases: Iterable[Case]) -> None:
        """Put frames that were only looked at into the list and the casebook."""
        new = [c for c in cases if c not in self.cases and not c.removed]
        if new and self.casebook.writable:
            self.cases.add(new)
            self.casebook.add([c for c in new if c.id is None])

    def _decode(self, case: Case) -> tuple[ImageRecord, Any, KnownImage]:
        """Runs in the background."""
        source = self.casebook.source(case)
        record, thumbnail = opening.open_case(case, source)
        return record, thumbnail, self.casebook.known(case, record)

    def _opened(self, case: Case, record: ImageRecord, thumbnail: Any, known: KnownImage) -> None:
        self._remember(case, record)
        if known.altered:
            case.file_state = "altered"
            self.problem.emit(case, altered(case))
        elif known.row is not None:
            if case.analysis is None and known.analysis is not None and not case.analysing:
                case.analysis = known.analysis
                case.framing = case.framing or questions.chosen_framing(known.analysis)
            case = self.sync.bind(case, known.row)
        if case.thumbnail is None:
            case.thumbnail, case.thumbnail_asked = thumbnail, True
            self.cases.changed(case)
            if case in self.cases and not known.altered:
                self.casebook.keep_thumbnail(case, opening.png_of(thumbnail))
        if case is self.current:
            self._show(case, record)

    def _show(self, case: Case, record: ImageRecord) -> None:
        self.record = record
        self._stepping = (case.path, record.frames)
        listed = case in self.cases  # a frame that is only looked at becomes no case by that
        if case.review is Review.NEW and self.casebook.writable and listed:
            case.review = Review.OPEN
            self.cases.changed(case)
            self.casebook.review([case], Review.OPEN)
        self.recordReady.emit(case, record)
        due = case.verdict is None and case.analysis_error is None and case.file_state == "ok"
        if due and listed and self.settings.analyse_on_opening:
            self.analyse(case)
        else:
            self.analysisChanged.emit(case)
            self.update_features()

    def _failed(self, case: Case, error: UserFacingError) -> None:
        case.error = error
        self.cases.changed(case)
        if case is self.current:
            self.currentChanged.emit(case)
            self.problem.emit(case, error)

    def _remember(self, case: Case, record: ImageRecord) -> None:
        self._records[case.key] = record
        self._records.move_to_end(case.key)
        while len(self._records) > 1 and sum(r.stored.nbytes * 3 for r in self._records.values()) > KEPT_BYTES:
            self._records.popitem(last=False)

    # -- analyses -------------------------------------------------------------------------------------------

    def analyse(self, case: Case) -> None:
        """(Re-)analyse one case with the model chosen for its kind of image."""
        if case.analysing or case.error is not None:
            return
        if case.file_state == "altered":
            self.problem.emit(case, altered(case))
            return
        self.ensure_listed([case])
        case.analysing, case.analysis_error, case.analysis = True, None, None
        self._tell(case)
        if case is self.current:
            self.features = None
            self.featuresReady.emit(None)
        self.runner.submit(
            self._request(case),
            lambda value: self._analysed(case, value),
            lambda error: self._not_analysed(case, error),
        )

    def _request(self, case: Case) -> messages.Analyse:
        sha256 = case.sha256  # the imported bytes: never what a file holds now
        if sha256 is None and case is self.current and self.record is not None:
            sha256 = self.record.sha256
        return messages.Analyse(
            str(case.source or case.path), case.frame, expected_sha256=sha256, task=case.task,
            framing=case.framing,
        )  # fmt: skip

    def set_framing(self, case: Case, framing: Framing | None) -> None:
        """Analyse another part of a case's image; None: the face that is found, or all where none is looked for."""
        case.framing = framing
        self.analyse(case)

    def analyse_all(self) -> None:
        """Analyse every case that has no analysis yet, with progress; stops at :meth:`cancel_batch`."""
        self.batch.start_all(list(self.cases))

    def cancel_batch(self) -> None:
        self.batch.cancel()

    @property
    def batch_running(self) -> bool:
        return self.batch.running

    def any_unanalysed(self) -> bool:
        """Whether 'analyse all' has something to do."""
        return self.cases.counts()["todo"] > 0

    # -- results --------------------------------------------------------------------------------------------

    def _analysed(self, case: Case, analysis: Any) -> None:
        self.casebook.analysis(case, analysis)
        self._batch_analysed(case, analysis)

    def _batch_analysed(self, case: Case, analysis: Any) -> None:
        case.analysing, case.analysis_error = False, None
        case.analysis = replace(analysis, file=str(case.path))
        self._tell(case)
        if case is self.current:
            self.update_features()

    def _not_analysed(self, case: Case, error: UserFacingError, quiet: bool = False) -> None:
        case.analysing = False
        if isinstance(error, ImageAlteredError):
            error, case.file_state = altered(case), "altered"
            self.casebook.check(case)
        if not isinstance(error, CancelledError):
            case.analysis_error = error
        self._tell(case)
        told = quiet or isinstance(error, (CancelledError, *_SAID_ELSEWHERE))
        if not told and case is self.current:
            self.problem.emit(case, error)

    def _batch_failed(self, case: Case, error: UserFacingError) -> None:
        self._not_analysed(case, error, quiet=True)

    def _tell(self, case: Case) -> None:
        self.cases.changed(case)
        if case is self.current:
            self.analysisChanged.emit(case)

    def set_quantile(self, quantile: float | None) -> None:
        """Threshold for the important features as a quantile of |D|; None: Otsu's."""
        self.quantile = quantile
        self.update_features()

    def update_features(self) -> None:
        """Find the important features anew, in the background; the newest request wins."""
        case = self.current
        if case is None or case.analysis is None or self.record is None:
            self.features = None
            self.featuresReady.emit(None)
            return
        analysis, record, quantile = case.analysis, self.record, self.quantile
        true_class, _ = analysis.true_class(case.label)

        def done(found: opening.FoundFeatures) -> None:
            if case is self.current:
                self.features = found.features
                self.featuresReady.emit(found)

        self.runner.run(
            lambda _: opening.find_features(analysis, true_class, record.spacing, quantile),
            done,
            lambda error: self.problem.emit(case, error),
            key="features",
            priority=20,
        )
