"""What the window says about its casebook, and the commands that work on the casebook as a whole."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QFileDialog, QInputDialog, QMenu, QMessageBox

from divisive_desktop.desktop.commands import chosen
from divisive_desktop.desktop.features.analysis.failure_list import FailureList
from divisive_desktop.desktop.features.casebooks import recovery
from divisive_desktop.desktop.session.batch import Batch
from divisive_desktop.desktop.session.case import Case
from divisive_desktop.desktop.session.casebook_service import OpenedCasebook
from divisive_desktop.desktop.session.opening import ExportError
from divisive_desktop.desktop.session.wording import plural
from divisive_desktop.desktop.shell.messages import Action
from divisive_desktop.errors import CasebookDamagedError, ImageAlteredError, ImageMissingError, UserFacingError

if TYPE_CHECKING:
    from divisive_desktop.casebook import BatchStatus, Casebook
    from divisive_desktop.desktop.window import MainWindow

_SUFFIX = ".casebook"


class CasebookControls(QObject):
    """Between casebook and window: messages one way, commands the other."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window, self._session = window, window.session
        self._merged = 0
        book, batch = self._session.casebook, self._session.batch
        book.opened.connect(self._opened)
        book.changed.connect(self._changed)
        batch.changed.connect(window.actions_.refresh)  # the mark at "Pause"
        batch.finished.connect(self._batch_finished)
        batch.stopped.connect(self._batch_stopped)
        self._session.merged.connect(self._tell_merged)

    # -- news -----------------------------------------------------------------------------------------------

    def _opened(self, found: OpenedCasebook) -> None:
        window, book = self._window, found.book
        for key in ("casebook", "batch"):
            window.messages.dismiss(key)
        if book.read_only is not None:
            window.notify(
                "casebook", "warning", book.read_only,
                "You can look at everything here; labels, reviews and analyses are not kept.",
                ("Try again", lambda: self._session.open_casebook(book.path)),
                recovery.offer_take_over(window, book),
            )  # fmt: skip
        for warning in book.warnings:
            action = ("Keep others out", self.restrict) if "Other users" in warning else None
            window.notify(warning, "warning", warning, f"The casebook lies at {book.path}.", action)
        user = window.settings.user
        if book.read_only is None and user[0] and user != book.user:
            self._session.casebook.write(lambda casebook: casebook.set_user(*user))
        window.settings.add_recent_casebook(book.path)
        unfinished = [b for b in found.unfinished if b.pending]
        if unfinished and book.read_only is None:
            self._offer(unfinished[0])

    def _changed(self) -> None:
        self._window.show_title()
        self._window._update_state()
        self._window.inspector.verdict.set_writable(self._session.casebook.reason)
        if self._session.current is not None:
            self._window._tell_inspector(self._session.current)

    def way_out(self, case: Case | None, error: UserFacingError) -> Action | None:
        """A button for an error that something can be done about here."""
        if case is not None and isinstance(error, ImageAlteredError) and not case.superseded:
            return ("Add the new version", lambda: self._session.add_version(case))
        if isinstance(error, ImageMissingError) and self._session.casebook.writable:
            return ("Look for it…", self.relink)
        if isinstance(error, CasebookDamagedError) and self._session.casebook.current is None:
            return recovery.offer_restore(self._window)
        return None

    def _offer(self, status: BatchStatus) -> None:
        left = plural(status.pending, "image")
        self._window.notify(
            "batch", "info", f"An analysis of many images was interrupted: {left} left of "
            f"{status.pending + status.done + status.failed}.", "What was done is kept.",
            ("Go on", lambda: self._session.batch.resume(status.id, self._session.sync.by_id)),
            ("Leave it", lambda: self._session.batch.dismiss(status.id)),
        )  # fmt: skip

    def _batch_finished(self, batch: Batch) -> None:
        failed = len(batch.failures)
        if not failed:
            self._window.messages.dismiss("batch")
            return
        self._window.notify(
            "batch", "warning", f"{failed} of {plural(len(batch.cases), 'image')} could not be analysed.",
            "The others are done.", ("Show which…", lambda: self.show_failures(batch)),
        )  # fmt: skip

    def _batch_stopped(self, batch: Batch, error: UserFacingError) -> None:
        number = batch.id
        again = None
        if number is not None:
            again = ("Go on", lambda: self._session.batch.resume(number, self._session.sync.by_id))
        self._window.notify("batch", "error", error.message, "What was done is kept.", again)

    def show_failures(self, batch: Batch) -> FailureList:
        """List what failed, with what to do about it."""
        sheet = FailureList(batch.failures, self._window)
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
                self._window.notify("batch", "info", "Nothing failed.")

        self._session.batch.last_failures(self._session.sync.by_id, show)

    def _retry(self, batch: Batch) -> None:
        self._window.messages.dismiss("batch")
        for case, _ in batch.failures:
            case.analysis_error = None
        if batch.id is not None and all(case.id in batch.items for case, _ in batch.failures):
            self._session.batch.resume(batch.id, self._session.sync.by_id, retry=True)
        else:
            self._session.batch.start([case for case, _ in batch.failures])

    def _tell_merged(self, pairs: list[tuple[Case, Case]]) -> None:
        self._merged += len(pairs)
        gone, kept = pairs[-1]
        one = self._merged == 1
        self._window.notify(
            "merged", "info", f"{gone.name if one else f'{self._merged} files'} "
            f"{'is' if one else 'are'} the same image as one in the list.",
            f"It is listed as {kept.name}." if one else "Each image is listed once.",
        )  # fmt: skip

    # -- commands -------------------------------------------------------------------------------------------

    def new(self) -> None:
        """Ask for a name and make an empty casebook there."""
        path = self._ask_where("New casebook", "New.casebook", "Casebook (*.casebook)")
        if path is not None:
            self._session.open_casebook(path, create=True)

    def open(self) -> None:
        """Ask for a casebook's folder."""
        start = self._window.settings.folder("casebook")
        name = QFileDialog.getExistingDirectory(self._window, "Open casebook (a folder NAME.casebook)", start)
        if name:
            self._window.settings.set_folder("casebook", Path(name).parent)
            self._session.open_casebook(Path(name))

    def open_default(self) -> None:
        self._session.open_casebook()

    def fill_recent(self, menu: QMenu) -> None:
        """The casebooks used lately."""
        menu.clear()
        here = self._session.casebook.path
        for name in self._window.settings.recent_casebooks:
            path = Path(name)
            entry = menu.addAction(f"{path.stem}    {path.parent}".replace("&", "&&"))
            entry.setEnabled(path != here)
            entry.triggered.connect(lambda _=False, p=path: self._session.open_casebook(p))
        menu.addSeparator()
        menu.addAction("Your own casebook", self.open_default)

    def save_copy(self) -> None:
        """Copy everything to a new casebook, which isn't opened."""
        path = self._ask_where("Save a copy", f"{self._session.casebook.name} copy.casebook", "Casebook (*.casebook)")
        if path is not None:
            self._write_out(lambda book: book.transfer.save_copy(path), path)

    def export_zip(self) -> None:
        """Everything as one ZIP file."""
        path = self._ask_where("Export casebook", f"{self._session.casebook.name}.zip", "ZIP archive (*.zip)")
        if path is not None:
            self._write_out(lambda book: book.transfer.export_zip(path), path)

    def export_results(self) -> None:
        """One line per case, as CSV or JSON."""
        shown = self._window.identity_visible
        path = self._ask_where("Export results", "results.csv", "CSV (*.csv);;JSON (*.json)")
        if path is not None:
            self._write_out(lambda book: book.results.export(path, identified=shown), path)

    def import_zip(self) -> None:
        """Unpack an exported casebook to a place of the user's choice, and open it."""
        settings = self._window.settings
        name, _ = QFileDialog.getOpenFileName(
            self._window, "Import casebook", settings.folder("casebook"), "Exported casebook (*.zip)"
        )
        if not name:
            return
        name_there = f"{Path(name).stem}.casebook"
        target = self._ask_where("Keep the imported casebook as", name_there, "Casebook (*.casebook)")
        if target is None:
            return

        def work(_: Any) -> Path:
            from divisive_desktop.casebook import import_zip

            return import_zip(Path(name), target)

        self._window.runner.run(work, self._session.open_casebook, lambda error: self._window.report(None, error))

    def empty_trash(self) -> None:
        """Ask, then delete for good what is in the trash."""

        def ask(number: int) -> None:
            if not number:
                self._window.notify("trash", "info", "The trash is empty.")
                return
            box = QMessageBox(QMessageBox.Icon.Warning, "Empty trash", f"Delete {plural(number, 'case')} for good?")
            box.setParent(self._window, box.windowFlags())
            box.setInformativeText(
                "Labels, masks and analyses of these cases go. Files outside the casebook stay where they are. "
                "That it was done stays on record."
            )
            box.setDefaultButton(box.addButton(QMessageBox.StandardButton.Cancel))
            delete = box.addButton("Delete", QMessageBox.ButtonRole.DestructiveRole)
            delete.clicked.connect(self._empty)
            box.open()

        self._count_trash(ask)

    def _empty(self) -> None:
        self._session.casebook.empty_trash(
            lambda number: self._window.notify("trash", "info", f"{plural(number, 'case')} deleted for good.")
        )

    def restore_trash(self) -> None:
        """Put everything in the trash back on the list."""

        def restore(book: Casebook) -> int:
            from divisive_desktop.casebook import CaseFilter

            ids = [row.id for row in book.cases.rows(CaseFilter(trashed=True))]
            if ids:
                book.trash.restore(ids)
            return len(ids)

        def done(number: int) -> None:
            self._window.notify("trash", "info", f"{plural(number, 'case')} restored.")
            if number:
                self._session.reload()

        self._session.casebook.write(restore, done)

    def _count_trash(self, done: Callable[[int], None]) -> None:
        def count(book: Casebook) -> int:
            from divisive_desktop.casebook import CaseFilter

            return book.cases.count(CaseFilter(trashed=True))

        self._session.casebook.write(count, done)

    def edit_notes(self) -> None:
        """The current case's notes."""
        case = self._session.current
        if case is not None:
            text, ok = QInputDialog.getMultiLineText(self._window, "Notes", f"Notes on {case.name}", case.notes)
            if ok:
                self._session.set_notes(case, text.strip())

    def edit_tags(self) -> None:
        """Tags of the selected cases: those that all of them have can be changed, the others stay."""
        cases = chosen(self._window)
        if not cases:
            return
        common = set(cases[0].tags).intersection(*(c.tags for c in cases))
        of = cases[0].name if len(cases) == 1 else plural(len(cases), "case")
        text, ok = QInputDialog.getText(
            self._window, "Tags", f"Tags of {of}, separated by commas", text=", ".join(sorted(common))
        )
        if ok:
            wanted = {part.strip() for part in text.split(",")} - {""}
            self._session.change_tags(cases, wanted - common, common - wanted)

    def properties(self) -> None:
        """Where the casebook lies, who may see it, who works in it."""
        from divisive_desktop.desktop.features.casebooks.properties_dialog import CasebookDialog, read_properties

        self._session.casebook.after_writing(
            read_properties, lambda found: CasebookDialog(self._window, found).open(),
            lambda error: self._window.report(None, error),
        )  # fmt: skip

    def restrict(self) -> None:
        """Take the casebook out of other people's sight."""
        self._session.casebook.write(lambda book: book.restrict_access())

    def relink(self) -> None:
        """Look below a folder for images that aren't where they were."""
        folder = QFileDialog.getExistingDirectory(
            self._window, "Folder to look in", self._window.settings.folder("open")
        )
        if not folder:
            return

        def done(found: dict[int, Path]) -> None:
            self._window.notify("relink", "info", f"{plural(len(found), 'image')} found again.")
            if found:
                self._session.reload()

        self._session.casebook.write(lambda book: book.originals.relink(Path(folder)), done)

    def _write_out(self, work: Callable[[Casebook], object], path: Path) -> None:
        """Something that reads the whole casebook: after what was said before, off the window's thread."""
        self._window.notify("export", "info", f"Writing {path.name}…")
        self._session.casebook.after_writing(
            work,
            lambda _: self._window.notify("export", "info", f"Saved {path.name}.", f"In {path.parent}"),
            self._not_written,
        )

    def _not_written(self, error: UserFacingError) -> None:
        self._window.messages.dismiss("export")
        self._window.report(None, error)

    def _ask_where(self, title: str, name: str, kinds: str) -> Path | None:
        settings = self._window.settings
        start = Path(settings.folder("casebook") or Path.home()) / name
        chosen, kind = QFileDialog.getSaveFileName(self._window, title, str(start), kinds)
        if not chosen:
            return None
        path = Path(chosen)
        if not path.suffix:
            path = path.with_suffix(".json" if "json" in kind else Path(name).suffix)
        if path.suffix == _SUFFIX and path.exists():
            self._window.report(
                None, ExportError(f"There is something at {path} already.", "Choose another name.")
            )
            return None
        settings.set_folder("casebook", path.parent)
        return path
