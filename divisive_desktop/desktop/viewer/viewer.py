"""The viewer: four linked panes around one record, its analysis and its important features."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import QPointF, Qt, Signal
from PySide6.QtGui import QHideEvent, QImage, QKeyEvent, QWheelEvent
from PySide6.QtWidgets import QGridLayout, QSizePolicy, QVBoxLayout, QWidget

from divisive_desktop.desktop.viewer import overlay_text
from divisive_desktop.desktop.viewer.feature_drawing import feature_at
from divisive_desktop.desktop.viewer.file_graphics import FileGraphics
from divisive_desktop.desktop.viewer.frames import FrameBar
from divisive_desktop.desktop.viewer.gestures import ACTIVE, Gestures, valid
from divisive_desktop.desktop.viewer.grey_controls import GreyControls
from divisive_desktop.desktop.viewer.maps import MapSource, PaneKind
from divisive_desktop.desktop.viewer.measure_tools import MEASURE_TOOLS, MeasurementLayer
from divisive_desktop.desktop.viewer.overlay import MapOverlay
from divisive_desktop.desktop.viewer.pane import BETWEEN, Pane
from divisive_desktop.desktop.viewer.tool import PaneMouse, Tool
from divisive_desktop.desktop.viewer.tools import FrameTool, PanTool, ProbeTool, WindowTool, ZoomTool
from divisive_desktop.desktop.viewer.view_state import Layer, ProbeReading, ViewState
from divisive_desktop.desktop.viewer.windowing import as_window, dragged, least_width
from divisive_desktop.explanation.analysis import Analysis
from divisive_desktop.explanation.features import FeatureSet
from divisive_desktop.explanation.statement import Held
from divisive_desktop.imaging.record import ImageRecord, Voi

LAYOUTS = ("2x2", "1x2", "pair", "image", "true", "false", "features")
"""All four; image and features; true and false class; or one pane large."""

_PANES: Mapping[str, tuple[PaneKind, ...]] = {
    # The pair side by side below, and above it what the two together come to.
    "2x2": (PaneKind.IMAGE, PaneKind.FEATURES, PaneKind.TRUE, PaneKind.FALSE),
    "1x2": (PaneKind.IMAGE, PaneKind.FEATURES),
    "pair": (PaneKind.TRUE, PaneKind.FALSE),
    **{kind.value: (kind,) for kind in PaneKind},
}
_UNKNOWN = {
    PaneKind.TRUE: "Map of one class", PaneKind.FALSE: "Map of the other class",
    PaneKind.FEATURES: "Important features",
}  # fmt: skip
_GAP = 2


class Viewer(QWidget):
    """Shows a record in linked panes.

    Attributes
    ----------
    state : ViewState
        What is shown and how; all panes and tools share it.
    greys : GreyControls
        Presets and lookup tables.
    overlay : MapOverlay
        Maps shown, hidden or blinking.
    graphics : FileGraphics
        Overlay planes and shutter of the file.
    frame_bar : FrameBar
        Which frame of the file.
    panes : dict of PaneKind to Pane
    """

    probed = Signal(ProbeReading)
    """What is known about the pixel under the pointer; None outside the image."""
    voiChanged = Signal(Voi, bool)
    """The window in force, and whether greys are inverted by the user."""
    displayChanged = Signal()
    """How the picture is shown: opacity, scale, interpolation, what is drawn over it."""
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
        self.state = ViewState(self)
        self.state.voiChanged.connect(self.voiChanged)
        self.state.displayChanged.connect(self.displayChanged)
        self.state.measured.connect(self.measured)
        self.greys = GreyControls(self.state)
        self.overlay = MapOverlay(self.state)
        self.graphics = FileGraphics(self.state)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.panes: dict[PaneKind, Pane] = {}
        for kind in PaneKind:
            pane = self.panes[kind] = Pane(self.state, kind, self._tool_for, self)
            pane.header.doubleClicked.connect(lambda k=kind: self.toggle_large(k))
            pane.header.resized.connect(self._level_headers)
            pane.canvas.doubleClicked.connect(lambda k=kind: self._double_clicked(k))
            pane.canvas.clicked.connect(self._clicked)
            pane.canvas.pointed.connect(lambda x, y, k=kind: self._pointed(k, (x, y)))
            pane.canvas.left.connect(lambda k=kind: self._pointed(k, None))
            pane.canvas.wheelTurned.connect(self._wheel)
            pane.canvas.menuRequested.connect(self.menuRequested)
        self._grid = QGridLayout()
        self._grid.setSpacing(_GAP)
        self.frame_bar = FrameBar()
        self.frame_bar.wanted.connect(self.frameWanted)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(self._grid, 1)
        column.addWidget(self.frame_bar)
        state = self.state
        self._active: Tool = PanTool(state)
        self._tools: dict[str, Tool] = {}
        others = (WindowTool(state), ZoomTool(state), ProbeTool(state), FrameTool(state, self.frame_bar))
        for tool in (self._active, *others, *(kind(state) for kind in MEASURE_TOOLS)):
            self.add_tool(tool)
        self.add_layer(MeasurementLayer(state))
        self._gestures = Gestures()
        self._layout_name = ""
        self._before_large = "2x2"
        self.set_layout("2x2")
        self._update_titles()

    # -- what is shown --------------------------------------------------------------------------------------

    def set_record(self, record: ImageRecord | None, keep_view: bool = False) -> None:
        """Show another record, fitted, with its first VOI; None empties the viewer. Analysis and features go.

        With ``keep_view`` (the next frame of the same file) zoom, position and window stay where the size is the same.
        """
        for pane in self.panes.values():
            pane.canvas.cancel_drag()
        for tool in self._tools.values():
            tool.cancel()
        state, old = self.state, self.state.record
        keep = keep_view and old is not None and record is not None and old.stored.shape == record.stored.shape
        state.record = record
        state.renderer.set_record(record)
        state.maps, state.features, state.selected, state.pointer = None, None, None, None
        state.measurements, state.chosen = (), None
        self.graphics.set_record(record)
        self.frame_bar.show_frame(*((record.frame, record.frames) if record is not None else (0, 1)))
        if not keep:
            state.voi = self.greys.first_voi()
            state.invert = False
        if record is None:
            state.view.set_image(0, 0)
            self.probed.emit(None)
        elif not keep:
            state.view.set_image(record.width, record.height, record.pixel_aspect)
            self.voiChanged.emit(state.voi, False)
        self._update_titles()
        state.notify()

    def set_analysis(self, analysis: Analysis | None, true_class: int = 1, held: Held = "nearer") -> None:
        """Show a CAM pair with one class held true, and why that one is."""
        self.state.set_maps(None if analysis is None else MapSource(analysis, true_class, held))
        self._update_titles()
        self.state.notify()

    def set_features(self, features: FeatureSet | None, region: str = "map region") -> None:
        """Show the important features, each called a ``region``; cheap enough to follow a slider."""
        self.state.features, self.state.region = features, region
        self._update_titles()
        self.state.notify()

    def select_feature(self, rank: int | None) -> None:
        """Draw one feature stronger than the others."""
        self.state.selected = rank
        self.state.notify()

    def set_waiting_text(self, text: str) -> None:
        """What the map panes say while there is no analysis: 'Not analysed yet', 'Analysing…'."""
        self.state.waiting_text = text
        self.state.notify()

    # -- layers ---------------------------------------------------------------------------------------------

    def add_layer(self, layer: Layer) -> None:
        """Draw something over the image from now on (a mask, a crop box)."""
        self.state.layers.append(layer)
        self.state.notify()

    # -- layout ---------------------------------------------------------------------------------------------

    @property
    def layout_name(self) -> str:
        return self._layout_name

    def set_layout(self, name: str) -> None:
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
        self.state.lead = _PANES[name][0]
        for pane in self.panes.values():
            self._grid.removeWidget(pane)
        for i, kind in enumerate(_PANES[name]):
            self._grid.addWidget(self.panes[kind], i // 2, i % 2)
        for row in range(2):
            self._grid.setRowStretch(row, 1 if row < (len(_PANES[name]) + 1) // 2 else 0)
            self._grid.setColumnStretch(row, 1 if row < len(_PANES[name]) else 0)
        for kind, pane in self.panes.items():
            pane.setVisible(kind in _PANES[name])
        self._level_headers()
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
        self.state.painters = (self._active,)
        self.state.notify()
        self.toolChanged.emit(tool_id)

    def set_mouse_map(self, mapping: Mapping[str, str]) -> None:
        """What the mouse does: see `gestures`. What isn't mentioned does what it did at first."""
        self._gestures = Gestures(valid(mapping))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if self._active.key(event):
            return
        if event.key() in _ARROWS:
            dx, dy = _ARROWS[Qt.Key(event.key())]
            step = 40 * self.devicePixelRatioF()
            self.state.view.pan_by(-dx * step, -dy * step)
        else:
            super().keyPressEvent(event)

    def escape(self) -> None:
        """Give up what a tool has under way; if there is nothing, reset."""
        dragging = [pane.canvas for pane in self.panes.values() if pane.canvas.dragging]
        for canvas in dragging:
            canvas.cancel_drag()
        if not dragging and not self._active.escape():
            self.reset()

    def reset(self) -> None:
        """First VOI, not inverted, fitted."""
        first = self.greys.first_voi()
        if first is not None:
            self.state.invert = False
            self.state.set_voi(first)
            self.state.view.fit()

    # -- inside ---------------------------------------------------------------------------------------------

    def hideEvent(self, event: QHideEvent) -> None:
        if self.overlay.blinking:
            self.overlay.set_shown(True)

    def _tool_for(self, button: Qt.MouseButton, modifiers: Qt.KeyboardModifier) -> Tool | None:
        name = self._gestures.drag(button, modifiers)
        return self._active if name == ACTIVE else self._tools.get(name)

    def _double_clicked(self, kind: PaneKind) -> None:
        does = {
            "large": lambda: self.toggle_large(kind), "fit": self.state.view.fit,
            "one-to-one": self.state.one_to_one, "reset": self.reset,
        }.get(self._gestures.double())  # fmt: skip
        if does is not None:
            does()

    def _clicked(self, mouse: PaneMouse) -> None:
        self.setFocus(Qt.FocusReason.MouseFocusReason)
        state = self.state
        if mouse.kind is PaneKind.FEATURES and state.features is not None and self._active.id in ("pan", "probe"):
            feature = feature_at(state.features, mouse.x, mouse.y)
            if feature is not None:
                self.select_feature(feature.rank)
                self.featureClicked.emit(feature.rank)

    def _pointed(self, kind: PaneKind, at: tuple[float, float] | None) -> None:
        self.state.pointer, self.state.pointer_pane = at, kind if at is not None else None
        self.state.notify()
        self.probed.emit(self.state.probe(*at) if at is not None else None)

    def _wheel(self, event: QWheelEvent, x: float, y: float) -> None:
        at, record, voi = (x, y), self.state.record, self.state.voi
        if self._active.wheel(event, at):
            return
        turned = (event.angleDelta().y() or event.angleDelta().x()) / 120
        what = self._gestures.wheel(event.modifiers())
        if what == "opacity":
            self.state.set_opacity(self.state.opacity + turned * 0.05)
        elif what == "zoom" or (what == "frames" and self.frame_bar.count < 2):
            self.state.view.zoom_by(1.2**turned, at)
        elif what == "frames":
            self.frame_bar.step(-1 if turned > 0 else 1)
        elif what in ("width", "level") and voi is not None and record is not None:
            window, least = as_window(voi), least_width(record)
            step = 10 * turned
            self.state.set_voi(dragged(window, step, 0, least) if what == "width" else dragged(window, 0, -step, least))

    def _update_titles(self) -> None:
        maps, found = self.state.maps, self.state.features
        for kind, pane in self.panes.items():
            if kind is PaneKind.IMAGE:
                record = self.state.record
                # Not the file's name: names of files often name a patient.
                pane.header.set_texts("Image", overlay_text.pixel_format(record) if record is not None else "")
            elif maps is None:
                pane.header.set_texts(_UNKNOWN[kind], "")
            else:
                detail = maps.detail(kind)
                if kind is PaneKind.FEATURES and found is not None:
                    detail = f"{len(found.features)} found{BETWEEN}{detail}"
                pane.header.set_texts(maps.title(kind), detail)
        self._level_headers()

    def _level_headers(self) -> None:
        """Two lines above every picture where one of them needs them: pictures of one view have one size."""
        shown = [self.panes[kind].header for kind in _PANES.get(self._layout_name, ())]
        tall = any(header.crowded for header in shown)
        for header in shown:
            header.set_tall(tall)


_ARROWS = {
    Qt.Key.Key_Left: (-1, 0), Qt.Key.Key_Right: (1, 0), Qt.Key.Key_Up: (0, -1), Qt.Key.Key_Down: (0, 1),
}  # fmt: skip
