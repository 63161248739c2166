"""The status bar: pixel probe, progress with Cancel and time left, and how the engine is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QStatusBar, QToolButton, QWidget

from divisive_desktop.desktop.session.wording import CALIBRATIONS, duration, signed
from divisive_desktop.desktop.ui import icons, theme
from divisive_desktop.desktop.ui.theme import GRID
from divisive_desktop.engine.messages import EngineDied, EngineReady, Progress
from divisive_desktop.language import NBSP

if TYPE_CHECKING:
    from divisive_desktop.desktop.viewer.view_state import ProbeReading


class StatusBar(QStatusBar):
    """Left: what is under the pointer. Right: progress and engine."""

    cancelRequested = Signal()
    pauseRequested = Signal()
    """Hold what is under way, or let it go on."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizeGripEnabled(False)
        self.setContentsMargins(GRID, 0, GRID, 0)
        self.probe = QLabel()
        self.probe.setTextFormat(Qt.TextFormat.PlainText)
        self.probe.setAccessibleName("Pixel under the pointer")
        font = self.probe.font()
        font.setFamilies(["DejaVu Sans Mono", "Menlo", "Consolas", "monospace"])
        font.setPixelSize(12)
        self.probe.setFont(font)
        self.addWidget(self.probe, 1)

        self.job = QWidget()
        row = QHBoxLayout(self.job)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(GRID)
        self.title = QLabel()
        self.bar = QProgressBar()
        self.bar.setRange(0, 1000)
        self.bar.setFixedWidth(160)
        self.bar.setFixedHeight(14)
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName("Progress")
        self.left = QLabel()
        theme.set_role(self.left, "muted")
        self.cancel = QToolButton()
        self.cancel.setIcon(icons.icon("cancel"))
        self.cancel.setAutoRaise(True)
        self.cancel.setToolTip("Cancel")
        self.cancel.setAccessibleName("Cancel")
        self.cancel.clicked.connect(self.cancelRequested)
        self.pause = QToolButton()
        self.pause.setAutoRaise(True)
        self.set_pause(False)
        self.pause.clicked.connect(self.pauseRequested)
        for widget in (self.title, self.bar, self.left, self.pause, self.cancel):
            row.addWidget(widget)
        self.job.hide()
        self.addPermanentWidget(self.job)

        self.engine_icon = QLabel()
        self.engine = QLabel()
        self.addPermanentWidget(self.engine_icon)
        self.addPermanentWidget(self.engine)
        self._engine_tint = "muted"
        self.set_engine(None)

    def set_engine(self, event: EngineReady | EngineDied | None) -> None:
        """``None``: starting."""
        if isinstance(event, EngineReady):
            self.engine.setText(f"Engine ready · {event.device.upper()}")
            tip = f"{event.device_name}\n{event.runtime}, process {event.pid}"
            if event.note:
                tip += f"\n{event.note}"
            self._engine_tint = "success"
        elif isinstance(event, EngineDied):
            self.engine.setText("Engine restarting…" if event.restarting else "Engine stopped")
            tip = f"The engine process ended (exit code {event.exitcode})."
            self._engine_tint = "error"
        else:
            self.engine.setText("Engine starting…")
            tip = "The engine loads its libraries in the background; images can be looked at meanwhile."
            self._engine_tint = "muted"
        self.engine.setToolTip(tip)
        self.recolour()

    def set_probe(self, reading: ProbeReading | None) -> None:
        """What the viewer reads under the pointer; None outside the image."""
        self.probe.setText("" if reading is None else probe_text(reading))

    def begin(self, title: str) -> None:
        """Show progress for a job."""
        self.title.setText(title)
        self.bar.setValue(0)
        self.left.setText("")
        self.job.show()

    def progress(self, event: Progress) -> None:
        self.bar.setValue(round(event.fraction * 1000))
        done = f"{100 * event.fraction:.0f}{NBSP}%"
        self.left.setText(duration(event.remaining_s) if event.remaining_s is not None else done)
        self.bar.setToolTip(event.text)

    def set_pause(self, possible: bool, paused: bool = False) -> None:
        """Whether what is shown can be paused, and whether it is."""
        self._paused = paused
        self.pause.setVisible(possible)
        self.pause.setIcon(icons.icon("play" if paused else "pause"))
        self.pause.setToolTip("Go on" if paused else "Pause")
        self.pause.setAccessibleName("Go on" if paused else "Pause")

    def end(self) -> None:
        self.job.hide()

    def recolour(self) -> None:
        self.engine_icon.setPixmap(
            icons.pixmap("engine", 16, theme.colour(self._engine_tint), self.devicePixelRatioF())
        )
        self.cancel.setIcon(icons.icon("cancel"))
        self.pause.setIcon(icons.icon("play" if self._paused else "pause"))


def probe_text(r: ProbeReading) -> str:
    """One line for what is under the pointer."""
    parts = [f"x {r.x}  y {r.y}", f"stored {_number(r.stored)}"]
    if r.modality != r.stored or r.unit:
        parts.append(f"value {_number(r.modality)}{' ' + r.unit if r.unit else ''}")
    if r.displayed != r.stored:
        parts.append(f"shown {_number(r.displayed)}")
    if r.mm is not None:
        parts.append(f"{r.mm[0]:.1f}, {r.mm[1]:.1f} mm {CALIBRATIONS[r.calibration]}")
    if r.maps is not None:
        parts.append(f"true {signed(r.maps.true)}  false {signed(r.maps.false)}  D {signed(r.maps.divergence)}")
    return "   ".join(parts)


def _number(value: float | tuple[float, ...]) -> str:
    return ", ".join(f"{v:g}" for v in value) if isinstance(value, tuple) else f"{value:g}"
