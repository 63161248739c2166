"""Casebooks in the window: making, opening, copying, importing, emptying; what is said when one is opened."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QInputDialog, QMenu, QMessageBox

from divisive_desktop.desktop.features.casebooks import recovery
from divisive_desktop.desktop.features.casebooks.notes_dialog import NotesDialog
from divisive_desktop.desktop.session.case import Case
from divisive_desktop.desktop.session.casebook_service import OpenedCasebook
from divisive_desktop.desktop.session.wording import plural
from divisive_desktop.desktop.shell.action import Action, State, can_review, is_open
from divisive_desktop.desktop.shell.messages import MessageButton
from divisive_desktop.desktop.shell.services import Services
from divisive_desktop.errors import (
    CasebookDamagedError,
    ExportError,
    ImageAlteredError,
    ImageMissingError,
    UserFacingError,
)
from divisive_desktop.foreign.text import plain

if TYPE_CHECKING:
    from divisive_desktop.casebook import Casebook
    from divisive_desktop.desktop.session.runner import BackgroundTask

CASEBOOKS = "Casebook (*.casebook)"
_SUFFIX = ".casebook"
ABOUT_ONE = ("casebook", "merged", "trash", "relink")
"""Messages that say something about a casebook, and nothing any more when another one is opened."""


def install(services: Services) -> CasebookFeature:
    """Add what can be done with casebooks to the window."""
    return CasebookFeature(services)


def _open_and_writable(state: State) -> bool:
    return state.open and state.writable


class CasebookFeature(QObject):
    """Between casebook and window: messages one way, commands the other."""

    def __init__(self, services: Services) -> None:
        super().__init__(services.window)
        self._services, self._session = services, services.session
        self._window, self._messages, self._settings = services.window, services.messages, services.settings
        self._merged = 0
        self._said: list[str] = []
        self.recent = QMenu("Open recent casebook", services.window)
        self.recent.aboutToShow.connect(self._fill_recent)
        services.actions.add(self._actions())
        services.actions.add_entry("recent-casebooks", self.recent)
        services.messages.add_remedy(self.remedy)
        self._session.casebook.opened.connect(self._opened)
        self._session.sync.merged.connect(self._show_merged)

    def _actions(self) -> tuple[Action, ...]:
        # fmt: off
        return (
            Action("casebook-new", "New casebook…", self.new),
            Action("casebook-open", "Open casebook…", self.open, "",
                   "A folder NAME.casebook with its cases, labels, masks and analyses"),
            Action("casebook-copy", "Save a copy of the casebook…", self.save_copy, enabled=is_open),
            Action("casebook-zip", "Export casebook as ZIP…", self.export_zip, enabled=is_open),
            Action("casebook-import", "Import casebook…", self.import_zip, "",
                   "Unpack an exported casebook and open it"),
            Action("casebook-properties", "Casebook properties…", self.properties, "",
                   "Where it lies, who may see it, your name and role, how images are taken in", enabled=is_open),
            Action("results", "Export results…", self.export_results, "Ctrl+Shift+E",
                   "One line per case, as CSV or JSON", enabled=lambda s: s.open and s.cases > 0),
            Action("trash-restore", "Restore from trash", self.restore_trash, enabled=_open_and_writable),
            Action("trash-empty", "Empty trash…", self.empty_trash, enabled=_open_and_writable),
            Action("case-tags", "Tags…", self.edit_tags, "Ctrl+Alt+K", "Of all selected cases", enabled=can_review),
            Action("notes", "Notes…", self.edit_notes, "Ctrl+Alt+N", enabled=can_review),
        )
        # fmt: on

    # -- news -----------------------------------------------------------------------------------------------

    def _opened(self, found: OpenedCasebook) -> None:
        book = found.book
        for key in (*ABOUT_ONE, *self._said):
            self._messages.dismiss(key)
        self._merged, self._said = 0, list(book.warnings)
        imported = book.imported
        if imported is not None:
            self._messages.show(
                "casebook", "warning", f"{book.read_only} It can be looked at, not changed.",
                plain(imported.in_words()),
                ("Make it mine", lambda: self._session.open_casebook(book.path, accept_import=True)),
            )  # fmt: skip
        elif book.read_only is not None:
            self._messages.show(
                "casebook", "warning", book.read_only,
                "You can look at everything here; labels, reviews and analyses are not kept.",
                ("Try again", lambda: self._session.open_casebook(book.path)),
                recovery.offer_take_over(self._services, book),
            )  # fmt: skip
        for warning in book.warnings:
            button = ("Keep others out", self._restrict) if "Other users" in warning else None
            self._messages.show(warning, "warning", warning, f"The casebook lies at {book.path}.", button)
        user = self._settings.user
        if book.read_only is None and user[0] and user != book.user:
            self._session.casebook.write(lambda casebook: casebook.set_user(*user))
        self._settings.add_recent_casebook(book.path)

    def remedy(self, case: Case | None, error: UserFacingError) -> MessageButton | None:
        """A button for an error that something can be done about here."""
        if case is not None and isinstance(error, ImageAlteredError) and not case.superseded:
            return ("Add the new version", lambda: self._session.add_version(case))
        if isinstance(error, ImageMissingError) and self._session.casebook.writable:
            return ("Look for it…", self.relink)
        if isinstance(error, CasebookDamagedError) and self._session.casebook.current is None:
            return recovery.offer_restore(self._services)
        return None

    def _show_merged(self, pairs: list[tuple[Case, Case]]) -> None:
        self._merged += len(pairs)
        gone, kept = pairs[-1]
        one = self._merged == 1
        self._messages.show(
            "merged", "info", f"{gone.name if one else f'{self._merged} files'} "
            f"{'is' if one else 'are'} the same image as one in the list.",
            f"It is listed as {kept.name}." if one else "Each image is listed once.",
        )  # fmt: skip

    # -- commands -------------------------------------------------------------------------------------------

    def new(self) -> None:
        """Ask for a name and make an empty casebook there."""
        path = self._ask_where("New casebook", "New.casebook", CASEBOOKS)
        if path is not None:
            self._session.open_casebook(path, create=True)

    def open(self) -> None:
        """Ask for a casebook's folder."""
        folder = self._services.dialogs.ask_folder(
            "Open casebook (a folder NAME.casebook)", "casebook", remember=lambda chosen: chosen.parent
        )
        if folder is not None:
            self._session.open_casebook(folder)

    def _fill_recent(self) -> None:
        """The casebooks used lately."""
        menu = self.recent
        menu.clear()
        here = self._session.casebook.path
        for name in self._settings.recent_casebooks:
            path = Path(name)
            entry = menu.addAction(f"{path.stem}    {path.parent}".replace("&", "&&"))
            entry.setEnabled(path != here)
            entry.triggered.connect(lambda _=False, p=path: self._session.open_casebook(p))
        menu.addSeparator()
        menu.addAction("Your own casebook", lambda: self._session.open_casebook())

    def save_copy(self) -> None:
        """Copy everything to a new casebook, which isn't opened."""
        path = self._ask_where("Save a copy", f"{self._session.casebook.name} copy.casebook", CASEBOOKS)
        if path is not None:
            self._write_out(lambda book: book.transfer.save_copy(path), path)

    def export_zip(self) -> None:
        """Everything as one ZIP file."""
        path = self._ask_where("Export casebook", f"{self._session.casebook.name}.zip", "ZIP archive (*.zip)")
        if path is not None:
            self._write_out(lambda book: book.transfer.export_zip(path), path)

    def export_results(self) -> None:
        """One line per case, as CSV or JSON."""
        shown = self._session.redaction.visible
        path = self._ask_where("Export results", "results.csv", "CSV (*.csv);;JSON (*.json)")
        if path is not None:
            rates = self._session.settings.rates
            self._write_out(lambda book: book.results.export(path, identified=shown, rates=rates), path)

    def import_zip(self) -> None:
        """Unpack an exported casebook to a place of the user's choice, and open it."""
        kinds = "Exported casebook (*.zip)"
        source = self._services.dialogs.ask_file("Import casebook", "casebook", kinds, remember=False)
        if source is None:
            return
        target = self._ask_where("Keep the imported casebook as", f"{source.stem}.casebook", CASEBOOKS)
        if target is None:
            return

        def work(_: BackgroundTask) -> Path:
            from divisive_desktop.casebook import import_zip

            return import_zip(source, target)

        self._services.runner.run(work, self._session.open_casebook, self._messages.show_error)

    def empty_trash(self) -> None:
        """Ask, then delete for good what is in the trash."""

        def ask(number: int) -> None:
            if not number:
                self._messages.show("trash", "info", "The trash is empty.")
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
        self._session.casebook.write(
            lambda book: book.trash.empty(),
            lambda number: self._messages.show("trash", "info", f"{plural(number, 'case')} deleted for good.")
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
            self._messages.show("trash", "info", f"{plural(number, 'case')} restored.")
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
            dialog = NotesDialog(case.name, case.notes, self._window)
            dialog.kept.connect(lambda text: self._session.edits.set_notes(case, text))
            self._services.events.keeping.connect(dialog.keep)
            dialog.open()

    def edit_tags(self) -> None:
        """Tags of the selected cases: those that all of them have can be changed, the others stay."""
        cases = self._session.chosen()
        if not cases:
            return
        common = set(cases[0].tags).intersection(*(c.tags for c in cases))
        of = cases[0].name if len(cases) == 1 else plural(len(cases), "case")
        text, ok = QInputDialog.getText(
            self._window, "Tags", f"Tags of {of}, separated by commas", text=", ".join(sorted(common))
        )
        if ok:
            wanted = {part.strip() for part in text.split(",")} - {""}
            self._session.edits.change_tags(cases, wanted - common, common - wanted)

    def properties(self) -> None:
        """Where the casebook lies, who may see it, who works in it."""
        from divisive_desktop.desktop.features.casebooks.properties_dialog import CasebookDialog, read_properties

        self._session.casebook.after_writing(
            read_properties, lambda found: CasebookDialog(self._services, found).open(),
            self._messages.show_error,
        )  # fmt: skip

    def _restrict(self) -> None:
        """Take the casebook out of other people's sight."""
        self._session.casebook.write(lambda book: book.restrict_access())

    def relink(self) -> None:
        """Look below a folder for images that aren't where they were."""
        folder = self._services.dialogs.ask_folder("Folder to look in", "open")
        if folder is None:
            return

        def done(found: dict[int, Path]) -> None:
            self._messages.show("relink", "info", f"{plural(len(found), 'image')} found again.")
            if found:
                self._session.reload()

        self._session.casebook.write(lambda book: book.originals.relink(folder), done)

    def _write_out(self, work: Callable[[Casebook], object], path: Path) -> None:
        """Something that reads the whole casebook: after what was said before, off the window's thread."""
        self._messages.show("export", "info", f"Writing {path.name}…")
        self._session.casebook.after_writing(
            work,
            lambda _: self._messages.show("export", "info", f"Saved {path.name}.", f"In {path.parent}"),
            self._not_written,
        )

    def _not_written(self, error: UserFacingError) -> None:
        self._messages.dismiss("export")
        self._messages.show_error(error)

    def _ask_where(self, title: str, name: str, kinds: str) -> Path | None:
        return self._services.dialogs.ask_where(title, "casebook", name, kinds, allowed=self._is_free)

    def _is_free(self, path: Path) -> bool:
        """A casebook isn't written over anything."""
        if path.suffix != _SUFFIX or not path.exists():
            return True
        self._messages.show_error(ExportError(f"There is something at {path} already.", "Choose another name."))
        return False
