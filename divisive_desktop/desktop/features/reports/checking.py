"""File > Check a report: what holds of an exported file, and what doesn't."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QGridLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from divisive_desktop.desktop.session.wording import told
from divisive_desktop.desktop.ui import icons, theme
from divisive_desktop.desktop.ui.theme import GRID
from divisive_desktop.errors import UserFacingError
from divisive_desktop.foreign.text import plain

if TYPE_CHECKING:
    from divisive_desktop.casebook import Casebook
    from divisive_desktop.desktop.features.reports.engine_questions import EngineQuestions
    from divisive_desktop.desktop.session.runner import BackgroundTask, Runner
    from divisive_desktop.explanation.analysis import Analysis
    from divisive_desktop.reporting.finding import Verification

REPORT_FILTER = "Reports (*.pdf *.html *.json *.csv *.dcm);;All files (*)"
_IMAGES = "Images (*.dcm *.dicom *.png *.jpg *.jpeg *.tif *.tiff *.webp *.bmp);;All files (*)"
_MARKS = {"holds": ("check", "success", "Holds"), "broken": ("error", "error", "Broken"),
          "unknown": ("info", "muted", "Not known")}  # fmt: skip


class CheckDialog(QDialog):
    """Findings about one file, the broken ones first.

    Signals
    -------
    originalChosen(Path)
        Of the image that the report is said to be about.
    """

    originalChosen = Signal(Path)

    def __init__(self, path: Path, folder: str, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(f"Check of {plain(path.name)}")
        self.resize(680, 460)
        self.findings: list[tuple[str, str]] = []
        self._folder = folder
        self.title, self.note = QLabel("Checking…"), QLabel()
        theme.set_role(self.title, "number")
        theme.set_role(self.note, "muted")
        self.note.setWordWrap(True)
        self._holder = QWidget()
        self._grid = QGridLayout(self._holder)
        self._grid.setContentsMargins(0, 0, GRID, 0)
        self._grid.setHorizontalSpacing(GRID)
        self._grid.setVerticalSpacing(GRID)
        self._grid.setColumnStretch(2, 1)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setWidget(self._holder)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        self.compare = QPushButton("Compare with the image…")
        self.compare.setToolTip("Is it the image of this report, and does the model still find the same?")
        self.compare.setAutoDefault(False)
        self.compare.clicked.connect(self._choose)
        buttons.addButton(self.compare, QDialogButtonBox.ButtonRole.ActionRole)
        column = QVBoxLayout(self)
        column.setContentsMargins(GRID * 2, GRID * 2, GRID * 2, GRID * 2)
        column.setSpacing(GRID)
        column.addWidget(self.title)
        column.addWidget(self.note)
        column.addWidget(scroll, 1)
        column.addWidget(buttons)

    def show_checking(self) -> None:
        """It takes a moment."""
        self.title.setText("Checking…")
        self.compare.setEnabled(False)

    def show_error(self, error: UserFacingError) -> None:
        """It could not be checked."""
        self.compare.setEnabled(True)
        self.title.setText("Could not be checked")
        self.note.setText(told(error))

    def show_found(self, found: Verification) -> None:
        """What holds and what doesn't."""
        self.compare.setEnabled(True)
        self.title.setText(_heading(found))
        self.note.setText("Research use only, not for diagnosis. A seal shows changes; who made the file, only a "
                          "signature by a known key can say.")  # fmt: skip
        order = ["broken", "holds", "unknown"]
        self.findings = sorted(((f.state, f.what) for f in found.findings), key=lambda f: order.index(f[0]))
        while self._grid.count():
            item = self._grid.takeAt(0)
            widget = item.widget() if item is not None else None
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        for row, (state, what) in enumerate(self.findings):
            name, colour, word = _MARKS[state]
            icon, title, text = QLabel(), QLabel(word), QLabel(what)
            icon.setPixmap(icons.pixmap(name, 16, theme.colour(colour), self.devicePixelRatioF()))
            theme.set_role(title, "errorText" if state == "broken" else "muted")
            text.setWordWrap(True)
            text.setTextFormat(Qt.TextFormat.PlainText)
            text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            for column, label in enumerate((icon, title, text)):
                self._grid.addWidget(label, row, column, Qt.AlignmentFlag.AlignTop)
        self._grid.setRowStretch(len(self.findings), 1)

    def _choose(self) -> None:
        name, _ = QFileDialog.getOpenFileName(self, "Image of the report", self._folder, _IMAGES)
        if name:
            self.originalChosen.emit(Path(name))


def _heading(found: Verification) -> str:
    if not found.ok:
        return "This file is not as it was exported"
    return "Nothing is broken" if found.vouched else "Nothing is broken, but nobody you know vouches for it"


class Checking:
    """Runs the check in the background and shows what came of it."""

    def __init__(self, runner: Runner, engine: EngineQuestions) -> None:
        self._runner, self._engine = runner, engine

    def open(self, path: Path, folder: str, book: Casebook | None, parent: QWidget) -> CheckDialog:
        """Check a file, and show the findings; ``book``: what may know about its cases."""
        dialog = CheckDialog(path, folder, parent)
        dialog.originalChosen.connect(lambda original: self._check(dialog, path, original, book))
        dialog.open()
        self._check(dialog, path, None, book)
        return dialog

    def _check(self, dialog: CheckDialog, path: Path, original: Path | None, book: Casebook | None) -> None:
        dialog.show_checking()
        gone: list[bool] = []
        dialog.destroyed.connect(lambda: gone.append(True))

        def show(found: Verification) -> None:
            if not gone:
                dialog.show_found(found)

        def failed(error: UserFacingError) -> None:
            if not gone:
                dialog.show_error(error)

        self._runner.run(lambda task: self._verify(task, path, original, book), show, failed, key="check")

    def _verify(self, task: BackgroundTask, path: Path, original: Path | None, book: Casebook | None) -> Verification:
        """Runs in the background."""
        from divisive_desktop.library import store
        from divisive_desktop.reporting.confirm import Confirmer
        from divisive_desktop.reporting.keys import known_keys
        from divisive_desktop.reporting.verify import analysed_again, read_content, read_report, verify_file

        def recompute(image: Path, analysis: Mapping[str, Any]) -> Analysis:
            answer: Analysis = self._engine.ask(analysed_again(image, analysis), lambda: task.cancelled)
            return answer

        confirm = None
        if book is not None and path.is_file():
            content = read_content(read_report(path)) or {}
            cases = content.get("cases")
            stated = [c.get("casebook") or {} for c in cases if isinstance(c, dict)] if isinstance(cases, list) else []
            if any(isinstance(s, dict) and s.get("identity") == book.settings.get("identity", "") for s in stated):
                confirm = Confirmer(book)
        cards = [m.card for m in store.find_models()]
        models = {card.id: card.weights_sha256 for card in cards}
        return verify_file(
            path, original, recompute, models, known_keys=known_keys(), confirm=confirm, cards=cards,
            recorded=confirm.recorded if confirm is not None else None,
        )
