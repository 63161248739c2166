"""Where each action stands: menu bar, submenus, toolbar and context menus, as lists of ids.

An id with a slash is a submenu, ``""`` a line between groups; every other one is an action, or an entry that a feature
adds under this name (a menu whose content changes, a dock's own switch, a widget of the toolbar). What isn't there
(yet) is left out.
"""

from __future__ import annotations

BAR = ("File", "Case", "View", "Mask", "Analysis", "Help")

# The order of the menus is that of the groups on the sheet of shortcuts and on the page of keys.
MENUS: dict[str, tuple[str, ...]] = {
    "File": (
        "open", "open-folder", "open-by-patient", "recent-files", "samples", "",
        "export-json", "save-picture", "",
        "casebook-new", "casebook-open", "recent-casebooks", "casebook-copy", "casebook-zip", "casebook-import",
        "casebook-properties", "results", "report", "report-check", "",
        "trash-restore", "trash-empty", "",
        "settings", "",
        "quit",
    ),
    "Case": (
        "previous", "next", "next-open", "next-new", "",
        "label-0", "label-1", "label-clear", "",
        "review-done", "review-flag", "review-open", "done-next", "case-tags", "notes", "",
        "copy-picture", "copy-path", "tags", "forensic", "",
        "close-case",
    ),
    "Analysis": (
        "analyse", "analyse-all", "analyse-selected", "pause", "failures", "cancel", "auto-analyse", "",
        "features-auto", "",
        "finetune", "versions", "",
        "crop", "crop-whole", "crop-automatic",
    ),
    "View/Layout": (
        "layout-2x2", "layout-pair", "layout-1x2", "layout-image", "layout-true", "layout-false", "layout-features",
    ),
    "View/Maps": (
        "scale-shared", "toggle-overlay", "blink", "wipe", "less-overlay", "more-overlay", "cell-grid", "cam-cells",
    ),
    "View/Show": ("identity", "smooth-image", "crosshair", "annotations", "overlays", "shutter"),
    "View/Theme": ("theme-system", "theme-light", "theme-dark"),
    "View": (
        "View/Layout", "window-presets", "View/Maps", "View/Show", "View/Theme", "full-screen", "second-screen", "",
        "show-worklist", "show-inspector", "find", "",
        "fit", "one-to-one", "zoom-in", "zoom-out", "View/Greys", "View/Frames", "reset-view", "View/Tools",
    ),
    "Help": ("reading", "shortcuts", "", "save-log", "", "about"),
    "View/Greys": ("invert", "next-window", "luts", "sigmoid", "window-from-region"),
    "View/Frames": ("previous-frame", "next-frame", "first-frame", "last-frame"),
    "View/Tools": (
        "tool-pan", "tool-window", "tool-zoom", "tool-probe", "tool-ruler", "tool-angle", "tool-ellipse",
        "tool-rectangle", "",
        "delete-measurement",
    ),
    "Mask": (
        "mask-undo", "mask-redo", "Mask/Tools", "",
        "mask-add-region", "mask-from-features", "mask-from-cam", "mask-copy", "Mask/Region", "mask-clear", "",
        "mask-shown", "mask-blind", "mask-done", "",
        "mask-import", "mask-import-folder", "mask-export",
    ),
    "Mask/Tools": (
        "tool-brush", "tool-eraser", "tool-lasso", "tool-polygon", "tool-paint-rectangle", "tool-paint-ellipse",
        "tool-bucket", "tool-wand", "tool-smart",
    ),
    "Mask/Region": (
        "mask-reshape", "mask-grow", "mask-shrink", "mask-smooth", "mask-holes", "mask-specks", "mask-greys",
        "mask-invert",
    ),
}  # fmt: skip

KEYS_ONLY: dict[str, tuple[str, ...]] = {"View": tuple(f"preset-{digit}" for digit in range(10))}
"""Actions that are in no menu, only on a key, and the menu that the sheet of shortcuts names them under."""

TOOLBAR = (
    "open", "open-folder", "report", "",
    "previous", "next", "",
    "analyse", "",
    "layout-2x2", "layout-pair", "layout-image", "",
    "fit", "one-to-one", "invert", "reset-view", "",
    "tool-pan", "tool-window", "tool-ruler", "",
    "maps-caption", "maps-strength", "",
    "finetune",
)  # fmt: skip

PICTURE_CONTEXT = (
    "fit", "one-to-one", "invert", "reset-view", "", "layout-2x2", "layout-pair", "layout-image", "",
    "label-0", "label-1", "label-clear", "", "copy-picture", "save-picture", "export-json",
)  # fmt: skip
LIST_CONTEXT = (
    "analyse-selected", "label-0", "label-1", "label-clear", "", "review-done", "review-flag", "review-open", "",
    "done-next", "case-tags", "notes", "copy-path", "close-case",
)  # fmt: skip

_MENU_OF = {
    action: menu for layout in (MENUS, KEYS_ONLY) for menu, ids in layout.items() for action in ids if action
}
_ORDER = {
    action: number
    for number, action in enumerate(
        action for menu, ids in MENUS.items() for action in (*ids, *KEYS_ONLY.get(menu, ())) if action
    )
}


def menu_of(action_id: str) -> str:
    """The menu that an action stands in, submenus after a slash: ``View/Layout``.

    Raises
    ------
    KeyError
        The action has no place in the layout.
    """
    return _MENU_OF[action_id]


def heading_of(action_id: str) -> str:
    """The menu as a heading: ``View: Layout``."""
    return menu_of(action_id).replace("/", ": ")


def place(action_id: str) -> int:
    """Where an action comes in the order of all menus."""
    return _ORDER[action_id]
