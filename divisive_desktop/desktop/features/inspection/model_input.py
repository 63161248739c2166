"""Exactly what the model saw: the network's input as a picture, and the recipe that made it, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QImage, QPainter, QPaintEvent
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from divisive_desktop.desktop.shell.services import Services
from divisive_desktop.desktop.ui import theme
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
        card = self._session.card(case)
        if card is None:
            self._clear("The model version that was used isn't installed any more, so that its input can't be shown.")
            return
        self.state.setText("Asking the engine…")
        self.state.setVisible(self.picture.image is None)
        request = ModelInput(str(case.source or case.path), case.frame, analysis.model.id, analysis.region)
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
            self._clear(f"{error.message} {error.remedy}")

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
        if chosen and not image.save(chosen, "PNG"):
            self._messages.show_error(ExportError(f"{chosen} could not be written.", "Choose another folder."))
