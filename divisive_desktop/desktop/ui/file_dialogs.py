"""The system's file dialogs, which open where the user was last."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from PySide6.QtWidgets import QFileDialog, QWidget


class Folders(Protocol):
    """Where files of a kind (``export``, ``casebook``) were last opened or saved."""

    def folder(self, purpose: str) -> str:
        """'' if never."""
        ...

    def set_folder(self, purpose: str, folder: Path) -> None: ...


def ask_where(
    parent: QWidget, folders: Folders, purpose: str, title: str, name: str, kinds: str,
    allowed: Callable[[Path], bool] = lambda _: True,
) -> Path | None:  # fmt: skip
    """Ask for the file to write, beginning in the folder that was used for the same purpose before.

    Parameters
    ----------
    name : str
        The file's name to begin with. A name that is given without a suffix gets that of the kind that was chosen, or
        this name's.
    kinds : str
        Kinds of file to choose from, in Qt's words: ``CSV (*.csv);;JSON (*.json)``.
    allowed : callable
        Whether the file may be written; says what is wrong where it may not.

    Returns
    -------
    Path or None
        None if the user cancelled or ``allowed`` said no. Only otherwise its folder is remembered.
    """
    start = Path(folders.folder(purpose) or Path.home()) / name
    chosen, kind = QFileDialog.getSaveFileName(parent, title, str(start), kinds)
    if not chosen:
        return None
    path = Path(chosen)
    if not path.suffix:
        suffix = re.search(r"\*(\.\w+)", kind)
        path = path.with_suffix(suffix[1] if suffix else Path(name).suffix)
    if not allowed(path):
        return None
    folders.set_folder(purpose, path.parent)
    return path
