"""The sheet of keys and mouse buttons, made from the table of actions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)  # fmt: skip

from divisive_desktop.desktop import theme
from divisive_desktop.desktop.actions import Action
from divisive_desktop.desktop.bindings import PLACE_KEYS, PlaceKey, spoken
from divisive_desktop.desktop.theme import GRID

_COLUMNS = 4


class ShortcutSheet(QDialog):
    """All keys by menu, in columns, then those of single places and the mouse."""

    def __init__(
        self,
        table: Sequence[Action],
        parent: QWidget | None = None,
        mouse: Mapping[str, str] | None = None,
        places: Sequence[PlaceKey] = PLACE_KEYS,
    ) -> None:
        super().__init__(parent)
        self._mouse, self._places = mouse or {}, places
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Keyboard shortcuts")
        columns = [QVBoxLayout() for _ in range(_COLUMNS)]
        heights = [0] * _COLUMNS
        for title, rows in self._groups(table):
            shortest = heights.index(min(heights))
            columns[shortest].addLayout(_group(title, rows))
            heights[shortest] += len(rows) + 2
        page = QWidget()
        row = QHBoxLayout(page)
        row.setContentsMargins(0, 0, GRID, 0)
        row.setSpacing(GRID * 2)
        for column in columns:
            column.setSpacing(GRID * 2)
            column.addStretch(1)
            row.addLayout(column, 1)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(GRID * 3, GRID * 2, GRID * 3, GRID * 2)
        whole.setSpacing(GRID * 2)
        scroll = QScrollArea()
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setWidgetResizable(True)
        scroll.setWidget(page)
        whole.addWidget(scroll)
        whole.addWidget(buttons)
        wanted = page.sizeHint()
        room = self.screen().availableSize()
        self.resize(
            min(wanted.width() + GRID * 9, room.width() - GRID * 8),
            min(wanted.height() + GRID * 11, room.height() - GRID * 10),
        )

    def _groups(self, table: Sequence[Action]) -> list[tuple[str, list[tuple[str, str]]]]:
        groups: dict[str, list[tuple[str, str]]] = {}
        for action in table:
            if action.shortcut and not (action.hidden and action.id != "preset-0"):
                key = QKeySequence(action.shortcut).toString(QKeySequence.SequenceFormat.NativeText)
                groups.setdefault(action.menu.replace("/", ": "), []).append((key, action.text.rstrip("…")))
            elif action.id == "preset-1":
                groups.setdefault(action.menu, []).append(("1 – 9", "Window presets of the file"))
        for key in self._places:
            if key.shortcut:
                groups.setdefault(key.menu, []).append((spoken(key.shortcut), key.text))
        return [*groups.items(), ("Mouse", mouse_rows(self._mouse))]


def mouse_rows(changes: Mapping[str, str]) -> list[tuple[str, str]]:
    """What the mouse does, gesture by gesture; those that do nothing are left out."""
    from divisive_desktop.desktop.viewer.gestures import choices, valid

    rows = [(gesture, choices(gesture)[does]) for gesture, does in valid(changes).items() if does]
    return [*rows, ("Feature table", "Click zooms on the feature")]


def _group(title: str, rows: Sequence[tuple[str, str]]) -> QGridLayout:
    grid = QGridLayout()
    grid.setHorizontalSpacing(GRID * 2)
    grid.setVerticalSpacing(GRID // 2)
    grid.setColumnStretch(1, 1)
    head = QLabel(title)
    theme.set_role(head, "strong")
    grid.addWidget(head, 0, 0, 1, 2)
    for i, (key, text) in enumerate(rows, 1):
        cap = QLabel(key)
        theme.set_role(cap, "muted")
        cap.setMinimumWidth(GRID * 11)
        grid.addWidget(cap, i, 0)
        grid.addWidget(QLabel(text), i, 1)
    return grid
