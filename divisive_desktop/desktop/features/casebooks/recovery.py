"""Ways on when a casebook is held by a machine that is gone, or its database is damaged."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtWidgets import QMessageBox

from divisive_desktop.desktop.shell.messages import Action

if TYPE_CHECKING:
    from divisive_desktop.casebook import Casebook
    from divisive_desktop.desktop.window import MainWindow


def offer_take_over(window: MainWindow, book: Casebook) -> Action | None:
    """Where the holder is on another machine, only the user can know that it is gone."""
    holder = book.holder
    if holder is None or holder.host == socket.gethostname():
        return None

    def ask() -> None:
        _ask(
            window, "Take over", f"Is the program on {holder.host} closed?",
            f"{holder} may still be working in this casebook. Two that write at once can damage it.",
            "Take over", lambda: window.session.open_casebook(book.path, take_over=True),
        )  # fmt: skip

    return ("Take over…", ask)


def offer_restore(window: MainWindow) -> Action | None:
    """The newest backup of a casebook that couldn't be opened, if there is one."""
    path = window.session.casebook.asked
    if path is None or not (backups := sorted((path / "backups").glob("*.sqlite"))):
        return None
    newest = backups[-1].name

    def restore(_: Any) -> Path:
        from divisive_desktop.casebook import Casebook

        Casebook.restore_backup(path, newest)
        return path

    def ask() -> None:
        _ask(
            window, "Restore backup", f"Go back to the backup {newest}?",
            f"What was done in {path.stem} since then is missing in it. The damaged database is set aside in the "
            "casebook's folder, not deleted.",
            "Restore",
            lambda: window.runner.run(restore, window.session.open_casebook, lambda e: window.report(None, e)),
        )  # fmt: skip

    return ("Restore backup…", ask)


def _ask(window: MainWindow, title: str, question: str, told: str, yes: str, then: Any) -> None:
    box = QMessageBox(QMessageBox.Icon.Warning, title, question)
    box.setParent(window, box.windowFlags())
    box.setInformativeText(told)
    box.setDefaultButton(box.addButton(QMessageBox.StandardButton.Cancel))
    box.addButton(yes, QMessageBox.ButtonRole.AcceptRole).clicked.connect(then)
    box.open()
