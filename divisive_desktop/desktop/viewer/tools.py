"""The viewer's own tools. Every drag is a tool; a small table (`gestures`) says which button drives which one."""

from __future__ import annotations

from PySide6.QtCore import QPointF, Qt

from divisive_desktop.desktop.viewer import windowing
from divisive_desktop.desktop.viewer.frames import FrameBar
from divisive_desktop.desktop.viewer.tool import PaneMouse, Tool
from divisive_desktop.desktop.viewer.view_state import ViewState
from divisive_desktop.imaging.record import Voi


class PanTool(Tool):
    """Moves the picture."""

    id = "pan"
    text = "Pan"
    cursor = Qt.CursorShape.OpenHandCursor

    def __init__(self, state: ViewState) -> None:
        super().__init__(state)
        self._last: QPointF | None = None

    def press(self, event: PaneMouse) -> None:
        self._last = event.position

    def move(self, event: PaneMouse) -> None:
        if self._last is not None:
            step = (event.position - self._last) * event.transform.dpr
            self._last = event.position
            self.state.view.pan_by(step.x(), step.y())

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

    def __init__(self, state: ViewState) -> None:
        super().__init__(state)
        self._start: tuple[QPointF, Voi, float] | None = None

    def press(self, event: PaneMouse) -> None:
        record, voi = self.state.record, self.state.voi
        if record is not None and voi is not None:
            self._start = event.position, windowing.as_window(voi), windowing.least_width(record)

    def move(self, event: PaneMouse) -> None:
        if self._start is not None:
            origin, voi, least = self._start
            step = event.position - origin
            self.state.set_voi(windowing.dragged(voi, step.x(), step.y(), least))

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

    def __init__(self, state: ViewState) -> None:
        super().__init__(state)
        self._anchor: tuple[float, float] | None = None
        self._last = QPointF()

    def press(self, event: PaneMouse) -> None:
        self._anchor = (event.x, event.y)
        self._last = event.position

    def move(self, event: PaneMouse) -> None:
        if self._anchor is not None:
            step = self._last.y() - event.position.y()
            self._last = event.position
            self.state.view.zoom_by(1.01**step, self._anchor)

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

    def __init__(self, state: ViewState, frames: FrameBar) -> None:
        super().__init__(state)
        self._frames = frames
        self._start: tuple[float, int] | None = None

    def press(self, event: PaneMouse) -> None:
        self._start = event.position.y(), self._frames.frame

    def move(self, event: PaneMouse) -> None:
        if self._start is not None:
            self._frames.ask(self._start[1] + round((event.position.y() - self._start[0]) / self._STEP))

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
