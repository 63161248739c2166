"""Puts fine-tuning into the main window: menu, banner of an interrupted run, and what passes between the pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from divisive_desktop import version
from divisive_desktop.desktop.features.finetuning.methods import method
from divisive_desktop.desktop.features.finetuning.preparation import Preparation, PreparedRun
from divisive_desktop.desktop.features.finetuning.run import RunSession
from divisive_desktop.desktop.features.finetuning.version_notice import VersionNotice
from divisive_desktop.desktop.session.wording import told
from divisive_desktop.desktop.shell.action import Action, is_open
from divisive_desktop.desktop.shell.services import ViewerServices
from divisive_desktop.desktop.ui import theme
from divisive_desktop.desktop.ui.kept_dialog import bring_up
from divisive_desktop.desktop.ui.theme import GRID
from divisive_desktop.engine.finetuning.messages import FineTune, FineTuneResult
from divisive_desktop.errors import UserFacingError

if TYPE_CHECKING:
    from divisive_desktop.casebook import Casebook, RunRow
    from divisive_desktop.desktop.features.finetuning.dialog import FineTuneDialog
    from divisive_desktop.desktop.features.finetuning.live import LivePage
    from divisive_desktop.desktop.features.finetuning.result import ResultPage
    from divisive_desktop.desktop.features.finetuning.setup import SetupPage
    from divisive_desktop.desktop.features.finetuning.versions import VersionsDialog
    from divisive_desktop.desktop.session.casebook_service import OpenedCasebook
    from divisive_desktop.desktop.session.runner import BackgroundTask
    from divisive_desktop.engine.finetuning.messages import Notice
    from divisive_desktop.library.store import StoredModel

BANNER_KEY = "finetune"


def install(services: ViewerServices) -> FineTuningFeature:
    """Add fine-tuning to the window."""
    return FineTuningFeature(services)


class FineTuningFeature(QObject):
    """The run, and the window of its own, which is made when it is asked for."""

    def __init__(self, services: ViewerServices) -> None:
        super().__init__(services.window)
        self._services, self._runner, self._session = services, services.runner, services.session
        self._messages = services.messages
        self.run = RunSession(services.runner, services.session.casebook, self)
        self.dialog: FineTuneDialog | None = None
        self.versions: VersionsDialog | None = None
        self.preparation = Preparation(services, self.run, self)
        self._opening = False
        self.notice = VersionNotice(services, self)
        self.run.changed.connect(self._run_changed)
        self.run.finished.connect(self._finished)
        self.run.failed.connect(self._failed)
        self.run.noticed.connect(self._noticed)
        services.actions.add(self._actions())
        services.inspector.add_section("Fine-tuning", self._invitation())
        services.theme.changed.connect(self._recolour)
        services.status.cancelRequested.connect(self._cancel_from_status)
        services.events.closing.connect(self._close)
        self._session.casebook.opened.connect(self._book_opened)
        if self._session.casebook.current is not None:
            self._look_for_interrupted()

    def _actions(self) -> tuple[Action, ...]:
        return (
            Action("finetune", "Fine-tune…", self.open, "Ctrl+T",
                   "Teach the model what your masks and labels say", "finetune", is_open),
            Action("versions", "Model versions…", self.open_versions, "Ctrl+Shift+T",
                   "Which version came from which, which one is in use; compare, export, import", "versions"),
        )  # fmt: skip

    def _invitation(self) -> QWidget:
        """Two buttons for the inspector."""
        holder = QWidget()
        text = QLabel("Labels and masks of your cases can teach the model.")
        text.setWordWrap(True)
        theme.set_role(text, "muted")
        row = QHBoxLayout()
        row.setSpacing(GRID)
        for name, title in (("finetune", "Fine-tune…"), ("versions", "Model versions…")):
            button = QPushButton(title)
            button.clicked.connect(self._services.actions[name].trigger)
            row.addWidget(button, 1)
        column = QVBoxLayout(holder)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID)
        column.addWidget(text)
        column.addLayout(row)
        return holder

    @property
    def prepared(self) -> PreparedRun | None:
        """What the casebook offers for the choices on the page."""
        return self.preparation.prepared

    # -- the window of its own ------------------------------------------------------------------------------

    def open(self) -> None:
        """Show the fine-tuning window; the first time, what it needs is imported in the background."""
        if self.dialog is not None:
            self.dialog.bring_up()
            return
        if self._opening:
            return
        try:
            version.must_teach("Fine-tuning")
        except UserFacingError as e:
            self._messages.show_error(e)
            return
        self._opening = True

        def work(_: BackgroundTask) -> None:
            import divisive_desktop.desktop.features.finetuning.dialog
            import divisive_desktop.engine.finetuning.preparation  # noqa: F401

        def failed(error: UserFacingError) -> None:
            self._opening = False
            self._messages.show_error(error)

        self._runner.run(work, lambda _: self._build_setup(), failed, priority=30)

    # One page at a time: all three at once would hold up the window for a tenth of a second.

    def _build_setup(self) -> None:
        from divisive_desktop.desktop.features.finetuning.setup import SetupPage

        setup = SetupPage()
        QTimer.singleShot(0, self, lambda: self._build_live(setup))

    def _build_live(self, setup: SetupPage) -> None:
        from divisive_desktop.desktop.features.finetuning.live import LivePage

        live = LivePage(self._runner)
        QTimer.singleShot(0, self, lambda: self._build_result(setup, live))

    def _build_result(self, setup: SetupPage, live: LivePage) -> None:
        from divisive_desktop.desktop.features.finetuning.result import ResultPage

        result = ResultPage(self._runner)
        QTimer.singleShot(0, self, lambda: self._build_dialog(setup, live, result))

    def _build_dialog(self, setup: SetupPage, live: LivePage, result: ResultPage) -> None:
        from divisive_desktop.desktop.features.finetuning.dialog import FineTuneDialog

        self._opening = False
        dialog = self.dialog = FineTuneDialog(setup, live, result, self._services.window)
        run = self.run
        self.preparation.set_page(setup)
        self.preparation.ready.connect(result.clear_ranking)
        dialog.activated.connect(self._activated)
        dialog.versionsRequested.connect(self.open_versions)
        live.pauseToggled.connect(run.set_paused)
        live.cancelRequested.connect(run.cancel)
        live.resumeRequested.connect(lambda: self.resume(run.id) if run.id is not None else None)
        live.concludeRequested.connect(run.conclude)
        live.discardRequested.connect(self.discard)
        run.progressed.connect(live.show_progress)
        run.epochDone.connect(live.show_epoch)
        run.galleryUpdated.connect(live.gallery.show_update)
        run.noticed.connect(live.show_notice)
        run.ranked.connect(lambda results: result.show_ranking(results, not run.busy))
        result.keepRequested.connect(self.keep)
        result.discardRequested.connect(self.discard)
        result.tryRequested.connect(self._try_methods)
        dialog.show()
        if run.state != "idle":
            if run.request is not None:
                live.begin(run)
            self._run_changed()
            if run.result is not None and run.request is not None:
                result.show_result(run.result, run.request.cases, run.classes)
        if run.state == "idle" or run.request is None:
            self.preparation.load_models()

    def _activated(self) -> None:
        if self.dialog is not None and self.dialog.stack.currentIndex() == 0:
            self.preparation.refresh()

    # -- during and after -----------------------------------------------------------------------------------

    def _run_changed(self) -> None:
        dialog, run = self.dialog, self.run
        if run.state == "running":
            self._messages.dismiss(BANNER_KEY)
        if dialog is None:
            return
        dialog.set_reachable(live=run.request is not None, result=run.result is not None)
        dialog.result.set_busy(run.busy)
        if run.state == "preparing":
            dialog.set_reachable(live=True, result=False)
            dialog.go_to(1)
        if run.state in ("preparing", "running") and run.request is not None:
            dialog.live.begin(run)
            dialog.go_to(1)
        dialog.live.show_state(run)
        if run.state == "done" and run.result is not None:
            dialog.go_to(2)
        elif run.state == "idle":
            dialog.go_to(0)
            self.preparation.load_models()

    def _noticed(self, notice: Notice) -> None:
        if self.dialog is None or not self.dialog.isVisible():
            self._messages.show(BANNER_KEY + notice.code, "info", notice.text)

    def _finished(self, result: FineTuneResult) -> None:
        if self.dialog is not None and self.run.request is not None:
            self.dialog.result.show_result(result, self.run.request.cases, self.run.classes)
        if self.dialog is None or not self.dialog.isVisible():
            self._messages.show(
                BANNER_KEY, "info", f"Fine-tuning is done. {result.verdict.headline}", "", ("Look…", self.open)
            )

    def _failed(self, error: UserFacingError) -> None:
        if self.dialog is None or not self.dialog.isVisible() or self.run.request is None:
            self._messages.show(BANNER_KEY, "error", error.message, error.remedy, ("Look…", self.open))
        if self.dialog is not None and self.run.id is None:
            self.dialog.go_to(0)
            self.dialog.setup.set_blocked(False, told(error))

    def resume(self, run_id: int) -> None:
        """Go on with an interrupted run."""
        self._messages.dismiss(BANNER_KEY)
        self.run.resume(run_id)
        self.open()

    def discard(self) -> None:
        """Forget the run that is shown; its figures stay in the casebook's record."""
        self._messages.dismiss(BANNER_KEY)
        self.run.discard()

    def _try_methods(self) -> None:
        self.run.try_methods()

    def keep(self) -> None:
        """Make the result that is shown a version of its own, and use it from now on."""
        dialog, request = self.dialog, self.run.request
        shown = dialog.result.result if dialog is not None else None
        if dialog is None or request is None or shown is None:
            return
        own = shown is self.run.result
        book = self._session.casebook
        dialog.result.set_busy(True)

        def work(_: BackgroundTask) -> StoredModel:
            from pathlib import Path

            from divisive_desktop.library import store, versions

            taken = {m.card.id for m in (*store.find_models(), *versions.trashed())}
            other = versions.next_id(shown.model.task, shown.method) if shown.model.id in taken else None
            stored = versions.keep(Path(shown.folder), other)
            versions.activate(stored.card.id)
            return stored

        def done(stored: StoredModel) -> None:
            if own:
                self.run.mark_kept()
            else:
                book.write(lambda b: _write_down(b, request, shown))
            dialog.result.set_busy(False)
            dialog.result.set_decided(f"Kept as {stored.card.id}, and put into use.")
            self._messages.dismiss(BANNER_KEY)  # no decision is waited for any more
            self._use()

        def failed(error: UserFacingError) -> None:
            dialog.result.set_busy(False)
            dialog.result.kept_words.setText(told(error))

        self._runner.run(work, done, failed, priority=30)

    def _use(self) -> None:
        """Another version may be in use now."""
        self._session.questions.refresh_models()
        if self.versions is not None:
            self.versions.reload()

    # -- versions -------------------------------------------------------------------------------------------

    def open_versions(self) -> None:
        """Show the tree of model versions."""
        from divisive_desktop.desktop.features.finetuning.versions import VersionsDialog

        if self.versions is None:
            self.versions = VersionsDialog(self._runner, self._services.settings, self._services.window)
            self.versions.used.connect(lambda _: self._use())
            self.versions.problem.connect(self._messages.show_error)
        self.versions.reload()
        bring_up(self.versions)

    # -- a run that was interrupted -------------------------------------------------------------------------

    def _book_opened(self, found: OpenedCasebook) -> None:
        self._messages.dismiss(BANNER_KEY)
        self.preparation.prepared = None
        if not self.run.busy:
            self.run.forget()
        self._look_for_interrupted()

    def _look_for_interrupted(self) -> None:
        book = self._session.casebook
        if not book.writable:
            return

        def work(_: BackgroundTask) -> RunRow | None:
            newest = next(iter(book.wait().runs.rows()), None)
            open_ = newest is not None and newest.state in ("interrupted", "done") and not newest.decision
            return newest if open_ else None

        def arrived(row: RunRow | None) -> None:
            if row is not None and not self.run.busy:
                self._offer(row)

        self._runner.run(work, arrived, self._messages.show_error, key="finetune-interrupted")

    def _offer(self, row: RunRow) -> None:
        what = f"{method(row.method).name}, begun {row.started[:16].replace('T', ' ')} UTC"
        if row.state == "done":
            text, detail, action = f"A fine-tuning waits for your decision ({what}).", "", "Look…"
        else:
            text, action = f"A fine-tuning was interrupted ({what}).", "Resume"
            detail = "What was learned up to the last whole epoch is kept."
        self._messages.show(
            BANNER_KEY, "info", text, detail, (action, lambda: self.resume(row.id)),
            ("Discard", lambda: self._discard_row(row.id)),
        )  # fmt: skip

    def _discard_row(self, run_id: int) -> None:
        self._session.casebook.write(lambda book: book.runs.decide(run_id, "discarded"))

    # -- the window -----------------------------------------------------------------------------------------

    def _cancel_from_status(self) -> None:
        if self.run.busy and not self._session.batch.running:
            self.run.cancel()

    def _recolour(self) -> None:
        if self.dialog is not None:
            self.dialog.recolour()
        if self.versions is not None:
            self.versions.recolour()

    def _close(self) -> None:
        for dialog in (self.dialog, self.versions):
            if dialog is not None:
                dialog.hide()


def _write_down(book: Casebook, request: FineTune, result: FineTuneResult) -> None:
    """Another method's result was kept: it becomes a run of its own in the casebook."""
    from dataclasses import replace

    from divisive_desktop.engine.finetuning import preparation

    run = preparation.start(book, replace(request, method=result.method, folder=result.folder))
    preparation.finish(book, run, result)
    book.runs.decide(run, "kept")
