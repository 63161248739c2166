"""What the viewer can be told: one table, from which the window makes its actions, menus and the cheat sheet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

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


def _switch(
    command_id: str, text: str, key: str, on: Callable[[Viewer], bool], turn: Callable[[Viewer, bool], None]
) -> Command:
    """Turns something on or off: ``on`` says whether it is on, ``turn`` puts it on or off."""
    return Command(command_id, text, key, lambda v: turn(v, not on(v)), on)


def _preset(digit: int) -> Command:
    text = f"Window preset {digit}" if digit else "Auto window"
    return Command(f"preset-{digit}", text, str(digit), lambda v: v.greys.preset(digit))


def _tool(tool_id: str, text: str, key: str) -> Command:
    return Command(f"tool-{tool_id}", text, key, lambda v: v.set_tool(tool_id), lambda v: v.tool == tool_id)


COMMANDS: tuple[Command, ...] = (
    Command("fit", "Fit to pane", "F", lambda v: v.state.view.fit()),
    Command("one-to-one", "Actual pixels (1:1)", "O", lambda v: v.state.one_to_one()),
    Command("zoom-in", "Zoom in", "+", lambda v: v.state.zoom_by(1.25)),
    Command("zoom-out", "Zoom out", "-", lambda v: v.state.zoom_by(0.8)),
    _switch("invert", "Invert greys", "I", lambda v: v.state.invert, lambda v, on: v.state.set_invert(on)),
    Command("next-window", "Next window preset", "N", lambda v: v.greys.next_preset()),
    _switch(
        "luts", "Lookup tables of the file", "Shift+L",
        lambda v: v.greys.luts_used, lambda v, on: v.greys.set_luts_used(on),
    ),
    _switch("sigmoid", "Sigmoid window", "Shift+I", lambda v: v.greys.sigmoid, lambda v, on: v.greys.set_sigmoid(on)),
    Command("window-from-region", "Window from region", "Shift+W", lambda v: v.greys.window_from_region()),
    Command("previous-frame", "Previous frame", ",", lambda v: v.frame_bar.step(-1)),
    Command("next-frame", "Next frame", ".", lambda v: v.frame_bar.step(1)),
    Command("first-frame", "First frame", "Home", lambda v: v.frame_bar.ask(0)),
    Command("last-frame", "Last frame", "End", lambda v: v.frame_bar.ask(v.frame_bar.count - 1)),
    Command("reset-view", "Reset view and window", "Escape", lambda v: v.escape()),
    _switch(
        "toggle-overlay", "Maps over the image", "Space",
        lambda v: v.state.overlay_shown, lambda v, on: v.overlay.set_shown(on),
    ),
    _switch("blink", "Blink maps", "K", lambda v: v.overlay.blinking, lambda v, on: v.overlay.set_blinking(on)),
    _switch(
        "wipe", "Wipe between image and maps", "J",
        lambda v: v.state.wipe is not None, lambda v, on: v.state.set_wipe(on),
    ),
    Command("less-overlay", "Fainter maps", "[", lambda v: v.state.set_opacity(v.state.opacity - 0.1)),
    Command("more-overlay", "Stronger maps", "]", lambda v: v.state.set_opacity(v.state.opacity + 0.1)),
    _switch(
        "cell-grid", "Borders of CAM cells", "G",
        lambda v: v.state.cell_grid, lambda v, on: v.state.set_cell_grid(on),
    ),
    _switch(
        "cam-cells", "Maps as plain cells", "M",
        lambda v: v.state.interpolation == "nearest",
        lambda v, on: v.state.set_interpolation("nearest" if on else "smooth"),
    ),
    _switch(
        "smooth-image", "Smooth enlarged pixels", "Shift+M",
        lambda v: v.state.renderer.smooth_enlarged, lambda v, on: v.state.set_image_smoothing(on),
    ),
    _switch("crosshair", "Linked crosshair", "X", lambda v: v.state.crosshair, lambda v, on: v.state.set_crosshair(on)),
    _switch(
        "annotations", "Text on the image", "H",
        lambda v: v.state.annotations, lambda v, on: v.state.set_annotations(on),
    ),
    _switch(
        "overlays", "Overlays of the file", "U",
        lambda v: v.graphics.overlays_shown, lambda v, on: v.graphics.set_overlays_shown(on),
    ),
    _switch(
        "shutter", "Shutter of the file", "Y",
        lambda v: v.graphics.shutter_shown, lambda v, on: v.graphics.set_shutter_shown(on),
    ),
    _tool("pan", "Pan", "T"),
    _tool("window", "Window/level", "W"),
    _tool("zoom", "Zoom", "Z"),
    _tool("probe", "Probe", "P"),
    _tool("ruler", "Ruler", "D"),
    _tool("angle", "Angle", "A"),
    _tool("ellipse", "Elliptical region", "C"),
    _tool("rectangle", "Rectangular region", "R"),
    Command("delete-measurement", "Delete measurement", "Backspace", lambda v: v.state.delete_measurement()),
    *(_preset(digit) for digit in range(10)),
)
