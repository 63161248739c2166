"""File > Settings: the pages of the table of settings, those of single settings among them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QLabel,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)  # fmt: skip

from divisive_desktop.desktop.features.settings.answers_page import AnswersPage
from divisive_desktop.desktop.features.settings.editors import ChoiceEditor, FlagEditor, NumberEditor, editor_for
from divisive_desktop.desktop.features.settings.keys_page import KeysPage, MousePage
from divisive_desktop.desktop.session import settings_table
from divisive_desktop.desktop.session.settings_table import (
    DEVICE,
    ERROR_RATES,
    IDENTITY_VISIBLE,
    KEYS,
    MAX_PIXELS,
    MOUSE,
    NAMES_IDENTIFY,
    THEME,
    Section,
    Setting,
)
from divisive_desktop.desktop.shell.services import Services
from divisive_desktop.desktop.ui import theme
from divisive_desktop.desktop.ui.theme import GRID
from divisive_desktop.engine.messages import EngineDied, EngineReady
from divisive_desktop.imaging import limits

if TYPE_CHECKING:
    from divisive_desktop.desktop.viewer import Viewer


Editor: TypeAlias = "FlagEditor | ChoiceEditor | NumberEditor | AnswersPage | DevicePage | KeysPage | MousePage"


class SettingsDialog(QDialog):
    """Changes take effect with OK; Cancel leaves everything as it was."""

    def __init__(self, services: Services, viewer: Viewer | None) -> None:
        super().__init__(services.window)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Settings")
        self._services, self._viewer = services, viewer
        settings = services.settings
        self.editors: dict[Setting[Any], Editor] = {}
        """Where each setting is shown and changed, of the pages that were looked at."""
        self._before: dict[Setting[Any], Any] = {}
        # Each page is made when it is looked at: together they take 80 ms of a processor, and several times that
        # while a model is trained beside them.
        self._later: dict[Setting[Any], Callable[[], AnswersPage | DevicePage | KeysPage | MousePage]] = {
            ERROR_RATES: lambda: AnswersPage(settings.error_rates, services.session.questions.in_use.values()),
            DEVICE: lambda: DevicePage(settings.device, services.runner.engine),
            KEYS: lambda: KeysPage(services.actions.table, settings.keys),
            MOUSE: lambda: MousePage(settings.mouse),
        }
        services.runner.engineChanged.connect(self._engine_changed)

        self.tabs = QTabWidget()
        for section in settings_table.PAGES:
            frame = QWidget()
            QVBoxLayout(frame).setContentsMargins(0, 0, 0, 0)
            self.tabs.addTab(frame, section.title)
        self.tabs.currentChanged.connect(self._look_at)
        self._look_at(0)
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

    @property
    def answers(self) -> AnswersPage:
        return cast(AnswersPage, self._own_page(ERROR_RATES))

    @property
    def device(self) -> DevicePage:
        return cast(DevicePage, self._own_page(DEVICE))

    @property
    def keys(self) -> KeysPage:
        return cast(KeysPage, self._own_page(KEYS))

    @property
    def mouse(self) -> MousePage:
        return cast(MousePage, self._own_page(MOUSE))

    def _own_page(self, setting: Setting[Any]) -> Editor:
        """The page that a setting has to itself."""
        self._look_at(settings_table.PAGES.index(setting.section))
        return self.editors[setting]

    def _look_at(self, number: int) -> None:
        """Fill a page, once."""
        section, frame = settings_table.PAGES[number], self.tabs.widget(number)
        column = None if frame is None else frame.layout()
        if column is None or column.count():
            return
        own = next((setting for setting in self._later if setting.section is section), None)
        known = set(self.editors)
        if own is None:
            column.addWidget(self._page(section))
        else:
            page = self.editors[own] = self._later[own]()
            column.addWidget(page)
        self._before |= {setting: self.editors[setting].chosen for setting in set(self.editors) - known}

    def accept(self) -> None:
        services, settings = self._services, self._services.settings
        chosen = {setting: editor.chosen for setting, editor in self.editors.items()}
        changed = {setting: value for setting, value in chosen.items() if value != self._before[setting]}
        for setting, value in changed.items():
            settings.set(setting, value)
        if THEME in changed:
            services.theme.choice = settings.theme
        if changed.keys() & {IDENTITY_VISIBLE, NAMES_IDENTIFY}:
            services.session.redaction.set_visible(settings.identity_visible)
        if ERROR_RATES in changed:
            services.session.word_anew()
        if KEYS in changed:
            services.actions.set_keys(settings.keys)
        if MOUSE in changed and self._viewer is not None:
            self._viewer.set_mouse_map(settings.mouse)
        if MAX_PIXELS in changed:
            limits.set_max_pixels(settings.max_pixels or limits.DEFAULT_MAX_PIXELS)
        # The engine learns of both when it starts.
        if changed.keys() & {MAX_PIXELS, DEVICE} and services.runner.engine is not None:
            services.runner.restart_engine(settings.device)
        settings.sync()
        services.actions.refresh()
        super().accept()

    def _page(self, section: Section) -> QWidget:
        page = QWidget()
        form = _form(page)
        for setting in settings_table.TABLE:
            if setting.section is section and setting.row is not None:
                # The limit in force may be that of the environment.
                value = limits.max_pixels() if setting is MAX_PIXELS else self._services.settings.get(setting)
                editor = self.editors[setting] = editor_for(setting, value)
                form.addRow(setting.row.label, editor)
        form.addRow("", _hint(section.note))
        return page

    def _engine_changed(self, event: EngineReady | EngineDied | None) -> None:
        if isinstance(event, EngineReady) and DEVICE in self.editors:
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
        form.addRow(DEVICE.text, self.box)
        form.addRow("", _hint(DEVICE.section.note))
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
        used = f"{engine.device}, {engine.device_name} ({engine.runtime})"
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
