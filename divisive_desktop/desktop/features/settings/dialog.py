"""File > Settings: appearance and privacy, images, the device to compute on, keys and mouse."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QLabel,
    QSpinBox,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)  # fmt: skip

from divisive_desktop.desktop.features.settings.keys_page import KeysPage, MousePage
from divisive_desktop.desktop.shell.services import Services
from divisive_desktop.desktop.ui import theme
from divisive_desktop.desktop.ui.theme import GRID
from divisive_desktop.engine.messages import EngineReady
from divisive_desktop.imaging import limits

if TYPE_CHECKING:
    from divisive_desktop.desktop.viewer import Viewer

THEMES = (("As the system", "system"), ("Light", "light"), ("Dark", "dark"))
_MEGA = 1_000_000


class SettingsDialog(QDialog):
    """Changes take effect with OK; Cancel leaves everything as it was."""

    def __init__(self, services: Services, viewer: Viewer | None) -> None:
        super().__init__(services.window)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Settings")
        self._services, self._viewer = services, viewer
        settings = services.settings
        self.theme_box = QComboBox()
        for text, value in THEMES:
            self.theme_box.addItem(text, value)
        self.theme_box.setCurrentIndex(self.theme_box.findData(settings.theme))
        self.identity = QCheckBox("Show what identifies patients")
        self.identity.setChecked(services.session.redaction.visible)
        self.names = QCheckBox("Names of files and folders count as identity")
        self.names.setChecked(settings.names_identify)
        self.auto = QCheckBox("Analyse an image as soon as it is looked at")
        self.auto.setChecked(settings.analyse_on_opening)
        self.limit = QSpinBox()
        self.limit.setRange(1, 4_000)
        self.limit.setSuffix(" megapixels")
        self.limit.setMinimumHeight(GRID * 3 + 4)
        self.limit.setValue(round(limits.max_pixels() / _MEGA))
        self.device = DevicePage(settings.device, services.runner.engine)
        self.keys = KeysPage(services.actions.table, settings.keys)
        self.mouse = MousePage(settings.mouse)
        services.runner.engineChanged.connect(self._engine_changed)

        self.tabs = QTabWidget()
        for title, page in (
            ("General", self._general()), ("Images", self._images()), ("Device", self.device),
            ("Keys", self.keys), ("Mouse", self.mouse),
        ):  # fmt: skip
            self.tabs.addTab(page, title)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        column = QVBoxLayout(self)
        column.setContentsMargins(GRID * 2, GRID * 2, GRID * 2, GRID * 2)
        column.setSpacing(GRID * 2)
        column.addWidget(self.tabs)
        column.addWidget(buttons)
        self.resize(680, 600)

    def show_page(self, title: str) -> None:
        """Bring the page of this title to the front."""
        for number in range(self.tabs.count()):
            if self.tabs.tabText(number) == title:
                self.tabs.setCurrentIndex(number)

    def accept(self) -> None:
        services, settings = self._services, self._services.settings
        settings.theme = services.theme.choice = str(self.theme_box.currentData())
        settings.analyse_on_opening = self.auto.isChecked()
        settings.names_identify = self.names.isChecked()
        services.session.redaction.set_visible(self.identity.isChecked())
        settings.keys = self.keys.keys.changes()
        services.actions.set_keys(settings.keys)
        settings.mouse = self.mouse.changes()
        if self._viewer is not None:
            self._viewer.set_mouse_map(settings.mouse)
        restart = False
        pixels = self.limit.value() * _MEGA
        if pixels != limits.max_pixels():
            settings.max_pixels = pixels
            limits.set_max_pixels(pixels)
            restart = True  # the engine learns of it when it starts
        if self.device.chosen != settings.device:
            settings.device = self.device.chosen
            restart = True
        if restart and services.runner.engine is not None:
            services.runner.restart_engine(settings.device)
        settings.sync()
        services.actions.refresh()
        super().accept()

    def _general(self) -> QWidget:
        page = QWidget()
        form = _form(page)
        form.addRow("Appearance", self.theme_box)
        form.addRow("Analysis", self.auto)
        form.addRow("Privacy", self.identity)
        form.addRow("", self.names)
        form.addRow("", _hint(
            "One switch for names, numbers, dates and free text: in the corners of the image, in the inspector and "
            "the list of tags, and in what is exported and reported. While it is off, exports leave out names of "
            "files as well; with the second box so does the screen, and cases go by their number."
        ))  # fmt: skip
        return page

    def _images(self) -> QWidget:
        page = QWidget()
        form = _form(page)
        form.addRow("Largest picture", self.limit)
        form.addRow("", _hint(
            f"A file that says it is larger is refused before memory is given to it: a forged header can't take the "
            f"machine down. The program's own limit is {limits.DEFAULT_MAX_PIXELS // _MEGA} megapixels."
        ))  # fmt: skip
        return page

    def _engine_changed(self, event: Any) -> None:
        if isinstance(event, EngineReady):
            self.device.show_engine(event)


class DevicePage(QWidget):
    """What was found to compute on, what is used, and why a graphics card isn't."""

    def __init__(self, chosen: str, engine: EngineReady | None, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.box = QComboBox()
        self.box.setAccessibleName("Device")
        self.now, self.found = QLabel(), QLabel()
        for label in (self.now, self.found):
            label.setWordWrap(True)
        form = _form(self)
        form.addRow("Compute on", self.box)
        form.addRow("", _hint("A change restarts the engine; an analysis that is running is lost, nothing else."))
        form.addRow("In use", self.now)
        form.addRow("Found", self.found)
        self._wanted = chosen
        self.show_engine(engine)

    @property
    def chosen(self) -> str:
        return str(self.box.currentData())

    def show_engine(self, engine: EngineReady | None) -> None:
        """Fill in what the engine found; before it has started only 'automatic' and the processor are known."""
        wanted = str(self.box.currentData()) if self.box.count() else self._wanted
        self.box.clear()
        self.box.addItem("Automatic: the best that is there", "auto")
        devices = engine.devices if engine is not None else ()
        for device in devices:
            if device.usable:
                self.box.addItem(f"{device.id}: {device.name}", device.id)
        if not devices:
            self.box.addItem("cpu: the processor", "cpu")
        if self.box.findData(wanted) < 0:
            self.box.addItem(f"{wanted} (not found)", wanted)
        self.box.setCurrentIndex(self.box.findData(wanted))
        if engine is None:
            self.now.setText("The engine is starting…")
            self.found.setText("")
            return
        used = f"{engine.device}, {engine.device_name} (PyTorch {engine.torch_version})"
        self.now.setText("\n".join(t for t in (used, engine.note) if t))
        lines = [f"✓  {d.name}" if d.usable else f"✗  {d.name}: {d.why_not}" for d in devices]
        self.found.setText("\n".join(lines))


def _form(page: QWidget) -> QFormLayout:
    form = QFormLayout(page)
    form.setContentsMargins(GRID * 2, GRID * 2, GRID * 2, GRID * 2)
    form.setHorizontalSpacing(GRID * 3)
    form.setVerticalSpacing(GRID * 2)
    form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    return form


def _hint(text: str) -> QLabel:
    label = QLabel(text)
    label.setWordWrap(True)
    theme.set_role(label, "muted")
    return label
