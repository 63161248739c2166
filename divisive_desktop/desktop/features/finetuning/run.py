"""One fine-tuning from the window's side: written down, sent to the engine, followed, ended. No widgets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Literal, TypeVar

from PySide6.QtCore import QObject, Signal

from divisive_desktop.desktop.session.casebook_service import CasebookService
from divisive_desktop.desktop.session.runner import EngineJob, Runner
from divisive_desktop.engine import messages
from divisive_desktop.engine.finetuning.messages import (
    METHODS,
    EpochDone,
    FineTune,
    FineTuneResult,
    GalleryUpdate,
    Notice,
    SetPaused,
    TryMethods,
)
from divisive_desktop.errors import CancelledError, CasebookReadOnlyError, EngineDiedError, UserFacingError

if TYPE_CHECKING:
    from divisive_desktop.casebook import Casebook

T = TypeVar("T")
State = Literal["idle", "preparing", "running", "paused", "cancelling", "done", "cancelled", "interrupted", "failed"]
BUSY = ("preparing", "running", "paused", "cancelling")
EndState = Literal["done", "cancelled", "interrupted", "failed"]


class RunSession(QObject):
    """The run that the window shows: at most one at a time.

    Signals
    -------
    changed()
        ``state`` changed.
    progressed(Progress), epochDone(EpochDone), galleryUpdated(GalleryUpdate), noticed(Notice)
        What the engine tells on its way.
    finished(FineTuneResult)
        It is over.
    ranked(list)
        ``FineTuneResult`` of several methods, best first.
    failed(UserFacingError)
        ``state`` says whether it can be resumed.
    """

    changed = Signal()
    progressed = Signal(messages.Progress)
    epochDone = Signal(EpochDone)
    galleryUpdated = Signal(GalleryUpdate)
    noticed = Signal(Notice)
    finished = Signal(FineTuneResult)
    ranked = Signal(list)
    failed = Signal(UserFacingError)

    def __init__(self, runner: Runner, book: CasebookService, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._runner, self._book = runner, book
        self._job: EngineJob | None = None
        self.state: State = "idle"
        self.request: FineTune | None = None
        self.id: int | None = None
        """In the casebook."""
        self.classes = ("0", "1")
        """Names of the two answers."""
        self.result: FineTuneResult | None = None
        self.results: list[FineTuneResult] = []
        """Of several methods on the same split."""
        self.trying = False
        """Several methods are being compared."""
        self.history: list[EpochDone] = []
        self.error: UserFacingError | None = None
        runner.progressed.connect(self._progress)

    @property
    def busy(self) -> bool:
        return self.state in BUSY

    @property
    def title(self) -> str:
        """What the status bar says."""
        return "Comparing methods" if self.trying else "Fine-tuning"

    # -- beginning ------------------------------------------------------------------------------------------

    def start(self, request: FineTune, classes: tuple[str, str]) -> None:
        """Write the run down, then let the engine begin. ``classes``: names of the two answers."""
        if self.busy:
            return
        self.classes = classes
        self.result, self.results = None, []
        self._begin(request)

        def write(book: Casebook) -> int:
            from divisive_desktop.engine.finetuning import preparation

            return preparation.start(book, request)

        self._write(write, self._submit)

    def resume(self, run_id: int) -> None:
        """Go on with a run that was interrupted or cancelled."""
        if self.busy:
            return
        self._begin(None, keep_history=run_id == self.id)

        def write(book: Casebook) -> tuple[FineTune, tuple[str, str]]:
            from divisive_desktop.engine.finetuning import preparation
            from divisive_desktop.library import store

            request = preparation.request_of_run(book, run_id)
            classes = store.find_model(request.base).card.classes
            book.runs.resume(run_id)
            return request, classes

        def submit(found: tuple[FineTune, tuple[str, str]]) -> None:
            self.request, self.classes = found
            self._submit(run_id)

        self._write(write, submit)

    def conclude(self) -> None:
        """Measure a cancelled run as it stands: what was learned up to the last whole epoch."""
        if self.busy or self.request is None or self.id is None:
            return
        run_id = self.id
        self._begin(replace(self.request, conclude=True), keep_history=True)
        self._write(lambda book: book.runs.resume(run_id), lambda _: self._submit(run_id))

    def try_methods(self) -> None:
        """Run all methods on the same split; the first result stays the one that is shown."""
        if self.busy or self.request is None:
            return
        self._begin(replace(self.request, conclude=False))
        self.trying = True
        self.results = []
        self._set_state("running")
        assert self.request is not None
        self._job = self._runner.submit(
            TryMethods(self.request, METHODS), self._all_done, self._ended_badly, partial=self._partial,
            title=self.title,
        )  # fmt: skip

    def _begin(self, request: FineTune | None, keep_history: bool = False) -> None:
        self.request, self.error = request, None
        self.trying = False
        if not keep_history:
            self.history = []
        if request is None:
            self.id = None
        self._set_state("preparing")

    def _submit(self, run_id: int) -> None:
        assert self.request is not None
        self.id = run_id
        self._set_state("running")
        self._job = self._runner.submit(
            self.request, self._done, self._ended_badly, partial=self._partial, title=self.title
        )

    # -- while it runs --------------------------------------------------------------------------------------

    def set_paused(self, paused: bool) -> None:
        """Hold the run at its next step, or let it go on."""
        if self.request is None or self.state not in ("running", "paused"):
            return
        self._runner.submit(SetPaused(self.request.folder, paused), lambda _: None, lambda _: None)
        self._set_state("paused" if paused else "running")

    def cancel(self) -> None:
        """Stop within two seconds; what was learned up to the last whole epoch stays."""
        if self._job is not None and self.state in ("running", "paused"):
            self._set_state("cancelling")
            self._runner.cancel(self._job)

    def _progress(self, event: messages.Progress) -> None:
        if self._job is not None and event.job == self._job.id:
            self.progressed.emit(event)

    def _partial(self, event: messages.Partial) -> None:
        value = event.value
        if isinstance(value, EpochDone):
            if any(e.epoch == value.epoch and e.method == value.method for e in self.history):
                return  # told again on resuming
            self.history.append(value)
            self.epochDone.emit(value)
        elif isinstance(value, GalleryUpdate):
            self.galleryUpdated.emit(value)
        elif isinstance(value, Notice):
            self.noticed.emit(value)
        elif isinstance(value, FineTuneResult):
            self.results.append(value)
            self.ranked.emit(list(self.results))

    # -- ends -----------------------------------------------------------------------------------------------

    def _done(self, result: FineTuneResult) -> None:
        self._job = None
        self.result = result
        if not self.history:
            self.history = list(result.history)
        run_id = self.id

        def write(book: Casebook) -> None:
            from divisive_desktop.engine.finetuning import preparation

            assert run_id is not None
            preparation.finish(book, run_id, result)

        self._book.write(write)
        self._set_state("done")
        self.finished.emit(result)

    def _all_done(self, results: tuple[FineTuneResult, ...]) -> None:
        self._job = None
        self.results = list(results)
        self.trying = False
        self._set_state("done")
        self.ranked.emit(list(self.results))

    def _ended_badly(self, error: UserFacingError) -> None:
        self._job = None
        trying, self.trying = self.trying, False
        if isinstance(error, CancelledError):
            state: EndState = "cancelled"
        else:
            state = "interrupted" if isinstance(error, EngineDiedError) else "failed"
            self.error = error
        if trying and self.result is not None:
            self._set_state("done")
        else:
            self._end(state)
        if self.error is not None:
            self.failed.emit(error)

    def _end(self, state: EndState) -> None:
        run_id = self.id
        if run_id is not None:

            def write(book: Casebook) -> None:
                from divisive_desktop.engine.finetuning import preparation

                preparation.finish(book, run_id, state=state)

            self._book.write(write)
        self._set_state(state)

    def discard(self) -> None:
        """The analyst doesn't want the result, or not to go on."""
        self._decide("discarded")
        self.forget()

    def mark_kept(self) -> None:
        """The result became a new version."""
        self._decide("kept")

    def _decide(self, decision: Literal["kept", "discarded"]) -> None:
        run_id = self.id
        if run_id is not None:
            self._book.write(lambda book: book.runs.decide(run_id, decision))

    def forget(self) -> None:
        """Nothing is shown any more."""
        if self.busy:
            return
        self.request = self.result = self.error = self.id = None
        self.history, self.results = [], []
        self._set_state("idle")

    # -- helpers --------------------------------------------------------------------------------------------

    def _write(self, work: Callable[[Casebook], T], done: Callable[[T], None]) -> None:
        """An act on the casebook that the run depends on: its failure ends the run before it began."""
        if not self._book.writable:
            refused = CasebookReadOnlyError(
                self._book.reason or "The casebook can't be written.",
                "A run is written into the casebook. Open one that you may write, or make a copy.",
            )
            self.error = refused
            self._set_state("failed")
            self.failed.emit(refused)
            return

        def guarded(book: Casebook) -> T | UserFacingError:
            try:
                return work(book)
            except UserFacingError as e:
                return e

        def arrived(result: T | UserFacingError) -> None:
            if isinstance(result, UserFacingError):
                self.error = result
                self._set_state("failed")
                self.failed.emit(result)
            else:
                done(result)

        self._book.write(guarded, arrived)

    def _set_state(self, state: State) -> None:
        self.state = state
        self.changed.emit()
