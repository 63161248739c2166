"""Which key does what: the table's own keys, what the user changed of them, and where two would clash."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from PySide6.QtGui import QKeySequence

if TYPE_CHECKING:
    from divisive_desktop.desktop.actions import Action


def normal(key: str) -> str:
    """The same key always in the same words; '' for what is none."""
    return QKeySequence(key).toString(QKeySequence.SequenceFormat.PortableText)


def spoken(key: str) -> str:
    """A key as this system writes it."""
    return QKeySequence(key).toString(QKeySequence.SequenceFormat.NativeText)


class Keys:
    """The keys in force, as changes to a table of actions.

    Parameters
    ----------
    table : iterable of Action
        All actions.
    changes : mapping
        Action id -> key, '' for none; ids that aren't in the table are kept untouched.
    """

    def __init__(self, table: Iterable[Action], changes: Mapping[str, str]) -> None:
        self._default = {action.id: normal(action.shortcut) for action in table}
        self._texts = {action.id: action.text.rstrip("…") for action in table}
        self._changes = {action: normal(key) for action, key in changes.items()}

    def __getitem__(self, action: str) -> str:
        return self._changes.get(action, self._default.get(action, ""))

    def changed(self, action: str) -> bool:
        """Whether the user gave it another key than the table."""
        return self[action] != self._default.get(action, "")

    def holder(self, key: str, but: str = "") -> str:
        """Id of the action that has a key already, '' when it is free."""
        wanted = normal(key)
        return next((a for a in self._default if wanted and a != but and self[a] == wanted), "")

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
