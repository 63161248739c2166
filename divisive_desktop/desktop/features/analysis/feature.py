"""Analysing cases, one or many: the actions, what the status bar shows of it, and what is said when something fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from divisive_desktop.desktop.features.analysis.failure_list import FailureList
from divisive_desktop.desktop.session.batch import Batch
from divisive_desktop.desktop.session.case import Case
from divisive_desktop.desktop.session.casebook_service import OpenedCasebook
from divisive_desktop.desktop.session.wording import plural
from divisive_desktop.desktop.shell.action import Action
from divisive_desktop.desktop.shell.messages import MessageButton
from divisive_desktop.desktop.shell.services import Services
from divisive_desktop.engine.messages import EngineDied, EngineReady, Progress
from divisive_desktop.errors import UserFacingError

if TYPE_CHECKING:
    from divisive_desktop.casebook import BatchStatus

BATCH, ENGINE = "batch", "engine"
"""Keys of messages."""


def install(services: Services) -> AnalysisFeature:
    """Add the analysis of cases to the window."""
    return AnalysisFeature(services)


class AnalysisFeature(QObject):
    """Between the window and the session's analyses and batch."""

    def __init__(self, services: Services) -> None:
        super().__init__(services.window)
        self._services, self._session, self._runner = services, services.session, services.runner
        self._messages, self._status = services.messages, services.status
        self._stopped = False
        services.actions.add(self._actions())
        session, batch = self._session, self._session.batch
        session.problem.connect(lambda case, error: self._messages.show_error(error, case))
        session.analyses.changed.connect(self._analysis_changed)
        session.casebook.opened.connect(self._casebook_opened)
        batch.changed.connect(self._jobs_changed)
        batch.changed.connect(services.actions.refresh)  # the mark at "Pause"
        batch.finished.connect(self._batch_finished)
        batch.stopped.connect(self._batch_stopped)
        self._runner.engineChanged.connect(self._engine_changed)
        self._runner.progressed.connect(self._progressed)
        self._runner.jobsChanged.connect(self._jobs_changed)
        self._status.cancelRequested.connect(batch.cancel)
        self._status.pauseRequested.connect(batch.toggle)

    def _actions(self) -> tuple[Action, ...]:
        session, settings = self._session, self._services.settings
        batch = session.batch

        def toggle_auto_analyse() -> None:
            settings.analyse_on_opening = not settings.analyse_on_opening

        # fmt: off
        return (
            Action("analyse", "Analyse again", self._analyse_current, "F5", "Run the model on this case again",
                   "analyse", lambda s: s.record and not s.busy),
            Action("analyse-all", "Analyse all cases", lambda: batch.start_all(list(session.cases)), "Shift+F5",
                   "Run the model on every case that has no analysis yet", "analyse-all",
                   lambda s: s.unanalysed and not s.batch and s.writable),
            Action("analyse-selected", "Analyse selected cases", self._analyse_selected, "Ctrl+F5",
                   "Run the model on the cases selected in the worklist", "analyse",
                   lambda s: s.case and not s.batch and s.writable),
            Action("pause", "Pause analysis of all cases", batch.toggle, "", "A second time: go on", "pause",
                   lambda s: s.batch, lambda: batch.paused is not None),
            Action("failures", "What could not be analysed…", self.show_last_failures, "",
                   "Of the newest batch that something failed in, with what to do about it",
                   enabled=lambda s: s.open and s.writable and s.cases > 0),
            Action("cancel", "Cancel analysis of all cases", batch.cancel, icon="cancel", enabled=lambda s: s.batch),
            Action("auto-analyse", "Analyse on opening", toggle_auto_analyse, "",
                   "Analyse a case as soon as it is looked at", checked=lambda: settings.analyse_on_opening),
        )
        # fmt: on

    # -- asking ---------------------------------------------------------------------------------------------

    def _analyse_selected(self) -> None:
        """One case at once, several as a batch."""
        cases = self._session.chosen()
        if len(cases) == 1:
            self._session.analyses.analyse(cases[0])
        else:
            self._session.batch.start(cases)

    def _analyse_current(self) -> None:
        if self._session.current is not None:
            self._session.analyses.analyse(self._session.current)

    def _analysis_changed(self, case: Case) -> None:
        if case.analysis is not None:
            self._messages.dismiss_case(case)

    # -- the batch ------------------------------------------------------------------------------------------

    def _casebook_opened(self, found: OpenedCasebook) -> None:
        self._messages.dismiss(BATCH)
        self._messages.keep_cases(self._session.cases)  # what was dropped before it was open is in it
        unfinished = [b for b in found.unfinished if b.pending]
        if unfinished and found.book.read_only is None:
            self._offer(unfinished[0])

    def _offer(self, status: BatchStatus) -> None:
        batch, left = self._session.batch, plural(status.pending, "image")
        self._messages.show(
            BATCH, "info", f"An analysis of many images was interrupted: {left} left of "
            f"{status.pending + status.done + status.failed}.", "What was done is kept.",
            ("Go on", lambda: batch.resume(status.id, self._session.sync.by_id)),
            ("Leave it", lambda: batch.dismiss(status.id)),
        )  # fmt: skip

    def _batch_finished(self, batch: Batch) -> None:
        failed = len(batch.failures)
        if not failed:
            self._messages.dismiss(BATCH)
            return
        self._messages.show(
            BATCH, "warning", f"{failed} of {plural(len(batch.cases), 'image')} could not be analysed.",
            "The others are done.", ("Show which…", lambda: self.show_failures(batch)),
        )  # fmt: skip

    def _batch_stopped(self, batch: Batch, error: UserFacingError) -> None:
        number = batch.id
        again = None
        if number is not None:
            again = ("Go on", lambda: self._session.batch.resume(number, self._session.sync.by_id))
        self._messages.show(BATCH, "error", error.message, "What was done is kept.", again)

    def show_failures(self, batch: Batch) -> FailureList:
        """List what failed, with what to do about it."""
        sheet = FailureList(batch.failures, self._services.window)
        sheet.retry.connect(lambda: self._retry(batch))
        sheet.chosen.connect(self._session.select)
        sheet.open()
        return sheet

    def show_last_failures(self) -> None:
        """The same for the newest batch that something failed in, also after a new start."""

        def show(batch: Batch) -> None:
            if batch.failures:
                self.show_failures(batch)
            else:
                self._messages.show(BATCH, "info", "Nothing failed.")

        self._session.batch.last_failures(self._session.sync.by_id, show)

    def _retry(self, batch: Batch) -> None:
        self._messages.dismiss(BATCH)
        for case, _ in batch.failures:
            case.analysis_error = None
        if batch.id is not None and all(case.id in batch.items for case, _ in batch.failures):
            self._session.batch.resume(batch.id, self._session.sync.by_id, retry=True)
        else:
            self._session.batch.start([case for case, _ in batch.failures])

    # -- engine and progress --------------------------------------------------------------------------------

    def _engine_changed(self, event: EngineReady | EngineDied | None) -> None:
        self._status.set_engine(event)
        if isinstance(event, EngineReady) and event.note:
            self._messages.show(ENGINE, "info", event.note)
        elif isinstance(event, EngineReady) and self._stopped and ENGINE in self._messages.bar.subjects:
            self._tell_of_engine("The analysis engine stopped unexpectedly; it runs again.")
        self._stopped = isinstance(event, EngineDied)
        if not isinstance(event, EngineDied) or event.asked:
            return
        if event.restarting:
            how = "hung and was stopped; it" if event.hung else "stopped unexpectedly and"
            self._tell_of_engine(f"The analysis engine {how} is being restarted.")
        else:
            text = "The analysis engine stopped several times in a row and was not started again."
            self._tell_of_engine(text, ("Start engine", self._runner.restart_engine))

    def _tell_of_engine(self, text: str, button: MessageButton | None = None) -> None:
        if button is None and self._session.current is not None:
            button = ("Analyse again", self._analyse_current)
        self._messages.show(
            ENGINE, "warning", text, "Your cases and labels are safe; what was being analysed is asked again.", button
        )

    def _progressed(self, event: Progress) -> None:
        if any(job.id == event.job for job in self._runner.shown_jobs()):
            self._status.progress(event)

    def _jobs_changed(self) -> None:
        jobs, batch = self._runner.shown_jobs(), self._session.batch
        if jobs:
            self._status.begin(jobs[0].title)
        elif batch.paused is not None:
            self._status.begin(f"Paused: {len(batch.paused.left):,} images left")
        else:
            self._status.end()
        self._status.set_pause(batch.running and (not jobs or batch.owns(jobs[0])), batch.paused is not None)
