"""Asking for files and folders; each purpose has its folder, where the next question begins."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QFileDialog, QWidget

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
        self, title: str, purpose: str, name: str, kinds: str, *,
        accept: Callable[[Path], bool] = lambda _: True, start: Path | None = None,
    ) -> Path | None:  # fmt: skip
        """Where to write a file; a name without a suffix gets that of ``name``, or ``.json`` where that was chosen.

        Parameters
        ----------
        name : str
            What is suggested.
        accept : callable
            A path that it says False to isn't given back; it tells the user why.
        start : Path, optional
            The folder to begin with where none is remembered; default: the home folder.
        """
        first = Path(self._settings.folder(purpose) or start or Path.home()) / name
        chosen, kind = QFileDialog.getSaveFileName(self._parent, title, str(first), kinds)
        if not chosen:
            return None
        path = Path(chosen)
        if not path.suffix:
            path = path.with_suffix(".json" if "json" in kind else Path(name).suffix)
        if not accept(path):
            return None
        self._settings.set_folder(purpose, path.parent)
        return path
