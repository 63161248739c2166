"""What the window works on: the cases, the current one, and the way from a file to its features. No widgets here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from divisive_desktop.desktop.session.analyses import Analyses
from divisive_desktop.desktop.session.batch import BatchRunner
from divisive_desktop.desktop.session.blinding import Blinding
from divisive_desktop.desktop.session.case import Case, Review
from divisive_desktop.desktop.session.case_edits import CaseEdits
from divisive_desktop.desktop.session.case_sync import CaseSync
from divisive_desktop.desktop.session.casebook_service import CasebookService
from divisive_desktop.desktop.session.corrections import Corrections
from divisive_desktop.desktop.session.current import Current
from divisive_desktop.desktop.session.opening import Opening
from divisive_desktop.desktop.session.questions import Questions, version_name
from divisive_desktop.desktop.session.redaction import Redaction
from divisive_desktop.desktop.session.runner import Runner
from divisive_desktop.desktop.session.settings import Settings
from divisive_desktop.desktop.session.thumbnails import Thumbnails
from divisive_desktop.errors import CasebookError, UserFacingError
from divisive_desktop.explanation.statement import state
from divisive_desktop.library.tasks import question_of
from divisive_desktop.paths import casebook_at

if TYPE_CHECKING:
    from divisive_desktop.explanation.statement import Statement
    from divisive_desktop.imaging.record import ImageRecord


class Session(QObject):
    """The current case, and the parts that work on cases; passes on between them what concerns the current one.

    Attributes
    ----------
    casebook : CasebookService
        What is kept.
    cases : CaseModel
        All cases in the list.
    sync : CaseSync
        Keeps list and casebook in step.
    opening : Opening
        From files to cases and decoded images.
    questions : Questions
        What is asked of an image, and the models that answer.
    analyses : Analyses
        What the models say, and the features of the current case.
    batch : BatchRunner
        Many analyses in the background.
    edits : CaseEdits
        What the analyst says.
    corrections : Corrections
        What the analyst mends about pictures.
    blinding : Blinding
        Of which cases the model's opinion is hidden.
    redaction : Redaction
        Whether identity is shown.
    selection : callable
        The cases that are selected in the list; set by whoever shows the list.

    Signals
    -------
    currentChanged(object)
        Another ``Case`` (or None) is current; its record may still be on its way.
    recordReady(Case, object)
        The current case's ``ImageRecord`` is there.
    analysisChanged(Case)
        The current case's analysis, its failure, or its label changed, or it is hidden or shown now.
    featuresReady(object)
        ``FoundFeatures`` for the current case, or None.
    problem(object, UserFacingError)
        What the user should read now, about a ``Case`` or (None) about none.
    """

    currentChanged = Signal(object)
    recordReady = Signal(Case, object)
    analysisChanged = Signal(Case)
    featuresReady = Signal(object)
    problem = Signal(object, UserFacingError)

    def __init__(self, runner: Runner, settings: Settings, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.runner, self.settings = runner, settings
        self.selection: Callable[[], list[Case]] = list
        self._current = Current()
        self._shown_last, self._frames = Path(), 0
        """The file shown last and how many frames it has: quick steps through frames outrun decoding."""
        self.redaction = Redaction(settings, self)
        self.casebook = CasebookService(runner, self)
        self.sync = CaseSync(self.casebook, self)
        self.cases = self.sync.cases
        self.blinding = Blinding(self.cases, self._current, self)
        self.opening = Opening(runner, settings, self.casebook, self.sync, self)
        self.questions = Questions(runner, self.casebook, self.opening.record, self)
        self.edits = CaseEdits(self.casebook, self.cases, self._current, self.ensure_listed, self)
        self.analyses = Analyses(runner, self.casebook, self.cases, self._current, self.ensure_listed, self)
        in_use = self.questions.versions_in_use
        self.batch = BatchRunner(runner, self.casebook, self.analyses, in_use, self)
        self.corrections = Corrections(self.casebook, self.cases, self._current, self.ensure_listed, self)
        self._thumbnails = Thumbnails(runner, self.casebook, self.cases, self)
        self._connect()

    def _connect(self) -> None:
        self.cases.set_rates(self.settings.rates)
        self.sync.known.connect(self._known)
        self.sync.merged.connect(self._merged)
        self.redaction.namesChanged.connect(self.cases.all_changed)
        self.opening.found.connect(self.select)
        self.opening.opened.connect(self._opened)
        self.opening.failed.connect(self._failed)
        self.questions.analysisWanted.connect(self.analyses.analyse)
        self.questions.modelsChanged.connect(self._models_changed)
        self.edits.labelled.connect(self._opinion_changed)
        self.corrections.changed.connect(self._corrected)
        self.edits.reviewed.connect(self.blinding.update)
        self.blinding.changed.connect(self._opinion_changed)
        self.analyses.changed.connect(self._analysis_changed)
        self.analyses.featuresReady.connect(self.featuresReady)
        for part in (self.analyses, self.opening):
            part.problem.connect(self.problem)
        for quiet in (self.casebook, self.questions):
            quiet.problem.connect(lambda error: self.problem.emit(None, error))

    # -- the casebook ---------------------------------------------------------------------------------------

    def open_casebook(
        self, path: Path | None = None, *, create: bool = False, take_over: bool = False, accept_import: bool = False
    ) -> None:
        """Work on another casebook (None: the user's own); the list becomes its cases."""
        self.batch.forget()
        self.opening.forget_all()
        self.sync.clear()
        self.select(None)
        self.casebook.open(path, create=create, take_over=take_over, accept_import=accept_import)

    def open_given(self, given: Sequence[Path], remember: bool = True) -> None:
        """Open what was chosen, dropped or handed over: a casebook as such, everything else as images.

        Parameters
        ----------
        remember : bool
            List the images among the recent files.
        """
        books = list(dict.fromkeys(book for path in given if (book := casebook_at(path)) is not None))
        if books and (self.casebook.path is None or books[0].resolve() != self.casebook.path.resolve()):
            self.open_casebook(books[0])
        if len(books) > 1:
            text = f"{len(books)} casebooks were given; {books[0].stem} was opened."
            self.problem.emit(None, CasebookError(text, "Open the others one at a time, in the File menu."))
        self.opening.open_paths([path for path in given if casebook_at(path) is None], remember)

    def reload(self) -> None:
        """Read the list from the casebook anew."""
        self.open_casebook(self.casebook.path)

    def ensure_listed(self, cases: Iterable[Case]) -> None:
        """Put frames that were only looked at into the list and the casebook."""
        new = [c for c in cases if c not in self.cases and not c.removed]
        if new and self.casebook.writable:
            self.cases.add(new)
            self.casebook.add([c for c in new if c.id is None])

    def add_version(self, case: Case) -> None:
        """Take in an altered file as it is now, as a case of its own, and show it."""
        if self.casebook.writable and case.file_state == "altered" and not case.superseded:
            self.opening.forget(case)
            self.select(self.sync.add_version(case))

    def remove(self, cases: Iterable[Case]) -> None:
        """Move cases to the casebook's trash; the files stay where they are."""
        gone = list(cases)
        if not self.casebook.writable and any(c.id is not None for c in gone):
            return
        self.sync.remove(gone)
        if self.current in gone:
            self.select(next(iter(self.cases), None))

    # -- the current case -----------------------------------------------------------------------------------

    @property
    def current(self) -> Case | None:
        """The case that is looked at."""
        return self._current.case

    @property
    def record(self) -> ImageRecord | None:
        """The current case's image; None while it is on its way."""
        return self._current.record

    @property
    def picture_shown(self) -> bool:
        """Something is shown of the current case; also while the next frame of its file is on its way."""
        case = self.current
        if case is None or case.error is not None:
            return False
        return self.record is not None or case.path == self._shown_last

    def statement(self, case: Case | None) -> Statement | None:
        """What is stated of a case's analysis, at the error rates that the analyst accepts; None without one."""
        if case is None or case.analysis is None:
            return None
        return state(case.analysis, question_of(case.analysis.model.task), self.settings.rates)

    def word_anew(self) -> None:
        """Word all answers at the error rates that the settings accept now."""
        self.cases.set_rates(self.settings.rates)
        if self.current is not None:
            self.analysisChanged.emit(self.current)

    def chosen(self) -> list[Case]:
        """The selected cases; the current one when the list doesn't show it, as a frame that is only looked at."""
        current = self.current
        if current is not None and current not in self.cases:
            return [current]
        return self.selection() or ([current] if current is not None else [])

    def select(self, case: Case | None) -> None:
        """Make a case current: its picture is opened, then analysed unless that was done before."""
        left = self.current
        if case is left:
            return
        if case is not None:
            self.blinding.update([case])
        if left is not None and self.record is None and left.thumbnail is None and left.error is None:
            left.thumbnail_asked = False  # its opening was given up
            self.cases.changed(left)
        self._current.case, self._current.record = case, None
        self.analyses.features = None
        self.currentChanged.emit(case)
        if case is None or case.error is not None:
            return
        record = self.opening.recall(case)
        if record is not None:
            self._show(case, record)
        else:
            self.opening.decode(case)

    def show_frame(self, frame: int) -> None:
        """Look at another frame of the current case's file; it becomes a case when something is said about it."""
        case = self.current
        if case is None or case.path != self._shown_last or not 0 <= frame < self._frames or frame == case.frame:
            return
        other = Case(case.path, frame, source=case.source, sha256=case.sha256, file_state=case.file_state)
        row = self.cases.index_of(other).row()
        self.select(self.cases.case(row) if row >= 0 else other)

    def _show(self, case: Case, record: ImageRecord) -> None:
        self._current.record = record
        self._shown_last, self._frames = case.path, record.frames
        listed = case in self.cases  # a frame that is only looked at becomes no case by that
        if case.review is Review.NEW and listed:
            self.edits.set_review(Review.OPEN, [case])
        self.recordReady.emit(case, record)
        due = case.verdict is None and case.analysis_error is None and case.file_state == "ok"
        if due and listed and self.settings.analyse_on_opening:
            self.analyses.analyse(case)
        else:
            self.analysisChanged.emit(case)
            self.analyses.update_features()

    # -- news from the parts --------------------------------------------------------------------------------

    def _opened(self, case: Case, record: ImageRecord) -> None:
        if case is self.current:
            self._show(case, record)

    def _failed(self, case: Case, error: UserFacingError) -> None:
        if case is self.current:
            self.currentChanged.emit(case)
            self.problem.emit(case, error)

    def _known(self, case: Case) -> None:
        self.blinding.update([case])  # the casebook may say that it is done
        if case is self.current and self.record is not None and self.record.correction != case.correction:
            self._reopen(case)
        self._analysis_changed(case)

    def _corrected(self, case: Case) -> None:
        """The analyst mended a picture, and so wants to know what the model says of it now."""
        self._reopen(case)
        if case.verdict is None:
            self.analyses.analyse(case)

    def _reopen(self, case: Case) -> None:
        """Another picture is to be seen of a case: opened anew as when it is chosen."""
        self.opening.forget(case)
        if case is self.current:
            self._current.record = None
            self.analyses.features = None
            self.currentChanged.emit(case)
            self.opening.decode(case)

    def _merged(self, pairs: Sequence[tuple[Case, Case]]) -> None:
        for gone, kept in pairs:
            if gone is self.current:
                self.select(kept)

    def _analysis_changed(self, case: Case) -> None:
        if case is self.current:
            self.analysisChanged.emit(case)

    def _models_changed(self) -> None:
        self.cases.set_in_use(
            {task: (card.weights_sha256, version_name(card)) for task, card in self.questions.in_use.items()}
        )

    def _opinion_changed(self, cases: Sequence[Case]) -> None:
        """Other classes are true and false for cases, or the model's opinion on them is hidden or shown."""
        if self.current is not None and self.current in cases:
            self.analysisChanged.emit(self.current)
            self.analyses.update_features()
