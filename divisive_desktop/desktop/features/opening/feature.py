"""Opening files, folders, media and sample cases; what the middle shows while there is no picture."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QMenu

from divisive_desktop.desktop.features.opening.pages import EmptyPage, ProblemPage
from divisive_desktop.desktop.session import redaction
from divisive_desktop.desktop.session.case import Case
from divisive_desktop.desktop.shell.action import Action
from divisive_desktop.desktop.shell.services import Services

IMAGE_FILTER = "Images (*.dcm *.dicom *.png *.jpg *.jpeg *.tif *.tiff *.webp *.bmp *.gif *.jp2 *.zip);;All files (*)"


def install(services: Services) -> OpeningFeature:
    """Add opening to the window."""
    return OpeningFeature(services)


class OpeningFeature(QObject):
    """Brings files to the session, by dialog, by drop and from the list of recent ones."""

    def __init__(self, services: Services) -> None:
        super().__init__(services.window)
        self._services, self._session = services, services.session
        self._shown: Case | None = None
        self.empty_page, self.problem_page = EmptyPage(), ProblemPage()
        for page in (self.empty_page, self.problem_page):
            services.places.add_page(page)
            services.theme.changed.connect(page.recolour)
        self.recent = QMenu("Open recent", services.window)
        self.recent.aboutToShow.connect(self._fill_recent)
        services.actions.add((
            Action("open", "Open files…", self.open_files, "Ctrl+O", "Open radiographs, photographs or ZIP archives",
                   "open-file"),
            Action("open-folder", "Open folder…", self.open_folder, "Ctrl+Shift+O", "Open all images in a folder",
                   "open-folder"),
            Action("open-by-patient", "Open by patient and study…", self.open_by_patient, "Ctrl+Alt+O",
                   "Choose patients, studies and series in a folder or on a DICOM medium"),
            Action("samples", "Open sample cases", self.open_samples, "", "A real chest radiograph and a real face",
                   "samples"),
        ))  # fmt: skip
        services.actions.add_entry("recent-files", self.recent)
        self.empty_page.openRequested.connect(self.open_files)
        self.empty_page.folderRequested.connect(self.open_folder)
        self.empty_page.samplesRequested.connect(self.open_samples)
        services.events.dropped.connect(self.open_given)
        self._session.currentChanged.connect(self._case_changed)
        self._session.redaction.namesChanged.connect(self._show_problem)
        self._session.cases.countsChanged.connect(lambda: self.empty_page.set_cases(len(self._session.cases)))

    def open_files(self) -> None:
        """Ask for files and open them."""
        if given := self._services.dialogs.ask_files("Open files", "open", IMAGE_FILTER):
            self.open_given(given)

    def open_given(self, given: list[Path]) -> None:
        """Open files and folders; of a DICOM medium the patients and studies are chosen first."""
        from divisive_desktop.desktop.features.opening.series_dialog import is_medium, show_series

        media = [path for path in given if is_medium(path)]
        self._session.open_given([path for path in given if path not in media])
        if media:
            show_series(self._services, media)

    def open_by_patient(self) -> None:
        """Ask for a folder and show the patients, studies and series in it."""
        if folder := self._ask_folder("Open by patient and study"):
            from divisive_desktop.desktop.features.opening.series_dialog import show_series

            show_series(self._services, [folder])

    def open_folder(self) -> None:
        """Ask for a folder and open all images in it."""
        if folder := self._ask_folder("Open folder"):
            self._session.open_given([folder])

    def open_samples(self) -> None:
        """Open the sample cases, or say how to get them."""
        from divisive_desktop.desktop.features.opening.samples import sample_paths

        self._services.runner.run(
            lambda _: sample_paths(),
            lambda found: self._session.opening.open_paths(found, remember=False),
            self._services.messages.show_error,
            priority=10,
        )

    def _ask_folder(self, title: str) -> Path | None:
        return self._services.dialogs.ask_folder(title, "open", remember=lambda folder: folder)

    # -- what the middle shows ------------------------------------------------------------------------------

    def _case_changed(self, case: Case | None) -> None:
        left, self._shown = self._shown, case
        if left is not None and left is not case and left.error is not None:
            self._services.messages.dismiss_case(left)  # the middle says it again where it is looked at
        if case is None:
            self._services.places.show_page(self.empty_page)
        elif case.error is not None:
            self._show_problem()
            self._services.places.show_page(self.problem_page)

    def _show_problem(self) -> None:
        case = self._session.current
        if case is not None and case.error is not None:
            button = self._services.messages.remedy(case, case.error)
            self.problem_page.set_error(case.name, case.redacted(case.error), button)

    # -- recent files ---------------------------------------------------------------------------------------

    def _fill_recent(self) -> None:
        menu, settings = self.recent, self._services.settings
        menu.clear()
        if redaction.names_hidden():
            menu.addAction(redaction.HIDDEN).setEnabled(False)
            return
        for path in settings.recent:
            menu.addAction(_short(path), partial(self._session.open_given, [Path(path)]))
        if menu.isEmpty():
            menu.addAction("Nothing opened yet").setEnabled(False)
        else:
            menu.addSeparator()
            menu.addAction("Clear list", settings.clear_recent)


def _short(path: str) -> str:
    """The end of a long path; '&' would make a mnemonic."""
    shown = path if len(path) <= 60 else "…" + path[-58:]
    return shown.replace("&", "&&")
