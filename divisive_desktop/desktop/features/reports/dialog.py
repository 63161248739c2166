"""The report window: choices at the left, the pages as they will be at the right, progress below."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import Qt, QUrl, Signal
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QProgressBar, QPushButton, QToolButton, QVBoxLayout, QWidget

from divisive_desktop.desktop.features.reports.form import OptionsForm
from divisive_desktop.desktop.features.reports.preview import PagePreview
from divisive_desktop.desktop.session.wording import duration, plural
from divisive_desktop.desktop.ui import icons, theme
from divisive_desktop.desktop.ui.kept_dialog import KeptDialog
from divisive_desktop.desktop.ui.theme import GRID
from divisive_desktop.errors import UserFacingError
from divisive_desktop.foreign.text import plain
from divisive_desktop.language import NBSP
from divisive_desktop.reporting.process.messages import Preview, WrittenReport

_FORM_WIDTH = 400


class ReportDialog(KeptDialog):
    """One report. Closing it while files are written leaves that going.

    Signals
    -------
    writeRequested()
    cancelRequested()
    """

    writeRequested = Signal()
    cancelRequested = Signal()

    def __init__(self, form: OptionsForm, title: str, cases: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.set_subject(title)
        self.resize(1160, 780)
        self.setMinimumSize(860, 560)
        self.form, self.preview = form, PagePreview()
        self.writing = False
        self._cases = cases
        self._files: tuple[Path, ...] = ()
        form.setFixedWidth(_FORM_WIDTH)
        middle = QHBoxLayout()
        middle.setContentsMargins(0, 0, 0, 0)
        middle.setSpacing(0)
        middle.addWidget(form)
        middle.addWidget(_line(vertical=True))
        middle.addLayout(self._pages(), 1)
        self.column.addLayout(middle, 1)
        self.column.addWidget(_line())
        self.column.addLayout(self._foot())
        self.recolour()
        self.preview.show_words("The pages are being made…")

    def set_subject(self, title: str) -> None:
        """What the report is on, in the window's title."""
        self.setWindowTitle(f"Report on {plain(title)}")

    def _pages(self) -> QVBoxLayout:
        self.note = QLabel()
        theme.set_role(self.note, "muted")
        self.smaller, self.larger = QToolButton(), QToolButton()
        head = QHBoxLayout()
        head.setContentsMargins(GRID * 2, GRID, GRID * 2, GRID)
        head.setSpacing(GRID // 2)
        head.addWidget(self.note, 1)
        for button, name, steps in ((self.smaller, "Smaller", -1), (self.larger, "Larger", 1)):
            button.setToolTip(f"{name} (Ctrl and the wheel)")
            button.setAccessibleName(name)
            theme.set_role(button, "tool")
            button.clicked.connect(lambda _=False, s=steps: self.preview.step_zoom(s))
            head.addWidget(button)
        column = QVBoxLayout()
        column.setSpacing(0)
        column.addLayout(head)
        column.addWidget(self.preview, 1)
        return column

    def _foot(self) -> QHBoxLayout:
        self.status, self.left = QLabel(), QLabel()
        self.status.setWordWrap(True)
        self.status.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        theme.set_role(self.left, "muted")
        self.bar = QProgressBar()
        self.bar.setRange(0, 1000)
        self.bar.setTextVisible(False)
        self.bar.setFixedSize(GRID * 20, GRID)
        self.folder, self.cancel, self.write = QPushButton("Open folder"), QPushButton("Cancel"), QPushButton()
        self.write.setText("Write report")
        self.write.setDefault(True)
        self.write.clicked.connect(self.writeRequested)
        self.cancel.clicked.connect(self._cancel_clicked)
        self.folder.clicked.connect(self.open_folder)
        foot = QHBoxLayout()
        foot.setContentsMargins(GRID * 2, GRID, GRID * 2, GRID)
        foot.setSpacing(GRID)
        foot.addWidget(self.status, 1)
        for widget in (self.left, self.bar, self.folder, self.cancel, self.write):
            foot.addWidget(widget)
        for hidden in (self.left, self.bar, self.folder):
            hidden.hide()
        self.cancel.setText("Close")
        return foot

    # -- content --------------------------------------------------------------------------------------------

    def show_preview(self, found: Preview) -> None:
        """Pages, and what was noticed while they were made."""
        self.preview.show_pages(found.pages)
        shown = "As it will be printed" if found.cases == self._cases else (
            f"As it will be printed, the first {found.cases} of {plural(self._cases, 'case')}"
        )
        left_out = f". Left out: {'; '.join(f'{name}: {message}' for name, message, _ in found.failures)}"
        self.note.setText(shown + (left_out if found.failures else ""))
        self.form.show_found(found.burned_in, found.fingerprint, found.unsigned)

    def show_problem(self, error: UserFacingError) -> None:
        """There are no pages."""
        self.note.setText("")
        self.preview.show_words(f"{error.message}\n\n{error.remedy}")

    def say(self, text: str, *, wrong: bool = False) -> None:
        """A line at the foot."""
        theme.set_role(self.status, "errorText" if wrong else "")
        self.status.setText(text)
        # A layout in a row doesn't ask a label how high it is at the width that it gets.
        self.status.setMinimumHeight(self.status.heightForWidth(max(self.status.width(), GRID * 40)) if text else 0)

    def begin(self) -> None:
        """Files are being written."""
        self.writing = True
        self.form.setEnabled(False)
        self.write.setEnabled(False)
        self.cancel.setText("Cancel")
        self.cancel.setEnabled(True)
        self.folder.hide()
        self.bar.setValue(0)
        self.bar.show()
        self.left.show()
        self.left.setText("")
        self.say("Preparing…")

    def progress(self, fraction: float, what: str, left: float | None) -> None:
        self.bar.setValue(round(fraction * 1000))
        self.left.setText(duration(left) if left is not None else f"{100 * fraction:.0f}{NBSP}%")
        if self.cancel.isEnabled():
            self.say(what)

    def end(self, text: str, files: Sequence[Path] = (), *, wrong: bool = False) -> None:
        """Nothing is being written any more."""
        self.writing = False
        self._files = tuple(files) or self._files
        self.form.setEnabled(True)
        self.write.setEnabled(True)
        self.cancel.setText("Close")
        self.cancel.setEnabled(True)
        self.bar.hide()
        self.left.hide()
        self.folder.setVisible(bool(files))
        self.say(text, wrong=wrong)

    def open_folder(self) -> None:
        """Show where the files are."""
        if self._files:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._files[0].parent)))

    def recolour(self) -> None:
        """Take the colours of the scheme in force."""
        self.smaller.setIcon(icons.icon("zoom-out"))
        self.larger.setIcon(icons.icon("zoom-in"))
        self.form.recolour()

    # -- reactions ------------------------------------------------------------------------------------------

    def _cancel_clicked(self) -> None:
        if self.writing:
            self.cancel.setEnabled(False)
            self.say("Stopping…")
            self.cancelRequested.emit()
        else:
            self.close()


def written_words(written: WrittenReport) -> str:
    """What was written where, and what wasn't."""
    first, others = written.files[0], len(written.files) - 1
    more = f" and {plural(others, 'other file')}" if others else ""
    text = f"Written: {first.name}{more} in {first.parent}."
    if written.without_dicom:
        text += f" No DICOM objects about {plural(written.without_dicom, 'case')} that belong to no DICOM study."
    if written.failures:
        name, message, remedy = written.failures[0]
        others = len(written.failures) - 1
        text += f" Not in it: {name}: {message} {remedy}" + (f" And {others} more." if others else "")
    return text


def _line(vertical: bool = False) -> QFrame:
    line = QFrame()
    if vertical:
        line.setFixedWidth(1)
        line.setFrameShape(QFrame.Shape.NoFrame)
        line.setAutoFillBackground(True)
        line.setBackgroundRole(line.palette().ColorRole.Mid)
    else:
        theme.set_role(line, "hairline")
    return line
