"""What the viewer can be told by key: one table, from which the window also makes menus and the cheat sheet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtGui import QKeySequence

if TYPE_CHECKING:
    from divisive_desktop.desktop.viewer.viewer import Viewer


@dataclass(frozen=True)
class Command:
    """One thing to do, its text for menus and the key it has unless rebound."""

    id: str
    text: str
    key: str
    run: Callable[[Viewer], None]
    checked: Callable[[Viewer], bool] | None = None
    """For what can be on or off: whether it is on."""


def _switch(command_id: str, text: str, key: str, state: str, setter: str) -> Command:
    """Turns something on or off: ``state`` is the viewer's property, ``setter`` the method that takes a bool."""
    return Command(
        command_id, text, key, lambda v: getattr(v, setter)(not getattr(v, state)), lambda v: bool(getattr(v, state))
    )


def _tool(tool_id: str, text: str, key: str) -> Command:
    return Command(f"tool-{tool_id}", text, key, lambda v: v.set_tool(tool_id), lambda v: v.tool == tool_id)


COMMANDS: tuple[Command, ...] = (
    Command("fit", "Fit to pane", "F", lambda v: v.fit()),
    Command("one-to-one", "Actual pixels (1:1)", "O", lambda v: v.one_to_one()),
    Command("zoom-in", "Zoom in", "+", lambda v: v.zoom_by(1.25)),
    Command("zoom-out", "Zoom out", "-", lambda v: v.zoom_by(0.8)),
    _switch("invert", "Invert greys", "I", "invert", "set_invert"),
    Command("next-window", "Next window preset", "N", lambda v: v.next_preset()),
    _switch("luts", "Lookup tables of the file", "Shift+L", "luts_used", "set_luts_used"),
    _switch("sigmoid", "Sigmoid window", "Shift+I", "sigmoid", "set_sigmoid"),
    Command("window-from-region", "Window from region", "Shift+W", lambda v: v.window_from_region()),
    Command("previous-frame", "Previous frame", ",", lambda v: v.step_frames(-1)),
    Command("next-frame", "Next frame", ".", lambda v: v.step_frames(1)),
    Command("first-frame", "First frame", "Home", lambda v: v.show_frame(0)),
    Command("last-frame", "Last frame", "End", lambda v: v.show_frame(v.frame_bar.count - 1)),
    Command("reset-view", "Reset view and window", "Escape", lambda v: v.escape()),
    _switch("toggle-overlay", "Maps over the image", "Space", "overlay_shown", "set_overlay_shown"),
    _switch("blink", "Blink maps", "K", "blinking", "set_blink"),
    _switch("wipe", "Wipe between image and maps", "J", "wiping", "set_wipe"),
    Command("less-overlay", "Fainter maps", "[", lambda v: v.set_opacity(v.opacity - 0.1)),
    Command("more-overlay", "Stronger maps", "]", lambda v: v.set_opacity(v.opacity + 0.1)),
    _switch("cell-grid", "Borders of CAM cells", "G", "cell_grid", "set_cell_grid"),
    _switch("cam-cells", "Maps as plain cells", "M", "plain_cells", "set_plain_cells"),
    _switch("smooth-image", "Smooth enlarged pixels", "Shift+M", "image_smoothing", "set_image_smoothing"),
    _switch("crosshair", "Linked crosshair", "X", "crosshair", "set_crosshair"),
    _switch("annotations", "Text on the image", "H", "annotations", "set_annotations"),
    _switch("overlays", "Overlays of the file", "U", "overlays_shown", "set_overlays_shown"),
    _switch("shutter", "Shutter of the file", "Y", "shutter_shown", "set_shutter_shown"),
    _tool("pan", "Pan", "T"),
    _tool("window", "Window/level", "W"),
    _tool("zoom", "Zoom", "Z"),
    _tool("probe", "Probe", "P"),
    _tool("ruler", "Ruler", "D"),
    _tool("angle", "Angle", "A"),
    _tool("ellipse", "Elliptical region", "C"),
    _tool("rectangle", "Rectangular region", "R"),
    Command("delete-measurement", "Delete measurement", "Backspace", lambda v: v.delete_measurement()),
    *(
        Command(f"preset-{d}", "Auto window" if d == 0 else f"Window preset {d}", str(d), lambda v, d=d: v.preset(d))
        for d in range(10)
    ),
)


def default_keys() -> dict[str, str]:
    """Command id -> key sequence in Qt's portable text."""
    return {command.id: command.key for command in COMMANDS}


def resolve(keys: dict[str, str]) -> dict[str, Command]:
    """Normalised key text -> command. An empty key leaves a command without one; unknown ids are ignored."""
    by_id = {command.id: command for command in COMMANDS}
    return {QKeySequence(key).toString(): by_id[name] for name, key in keys.items() if key and name in by_id}
