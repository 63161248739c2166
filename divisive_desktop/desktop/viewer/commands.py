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


COMMANDS: tuple[Command, ...] = (
    Command("fit", "Fit to pane", "F", lambda v: v.fit()),
    Command("one-to-one", "Actual pixels (1:1)", "O", lambda v: v.one_to_one()),
    Command("zoom-in", "Zoom in", "+", lambda v: v.zoom_by(1.25)),
    Command("zoom-out", "Zoom out", "-", lambda v: v.zoom_by(0.8)),
    Command("invert", "Invert greys", "I", lambda v: v.set_invert(not v.invert)),
    Command("next-window", "Next window preset", "N", lambda v: v.next_preset()),
    Command("reset-view", "Reset view and window", "Escape", lambda v: v.escape()),
    Command("toggle-overlay", "Swap image and overlay", "Space", lambda v: v.set_overlay_shown(not v.overlay_shown)),
    Command("blink", "Blink overlay", "K", lambda v: v.set_blink(not v.blinking)),
    Command("wipe", "Wipe between image and overlay", "J", lambda v: v.set_wipe(not v.wiping)),
    Command("less-overlay", "Fainter overlay", "[", lambda v: v.set_opacity(v.opacity - 0.1)),
    Command("more-overlay", "Stronger overlay", "]", lambda v: v.set_opacity(v.opacity + 0.1)),
    Command("cell-grid", "Show CAM cells", "G", lambda v: v.set_cell_grid(not v.cell_grid)),
    Command("crosshair", "Linked crosshair", "X", lambda v: v.set_crosshair(not v.crosshair)),
    Command("annotations", "Text on the image", "H", lambda v: v.set_annotations(not v.annotations)),
    Command("tool-pan", "Pan tool", "T", lambda v: v.set_tool("pan")),
    Command("tool-window", "Window/level tool", "W", lambda v: v.set_tool("window")),
    Command("tool-zoom", "Zoom tool", "Z", lambda v: v.set_tool("zoom")),
    Command("tool-probe", "Probe tool", "P", lambda v: v.set_tool("probe")),
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
