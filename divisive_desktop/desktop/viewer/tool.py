"""What every tool is: it takes the mouse in a pane, changes the state that the panes show, and may paint over them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QKeyEvent, QPainter, QWheelEvent
from PySide6.QtWidgets import QWidget

from divisive_desktop.desktop.viewer.maps import PaneKind
from divisive_desktop.desktop.viewer.view import Transform
from divisive_desktop.desktop.viewer.view_state import ViewState


@dataclass(frozen=True)
class PaneMouse:
    """A mouse event in a pane."""

    canvas: QWidget
    """Where it happened; tools set its cursor."""
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
    ``self.state.notify()``.
    """

    id = ""
    text = ""
    cursor = Qt.CursorShape.ArrowCursor

    def __init__(self, state: ViewState) -> None:
        self.state = state

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


ToolChoice = Callable[[Qt.MouseButton, Qt.KeyboardModifier], Tool | None]
"""Which tool a button drives, with these modifier keys; None: no tool."""
