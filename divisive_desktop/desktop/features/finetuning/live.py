"""The page during a run: time left, curves, maps that change, device; Pause and Cancel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from divisive_desktop.desktop.features.finetuning.curves import Curves
from divisive_desktop.desktop.features.finetuning.gallery import GalleryView
from divisive_desktop.desktop.features.finetuning.methods import method
from divisive_desktop.desktop.features.finetuning.run import RunSession
from divisive_desktop.desktop.features.finetuning.setup_widgets import words
from divisive_desktop.desktop.session.runner import Runner
from divisive_desktop.desktop.session.wording import duration, told
from divisive_desktop.desktop.ui import theme
from divisive_desktop.desktop.ui.theme import GRID

if TYPE_CHECKING:
    from divisive_desktop.engine.finetuning.messages import EpochDone, FineTune, Notice
    from divisive_desktop.engine.messages import Progress

_DEVICES = {"cpu": "processor", "cuda": "graphics card", "mps": "Apple GPU"}


class LivePage(QWidget):
    """What a run does, as it does it.

    Signals
    -------
    pauseToggled(bool)
    cancelRequested()
    resumeRequested(), concludeRequested(), discardRequested()
        After a run was cancelled or interrupted.
    """

    pauseToggled = Signal(bool)
    cancelRequested = Signal()
    resumeRequested = Signal()
    concludeRequested = Signal()
    discardRequested = Signal()

    def __init__(self, runner: Runner, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.title = QLabel()
        theme.set_role(self.title, "title")
        self.bar = QProgressBar()
        self.bar.setRange(0, 1000)
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(GRID * 2)
        self.text, self.left = QLabel(), QLabel()
        self.device = QLabel()
        theme.set_role(self.device, "muted")
        self.pause = QPushButton("Pause")
        self.pause.setCheckable(True)
        self.pause.toggled.connect(self._pause_toggled)
        self.cancel = QPushButton("Cancel")
        self.cancel.setToolTip("Stops within two seconds; what was learned up to the last whole epoch is kept")
        self.cancel.clicked.connect(self.cancelRequested)
        self.notices = words("", "warningText")
        self.losses = Curves(
            "Loss",
            (("loss", "total", "info"), ("classification", "labels", "muted"), ("saliency", "masks", "trueEvidence")),
        )
        self.scores = Curves(
            "Validation",
            (("val_auroc", "AUROC", "info"), ("val_energy", "D inside the masks", "trueEvidence")), unit_range=True,
        )  # fmt: skip
        self.gallery = GalleryView(runner)
        self._build()
        self._request: FineTune | None = None
        self._said: list[str] = []
        self._rows: dict[str, list[dict[str, float]]] = {}

    def _build(self) -> None:
        head = QHBoxLayout()
        head.setSpacing(GRID)
        head.addWidget(self.title, 1)
        self.resume, self.conclude = QPushButton("Resume"), QPushButton("Measure as it stands")
        self.resume.setDefault(True)
        self.conclude.setToolTip("Before and after with what was learned up to the last whole epoch")
        self.discard = QPushButton("Discard")
        self.resume.clicked.connect(self.resumeRequested)
        self.conclude.clicked.connect(self.concludeRequested)
        self.discard.clicked.connect(self.discardRequested)
        for button in (self.pause, self.cancel, self.resume, self.conclude, self.discard):
            head.addWidget(button)
        below = QHBoxLayout()
        below.addWidget(self.text)
        below.addStretch(1)
        below.addWidget(self.left)
        curves = QVBoxLayout()
        curves.setSpacing(GRID * 2)
        curves.addWidget(self.losses, 1)
        curves.addWidget(self.scores, 1)
        middle = QHBoxLayout()
        middle.setSpacing(GRID * 3)
        middle.addLayout(curves, 5)
        middle.addWidget(self.gallery, 6)
        line = QFrame()
        theme.set_role(line, "hairline")
        column = QVBoxLayout(self)
        column.setContentsMargins(GRID * 2, GRID * 2, GRID * 2, GRID * 2)
        column.setSpacing(GRID)
        column.addLayout(head)
        column.addWidget(self.bar)
        column.addLayout(below)
        column.addWidget(self.notices)
        column.addLayout(middle, 1)
        column.addWidget(line)
        column.addWidget(self.device)

    # -- content --------------------------------------------------------------------------------------------

    def begin(self, run: RunSession) -> None:
        """Clear the page for a run; does nothing when it is there already."""
        request = run.request
        if request is self._request:
            return
        self._request = request
        self._said, self._rows = [], {}
        self.notices.hide()
        self.bar.setValue(0)
        self.text.setText("Getting ready…")
        self.left.setText("")
        self.device.setText("")
        if request is not None:
            watched = [c for i in request.gallery for c in request.cases if c.id == i]
            self.gallery.set_cases(watched, run.classes)
            for curves in (self.losses, self.scores):
                curves.set_epochs(request.epochs)
        for epoch in run.history:
            self._rows.setdefault(epoch.method, []).append(_row(epoch))
        self._show_rows(run.history[-1].method if run.history else "")

    def show_state(self, run: RunSession) -> None:
        """Buttons and title for the state that the run is in."""
        request = run.request
        running, stopped = run.busy, run.state in ("cancelled", "interrupted", "failed")
        if request is not None:
            what = "Comparing methods" if run.trying else f"Learning by {method(request.method).name}"
            if run.state == "done":
                what = "Learned"
            names = {"paused": "Paused", "cancelling": "Stopping…", "cancelled": "Stopped",
                     "interrupted": "Interrupted", "failed": "Couldn't go on"}  # fmt: skip
            self.title.setText(names.get(run.state, f"{what} from {request.base}"))
        self.pause.setVisible(running)
        self.cancel.setVisible(running)
        self.pause.setEnabled(run.state in ("running", "paused") and not run.trying)
        self.cancel.setEnabled(run.state in ("running", "paused"))
        self.pause.blockSignals(True)
        self.pause.setChecked(run.state == "paused")
        self.pause.blockSignals(False)
        self.pause.setText("Go on" if run.state == "paused" else "Pause")
        for button in (self.resume, self.discard):
            button.setVisible(stopped)
        self.resume.setEnabled(run.id is not None)
        self.conclude.setVisible(stopped and bool(run.history) and run.id is not None)
        if run.state == "paused":
            self.left.setText("")
        if stopped:
            self.left.setText("")
            self.text.setText("What was learned up to the last whole epoch is kept." if run.history else
                              "Nothing was learned yet.")  # fmt: skip
            if run.error is not None:
                self.show_notice_text(told(run.error))

    def show_progress(self, event: Progress) -> None:
        self.bar.setValue(round(event.fraction * 1000))
        self.text.setText(event.text)
        paused = bool(event.details.get("paused"))
        self.left.setText(duration(event.remaining_s) if event.remaining_s is not None and not paused else "")
        self.device.setText(_device(event.details))

    def show_epoch(self, epoch: EpochDone) -> None:
        self._rows.setdefault(epoch.method, []).append(_row(epoch))
        self._show_rows(epoch.method)

    def show_notice(self, notice: Notice) -> None:
        self.show_notice_text(notice.text)

    def show_notice_text(self, text: str) -> None:
        """Something that the analyst should know; stays until the next run."""
        if text not in self._said:
            self._said.append(text)
        self.notices.setText("\n".join(self._said[-3:]))
        self.notices.show()

    def recolour(self) -> None:
        self.losses.recolour()
        self.scores.recolour()

    def _show_rows(self, name: str) -> None:
        rows = self._rows.get(name, [])
        self.losses.show_history(rows)
        self.scores.show_history(rows)

    def _pause_toggled(self, on: bool) -> None:
        self.pauseToggled.emit(on)


def _row(epoch: EpochDone) -> dict[str, float]:
    """An epoch's figures for the curves; those that weren't measured (NaN) are left out."""
    names = ("loss", "classification", "saliency", "val_auroc", "val_energy")
    values = {name: float(getattr(epoch, name)) for name in names}
    return {name: value for name, value in values.items() if value == value}


def _device(details: Mapping[str, Any]) -> str:
    parts = []
    if details.get("device"):
        kind = str(details["device"]).split(":")[0]
        parts.append(f"Computed on the {_DEVICES.get(kind, kind)}")
    if details.get("memory_mb"):
        parts.append(f"{float(details['memory_mb']):,.0f} MB in use")
    return " · ".join(parts)
