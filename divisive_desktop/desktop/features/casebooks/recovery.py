"""Ways on when a casebook is held by a machine that is gone, or its database is damaged."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QMessageBox

from divisive_desktop.desktop.shell.messages import MessageButton
from divisive_desktop.desktop.shell.services import Services
from divisive_desktop.foreign.text import in_window

if TYPE_CHECKING:
    from divisive_desktop.casebook import Casebook
    from divisive_desktop.desktop.session.runner import BackgroundTask


def offer_take_over(services: Services, book: Casebook) -> MessageButton | None:
    """Where the holder is on another machine, only the user can know that it is gone."""
    holder = book.holder
    if holder is None or holder.host == socket.gethostname():
        return None

    def ask() -> None:
        _ask(
            services, "Take over", f"Is the program on {holder.host} closed?",
            f"{holder} may still be working in this casebook. Two that write at once can damage it.",
            "Take over", lambda: services.session.open_casebook(book.path, take_over=True),
        )  # fmt: skip

    return ("Take over…", ask)


def offer_restore(services: Services) -> MessageButton | None:
    """The newest backup of a casebook that couldn't be opened, if there is one."""
    path = services.session.casebook.asked
    if path is None or not (backups := sorted((path / "backups").glob("*.sqlite"))):
        return None
    newest = backups[-1].name

    def restore(_: BackgroundTask) -> Path:
        from divisive_desktop.casebook import Casebook

        Casebook.restore_backup(path, newest)
        return path

    def ask() -> None:
        _ask(
            services, "Restore backup", f"Go back to the backup {newest}?",
            f"What was done in {path.stem} since then is missing in it. The damaged database is set aside in the "
            "casebook's folder, not deleted.",
            "Restore",
            lambda: services.runner.run(restore, services.session.open_casebook, services.messages.show_error),
        )  # fmt: skip

    return ("Restore backup…", ask)


def _ask(services: Services, title: str, question: str, detail: str, yes: str, then: Callable[[], object]) -> None:
    box = QMessageBox(QMessageBox.Icon.Warning, title, in_window(question))
    box.setParent(services.window, box.windowFlags())
    box.setInformativeText(in_window(detail))
    box.setDefaultButton(box.addButton(QMessageBox.StandardButton.Cancel))
    box.addButton(yes, QMessageBox.ButtonRole.AcceptRole).clicked.connect(then)
    box.open()
