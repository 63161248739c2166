"""What mouse buttons, wheel and double click do: gestures named in words, so that they can be kept and shown.

A gesture is a button or the wheel, with modifier keys before it: ``Right``, ``Shift+Left``, ``Ctrl+Wheel``,
``Double click``. One with modifiers that is bound to nothing does what it does without them.
"""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import Qt

ACTIVE = "active"
"""Whatever tool the user has chosen."""
NOTHING = ""

DRAGS: Mapping[str, str] = {
    ACTIVE: "The active tool", "pan": "Pan", "window": "Window and level", "zoom": "Zoom", "probe": "Probe",
    "ruler": "Ruler", "angle": "Angle", "ellipse": "Elliptical region", "rectangle": "Rectangular region",
    "frames": "Step through frames", NOTHING: "Nothing",
}  # fmt: skip
WHEELS: Mapping[str, str] = {
    "zoom": "Zoom at the pointer", "opacity": "Strength of the maps", "frames": "Step through frames",
    "width": "Window width", "level": "Window level", NOTHING: "Nothing",
}  # fmt: skip
DOUBLES: Mapping[str, str] = {
    "large": "One pane large, and back", "fit": "Fit to pane", "one-to-one": "Actual pixels (1:1)",
    "reset": "Reset view and window", NOTHING: "Nothing",
}  # fmt: skip
DOUBLE = "Double click"
WHEEL = "Wheel"

DEFAULTS: Mapping[str, str] = {
    "Left": ACTIVE, "Right": "window", "Middle": "pan", "Back": NOTHING, "Forward": NOTHING,
    "Alt+Left": NOTHING, "Shift+Right": "zoom", "Ctrl+Right": NOTHING, "Shift+Middle": NOTHING,
    WHEEL: "zoom", "Ctrl+Wheel": "opacity", "Shift+Wheel": "frames", "Alt+Wheel": NOTHING,
    DOUBLE: "large",
}  # fmt: skip
"""Every gesture that can be bound, and what it does at first. Shift and Ctrl with the left button belong to the tools:
they straighten, subtract and draw lines."""

_BUTTONS = {
    Qt.MouseButton.LeftButton: "Left", Qt.MouseButton.RightButton: "Right", Qt.MouseButton.MiddleButton: "Middle",
    Qt.MouseButton.BackButton: "Back", Qt.MouseButton.ForwardButton: "Forward",
}  # fmt: skip
_MODIFIERS = (
    (Qt.KeyboardModifier.ControlModifier, "Ctrl"), (Qt.KeyboardModifier.AltModifier, "Alt"),
    (Qt.KeyboardModifier.ShiftModifier, "Shift"),
)  # fmt: skip


def choices(gesture: str) -> Mapping[str, str]:
    """What a gesture may be bound to: id -> text."""
    if gesture == DOUBLE:
        return DOUBLES
    return WHEELS if gesture.endswith(WHEEL) else DRAGS


def valid(mapping: Mapping[str, str]) -> dict[str, str]:
    """The defaults with those bindings of ``mapping`` that make sense; what doesn't is left out."""
    known = {g: c for g, c in mapping.items() if g in DEFAULTS and c in choices(g)}
    return {**DEFAULTS, **known}


class Gestures:
    """The bindings in force."""

    def __init__(self, mapping: Mapping[str, str] = DEFAULTS) -> None:
        self._mapping = dict(mapping)

    def drag(self, button: object, modifiers: Qt.KeyboardModifier) -> str:
        """Id of the tool, ``active`` or ''."""
        name = _BUTTONS.get(button, "") if isinstance(button, Qt.MouseButton) else ""
        return self._find(name, modifiers)

    def wheel(self, modifiers: Qt.KeyboardModifier) -> str:
        return self._find(WHEEL, modifiers)

    def double(self) -> str:
        return self._mapping.get(DOUBLE, "")

    def _find(self, name: str, modifiers: Qt.KeyboardModifier) -> str:
        pressed = "".join(f"{text}+" for key, text in _MODIFIERS if modifiers & key)
        return self._mapping.get(f"{pressed}{name}") or self._mapping.get(name, "")
