"""Fills the panels about the file itself, in the background and only while someone looks at them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject
from PySide6.QtGui import QImage

from divisive_desktop.desktop.features.inspection.forensic import ForensicView
from divisive_desktop.desktop.features.inspection.metadata import MetadataDialog, MetadataView
from divisive_desktop.desktop.session.wording import told
from divisive_desktop.desktop.shell.services import Services
from divisive_desktop.errors import UserFacingError

if TYPE_CHECKING:
    from divisive_desktop.desktop.session.case import Case
    from divisive_desktop.desktop.session.runner import BackgroundTask
    from divisive_desktop.desktop.ui.sections import Section
    from divisive_desktop.imaging.forensics import Findings
    from divisive_desktop.imaging.tag import Tag

METADATA, FORENSIC = "All tags", "File and traces"


class FilePanels(QObject):
    """The two sections of the inspector that read the current case's file."""

    def __init__(self, services: Services) -> None:
        super().__init__(services.window)
        self._window, self._session, self._runner = services.window, services.session, services.runner
        self.metadata, self.forensic = MetadataView(), ForensicView()
        self._tags: tuple[Tag, ...] = ()
        self._findings: Findings | None = None
        self._sought = ""
        """The section that was asked for and hasn't been filled yet."""
        self._read: dict[str, Case | None] = {METADATA: None, FORENSIC: None}
        inspector = self._inspector = services.inspector
        self._sections: dict[str, Section] = {
            METADATA: inspector.add_section(METADATA, self.metadata, folded=True),
            FORENSIC: inspector.add_section(FORENSIC, self.forensic, folded=True),
        }
        for name, section in self._sections.items():
            section.setVisible(False)
            section.unfolded.connect(lambda n=name: self._want(n))
        self.metadata.enlarge.clicked.connect(self.enlarge)
        session = services.session
        session.currentChanged.connect(self._case_changed)
        session.recordReady.connect(lambda *_: self._case_changed(session.current))
        session.sync.known.connect(self._case_known)
        for signal in (session.redaction.changed, session.redaction.namesChanged):
            signal.connect(self._identity_changed)
        self._identity_changed()

    def _case_known(self, case: Case) -> None:
        """Now there is something to compare the file with."""
        if case is self._session.current and self._findings is not None:
            self._show_findings(case)

    def open(self, name: str) -> None:
        """Unfold one of the two sections and bring it into sight."""
        self._sought = name
        self._sections[name].open()
        self._bring_up(name)

    def _bring_up(self, name: str) -> None:
        if self._sought == name:
            self._inspector.bring_up(name)

    def enlarge(self) -> None:
        """All tags in a window of their own."""
        case = self._session.current
        if case is None:
            return
        if self._read[METADATA] is not case:
            self._load(case, METADATA, then=self._show_dialog)
        else:
            self._show_dialog()

    def _identity_changed(self) -> None:
        visible = self._session.redaction.visible
        self.metadata.set_identity_visible(visible)
        for dialog in self._window.findChildren(MetadataDialog):
            dialog.set_identity_visible(visible)

    def _show_dialog(self) -> None:
        case = self._session.current
        if case is not None and self._tags:
            shown = self._session.redaction.visible
            MetadataDialog(lambda: f"Tags of {case.name}", self._tags, shown, self._window).show()

    def _case_changed(self, case: Case | None) -> None:
        # A file that can't be shown as a picture may still be examined.
        for name, section in self._sections.items():
            section.setVisible(case is not None)
            if self._read[name] is not case:
                self._read[name] = None
                self._clear(name)
            if section.is_open:
                self._want(name)

    def _clear(self, name: str, message: str = "") -> None:
        if name == METADATA:
            self._tags = ()
            self.metadata.show_tags((), message)
        else:
            self._findings = None
            self.forensic.show_findings(None, message=message)

    def _show_findings(self, case: Case) -> None:
        picture = case.thumbnail if isinstance(case.thumbnail, QImage) else None
        self.forensic.show_findings(self._findings, case.sha256, picture)

    def _want(self, name: str) -> None:
        case = self._session.current
        if case is not None and self._read[name] is not case:
            self._load(case, name)

    def _load(self, case: Case, name: str, then: Callable[[], None] | None = None) -> None:
        self._read[name] = case
        self._clear(name, "Reading…")
        book = self._session.casebook

        def work(_: BackgroundTask) -> tuple[Tag, ...] | Findings:
            from divisive_desktop.imaging.apart import looked_into

            path = book.source(case)
            if name == METADATA:
                from divisive_desktop.imaging.metadata import read_metadata

                return looked_into(path, read_metadata, path)
            from divisive_desktop.imaging.forensics import examine

            return looked_into(path, examine, path)

        def done(found: tuple[Tag, ...] | Findings) -> None:
            if self._session.current is not case:
                return
            if isinstance(found, tuple):
                self._tags = found
                self.metadata.show_tags(found)
            else:
                self._findings = found
                self._show_findings(case)
            self._bring_up(name)  # its content has made it taller
            self._sought = ""
            if then is not None:
                then()

        def failed(error: UserFacingError) -> None:
            if self._session.current is case:
                self._clear(name, told(error))

        self._runner.run(work, done, failed, key=f"file-{name}", priority=8)
