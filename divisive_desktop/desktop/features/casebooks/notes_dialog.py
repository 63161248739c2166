"""Notes on a case: written in a window that never throws away what was typed unasked."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QLabel, QMessageBox, QPlainTextEdit, QVBoxLayout, QWidget

from divisive_desktop.desktop.ui.theme import GRID


class NotesDialog(QDialog):
    """A field for text. Ctrl+Enter keeps it; Escape, Cancel and the window's cross ask where something was changed.

    Signals
    -------
    kept(str)
        What was written, without spaces around it.
    """

    kept = Signal(str)

    def __init__(self, name: str, notes: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Notes")
        self._before = notes.strip()
        label = QLabel(f"Notes on {name}")
        label.setTextFormat(Qt.TextFormat.PlainText)
        self.text = QPlainTextEdit(notes)
        self.text.setAccessibleName("Notes")
        self.text.setTabChangesFocus(True)  # out of the field by keyboard, too
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Save | QDialogButtonBox.StandardButton.Cancel)
        self.save = buttons.button(QDialogButtonBox.StandardButton.Save)
        self.save.setShortcut("Ctrl+Return")
        self.save.setToolTip("Ctrl+Enter")
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        column = QVBoxLayout(self)
        column.setContentsMargins(GRID * 2, GRID * 2, GRID * 2, GRID * 2)
        column.setSpacing(GRID)
        column.addWidget(label)
        column.addWidget(self.text, 1)
        column.addWidget(buttons)
        self.resize(460, 300)
        self.text.setFocus()

    @property
    def written(self) -> str:
        """What stands in the field."""
        return self.text.toPlainText().strip()

    def keep(self) -> None:
        """Keep what stands in the field."""
        if self.written != self._before:
            self._before = self.written
            self.kept.emit(self.written)

    def accept(self) -> None:
        self.keep()
        super().accept()

    def reject(self) -> None:
        if self.written == self._before:
            super().reject()
            return
        box = QMessageBox(QMessageBox.Icon.Question, "Notes", "Keep what you wrote?", parent=self)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        choice = QMessageBox.StandardButton
        box.setStandardButtons(choice.Save | choice.Discard | choice.Cancel)
        box.setDefaultButton(choice.Save)
        box.button(choice.Save).clicked.connect(self.accept)
        box.button(choice.Discard).clicked.connect(lambda: self.done(QDialog.DialogCode.Rejected))
        box.open()
