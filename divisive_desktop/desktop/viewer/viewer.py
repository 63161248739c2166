"""The viewer: four linked panes around one record, its analysis and its important features."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from PySide6.QtCore import QEvent, QPointF, Qt, Signal
from PySide6.QtGui import QImage, QKeyEvent, QKeySequence, QWheelEvent
from PySide6.QtWidgets import QGridLayout, QSizePolicy, QVBoxLayout, QWidget

from divisive_desktop.desktop.viewer import commands, overlay_text
from divisive_desktop.desktop.viewer.controls import DisplayControls
from divisive_desktop.desktop.viewer.features import feature_at
from divisive_desktop.desktop.viewer.frames import FrameBar
from divisive_desktop.desktop.viewer.gestures import ACTIVE, Gestures, valid
from divisive_desktop.desktop.viewer.maps import MapSource, PaneKind
from divisive_desktop.desktop.viewer.measure_tools import MEASURE_TOOLS, MeasurementLayer
from divisive_desktop.desktop.viewer.measuring import Measurement, Region
from divisive_desktop.desktop.viewer.pane import Pane
from divisive_desktop.desktop.viewer.tools import BASIC_TOOLS, PaneMouse, Tool
from divisive_desktop.desktop.viewer.view_state import Layer
from divisive_desktop.desktop.viewer.windowing import as_window, dragged, least_width
from divisive_desktop.explanation.analysis import Analysis
from divisive_desktop.explanation.features import FeatureSet
from divisive_desktop.imaging.record import ImageRecord

LAYOUTS = ("2x2", "1x2", "pair", "image", "true", "false", "features")
"""All four; image and features; true and false class; or one pane large."""
Layout = Literal["2x2", "1x2", "pair", "image", "true", "false", "features"]

_PANES: Mapping[str, tuple[PaneKind, ...]] = {
    # The pair side by side below, and above it what the two together come to.
    "2x2": (PaneKind.IMAGE, PaneKind.FEATURES, PaneKind.TRUE, PaneKind.FALSE),
    "1x2": (PaneKind.IMAGE, PaneKind.FEATURES),
    "pair": (PaneKind.TRUE, PaneKind.FALSE),
    **{kind.value: (kind,) for kind in PaneKind},
}
_UNKNOWN = {
    PaneKind.TRUE: "Predicted class", PaneKind.FALSE: "Other class", PaneKind.FEATURES: "Important features",
}  # fmt: skip
_GAP = 2


class Viewer(DisplayControls):
    """Shows a record in linked panes; see the module's signals for what it tells."""

    probed = Signal(object)
    """`ProbeReading` under the pointer, or None outside the image."""
    featureClicked = Signal(int)
    """Rank of the feature that was clicked."""
    layoutChanged = Signal(str)
    toolChanged = Signal(str)
    measured = Signal()
    """A measurement was made, changed or deleted."""
    menuRequested = Signal(QPointF)
    """A click with the right button: global position for a context menu."""
    frameWanted = Signal(int)
    """The user asks for another frame of the file, 0-based."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.stage.tool_for = self._tool_for
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.panes: dict[PaneKind, Pane] = {}
        for kind in PaneKind:
            pane = self.panes[kind] = Pane(self.stage, kind, self)
            pane.header.doubleClicked.connect(lambda k=kind: self.toggle_large(k))
            pane.canvas.doubleClicked.connect(lambda k=kind: self._double_clicked(k))
            pane.canvas.clicked.connect(self._clicked)
            pane.canvas.pointed.connect(lambda at, k=kind: self._pointed(k, at))
            pane.canvas.wheelTurned.connect(self._wheel)
            pane.canvas.menuRequested.connect(self.menuRequested)
        self._grid = QGridLayout()
        self._grid.setSpacing(_GAP)
        self.frame_bar = FrameBar()
        self.frame_bar.moved.connect(self.show_frame)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(self._grid, 1)
        column.addWidget(self.frame_bar)
        self._tools: dict[str, Tool] = {}
        for tool in (*BASIC_TOOLS, *MEASURE_TOOLS):
            self.add_tool(tool(self))
        self.add_layer(MeasurementLayer(self.stage))
        self._active = self._tools["pan"]
        self._gestures = Gestures()
        self._keys = commands.resolve(commands.default_keys())
        self._asked_frame: int | None = None
        self._layout_name = ""
        self._before_large = "2x2"
        self.set_layout("2x2")
        self._update_titles()

    # -- what is shown --------------------------------------------------------------------------------------

    @property
    def record(self) -> ImageRecord | None:
        return self.stage.record

    def set_record(self, record: ImageRecord | None, keep_view: bool = False) -> None:
        """Show another record, fitted, with its first VOI; None empties the viewer. Analysis and features go.

        With ``keep_view`` (the next frame of the same file) zoom, position and window stay where the size is the same.
        """
        for pane in self.panes.values():
            pane.canvas.cancel_drag()
        for tool in self._tools.values():
            tool.cancel()
        stage, old = self.stage, self.stage.record
        keep = keep_view and old is not None and record is not None and old.stored.shape == record.stored.shape
        stage.record = record
        stage.renderer.set_record(record)
        stage.maps, stage.features, stage.selected, stage.pointer = None, None, None, None
        stage.measurements.clear()
        stage.chosen = None
        self._set_graphics(record)
        self._asked_frame = None
        self.frame_bar.show_frame(*((record.frame, record.frames) if record is not None else (0, 1)))
        if not keep:
            stage.voi = self.first_voi()
            stage.invert = False
        if record is None:
            stage.view.set_image(0, 0)
            self.probed.emit(None)
        elif not keep:
            stage.view.set_image(record.width, record.height, record.pixel_aspect)
            self.voiChanged.emit(stage.voi, False)
        self._update_titles()
        stage.touch()

    def set_analysis(self, analysis: Analysis | None, true_class: int = 1, source: str = "predicted") -> None:
        """Show a CAM pair with one class held true. ``source``: ``label`` or ``predicted``."""
        self.stage.maps = None if analysis is None else MapSource(analysis, true_class, source)
        self._pass_map_options()
        self._update_titles()
        self.stage.touch()

    def set_features(self, features: FeatureSet | None) -> None:
        """Show the important features; cheap enough to follow a slider."""
        self.stage.features = features
        self._update_titles()
        self.stage.touch()

    def select_feature(self, rank: int | None) -> None:
        """Draw one feature stronger than the others."""
        self.stage.selected = rank
        self.stage.touch()

    def set_waiting_text(self, text: str) -> None:
        """What the map panes say while there is no analysis: 'Not analysed yet', 'Analysing…'."""
        self.stage.waiting_text = text
        self.stage.touch()

    # -- frames ---------------------------------------------------------------------------------------------

    @property
    def frame(self) -> int:
        """The frame that is shown or was asked for last, 0-based."""
        return self._asked_frame if self._asked_frame is not None else self.record.frame if self.record else 0

    def show_frame(self, frame: int) -> None:
        """Ask for a frame (held to those that exist); whoever opens files answers with `set_record`."""
        record = self.record
        frame = min(max(frame, 0), record.frames - 1) if record is not None else 0
        if record is not None and frame != self.frame:
            self._asked_frame = frame
            self.frame_bar.show_frame(frame, record.frames)
            self.frameWanted.emit(frame)

    def step_frames(self, by: int) -> None:
        self.show_frame(self.frame + by)

    # -- measurements ---------------------------------------------------------------------------------------

    @property
    def measurements(self) -> tuple[Measurement, ...]:
        return tuple(self.stage.measurements)

    def set_measurements(self, measurements: Iterable[Measurement]) -> None:
        """Show measurements kept with a case."""
        self.stage.measurements[:] = measurements
        self.stage.chosen = None
        self.stage.touch()

    def delete_measurement(self, index: int | None = None) -> None:
        """Delete one, by default the one touched last."""
        stage = self.stage
        index = stage.chosen if index is None else index
        if stage.measurements:
            del stage.measurements[-1 if index is None else index]
            stage.chosen = None
            stage.touch()
            self.measured.emit()

    def window_from_region(self) -> None:
        """'Auto' from the values inside the last region that was drawn."""
        record = self.stage.record
        for measurement in reversed(self.stage.measurements):
            if record is not None and isinstance(measurement, Region):
                box = measurement.box(record)
                if box is not None:
                    self.auto_window(box)
                return

    # -- layers ---------------------------------------------------------------------------------------------

    def add_layer(self, layer: Layer) -> None:
        """Draw something over the image from now on (a mask, a crop box)."""
        self.stage.layers.append(layer)
        self.stage.touch()

    def remove_layer(self, layer: Layer) -> None:
        self.stage.layers.remove(layer)
        self.stage.touch()

    # -- layout ---------------------------------------------------------------------------------------------

    @property
    def layout_name(self) -> str:
        return self._layout_name

    def set_layout(self, name: Layout) -> None:
        """One of `LAYOUTS`.

        Raises
        ------
        ValueError
            There is no such layout.
        """
        if name not in _PANES:
            raise ValueError(f"no layout {name!r}; there are {', '.join(LAYOUTS)}")
        if name == self._layout_name:
            return
        if len(_PANES[name]) > 1:
            self._before_large = name
        self._layout_name = name
        self.stage.lead = _PANES[name][0]
        for pane in self.panes.values():
            self._grid.removeWidget(pane)
        for i, kind in enumerate(_PANES[name]):
            self._grid.addWidget(self.panes[kind], i // 2, i % 2)
        for row in range(2):
            self._grid.setRowStretch(row, 1 if row < (len(_PANES[name]) + 1) // 2 else 0)
            self._grid.setColumnStretch(row, 1 if row < len(_PANES[name]) else 0)
        for kind, pane in self.panes.items():
            pane.setVisible(kind in _PANES[name])
        self._grid.activate()  # now, so that what follows sees the new sizes
        self.layoutChanged.emit(name)

    def toggle_large(self, kind: PaneKind) -> None:
        """One pane large, or back to the layout before."""
        self.set_layout(self._before_large if self._layout_name == kind.value else kind.value)

    def grab_picture(self) -> QImage:
        """The panes as they are on the screen."""
        return self.grab().toImage()

    # -- tools ----------------------------------------------------------------------------------------------

    def add_tool(self, tool: Tool) -> None:
        """Make a tool known under its id; measuring and drawing tools plug in here."""
        self._tools[tool.id] = tool

    @property
    def tool(self) -> str:
        return self._active.id

    @property
    def tools(self) -> Mapping[str, Tool]:
        return self._tools

    def set_tool(self, tool_id: str) -> None:
        """Choose what the left button does.

        Raises
        ------
        KeyError
            No tool of this id was added.
        """
        if self._tools[tool_id] is self._active:
            return
        self._active.cancel()
        self._active.deactivate()
        self._active = self._tools[tool_id]
        self._active.activate()
        self.stage.painters = [self._active]
        self.stage.touch()
        self.toolChanged.emit(tool_id)

    def set_mouse_map(self, mapping: Mapping[str, str]) -> None:
        """What the mouse does: see `gestures`. What isn't mentioned does what it did at first."""
        self._gestures = Gestures(valid(mapping))

    def set_keys(self, keys: dict[str, str]) -> None:
        """Command id -> key sequence; {} when the window's own actions handle all keys."""
        self._keys = commands.resolve(keys)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if self._active.key(event):
            return
        command = self._keys.get(_key_text(event))
        if command is not None:
            command.run(self)
        elif event.key() in _ARROWS:
            dx, dy = _ARROWS[Qt.Key(event.key())]
            step = 40 * self.devicePixelRatioF()
            self.stage.view.pan_by(-dx * step, -dy * step)
        else:
            super().keyPressEvent(event)

    def escape(self) -> None:
        """Give up what a tool has under way; if there is nothing, reset."""
        dragging = [pane.canvas for pane in self.panes.values() if pane.canvas.dragging]
        for canvas in dragging:
            canvas.cancel_drag()
        if not dragging and not self._active.escape():
            self.reset()

    # -- inside ---------------------------------------------------------------------------------------------

    def hideEvent(self, event: QEvent) -> None:
        if self.blinking:
            self.set_overlay_shown(True)

    def _tool_for(self, button: object, modifiers: object) -> Tool | None:
        name = self._gestures.drag(button, modifiers)
        return self._active if name == ACTIVE else self._tools.get(name)

    def _double_clicked(self, kind: PaneKind) -> None:
        does = {
            "large": lambda: self.toggle_large(kind), "fit": self.fit, "one-to-one": self.one_to_one,
            "reset": self.reset,
        }.get(self._gestures.double())  # fmt: skip
        if does is not None:
            does()

    def _clicked(self, mouse: PaneMouse) -> None:
        self.setFocus(Qt.FocusReason.MouseFocusReason)
        stage = self.stage
        if mouse.kind is PaneKind.FEATURES and stage.features is not None and self._active.id in ("pan", "probe"):
            feature = feature_at(stage.features, mouse.x, mouse.y)
            if feature is not None:
                self.select_feature(feature.rank)
                self.featureClicked.emit(feature.rank)

    def _pointed(self, kind: PaneKind, at: tuple[float, float] | None) -> None:
        self.stage.pointer, self.stage.pointer_pane = at, kind if at is not None else None
        self.stage.touch()
        self.probed.emit(self.stage.probe(*at) if at is not None else None)

    def _wheel(self, event: QWheelEvent, at: tuple[float, float]) -> None:
        if self._active.wheel(event, at):
            return
        turned = (event.angleDelta().y() or event.angleDelta().x()) / 120
        what = self._gestures.wheel(event.modifiers())
        if what == "opacity":
            self.set_opacity(self.stage.opacity + turned * 0.05)
        elif what == "zoom" or (what == "frames" and self.frame_bar.count < 2):
            self.stage.view.zoom_by(1.2**turned, at)
        elif what == "frames":
            self.step_frames(-1 if turned > 0 else 1)
        elif what in ("width", "level") and self.stage.voi is not None and self.record is not None:
            voi, least = as_window(self.stage.voi), least_width(self.record)
            step = 10 * turned
            self.set_voi(dragged(voi, step, 0, least) if what == "width" else dragged(voi, 0, -step, least))

    def _update_titles(self) -> None:
        maps, found = self.stage.maps, self.stage.features
        for kind, pane in self.panes.items():
            if kind is PaneKind.IMAGE:
                record = self.stage.record
                # Not the file's name: names of files often name a patient.
                pane.header.set_texts("Image", overlay_text.pixel_format(record) if record is not None else "")
            elif maps is None:
                pane.header.set_texts(_UNKNOWN[kind], "")
            else:
                detail = maps.detail(kind)
                if kind is PaneKind.FEATURES and found is not None:
                    detail = f"{len(found.features)} found   {detail}"
                pane.header.set_texts(maps.title(kind), detail)


_ARROWS = {
    Qt.Key.Key_Left: (-1, 0), Qt.Key.Key_Right: (1, 0), Qt.Key.Key_Up: (0, -1), Qt.Key.Key_Down: (0, 1),
}  # fmt: skip


def _key_text(event: QKeyEvent) -> str:
    # The keypad's digits and a shifted + are the same key to the user.
    modifiers = event.modifiers() & ~(Qt.KeyboardModifier.KeypadModifier)
    if event.text() and not event.text().isalnum() and event.text().isprintable():
        modifiers &= ~Qt.KeyboardModifier.ShiftModifier
    return QKeySequence(modifiers.value | event.key()).toString()
