"""A combo box whose long texts give way to short ones, or end in an ellipsis, and are told whole by its tool tip."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QHelpEvent, QPaintEvent
from PySide6.QtWidgets import QComboBox, QStyle, QStyleOptionComboBox, QStylePainter, QToolTip, QWidget

from divisive_desktop.foreign.text import in_window

SHORT = Qt.ItemDataRole.UserRole + 1
"""Under this role an item may hold what the box shows where its text has no room."""
_INSET = 4
"""Pixels that styles leave on both sides of the text together."""


class ChoiceBox(QComboBox):
    """Qt cuts the text of a narrow combo box in the middle of a letter, as if nothing followed."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(12)
        self.view().setTextElideMode(Qt.TextElideMode.ElideRight)

    @property
    def shown_text(self) -> str:
        """What can be read of the choice: all of it, its short text, or a beginning and an ellipsis."""
        return self._option().currentText

    def showPopup(self) -> None:
        """The list is as wide as its longest entry, as far as the screen has room."""
        room = self.screen().availableGeometry().width() - 2 * self.view().verticalScrollBar().sizeHint().width()
        wanted = self.view().sizeHintForColumn(0) + self.view().verticalScrollBar().sizeHint().width()
        self.view().setMinimumWidth(min(wanted, room))
        super().showPopup()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter, option = QStylePainter(self), self._option()
        painter.drawComplexControl(QStyle.ComplexControl.CC_ComboBox, option)
        painter.drawControl(QStyle.ControlElement.CE_ComboBoxLabel, option)
        painter.end()

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            whole = in_window(self.currentText())
            parts = [whole] if self.shown_text != self.currentText() else []
            QToolTip.showText(event.globalPos(), "\n".join([*parts, self.toolTip()]), self)
            return True
        return super().event(event)

    def _option(self) -> QStyleOptionComboBox:
        option = QStyleOptionComboBox()
        self.initStyleOption(option)
        room = self.style().subControlRect(
            QStyle.ComplexControl.CC_ComboBox, option, QStyle.SubControl.SC_ComboBoxEditField, self
        ).width()  # fmt: skip
        text = self.currentText()
        if self.fontMetrics().horizontalAdvance(text) > room - _INSET:
            text = self.currentData(SHORT) or text
        option.currentText = self.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, room - _INSET)
        return option
