"""One row of the list of regions."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QColor, QIcon, QPainter, QPixmap
from PySide6.QtWidgets import QColorDialog, QDoubleSpinBox, QFrame, QHBoxLayout, QLineEdit, QToolButton

from divisive_desktop.desktop.features.painting.session import PaintSession
from divisive_desktop.desktop.ui import icons, theme
from divisive_desktop.desktop.ui.theme import GRID
from divisive_desktop.foreign.text import in_window
from divisive_desktop.masks.region import Region


class RegionRow(QFrame):
    """One region: colour, name, weight, visible, locked; a click makes it the active one."""

    def __init__(self, session: PaintSession, region: Region, active: bool) -> None:
        super().__init__()
        self.region = region
        self._session = session
        self.setProperty("role", "activeRow" if active else "row")
        row = QHBoxLayout(self)
        row.setContentsMargins(GRID // 2, 2, GRID // 2, 2)
        row.setSpacing(2)
        self.swatch = self._button(_swatch(region.colour), "Change the colour")
        self.swatch.clicked.connect(self._pick)
        self.name = QLineEdit(region.name)
        self.name.setCursorPosition(0)  # a long name shows its beginning
        self.name.setFrame(False)
        self.name.setProperty("role", "plain")
        self.name.setToolTip(f"{in_window(region.name)}\nWhat this region is: click to rename")
        self.name.setAccessibleName("Name of the region")
        self.name.editingFinished.connect(self._rename)
        self.weight = QDoubleSpinBox(minimum=0.0, maximum=1.0, singleStep=0.1, decimals=2)
        self.weight.setValue(region.weight)
        self.weight.setToolTip("Weight: how important the region is in training, 0 to 1")
        self.weight.setKeyboardTracking(False)
        theme.set_role(self.weight, "bare")  # without buttons: the arrow keys and the wheel do it
        theme.indent(self.weight)
        self.weight.setFixedWidth(44)
        self.weight.valueChanged.connect(lambda v: session.change_region(region.id, weight=round(v, 2)))
        self.visible_ = self._button(
            icons.icon("eye" if region.visible else "eye-off"), "Hide" if region.visible else "Show"
        )
        self.visible_.clicked.connect(lambda: session.change_region(region.id, visible=not region.visible))
        self.lock = self._button(
            icons.icon("lock" if region.locked else "unlock"), "Unlock" if region.locked else "Lock against changes"
        )
        self.lock.clicked.connect(lambda: session.change_region(region.id, locked=not region.locked))
        self.delete = self._button(icons.icon("remove"), "Remove the region")
        self.delete.clicked.connect(lambda: session.remove_region(region.id))
        for widget in (self.swatch, self.name, self.weight, self.visible_, self.lock, self.delete):
            row.addWidget(widget, 1 if widget is self.name else 0)
        self.name.installEventFilter(self)

    def mousePressEvent(self, event: object) -> None:
        self._session.regions.set_active(self.region.id)

    def eventFilter(self, watched: object, event: object) -> bool:
        from PySide6.QtCore import QEvent

        if watched is self.name and event.type() == QEvent.Type.FocusIn:  # type: ignore[attr-defined]
            self._session.regions.set_active(self.region.id)
        return False

    def _rename(self) -> None:
        name = self.name.text().strip()
        if name and name != self.region.name:
            self._session.change_region(self.region.id, name=name)
        elif not name:
            self.name.setText(self.region.name)

    def _pick(self) -> None:
        chosen = QColorDialog.getColor(QColor(self.region.colour), self, f"Colour of {self.region.name}")
        if chosen.isValid():
            self._session.change_region(self.region.id, colour=chosen.name())

    @staticmethod
    def _button(icon: QIcon, tip: str) -> QToolButton:
        button = QToolButton()
        button.setIcon(icon)
        button.setIconSize(QSize(16, 16))
        button.setAutoRaise(True)
        button.setToolTip(tip)
        button.setAccessibleName(tip)
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        return button


def _swatch(colour: str) -> QIcon:
    drawn = QPixmap(32, 32)
    drawn.fill(Qt.GlobalColor.transparent)
    painter = QPainter(drawn)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(colour))
    painter.drawRoundedRect(4, 4, 24, 24, 6, 6)
    painter.end()
    return QIcon(drawn)
