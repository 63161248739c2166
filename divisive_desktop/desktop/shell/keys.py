"""Which key does what: the table's own keys, what the user changed of them, and where two would clash."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent, QKeySequence

if TYPE_CHECKING:
    from divisive_desktop.desktop.shell.action import Action


def normal(key: str) -> str:
    """The same key always in the same words; '' for what is none."""
    return QKeySequence(key).toString(QKeySequence.SequenceFormat.PortableText)


def spoken(key: str) -> str:
    """A key as this system writes it."""
    return QKeySequence(key).toString(QKeySequence.SequenceFormat.NativeText)


@dataclass(frozen=True)
class PlaceKey:
    """A key that means something in one place only; there it goes before the window's own keys."""

    id: str
    text: str
    menu: str
    """The place, in words: the heading in the settings and on the sheet of keys."""
    shortcut: str


WORKLIST, PAINTING, PART = "In the worklist", "While painting", "While adjusting the part to analyse"
PLACE_KEYS: tuple[PlaceKey, ...] = (
    PlaceKey("list-negative", "Label as negative", WORKLIST, "0"),
    PlaceKey("list-positive", "Label as positive", WORKLIST, "1"),
    PlaceKey("list-clear", "Clear label", WORKLIST, "Backspace"),
    PlaceKey("brush-smaller", "Smaller brush", PAINTING, "["),
    PlaceKey("brush-larger", "Larger brush", PAINTING, "]"),
    PlaceKey("outline-back", "Take the last point back", PAINTING, "Backspace"),
    PlaceKey("paint-accept", "Close the outline, accept the proposal", PAINTING, "Return"),
    PlaceKey("part-left", "Move left (Shift: tenfold)", PART, "Left"),
    PlaceKey("part-right", "Move right", PART, "Right"),
    PlaceKey("part-up", "Move up", PART, "Up"),
    PlaceKey("part-down", "Move down", PART, "Down"),
    PlaceKey("part-larger", "Larger part", PART, "Ctrl+Up"),
    PlaceKey("part-smaller", "Smaller part", PART, "Ctrl+Down"),
)


def named(key: str) -> str:
    """A key as it is written on most keyboards, for hints."""
    return spoken(key).replace("Return", "Enter")


class LocalKeys:
    """Which of the keys that mean something in one place only was pressed."""

    def __init__(self, changes: Mapping[str, str] | None = None) -> None:
        self._keys: dict[str, str] = {}
        self.set_keys(changes or {})

    def set_keys(self, changes: Mapping[str, str]) -> None:
        """Keys that the user changed: id -> key, '' for none."""
        self._keys = {key.id: normal(changes.get(key.id, key.shortcut)) for key in PLACE_KEYS}

    def __getitem__(self, name: str) -> str:
        return self._keys[name]

    def __contains__(self, name: str) -> bool:
        return name in self._keys

    def pressed(self, event: QKeyEvent, *names: str) -> str:
        """The one of ``names`` whose key this is, '' for none."""
        return next((name for name in names if _is_key(event, self._keys[name])), "")

    def table(self) -> tuple[PlaceKey, ...]:
        """All of them with the keys in force."""
        return tuple(replace(key, shortcut=self._keys[key.id]) for key in PLACE_KEYS)


def _is_key(event: QKeyEvent, key: str) -> bool:
    if not key:
        return False
    modifiers = event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
    plain = Qt.Key.Key_Return if event.key() == Qt.Key.Key_Enter else event.key()
    if QKeySequence(modifiers.value | plain).toString(QKeySequence.SequenceFormat.PortableText) == key:
        return True
    # On many keyboards a bracket or a digit needs Shift or AltGr (Ctrl+Alt on Windows): what is typed counts.
    control = bool(modifiers & Qt.KeyboardModifier.ControlModifier)
    typed = control == bool(modifiers & Qt.KeyboardModifier.AltModifier)
    return typed and not key.isalpha() and event.text() == key


class Keys:
    """The keys in force, as changes to a table of actions and to the keys of single places.

    Parameters
    ----------
    table : iterable of Action
        All actions.
    changes : mapping
        Id -> key, '' for none; ids that aren't known are kept untouched.
    """

    def __init__(self, table: Iterable[Action], changes: Mapping[str, str]) -> None:
        entries: tuple[Action | PlaceKey, ...] = (*table, *PLACE_KEYS)
        self._default = {entry.id: normal(entry.shortcut) for entry in entries}
        self._texts = {entry.id: entry.text.rstrip("…") for entry in entries}
        self._places = {key.id: key.menu for key in PLACE_KEYS}
        self._changes = {action: normal(key) for action, key in changes.items()}

    def __getitem__(self, action: str) -> str:
        return self._changes.get(action, self._default.get(action, ""))

    def changed(self, action: str) -> bool:
        """Whether the user gave it another key than the table."""
        return self[action] != self._default.get(action, "")

    def holder(self, key: str, but: str = "") -> str:
        """Id of what has a key already in the place where ``but`` has its own, '' when it is free."""
        return self._holder(key, self.place(but), but)

    def elsewhere(self, key: str, action: str) -> str:
        """Id of the action of the window that a key of a single place hides there, '' for none."""
        return self._holder(key, "", action) if self.place(action) else ""

    def place(self, action: str) -> str:
        """Where alone its key is meant, '' for everywhere in the window."""
        return self._places.get(action, "")

    def _holder(self, key: str, place: str, but: str) -> str:
        wanted = normal(key)
        there = (a for a in self._default if a != but and self.place(a) == place)
        return next((a for a in there if wanted and self[a] == wanted), "")

    def text(self, action: str) -> str:
        return self._texts.get(action, action)

    def assign(self, action: str, key: str) -> None:
        """Give an action a key; one that had it before loses it."""
        other = self.holder(key, but=action)
        if other:
            self._changes[other] = ""
        self._changes[action] = normal(key)

    def reset(self, action: str | None = None) -> None:
        """The table's own key for one action (taken from whoever has it now), or for all."""
        if action is None:
            self._changes = {}
            return
        self._changes.pop(action, None)
        other = self.holder(self[action], but=action)
        if other:
            self._changes[other] = ""

    def changes(self) -> dict[str, str]:
        """What differs from the table, to be kept."""
        return {a: k for a, k in self._changes.items() if a not in self._default or k != self._default[a]}
