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

from divisive_desktop.desktop.shell.action import Action
from divisive_desktop.desktop.shell.keys import PLACE_KEYS, PlaceKey, spoken
from divisive_desktop.desktop.shell.menu_layout import heading_of
from divisive_desktop.desktop.ui import theme
from divisive_desktop.desktop.ui.theme import GRID

_FRAME = GRID * 17
"""What the window needs around the keys, and keeps free of the screen."""
_COLUMNS = 4
"""At most; fewer where the screen is narrow."""


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
        groups, room = self._groups(table), self.screen().availableSize()
        page = _page(groups, _COLUMNS)
        for count in range(_COLUMNS - 1, 0, -1):
            if page.sizeHint().width() <= room.width() - _FRAME:
                break
            page.deleteLater()
            page = _page(groups, count)
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
        self.resize(
            min(wanted.width() + GRID * 9, room.width() - GRID * 8),
            min(wanted.height() + GRID * 11, room.height() - GRID * 10),
        )

    def _groups(self, table: Sequence[Action]) -> list[tuple[str, list[tuple[str, str]]]]:
        groups: dict[str, list[tuple[str, str]]] = {}
        keys = {action.id: action.shortcut for action in table}
        together = all(keys.get(f"preset-{n}") == str(n) for n in range(1, 10))  # nine lines are one, unless rebound
        for action in table:
            preset = action.id.removeprefix("preset-")
            range_ = together and action.id.startswith("preset-") and preset != "0"
            if action.shortcut and not range_:
                key = QKeySequence(action.shortcut).toString(QKeySequence.SequenceFormat.NativeText)
                groups.setdefault(heading_of(action.id), []).append((key, action.text.rstrip("…")))
            elif range_ and preset == "1":
                groups.setdefault(heading_of(action.id), []).append(("1 – 9", "Window presets of the file"))
        for local in self._places:
            if local.shortcut:
                groups.setdefault(local.menu, []).append((spoken(local.shortcut), local.text))
        return [*groups.items(), ("Mouse", mouse_rows(self._mouse))]


def mouse_rows(changes: Mapping[str, str]) -> list[tuple[str, str]]:
    """What the mouse does, gesture by gesture; those that do nothing are left out."""
    from divisive_desktop.desktop.viewer.gestures import choices, valid

    rows = [(gesture, choices(gesture)[does]) for gesture, does in valid(changes).items() if does]
    return [*rows, ("Feature table", "Click zooms on the feature")]


def _page(groups: Sequence[tuple[str, Sequence[tuple[str, str]]]], count: int) -> QWidget:
    """All groups in so many columns, about equally high."""
    columns, heights = [QVBoxLayout() for _ in range(count)], [0] * count
    for title, rows in groups:
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
    return page


def _group(title: str, rows: Sequence[tuple[str, str]]) -> QGridLayout:
    grid = QGridLayout()
    grid.setHorizontalSpacing(GRID * 2)
    grid.setVerticalSpacing(GRID // 2)
    grid.setColumnStretch(1, 1)
    head = QLabel(title)
    theme.set_role(head, "strong")
    grid.addWidget(head, 0, 0, 1, 2)
    grid.setColumnMinimumWidth(0, GRID * 11)
    for i, (key, text) in enumerate(rows, 1):
        cap = QLabel(key)
        theme.set_role(cap, "muted")
        grid.addWidget(cap, i, 0)
        grid.addWidget(QLabel(text), i, 1)
    return grid
