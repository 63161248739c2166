"""Settings, appearance, the one switch of identity, and leaving the program."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from divisive_desktop.desktop.shell.action import Action, has_record
from divisive_desktop.desktop.shell.services import Services

if TYPE_CHECKING:
    from divisive_desktop.desktop.viewer import Viewer


def install(services: Services) -> SettingsFeature:
    """Add the settings to the window."""
    return SettingsFeature(services)


class SettingsFeature(QObject):
    """Opens the dialog, and switches what has an entry of its own in the menus."""

    def __init__(self, services: Services) -> None:
        super().__init__(services.window)
        self._services = services
        self._viewer: Viewer | None = None
        services.actions.add(self._actions())
        services.events.viewerReady.connect(self._connect_viewer)

    def _actions(self) -> tuple[Action, ...]:
        theme, redaction = self._services.theme, self._services.session.redaction

        def is_on(choice: str) -> bool:
            return theme.choice == choice

        themes = (("system", "As the system"), ("light", "Light"), ("dark", "Dark"))
        return (
            Action("settings", "Settings…", self.open, "Ctrl+,", "Appearance, images, device, keys and mouse"),
            Action("quit", "Quit", self._services.window.close, "Ctrl+Q"),
            Action("identity", "Patient identity", lambda: redaction.set_visible(not redaction.visible), "Ctrl+I",
                   "Name, number and dates in the corners and in the inspector", "eye", has_record,
                   lambda: redaction.visible),
            *(
                Action(f"theme-{choice}", text, partial(self._set_theme, choice), checked=partial(is_on, choice))
                for choice, text in themes
            ),
        )  # fmt: skip

    def open(self, page: str = "") -> None:
        """The settings, opened at one of their pages."""
        from divisive_desktop.desktop.features.settings.dialog import SettingsDialog

        dialog = SettingsDialog(self._services, self._viewer)
        dialog.show_page(page)
        dialog.open()

    def _connect_viewer(self, viewer: Viewer) -> None:
        self._viewer = viewer

    def _set_theme(self, choice: str) -> None:
        self._services.settings.theme = choice
        self._services.theme.choice = choice
