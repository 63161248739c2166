"""The bar below the panes that steps through the frames of a multi-frame file."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSlider, QToolButton, QWidget

_MARGIN = 8


class FrameBar(QWidget):
    """Slider, arrows and 'Frame 3 / 30'; hidden while there is one frame only."""

    wanted = Signal(int)
    """The user asks for another frame, 0-based; whoever opens files answers with `Viewer.set_record`."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setPageStep(10)
        self.slider.setAccessibleName("Frame")
        self.slider.setToolTip("Frame of the file  (, and . or Shift+wheel)")
        self.slider.valueChanged.connect(self.ask)
        self.label = QLabel()
        row = QHBoxLayout(self)
        row.setContentsMargins(_MARGIN, 4, _MARGIN, 4)
        row.setSpacing(_MARGIN)
        arrows = []
        for arrow, step, name in (
            (Qt.ArrowType.LeftArrow, -1, "Previous frame"), (Qt.ArrowType.RightArrow, 1, "Next frame"),
        ):  # fmt: skip
            button = QToolButton()
            button.setArrowType(arrow)
            button.setAutoRaise(True)
            button.setAutoRepeat(True)
            button.setToolTip(name)
            button.setAccessibleName(name)
            button.clicked.connect(lambda _=False, by=step: self.slider.setValue(self.slider.value() + by))
            arrows.append(button)
        for widget in (arrows[0], arrows[1], self.slider, self.label):
            row.addWidget(widget)
        row.setStretchFactor(self.slider, 1)
        self.count = 1
        self.frame = 0
        """The frame that is shown or was asked for last, 0-based."""
        self.show_frame(0, 1)

    def show_frame(self, frame: int, count: int) -> None:
        """Show which frame of how many is on the screen; asks for none."""
        self.frame, self.count = frame, count
        self.slider.blockSignals(True)
        self.slider.setRange(0, max(count - 1, 0))
        self.slider.setValue(frame)
        self.slider.blockSignals(False)
        digits = len(str(count))
        self.label.setText(f"Frame {frame + 1:>{digits}} / {count}")
        self.setVisible(count > 1)

    def ask(self, frame: int) -> None:
        """Ask for a frame, held to those that exist."""
        frame = min(max(frame, 0), self.count - 1)
        if frame != self.frame:
            self.show_frame(frame, self.count)
            self.wanted.emit(frame)

    def step(self, by: int) -> None:
        """Ask for the frame so many further on."""
        self.ask(self.frame + by)
