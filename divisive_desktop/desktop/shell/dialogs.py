"""Asking for files and folders; each purpose has its folder, where the next question begins."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QFileDialog, QWidget

from divisive_desktop.desktop.ui.file_dialogs import ask_where

if TYPE_CHECKING:
    from divisive_desktop.desktop.session.settings import Settings


class Dialogs:
    """File dialogs over the window.

    Parameters
    ----------
    parent : QWidget
        The window.
    settings : Settings
        Remembers the folder of each purpose (``open``, ``export``, ``casebook``, ``mask``, ``report``).
    """

    def __init__(self, parent: QWidget, settings: Settings) -> None:
        self._parent, self._settings = parent, settings

    def ask_files(self, title: str, purpose: str, kinds: str) -> list[Path]:
        """Files to open; empty when none was chosen. ``kinds``: Qt's filter text."""
        names, _ = QFileDialog.getOpenFileNames(self._parent, title, self._settings.folder(purpose), kinds)
        if names:
            self._settings.set_folder(purpose, Path(names[0]).parent)
        return [Path(name) for name in names]

    def ask_file(self, title: str, purpose: str, kinds: str, *, remember: bool = True) -> Path | None:
        """One file to open."""
        name, _ = QFileDialog.getOpenFileName(self._parent, title, self._settings.folder(purpose), kinds)
        if not name:
            return None
        if remember:
            self._settings.set_folder(purpose, Path(name).parent)
        return Path(name)

    def ask_folder(self, title: str, purpose: str, *, remember: Callable[[Path], Path] | None = None) -> Path | None:
        """A folder that exists. ``remember``: makes the folder to begin with next time from it; None: isn't changed."""
        name = QFileDialog.getExistingDirectory(self._parent, title, self._settings.folder(purpose))
        if not name:
            return None
        if remember is not None:
            self._settings.set_folder(purpose, remember(Path(name)))
        return Path(name)

    def ask_where(
        self, title: str, purpose: str, name: str, kinds: str, allowed: Callable[[Path], bool] = lambda _: True
    ) -> Path | None:
        """Where to write a file. See :func:`divisive_desktop.desktop.ui.file_dialogs.ask_where`."""
        return ask_where(self._parent, self._settings, purpose, title, name, kinds, allowed)
