"""A combo box whose long texts end in an ellipsis where there is no room, and are told whole by its tool tip."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QHelpEvent, QPaintEvent
from PySide6.QtWidgets import QComboBox, QStyle, QStyleOptionComboBox, QStylePainter, QToolTip, QWidget

from divisive_desktop.foreign.text import in_window

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
        """What can be read of the choice: all of it, or its beginning and an ellipsis."""
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
        text = self.fontMetrics().elidedText(self.currentText(), Qt.TextElideMode.ElideRight, room - _INSET)
        option.currentText = text
        return option
