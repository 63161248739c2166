"""Export of the current case: its analysis as JSON, the panes as a picture, its path."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject
from PySide6.QtGui import QGuiApplication

from divisive_desktop.desktop.features.exports.files import write_json
from divisive_desktop.desktop.session import redaction
from divisive_desktop.desktop.shell.action import Action, has_analysis, has_record
from divisive_desktop.desktop.shell.services import Services
from divisive_desktop.desktop.ui.pictures import save_png
from divisive_desktop.errors import ExportError

if TYPE_CHECKING:
    from pathlib import Path

    from divisive_desktop.desktop.viewer import Viewer

_SHOWN_MS = 3000


def install(services: Services) -> ExportFeature:
    """Add the exports to the window."""
    return ExportFeature(services)


class ExportFeature(QObject):
    """Asks where to, and writes in the background."""

    def __init__(self, services: Services) -> None:
        super().__init__(services.window)
        self._services, self._session = services, services.session
        self._viewer: Viewer | None = None
        services.actions.add((
            Action("export-json", "Export JSON…", self.export_json, "Ctrl+E",
                   "Write verdict, CAM pair, features and provenance of this case", "save", has_analysis),
            Action("save-picture", "Save picture of the view…", self.save_picture, "Ctrl+S",
                   "The panes as they are on the screen, as PNG", "picture", has_record),
            Action("copy-picture", "Copy picture", self.copy_picture, "Ctrl+C",
                   "The panes as they are on the screen, to the clipboard", "copy", has_record),
            Action("copy-path", "Copy file path", self.copy_path, "Ctrl+Shift+C", enabled=lambda s: s.case),
        ))  # fmt: skip
        services.events.viewerReady.connect(self._connect_viewer)

    def _connect_viewer(self, viewer: Viewer) -> None:
        self._viewer = viewer

    def export_json(self) -> None:
        """Write the current case's analysis as JSON to a file that the user names."""
        case, features = self._session.current, self._session.analyses.features
        if case is None or case.analysis is None or features is None:
            return
        path = self._services.dialogs.ask_where("Export JSON", "export", f"{case.stem}.json", "JSON (*.json)")
        if path is None:
            return
        analysis, label, rates = case.analysis, case.label, self._session.settings.rates
        if not self._session.redaction.visible:
            analysis = replace(analysis, file=redaction.exported_name(case.path, analysis.sha256))
        self._services.runner.run(
            lambda _: write_json(path, analysis, label, features, rates),
            lambda _: self._saved(path),
            self._services.messages.show_error,
        )

    def save_picture(self) -> None:
        """Save the panes as PNG to a file that the user names."""
        case = self._session.current
        if case is None or self._viewer is None:
            return
        picture = self._viewer.grab_picture()
        path = self._services.dialogs.ask_where("Save picture", "export", f"{case.stem}.png", "PNG (*.png)")
        if path is None:
            return

        def write() -> None:
            if not save_png(picture, path):
                raise ExportError(f"{path.name} could not be written.", "Choose another folder, or check free space.")

        self._services.runner.run(
            lambda _: write(), lambda _: self._saved(path), self._services.messages.show_error
        )

    def copy_picture(self) -> None:
        """Put the panes as they are on the screen on the clipboard."""
        if self._viewer is not None:
            QGuiApplication.clipboard().setImage(self._viewer.grab_picture())
            self._services.status.showMessage("Picture copied", _SHOWN_MS)

    def copy_path(self) -> None:
        """Put the path of the current case's file on the clipboard."""
        if redaction.names_hidden():
            self._services.status.showMessage(redaction.HIDDEN, _SHOWN_MS)
        elif self._session.current is not None:
            QGuiApplication.clipboard().setText(str(self._session.current.path))
            self._services.status.showMessage("Path copied", _SHOWN_MS)

    def _saved(self, path: Path) -> None:
        self._services.messages.show("export", "info", f"Saved {path.name}.", f"In {path.parent}")
