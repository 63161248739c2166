"""Exactly what the model saw: the network's input as a picture, and the recipe that made it, in words."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QImage, QPainter, QPaintEvent
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from divisive_desktop.desktop.session.wording import capitalised, told
from divisive_desktop.desktop.shell.services import Services
from divisive_desktop.desktop.ui import theme
from divisive_desktop.desktop.ui.pictures import save_png
from divisive_desktop.desktop.ui.theme import GRID
from divisive_desktop.engine.messages import ModelInput
from divisive_desktop.errors import ExportError

if TYPE_CHECKING:
    from divisive_desktop.desktop.session.case import Case
    from divisive_desktop.errors import UserFacingError
    from divisive_desktop.explanation.analysis import Analysis

SECTION = "What the model saw"


class InputPicture(QWidget):
    """A square picture as wide as there is room, smoothed only when it is shrunk."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.image: QImage | None = None
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self.setAccessibleName(SECTION)

    def sizeHint(self) -> QSize:
        return QSize(288, 288)

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        return width

    def set_image(self, image: QImage | None) -> None:
        self.image = image
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        with QPainter(self) as painter:
            side = min(self.width(), self.height())
            area = QRectF((self.width() - side) / 2, 0, side, side)
            painter.fillRect(area, Qt.GlobalColor.black)
            if self.image is not None:
                shrunk = self.image.width() > side * self.devicePixelRatioF()
                painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, shrunk)
                painter.drawImage(area, self.image)


class ModelInputPanel(QWidget):
    """Asks the engine for the input when someone looks; one request for each analysis."""

    def __init__(self, services: Services) -> None:
        super().__init__()
        self._session, self._runner, self._messages = services.session, services.runner, services.messages
        self._case: Case | None = None
        self._shown: Analysis | None = None
        self.picture = InputPicture()
        self.words = QLabel()
        self.words.setWordWrap(True)
        self.words.setTextFormat(Qt.TextFormat.PlainText)
        self.words.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.state = QLabel()
        self.state.setWordWrap(True)
        theme.set_role(self.state, "muted")
        self.save = QPushButton("Save picture…")
        self.save.setToolTip("The network's input as PNG, one pixel for each of its values, rounded to 8 bits")
        self.save.clicked.connect(self._save)
        row = QHBoxLayout()
        row.addWidget(self.save)
        row.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID)
        for widget in (self.picture, self.state, self.words):
            column.addWidget(widget)
        column.addLayout(row)
        self._clear("")
        self._section = services.inspector.add_section(SECTION, self, folded=True)
        self._section.unfolded.connect(self.refresh)
        self._section.setVisible(False)
        self._session.currentChanged.connect(self.show_case)
        self._session.analysisChanged.connect(self.show_case)

    def show_case(self, case: Case | None) -> None:
        """Another case is current, or its analysis changed."""
        if case is not self._session.current:
            return
        self._section.setVisible(case is not None and case.error is None and self._session.record is not None)
        self._case = case
        analysis = case.analysis if case is not None else None
        if analysis is None:
            self._clear("The input appears with the analysis.")
        self.refresh()

    def refresh(self) -> None:
        """Ask for the input if it can be seen and isn't there."""
        case = self._case
        analysis = case.analysis if case is not None else None
        if case is None or analysis is None or analysis is self._shown or not self.isVisible():
            return
        self._shown = analysis
        self.words.setText("\n".join(f"{i}. {line}" for i, line in enumerate(recipe(analysis), 1)))
        card = self._session.questions.card(case)
        if card is None:
            self._clear("The model version that was used isn't installed any more, so that its input can't be shown.")
            return
        self.state.setText("Asking the engine…")
        self.state.setVisible(self.picture.image is None)
        file = str(case.source or case.path)
        request = ModelInput(file, case.frame, analysis.model.id, analysis.region, case.correction)
        self._runner.submit(
            request, lambda pixels: self._arrived(analysis, pixels), lambda error: self._failed(analysis, error)
        )

    def _arrived(self, analysis: Analysis, pixels: npt.NDArray[np.float32]) -> None:
        if analysis is not self._shown:
            return
        values = as_picture(pixels, analysis.preprocessing)
        height, width = values.shape[:2]
        self.picture.set_image(QImage(values.data, width, height, 3 * width, QImage.Format.Format_RGB888).copy())
        self.picture.setVisible(True)
        self.words.setVisible(True)
        self.state.setVisible(False)
        self.save.setVisible(True)

    def _failed(self, analysis: Analysis, error: UserFacingError) -> None:
        if analysis is self._shown:
            self._shown = None
            self._clear(told(error))

    def _clear(self, text: str) -> None:
        self.picture.set_image(None)
        self.picture.setVisible(False)
        self.save.setVisible(False)
        self.words.setVisible(self._shown is not None)
        self.state.setText(text)
        self.state.setVisible(True)
        if self._case is None or self._case.analysis is None:
            self._shown = None
            self.words.setVisible(False)

    def _save(self) -> None:
        case, image = self._case, self.picture.image
        if case is None or image is None:
            return
        name = f"{case.stem}-model-input.png"
        chosen, _ = QFileDialog.getSaveFileName(self, "Save the model's input", name, "PNG (*.png)")
        if chosen and not save_png(image, Path(chosen)):
            self._messages.show_error(ExportError(f"{chosen} could not be written.", "Choose another folder."))


def as_picture(pixels: npt.NDArray[np.float32], preprocessing: Mapping[str, Any]) -> npt.NDArray[np.uint8]:
    """Network input (3, size, size) -> uint8 RGB (size, size, 3): the last step undone, rounded to 8 bits."""
    unit = pixels * np.float32(preprocessing["scale"]) + np.float32(preprocessing["mean"])
    return np.ascontiguousarray(np.clip(np.rint(unit), 0, 255).astype(np.uint8).transpose(1, 2, 0))


def recipe(analysis: Analysis) -> list[str]:
    """What was done between the file and the network, step by step, with all figures."""
    from divisive_desktop.imaging.framing import framing_of, in_words

    p = analysis.preprocessing
    x, y, width, height = analysis.region
    size = int(p["size"])
    framing = framing_of(p)
    if analysis.region == (0, 0, *analysis.image_size):
        part = f"the whole picture, {width} × {height} px"
    else:
        part = f"{width} × {height} px at {x}, {y}"
    why = f" ({in_words(framing)})" if framing is not None and framing.how != "whole" else ""
    steps = [f"Part: {part}{why}.", _values(p), _resized(p, width, height, size), _range(p)]
    steps.append(f"Input of the network = (value − {p['mean']:g}) / {p['scale']:g}.")
    return [capitalised(step) for step in steps if step]


def _values(p: Mapping[str, Any]) -> str:
    text = "Pixel values of the file" if _own_scale(p) else "Values of the file after its modality transform"
    text += "; window and zoom on the screen play no part."
    if p.get("negated"):
        text += " MONOCHROME1: negated, so that dense is bright."
    return text + (" Colours kept." if p.get("colour") == "rgb" else " One grey channel, given three times.")


def _own_scale(p: Mapping[str, Any]) -> bool:
    """The file's own 8 or 16 bits are used, not percentiles."""
    return str(p.get("range_source", "")).endswith("bit")


def _resized(p: Mapping[str, Any], width: int, height: int, size: int) -> str:
    words = {"area": "averaged by area", "linear": "linearly", "cubic": "by cubic interpolation"}
    across, down = size / width, size / height
    if (width, height) == (size, size):
        return f"Not resized: {size} × {size} px."
    how = words.get(str(p.get("resize")), str(p.get("resize"))) if min(across, down) < 1 else "linearly"
    text = f"Resized to {size} × {size} px, {how} ({_times(across)}"
    if abs(across / down - 1) < 0.01:
        return text + ")."
    return text + f" across, {_times(down)} down: proportions aren't kept)."


def _times(scale: float) -> str:
    return f"enlarged {scale:.2f} ×" if scale >= 1 else f"shrunk {1 / scale:.2f} ×"


def _range(p: Mapping[str, Any]) -> str:
    if "range" not in p:
        return ""
    low, high = (f"{v:g}".replace("-", "−") for v in p["range"])
    if (low, high) == ("0", "255"):
        return "Its values 0 to 255 are used as they are."
    if _own_scale(p):
        return f"{low} becomes 0 and {high} becomes 255: the file's own {p['range_source']} scale."
    source = f" (percentiles {p['low_percentile']:g} and {p['high_percentile']:g} of the resized picture)"
    return f"{low} becomes 0 and {high} becomes 255{source}; what lies beyond is cut, padding becomes black."
