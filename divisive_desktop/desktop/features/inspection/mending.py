"""Offers to mend a picture that looks turned, inverted or mirrored, and to take back what was mended."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QLabel, QPushButton, QVBoxLayout, QWidget

from divisive_desktop.desktop.session.case import Case
from divisive_desktop.desktop.ui import theme
from divisive_desktop.desktop.ui.theme import GRID
from divisive_desktop.errors import OutOfScopeError
from divisive_desktop.explanation.statement import picture_in_words
from divisive_desktop.imaging.correction import UNCORRECTED, Correction, suggested_by


class MendingRow(QWidget):
    """One button for all that would mend the picture, one that takes it back, and what was mended in words."""

    wanted = Signal(object)
    """The `Correction` to be made on top of what was corrected before."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.mend, self.undo, self.words = QPushButton(), QPushButton("Undo mending"), QLabel()
        self.words.setWordWrap(True)
        theme.set_role(self.words, "muted")
        self.undo.setToolTip("Look at the picture as it is in the file")
        self._step = self._back = UNCORRECTED
        self._reason = ""
        self.mend.clicked.connect(lambda: self.wanted.emit(self._step))
        self.undo.clicked.connect(lambda: self.wanted.emit(self._back))
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID)
        for widget in (self.mend, self.words, self.undo):
            column.addWidget(widget)

    def show_case(self, case: Case | None) -> None:
        """What the model's scope suggests for a case, and what was done to it."""
        self._step = _suggestion(case)
        self._back = case.correction.inverse() if case is not None else UNCORRECTED
        made = case.analysis.correction if case is not None and case.analysis is not None else None
        words = picture_in_words(str(case.correction) if made is None else made) if case is not None else ""
        self.mend.setText(f"Mend: {self._step.acts}" if self._step else "")
        self.mend.setVisible(bool(self._step))
        self.words.setText(words)
        for widget in (self.words, self.undo):
            widget.setVisible(bool(words))
        self.setVisible(bool(self._step) or bool(words))
        self.set_writable(self._reason or None)

    def set_writable(self, reason: str | None) -> None:
        """Why nothing that is mended could be kept, None where it is."""
        self._reason = reason or ""
        for button, tip in (
            (self.mend, "The file stays as it is; analysis, masks and reports follow the mended picture"),
            (self.undo, "Look at the picture as it is in the file"),
        ):
            button.setEnabled(not reason)
            button.setToolTip(reason or tip)


def _suggestion(case: Case | None) -> Correction:
    """What would mend all that the model's scope speaks of."""
    if case is None or case.error is not None:
        return UNCORRECTED
    if case.analysis is not None:
        return suggested_by(case.analysis.scope.reasons)
    error = case.analysis_error
    return suggested_by(error.message) if isinstance(error, OutOfScopeError) else UNCORRECTED

