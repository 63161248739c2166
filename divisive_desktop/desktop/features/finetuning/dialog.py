"""The window that holds the three pages: set up, watch, judge. It stays open beside the main window."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QStackedWidget, QToolButton, QWidget

from divisive_desktop.desktop.features.finetuning.live import LivePage
from divisive_desktop.desktop.features.finetuning.result import ResultPage
from divisive_desktop.desktop.features.finetuning.setup import SetupPage
from divisive_desktop.desktop.ui import theme
from divisive_desktop.desktop.ui.kept_dialog import KeptDialog
from divisive_desktop.desktop.ui.theme import GRID

STEPS = ("Set up", "Learn", "Before and after")


class FineTuneDialog(KeptDialog):
    """Three pages and the steps above them; closing it leaves a run going.

    Signals
    -------
    versionsRequested()
    """

    versionsRequested = Signal()

    def __init__(self, setup: SetupPage, live: LivePage, result: ResultPage, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Fine-tune")
        self.resize(1200, 740)
        self.setMinimumSize(900, 600)
        self.setup, self.live, self.result = setup, live, result
        self.stack = QStackedWidget()
        for page in (self.setup, self.live, self.result):
            self.stack.addWidget(page)
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
        self.column.addLayout(head)
        self.column.addWidget(line)
        self.column.addWidget(self.stack, 1)
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
