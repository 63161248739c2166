"""What the mouse does. Every drag is a tool; a small table says which button drives which one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QKeyEvent, QPainter, QWheelEvent

from divisive_desktop.desktop.viewer import windowing
from divisive_desktop.desktop.viewer.maps import PaneKind
from divisive_desktop.desktop.viewer.view import Transform
from divisive_desktop.imaging.record import Voi

if TYPE_CHECKING:
    from divisive_desktop.desktop.viewer.canvas import Canvas
    from divisive_desktop.desktop.viewer.viewer import Viewer

@dataclass(frozen=True)
class PaneMouse:
    """A mouse event in a pane."""

    canvas: Canvas
    kind: PaneKind
    position: QPointF
    """In the pane, logical pixels."""
    x: float
    y: float
    """In the image: pixel (0, 0) covers 0 <= x < 1, 0 <= y < 1. May lie outside the image."""
    button: Qt.MouseButton
    """The button that started the drag; NoButton while hovering."""
    modifiers: Qt.KeyboardModifier
    transform: Transform


class Tool:
    """Base of all tools: override what you need.

    A press is followed by moves and one release of the same button; `cancel` may come instead of the release (the
    image changes, Escape). Measuring and drawing tools paint themselves in `paint_layer` and ask for a repaint with
    ``self.viewer.stage.touch()``.
    """

    id = ""
    text = ""
    cursor = Qt.CursorShape.ArrowCursor

    def __init__(self, viewer: Viewer) -> None:
        self.viewer = viewer

    def press(self, event: PaneMouse) -> None:
        """A button went down."""

    def move(self, event: PaneMouse) -> None:
        """The mouse moved with the button down."""

    def release(self, event: PaneMouse) -> None:
        """The button went up."""

    def hover(self, event: PaneMouse) -> None:
        """The mouse moved with no button down and this tool active."""

    def double_click(self, event: PaneMouse) -> bool:
        """True when the tool used the double click; otherwise the pane is enlarged."""
        return False

    def key(self, event: QKeyEvent) -> bool:
        """A key while this tool is active; True when it was used."""
        return False

    def wheel(self, event: QWheelEvent, at: tuple[float, float]) -> bool:
        """The wheel over an image position while this tool is active; True when it was used, otherwise it zooms."""
        return False

    def activate(self) -> None:
        """The tool became the active one."""

    def deactivate(self) -> None:
        """Another tool becomes the active one."""

    def cancel(self) -> bool:
        """Give up what is under way; True when there was anything."""
        return False

    def escape(self) -> bool:
        """The Escape key while nothing is dragged and this tool is active; True when it was used."""
        return self.cancel()

    def paint_layer(self, painter: QPainter, kind: PaneKind, transform: Transform) -> None:
        """Draw over a pane while this tool is active."""


class PanTool(Tool):
    """Moves the picture."""

    id = "pan"
    text = "Pan"
    cursor = Qt.CursorShape.OpenHandCursor

    def __init__(self, viewer: Viewer) -> None:
        super().__init__(viewer)
        self._last: QPointF | None = None

    def press(self, event: PaneMouse) -> None:
        self._last = event.position

    def move(self, event: PaneMouse) -> None:
        if self._last is not None:
            step = (event.position - self._last) * event.transform.dpr
            self._last = event.position
            self.viewer.stage.view.pan_by(step.x(), step.y())

    def release(self, event: PaneMouse) -> None:
        self._last = None

    def cancel(self) -> bool:
        under_way, self._last = self._last is not None, None
        return under_way


class WindowTool(Tool):
    """Window and level: sideways changes the width, up and down the centre."""

    id = "window"
    text = "Window/level"
    cursor = Qt.CursorShape.SizeAllCursor

    def __init__(self, viewer: Viewer) -> None:
        super().__init__(viewer)
        self._start: tuple[QPointF, Voi, float] | None = None

    def press(self, event: PaneMouse) -> None:
        record, voi = self.viewer.stage.record, self.viewer.stage.voi
        if record is not None and voi is not None:
            self._start = event.position, windowing.as_window(voi), windowing.least_width(record)

    def move(self, event: PaneMouse) -> None:
        if self._start is not None:
            origin, voi, least = self._start
            step = event.position - origin
            self.viewer.set_voi(windowing.dragged(voi, step.x(), step.y(), least))

    def release(self, event: PaneMouse) -> None:
        self._start = None

    def cancel(self) -> bool:
        under_way, self._start = self._start is not None, None
        return under_way


class ZoomTool(Tool):
    """Drag up to enlarge around the point where the drag began."""

    id = "zoom"
    text = "Zoom"
    cursor = Qt.CursorShape.SizeVerCursor

    def __init__(self, viewer: Viewer) -> None:
        super().__init__(viewer)
        self._anchor: tuple[float, float] | None = None
        self._last = QPointF()

    def press(self, event: PaneMouse) -> None:
        self._anchor = (event.x, event.y)
        self._last = event.position

    def move(self, event: PaneMouse) -> None:
        if self._anchor is not None:
            step = self._last.y() - event.position.y()
            self._last = event.position
            self.viewer.stage.view.zoom_by(1.01**step, self._anchor)

    def release(self, event: PaneMouse) -> None:
        self._anchor = None

    def cancel(self) -> bool:
        under_way, self._anchor = self._anchor is not None, None
        return under_way


class FrameTool(Tool):
    """Drag up and down to step through the frames of a file."""

    id = "frames"
    text = "Step through frames"
    cursor = Qt.CursorShape.SizeVerCursor

    _STEP = 8.0
    """Logical pixels per frame."""

    def __init__(self, viewer: Viewer) -> None:
        super().__init__(viewer)
        self._start: tuple[float, int] | None = None

    def press(self, event: PaneMouse) -> None:
        self._start = event.position.y(), self.viewer.frame

    def move(self, event: PaneMouse) -> None:
        if self._start is not None:
            self.viewer.show_frame(self._start[1] + round((event.position.y() - self._start[0]) / self._STEP))

    def release(self, event: PaneMouse) -> None:
        self._start = None

    def cancel(self) -> bool:
        under_way, self._start = self._start is not None, None
        return under_way


class ProbeTool(Tool):
    """Reads pixels, and selects features by clicking them; drags nothing."""

    id = "probe"
    text = "Probe"
    cursor = Qt.CursorShape.CrossCursor


BASIC_TOOLS: tuple[type[Tool], ...] = (PanTool, WindowTool, ZoomTool, ProbeTool, FrameTool)
