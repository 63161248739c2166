"""The viewer in the window: shows the current case, and brings the viewer's own commands into the menus."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QPointF, Qt
from PySide6.QtWidgets import QLabel, QMenu, QSlider, QWidgetAction

from divisive_desktop.desktop.features.viewing.hanging import HangingLayouts
from divisive_desktop.desktop.features.viewing.measurements import KeptMeasurements
from divisive_desktop.desktop.features.viewing.second_screen import SecondScreen
from divisive_desktop.desktop.session.case import HIDDEN, Case, waiting_text
from divisive_desktop.desktop.shell.action import Action, has_analysis, has_record
from divisive_desktop.desktop.shell.menu_layout import PICTURE_CONTEXT
from divisive_desktop.desktop.shell.services import ViewerServices
from divisive_desktop.desktop.ui import theme
from divisive_desktop.desktop.ui.theme import GRID
from divisive_desktop.desktop.viewer.commands import COMMANDS, Command

if TYPE_CHECKING:
    from divisive_desktop.desktop.session.explaining import FoundFeatures
    from divisive_desktop.imaging.record import ImageRecord

_ICONS = {
    "fit": "fit", "one-to-one": "one-to-one", "zoom-in": "zoom-in", "zoom-out": "zoom-out", "invert": "invert",
    "reset-view": "reset", "tool-pan": "pan", "tool-window": "window-level", "tool-zoom": "search",
    "tool-probe": "probe", "tool-ruler": "ruler", "tool-angle": "angle", "tool-ellipse": "ellipse",
    "tool-rectangle": "rectangle",
}  # fmt: skip
_LAYOUTS = (
    ("2x2", "Four panes", "F2", "Image, true class, false class, important features", "layout-4"),
    ("pair", "True and false class", "F3", "", "layout-2"),
    ("1x2", "Image and features", "F4", "", ""),
    ("image", "Image alone", "F6", "", "layout-1"),
    ("true", "True class alone", "F7", "", ""),
    ("false", "False class alone", "F8", "", ""),
    ("features", "Important features alone", "F9", "", ""),
)
_STRENGTH = "Strength of the maps over the image"


def install(services: ViewerServices) -> ViewingFeature:
    """Put the viewer into the window."""
    return ViewingFeature(services)


class ViewingFeature(QObject):
    """Between the session and the viewer."""

    def __init__(self, services: ViewerServices) -> None:
        super().__init__(services.window)
        self._services, self._session, self._viewer = services, services.session, services.viewer
        services.places.add_page(self._viewer)
        self.second_screen = SecondScreen(services)
        self._connect()  # first: what follows works on the record that the viewer shows by then
        self.hanging = HangingLayouts(services)
        self.measurements = KeptMeasurements(services)
        self.presets = QMenu("Window presets", services.window)
        self.presets.aboutToShow.connect(self._fill_presets)
        services.actions.add(self._actions())
        services.actions.add(self._viewer_action(command) for command in COMMANDS)
        services.actions.add_entry("window-presets", self.presets)
        self._add_strength()
        session = self._session
        if session.current is not None and session.record is not None:  # opened before the viewer was ready
            self._record_ready(session.current, session.record)
            self.measurements.load(session.current, session.record)
            self.hanging.apply()
            self._analysis_changed(session.current)
            session.analyses.update_features()

    def _actions(self) -> tuple[Action, ...]:
        viewer, window = self._viewer, self._services.window

        def toggle_scale() -> None:
            viewer.state.set_scale_mode("per-map" if viewer.state.scale_mode == "shared" else "shared")

        def has_layout(name: str) -> bool:
            return viewer.layout_name == name

        def toggle_full_screen() -> None:
            window.setWindowState(window.windowState() ^ Qt.WindowState.WindowFullScreen)  # maximised stays maximised

        return (
            *(
                Action(f"layout-{name}", text, partial(self.hanging.choose, name), key, tip, icon, has_record,
                       partial(has_layout, name))
                for name, text, key, tip, icon in _LAYOUTS
            ),
            Action("scale-shared", "One colour scale for both classes", toggle_scale, "Ctrl+M",
                   "On: magnitudes compare. Off: each map fills the colours", enabled=has_analysis,
                   checked=lambda: viewer.state.scale_mode == "shared"),
            Action("full-screen", "Full screen", toggle_full_screen, "F11", checked=window.isFullScreen),
            Action("second-screen", "Panes in a window of their own", self.second_screen.toggle, "Shift+F11",
                   "On the second monitor, where there is one", enabled=has_record,
                   checked=lambda: self.second_screen.on),
        )  # fmt: skip

    def _viewer_action(self, command: Command) -> Action:
        checked = command.checked
        return Action(
            command.id, command.text, lambda: command.run(self._viewer), command.key, icon=_ICONS.get(command.id, ""),
            enabled=has_record, checked=(lambda: checked(self._viewer)) if checked is not None else None,
        )  # fmt: skip

    def _add_strength(self) -> None:
        """A slider for the strength of the maps, in the toolbar."""
        viewer, actions = self._viewer, self._services.actions
        slider = QSlider(Qt.Orientation.Horizontal)
        slider.setRange(0, 100)
        slider.setFixedWidth(96)
        slider.setAccessibleName(_STRENGTH)

        def name_keys() -> None:
            keys = [key for name in ("less-overlay", "more-overlay") if (key := actions.key(name))]
            slider.setToolTip(_STRENGTH + (f"  ({' and '.join(keys)})" if keys else ""))

        actions.keysChanged.connect(name_keys)
        name_keys()
        slider.setValue(round(viewer.state.opacity * 100))
        slider.valueChanged.connect(lambda value: viewer.state.set_opacity(value / 100))
        viewer.displayChanged.connect(lambda: slider.setValue(round(viewer.state.opacity * 100)))
        caption = QLabel("Maps")
        caption.setContentsMargins(GRID, 0, GRID // 2, 0)
        theme.set_role(caption, "muted")
        for name, widget in (("maps-caption", caption), ("maps-strength", slider)):
            entry = QWidgetAction(self)
            entry.setDefaultWidget(widget)
            actions.add_entry(name, entry)

    def _connect(self) -> None:
        services, session, viewer = self._services, self._session, self._viewer
        viewer.set_mouse_map(services.settings.mouse)
        viewer.state.set_identity_visible(session.redaction.visible)
        viewer.probed.connect(services.status.set_probe)
        for signal in (viewer.layoutChanged, viewer.displayChanged, viewer.toolChanged, viewer.voiChanged):
            signal.connect(lambda *_: services.actions.refresh())
        viewer.frameWanted.connect(session.show_frame)
        viewer.menuRequested.connect(self._popup)
        session.currentChanged.connect(self._case_changed)
        session.recordReady.connect(self._record_ready)
        session.analysisChanged.connect(self._analysis_changed)
        session.featuresReady.connect(self._features_ready)
        session.redaction.changed.connect(lambda: viewer.state.set_identity_visible(session.redaction.visible))

    # -- news from the session ------------------------------------------------------------------------------

    def _case_changed(self, case: Case | None) -> None:
        if case is None or case.error is not None:
            self._viewer.set_record(None)

    def _record_ready(self, case: Case, record: ImageRecord) -> None:
        shown = self._viewer.state.record
        # Another frame of the same file: zoom, position and window stay.
        same = shown is not None and shown.path == record.path and shown.frame != record.frame
        self._viewer.set_record(record, keep_view=same)
        self._services.places.show_page(self.second_screen.page)

    def _analysis_changed(self, case: Case) -> None:
        viewer = self._viewer
        if self._session.record is None:
            return
        if case.hidden:
            self._show_nothing(HIDDEN)
            viewer.probed.emit(None)  # the status bar showed map values
        elif case.analysis is not None and (statement := self._session.statement(case)) is not None:
            viewer.set_analysis(case.analysis, *statement.held_true(case.analysis.predicted, case.label))
        else:
            self._show_nothing(waiting_text(case))

    def _show_nothing(self, text: str) -> None:
        self._viewer.set_analysis(None)
        self._viewer.set_features(None)
        self._viewer.set_waiting_text(text)

    def _features_ready(self, found: FoundFeatures | None) -> None:
        case = self._session.current
        hidden = case is not None and case.hidden
        statement = self._session.statement(case)
        if found is None or hidden or statement is None:
            self._viewer.set_features(None)
        else:
            self._viewer.set_features(found.features, statement.region)

    # -- menus ----------------------------------------------------------------------------------------------

    def _popup(self, at: QPointF) -> None:
        self._services.actions.popup(PICTURE_CONTEXT, at.toPoint())

    def _fill_presets(self) -> None:
        menu, viewer = self.presets, self._viewer
        menu.clear()
        if viewer.state.record is None:
            menu.addAction("Open an image first").setEnabled(False)
            return
        keys = [self._services.actions.key(f"preset-{n}") for n in range(10)]
        menu.addAction(f"Auto\t{keys[0]}", lambda: viewer.greys.preset(0))
        for i, voi in enumerate(viewer.greys.presets, 1):
            name = voi.explanation or f"Window {i}"
            if voi.kind in ("linear", "linear_exact", "sigmoid"):
                name += f"  ({voi.center:g} / {voi.width:g})"
            action = menu.addAction(name + (f"\t{keys[i]}" if i < 10 else ""), partial(viewer.state.set_voi, voi))
            action.setCheckable(True)
            action.setChecked(voi is viewer.state.voi)
