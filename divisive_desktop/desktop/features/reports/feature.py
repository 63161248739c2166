"""Puts reports into the window: the menu entry, the report window, and what is kept of it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject

from divisive_desktop.desktop.features.reports.engine_questions import EngineQuestions
from divisive_desktop.desktop.session.runner import BackgroundTask, Runner
from divisive_desktop.desktop.session.wording import plural, told
from divisive_desktop.desktop.shell.action import Action
from divisive_desktop.desktop.shell.services import Services
from divisive_desktop.errors import CancelledError, UserFacingError
from divisive_desktop.reporting.process.messages import Look, Preview, Progressed, Source, Write, WrittenReport

if TYPE_CHECKING:
    from divisive_desktop.casebook import Casebook
    from divisive_desktop.desktop.features.reports.checking import CheckDialog
    from divisive_desktop.desktop.features.reports.dialog import ReportDialog
    from divisive_desktop.desktop.session.case import Case
    from divisive_desktop.reporting.options import Options
    from divisive_desktop.reporting.process.client import ReportProcess

MESSAGE = "report"
_CONCLUSION = "report-conclusion"
"""Setting of the casebook: the conclusion on several cases, as it was typed last."""


def install(services: Services) -> ReportFeature:
    """Add reports to the window."""
    return ReportFeature(services)


class ReportFeature(QObject):
    """A report window is made each time one is asked for, one at a time."""

    def __init__(self, services: Services) -> None:
        super().__init__(services.window)
        self._services, self._session, self._messages = services, services.session, services.messages
        self.dialog: ReportDialog | None = None
        self._runner = Runner(self, threads=1)  # its own: a long report holds up nothing else
        self._engine = EngineQuestions(services.runner, self)
        self._cases: tuple[Case, ...] = ()
        self._book: Casebook | None = None
        self._process: ReportProcess | None = None
        self._kept = ""
        self._deidentified = True
        self._looking: BackgroundTask | None = None
        self._stop = threading.Event()
        """The report that is being written is not wanted any more."""
        self._opening = False
        self.checked: CheckDialog | None = None
        services.actions.add((
            Action("report", "Report…", self.open, "Ctrl+P",
                   "A sealed report on the selected cases that someone else can check: PDF, HTML, DICOM, JSON, CSV",
                   "report", lambda s: s.case),
            Action("report-check", "Check a report…", self.check, "",
                   "Is an exported file as it was written, and does it still hold?"),
        ))  # fmt: skip
        services.theme.changed.connect(self._recolour)
        services.session.redaction.namesChanged.connect(self._names_changed)
        services.events.keeping.connect(lambda _: self._keep_conclusion())
        services.events.closing.connect(self._close)
        services.session.casebook.changed.connect(self._book_changed)

    @property
    def idle(self) -> bool:
        """Nothing is being made."""
        return self._runner.idle and not self._opening

    @property
    def process_id(self) -> int | None:
        """Of the process that makes the reports; None while there is none."""
        return self._process.pid if self._process is not None else None

    # -- opening --------------------------------------------------------------------------------------------

    def open(self) -> None:
        """Show the report window for the selected cases; while files are being written, that one."""
        if self.dialog is not None and self.dialog.writing:
            self.dialog.bring_up()
            return
        if self._opening:
            return
        cases = self._session.chosen()
        if any(case.hidden for case in cases):
            self._messages.show(
                MESSAGE, "info", "A report would show the model's opinion, which is hidden here.",
                "Finish the mask first.",
            )  # fmt: skip
            return
        if not any(case.verdict is not None for case in cases):
            analyse = ("Analyse", lambda: self._services.actions["analyse-selected"].trigger())
            self._messages.show(
                MESSAGE, "info", "There is nothing to report yet.", "The model must have analysed the case.", analyse
            )
            return
        self._opening = True
        book = self._session.casebook.current
        single = cases[0].notes if len(cases) == 1 else None

        def work(_: BackgroundTask) -> tuple[Options, str]:
            from divisive_desktop.reporting.needs import check_installed

            check_installed()
            import divisive_desktop.desktop.features.reports.dialog
            import divisive_desktop.reporting.process.client  # noqa: F401
            from divisive_desktop.reporting.options import load_last

            conclusion = single if single is not None else str(book.settings.get(_CONCLUSION, "")) if book else ""
            return load_last(), conclusion

        self._runner.run(work, lambda found: self._build(cases, book, *found), self._not_opened)

    def _not_opened(self, error: UserFacingError) -> None:
        self._opening = False
        self._messages.show_error(error)

    def _build(self, cases: list[Case], book: Casebook | None, options: Options, conclusion: str) -> None:
        from divisive_desktop.desktop.features.reports.dialog import ReportDialog
        from divisive_desktop.desktop.features.reports.form import OptionsForm
        from divisive_desktop.reporting.process.client import ReportProcess

        self._opening = False
        self._discard()
        self._cases, self._book, self._kept = tuple(cases), book, conclusion
        sources = [
            Source(c.name, c.source or c.path, c.frame, c.id, c.analysis if c.id is None else None, c.label)
            for c in cases
        ]
        self._process = ReportProcess(sources, book.path if book is not None else None, self._engine.faces)
        dicom = [_is_dicom(c.path) for c in cases]
        form = OptionsForm(
            options, several=len(cases) > 1, dicom=any(dicom), photographs=not all(dicom), conclusion=conclusion
        )
        dialog = self.dialog = ReportDialog(form, _subject(cases), len(cases), self._services.window)
        form.changed.connect(self._changed)
        form.problem.connect(lambda error: dialog.say(told(error), wrong=True))
        dialog.writeRequested.connect(self.write)
        dialog.cancelRequested.connect(lambda: self._stop.set())
        dialog.activated.connect(self.look)
        dialog.closed.connect(self._closed)
        dialog.bring_up()
        self.look()

    # -- the preview ----------------------------------------------------------------------------------------

    def look(self) -> None:
        """Make the pages anew where something has changed."""
        dialog, process = self.dialog, self._process
        if dialog is None or process is None or dialog.writing:
            return
        options = self._options()
        if options is None:
            return

        def work(task: BackgroundTask) -> Preview | None:
            found: Preview | None = process.ask(Look(options), lambda: task.cancelled)
            return found

        def done(found: Preview | None) -> None:
            if found is not None and self.dialog is dialog:
                dialog.show_preview(found)

        def failed(error: UserFacingError) -> None:
            if self.dialog is dialog and not isinstance(error, CancelledError):
                dialog.show_problem(error)

        def run() -> None:
            if not self._runner.closed and not dialog.writing:  # after writing the pages are made in any case
                self._looking = self._runner.run(work, done, failed, key="look")

        self._after_acts(run)

    def _options(self) -> Options | None:
        assert self.dialog is not None
        try:
            options = replace(self.dialog.form.options(), rates=self._session.settings.rates)
        except UserFacingError as e:
            self.dialog.say(told(e), wrong=True)
            self.dialog.write.setEnabled(False)
            return None
        self.dialog.write.setEnabled(bool(options.formats) and bool(options.folder))
        if not options.formats:
            self.dialog.say("Choose at least one kind of file.")
        return options

    def _changed(self) -> None:
        if self.dialog is not None:
            self.dialog.say("")
        self._keep_conclusion()
        self.look()

    def _keep_conclusion(self) -> None:
        """What was typed is kept in the casebook: as the notes of the one case, or as a setting."""
        if self.dialog is None or self.dialog.form.text == self._kept:
            return
        text = self._kept = self.dialog.form.text
        if len(self._cases) == 1:
            self._session.edits.set_notes(self._cases[0], text)
        elif self._session.casebook.current is self._book:
            self._session.casebook.write(lambda book: book.settings.set(_CONCLUSION, text))

    # -- writing --------------------------------------------------------------------------------------------

    def write(self) -> None:
        """Write the files in the background."""
        dialog, process = self.dialog, self._process
        if dialog is None or process is None or dialog.writing:
            return
        options = self._options()
        if options is None or not options.formats:
            return
        self._keep_conclusion()
        self._deidentified = options.deidentify
        dialog.begin()
        stop = self._stop = threading.Event()
        if self._looking is not None:
            self._looking.cancel()

        def start(task: BackgroundTask) -> WrittenReport:
            # A flag of its own: a task that is cancelled delivers nothing, and here the end is awaited.
            made: WrittenReport = process.ask(
                Write(options), lambda: stop.is_set() or task.cancelled, lambda news: self._runner.stream(task, news)
            )
            return made

        def tell(news: Progressed) -> None:
            dialog.progress(news.fraction, news.what, news.left_s)

        self._after_acts(lambda: self._runner.run(start, self._written, self._failed, stream=tell))

    def _written(self, made: WrittenReport) -> None:
        from divisive_desktop.desktop.features.reports.dialog import written_words

        book = self._session.casebook
        if book.current is self._book and book.writable and made.reported:
            hidden = self._deidentified
            book.write(lambda b: _record(b, made, hidden))
        dialog = self.dialog
        if dialog is None:
            return
        text = written_words(made)
        dialog.end(text, made.files, wrong=bool(made.failures))
        self._look_again()
        if not dialog.isVisible():
            severity = "warning" if made.failures else "info"
            self._messages.show(MESSAGE, severity, text, "", ("Open folder", dialog.open_folder))

    def _failed(self, error: UserFacingError) -> None:
        if self.dialog is None:
            return
        if isinstance(error, CancelledError):
            self.dialog.end("Cancelled. No file was left.")
            self._look_again()
            return
        self.dialog.end(told(error), wrong=True)
        self._look_again()
        if not self.dialog.isVisible():
            self._messages.show_error(error)

    def _look_again(self) -> None:
        """Make the pages whose making was given up for the files; what was said at the foot stays."""
        if self.dialog is not None and self.dialog.isVisible():
            self.look()

    def _after_acts(self, run: Callable[[], Any]) -> None:
        """Once everything that the analyst said before is in the casebook."""
        book = self._session.casebook
        if book.writable and book.current is not None and book.current is self._book:
            book.write(lambda _: None, lambda _: run())
        else:
            run()

    # -- checking -------------------------------------------------------------------------------------------

    def check(self) -> None:
        """Ask for an exported file and say what holds of it."""
        from divisive_desktop.desktop.features.reports.checking import REPORT_FILTER, Checking

        path = self._services.dialogs.ask_file("Check a report", "report", REPORT_FILTER)
        if path is not None:
            self.checked = Checking(self._runner, self._engine).open(
                path, self._services.settings.folder("open"), self._session.casebook.current, self._services.window
            )

    # -- the end --------------------------------------------------------------------------------------------

    def _closed(self) -> None:
        self._keep_conclusion()
        if self.dialog is not None and not self.dialog.writing:
            self._discard()

    def _book_changed(self) -> None:
        """Another casebook: its cases can't be read any more."""
        if self.dialog is not None and self._session.casebook.current is not self._book:
            self._discard()

    def _discard(self) -> None:
        """Away with the window and the process; what is being written is stopped and taken away."""
        self._stop.set()
        if self._looking is not None:
            self._looking.cancel()
        if self.dialog is not None:
            dialog, self.dialog = self.dialog, None
            dialog.hide()
            dialog.deleteLater()
        process, self._process = self._process, None
        if process is not None and not self._runner.closed:
            self._runner.run(lambda _: process.close(), lambda _: None, lambda _: None)

    def _close(self) -> None:
        process = self._process
        self._stop.set()
        self._runner.close()
        self._discard()
        if process is not None:
            process.close()

    def _names_changed(self) -> None:
        if self.dialog is not None:
            self.dialog.set_subject(_subject(self._cases))

    def _recolour(self) -> None:
        if self.dialog is not None:
            self.dialog.recolour()


def _record(book: Casebook, made: WrittenReport, deidentified: bool) -> None:
    """What left is written into the audit chain, by its bytes, so that the casebook can vouch for it later."""
    from divisive_desktop.reporting.audit import exported

    names, digests = exported(made.files)
    for case in made.reported:
        book.audit.record("report", case=case, files=names, sha256=digests, deidentified=deidentified)


def _subject(cases: Sequence[Case]) -> str:
    """What a report is on, as it may be shown now."""
    return cases[0].name if len(cases) == 1 else plural(len(cases), "case")


_PHOTOGRAPHS = {".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".bmp", ".gif", ".jp2"}


def _is_dicom(path: Path) -> bool:
    """By its name, which decides what is offered; what can't be written is said when it is."""
    return path.suffix.lower() not in _PHOTOGRAPHS
