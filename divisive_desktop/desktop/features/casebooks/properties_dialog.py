"""File > Casebook properties: where it lies, who may see it, who works in it, how images are taken in."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from divisive_desktop.casebook.storage.chain import short
from divisive_desktop.desktop.session.wording import plural
from divisive_desktop.desktop.shell.services import Services
from divisive_desktop.desktop.ui import theme
from divisive_desktop.desktop.ui.theme import GRID

if TYPE_CHECKING:
    from divisive_desktop.casebook import Casebook

_HINT_WIDTH = 490
COPYING = (("Pictures up to 50 MB are copied in, DICOM is referred to", "auto"),
           ("Every image is copied in", True), ("Every image is referred to where it lies", False))  # fmt: skip


class Properties(NamedTuple):
    """What the dialog shows."""

    path: Path
    access: str
    """Who can get at it, in words; '' where the system doesn't say."""
    open_to_others: bool
    size: int
    """Bytes of the folder."""
    cases: int
    trashed: int
    head: tuple[int, str]
    user: tuple[str, str]
    copying: Any
    account: str


def read_properties(book: Casebook) -> Properties:
    """Runs in the background: counts rows and adds up files."""
    from divisive_desktop.casebook import CaseFilter
    from divisive_desktop.casebook.storage.lock import account

    mode = stat.S_IMODE(book.path.stat().st_mode)
    others = os.name != "nt" and bool(mode & 0o077)
    access = "" if os.name == "nt" else f"{'other accounts, too' if others else 'your account only'} (mode {mode:04o})"
    size = sum(file.stat().st_size for file in book.path.rglob("*") if file.is_file())
    return Properties(
        book.path, access, others, size, book.cases.count(), book.cases.count(CaseFilter(trashed=True)), book.head(),
        book.user, book.settings.get("copy", "auto"), account(),
    )  # fmt: skip


class CasebookDialog(QDialog):
    """Name, role and the way images are taken in change with OK; everything else is told."""

    def __init__(self, services: Services, found: Properties) -> None:
        super().__init__(services.window)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Casebook properties")
        self._session, self._settings, self._found = services.session, services.settings, found
        writable = services.session.casebook.writable
        self.name, self.role = QLineEdit(found.user[0]), QLineEdit(found.user[1])
        self.name.setAccessibleName("Your name")
        self.role.setAccessibleName("Your role")
        self.role.setPlaceholderText("for instance radiologist, examiner")
        self.copying = QComboBox()
        self.copying.setAccessibleName("How images are taken in")
        for text, value in COPYING:
            self.copying.addItem(text, value)
        self.copying.setCurrentIndex(next(i for i, (_, value) in enumerate(COPYING) if value == found.copying))
        self.restrict = QPushButton("Keep others out")
        self.restrict.setToolTip("Folders 0700, files 0600")
        self.restrict.setVisible(found.open_to_others)
        self.restrict.clicked.connect(self._restrict)
        for widget in (self.name, self.role, self.copying, self.restrict):
            widget.setEnabled(writable)
        self.access = _text(found.access or "as the folder it lies in")
        self.reason = _text(services.session.casebook.reason or "")

        form = QFormLayout()
        form.setHorizontalSpacing(GRID * 3)
        form.setVerticalSpacing(GRID)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow("Folder", _text(str(found.path)))
        form.addRow("Can be seen by", _row(self.access, self.restrict))
        form.addRow("Holds", _text(
            f"{plural(found.cases, 'case')}, {found.trashed:,} in the trash, {found.size / 1e6:,.1f} MB"
        ))  # fmt: skip
        head = _text(f"{found.head[0]:,} records, code {short(found.head[1])}")
        head.setToolTip(
            f"{found.head[1]}\nWritten down elsewhere, it pins every record before it:\n"
            f"divisive-desktop verify CASEBOOK --head CODE"
        )
        form.addRow("Record of acts", head)
        if not writable:
            form.addRow("Read-only", self.reason)
        form.addRow("Your name", self.name)
        form.addRow("Your role", self.role)
        form.addRow("", _hint(
            f"What you do is recorded under this name and role; the account is {found.account}. "
            "Earlier records keep the name that they were made under."
        ))  # fmt: skip
        form.addRow("Images", self.copying)
        form.addRow("", _hint(
            "Copies stay whatever becomes of the originals. An image that is referred to is found again by its content "
            "when it was moved, and is never analysed again when it was altered."
        ))  # fmt: skip
        form.addRow("", _hint(
            "The casebook isn't encrypted. Check it with: divisive-desktop verify CASEBOOK"
        ))  # fmt: skip
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        column = QVBoxLayout(self)
        column.setContentsMargins(GRID * 2, GRID * 2, GRID * 2, GRID * 2)
        column.setSpacing(GRID * 2)
        column.addLayout(form)
        column.addStretch(1)
        column.addWidget(buttons)
        self.resize(660, 380)

    def accept(self) -> None:
        book, settings = self._session.casebook, self._settings
        user = self.name.text().strip(), self.role.text().strip()
        if book.writable and user[0] and user != self._found.user:
            settings.user = user
            book.write(lambda casebook: casebook.set_user(*user))
        copying = self.copying.currentData()
        if book.writable and copying != self._found.copying:
            book.write(lambda casebook: casebook.settings.set("copy", copying))
        super().accept()

    def _restrict(self) -> None:
        self._session.casebook.write(lambda book: book.restrict_access())
        self.access.setText("your account only (mode 0700)")
        self.restrict.hide()


def _text(text: str) -> QLabel:
    label = QLabel(text)
    label.setWordWrap(True)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label


def _hint(text: str) -> QLabel:
    label = _text(text)
    label.setFixedHeight(label.heightForWidth(_HINT_WIDTH))  # the form would give it room for a narrow column
    theme.set_role(label, "muted")
    return label


def _row(*widgets: QWidget) -> QWidget:
    made = QWidget()
    row = QHBoxLayout(made)
    row.setContentsMargins(0, 0, 0, 0)
    row.addWidget(widgets[0], 1)
    for widget in widgets[1:]:
        row.addWidget(widget)
    return made
