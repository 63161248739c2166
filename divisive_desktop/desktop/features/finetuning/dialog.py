"""The window that holds the three pages: set up, watch, judge. It stays open beside the main window."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QCloseEvent, QKeyEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QStackedWidget, QToolButton, QVBoxLayout, QWidget

from divisive_desktop import RESEARCH_USE
from divisive_desktop.desktop.features.finetuning.live import LivePage
from divisive_desktop.desktop.features.finetuning.result import ResultPage
from divisive_desktop.desktop.features.finetuning.setup import SetupPage
from divisive_desktop.desktop.ui import theme
from divisive_desktop.desktop.ui.theme import GRID

STEPS = ("Set up", "Learn", "Before and after")


class FineTuneDialog(QWidget):
    """Three pages and the steps above them; closing it leaves a run going.

    Signals
    -------
    activated()
        The user came back to it: masks may have been painted meanwhile.
    versionsRequested()
    """

    activated = Signal()
    versionsRequested = Signal()

    def __init__(self, setup: SetupPage, live: LivePage, result: ResultPage, parent: QWidget | None = None) -> None:
        # No QDialog: it would hand the emphasis of the one default button from page to page.
        super().__init__(parent, Qt.WindowType.Window)
        self.setWindowTitle("Fine-tune")
        self.resize(1200, 740)
        self.setMinimumSize(900, 600)
        self.setup, self.live, self.result = setup, live, result
        self.stack = QStackedWidget()
        for page in (self.setup, self.live, self.result):
            self.stack.addWidget(page)
        banner = QLabel(RESEARCH_USE, alignment=Qt.AlignmentFlag.AlignCenter)
        theme.set_role(banner, "banner")
        self.steps = [QToolButton() for _ in STEPS]
        head = QHBoxLayout()
        head.setContentsMargins(GRID * 2, GRID, GRID * 2, GRID)
        head.setSpacing(GRID)
        for i, (button, text) in enumerate(zip(self.steps, STEPS, strict=True)):
            button.setText(f"{i + 1}  {text}")
            button.setCheckable(True)
            theme.set_role(button, "toggle")
            button.clicked.connect(lambda _=False, i=i: self.go_to(i))
            head.addWidget(button)
        head.addStretch(1)
        self.versions = QToolButton()
        self.versions.setText("Model versions…")
        theme.set_role(self.versions, "toggle")
        self.versions.clicked.connect(self.versionsRequested)
        head.addWidget(self.versions)
        line = QFrame()
        theme.set_role(line, "hairline")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(banner)
        column.addLayout(head)
        column.addWidget(line)
        column.addWidget(self.stack, 1)
        self.set_reachable(live=False, result=False)
        self.go_to(0)

    def go_to(self, step: int) -> None:
        """Show a page."""
        self.stack.setCurrentIndex(step)
        for i, button in enumerate(self.steps):
            button.setChecked(i == step)

    def set_reachable(self, *, live: bool, result: bool) -> None:
        """Which pages have something to show."""
        self.steps[1].setEnabled(live)
        self.steps[2].setEnabled(result)

    def recolour(self) -> None:
        """Take the colours of the scheme in force."""
        for page in (self.setup, self.live, self.result):
            page.recolour()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.ActivationChange and self.isActiveWindow():
            self.activated.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Escape closes the window, not the run."""
        if event.key() == Qt.Key.Key_Escape:
            self.close()
        else:
            super().keyPressEvent(event)

    def closeEvent(self, event: QCloseEvent) -> None:
        self.hide()
        event.accept()
