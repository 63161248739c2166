"""Keys and mouse in the settings: search, press the new key, see at once what it would be taken from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QFormLayout,
    QHBoxLayout,
    QHeaderView,
    QKeySequenceEdit,
    QLabel,
    QLineEdit,
    QPushButton,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)  # fmt: skip

from divisive_desktop.desktop.shell.keys import PLACE_KEYS, Keys, spoken
from divisive_desktop.desktop.shell.menu_layout import heading_of
from divisive_desktop.desktop.ui import theme
from divisive_desktop.desktop.ui.theme import GRID

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from divisive_desktop.desktop.shell.action import Action

_ID = Qt.ItemDataRole.UserRole


class KeysPage(QWidget):
    """Every action with its key, by menu, and the keys that mean something in one place only."""

    def __init__(self, table: Sequence[Action], changes: Mapping[str, str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.keys = Keys(table, changes)
        self.search = QLineEdit()
        self.search.setPlaceholderText("Search actions and keys")
        self.search.setAccessibleName("Search actions and keys")
        self.search.setClearButtonEnabled(True)
        self.search.textChanged.connect(self._filter)
        self.tree = QTreeWidget()
        self.tree.setColumnCount(2)
        self.tree.setHeaderLabels(["Action", "Key"])
        self.tree.setAccessibleName("Keys")
        self.tree.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.tree.header().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self.tree.header().setSectionResizeMode(1, QHeaderView.ResizeMode.Fixed)
        self.tree.header().resizeSection(1, 150)
        self.tree.header().setStretchLastSection(False)
        self.tree.setStyleSheet("QTreeView::item { padding: 3px 0; }")
        self.tree.currentItemChanged.connect(lambda *_: self._chosen())
        self.edit = QKeySequenceEdit()
        self.edit.setMaximumSequenceLength(1)
        self.edit.setAccessibleName("New key")
        self.edit.keySequenceChanged.connect(lambda _: self._judge())
        self.assign, self.clear = QPushButton("Assign"), QPushButton("No key")
        self.reset, self.reset_all = QPushButton("Reset"), QPushButton("Reset all keys")
        self.assign.clicked.connect(self._assign)
        self.clear.clicked.connect(lambda: self._change(""))
        self.reset.clicked.connect(self._reset)
        self.reset_all.clicked.connect(self._reset_all)
        self.note = QLabel()
        self.note.setWordWrap(True)
        self.note.setMinimumHeight(GRID * 4)
        theme.set_role(self.note, "muted")
        row = QHBoxLayout()
        row.setSpacing(GRID)
        row.addWidget(self.edit, 1)
        for button in (self.assign, self.clear, self.reset, self.reset_all):
            row.addWidget(button)
        column = QVBoxLayout(self)
        column.setSpacing(GRID)
        column.addWidget(self.search)
        column.addWidget(self.tree, 1)
        column.addLayout(row)
        column.addWidget(self.note)
        self._menus: dict[str, tuple[QTreeWidgetItem, list[QTreeWidgetItem]]] = {}
        """Heading and rows of each menu and place."""
        self._items: dict[str, QTreeWidgetItem] = {}
        self._fill(table)
        self._chosen()

    def _fill(self, table: Sequence[Action]) -> None:
        places: list[tuple[str, str]] = [(action.id, heading_of(action.id)) for action in table]
        places += [(key.id, key.menu) for key in PLACE_KEYS]
        for name, menu in places:
            if menu not in self._menus:
                head = QTreeWidgetItem(self.tree, [menu])
                head.setFlags(Qt.ItemFlag.ItemIsEnabled)
                head.setExpanded(True)
                self._menus[menu] = head, []
            head, items = self._menus[menu]
            item = self._items[name] = QTreeWidgetItem(head, [self.keys.text(name), ""])
            item.setData(0, _ID, name)
            items.append(item)
        self._show_keys()

    def _show_keys(self) -> None:
        for name, item in self._items.items():
            item.setText(1, spoken(self.keys[name]))
            font = item.font(1)
            font.setBold(self.keys.changed(name))
            item.setFont(1, font)

    @property
    def chosen(self) -> dict[str, str]:
        """What differs from the actions' own keys."""
        return self.keys.changes()

    @property
    def action(self) -> str:
        """Id of the chosen action, '' for none."""
        item = self.tree.currentItem()
        return str(item.data(0, _ID) or "") if item is not None else ""

    def choose(self, action: str) -> None:
        self.tree.setCurrentItem(self._items[action])

    def _chosen(self) -> None:
        some = bool(self.action)
        self.edit.setEnabled(some)
        self.clear.setEnabled(some and bool(self.keys[self.action]))
        self.reset.setEnabled(some and self.keys.changed(self.action))
        self.edit.clear()
        self._judge()

    def _judge(self) -> None:
        """Say what the pressed key would do."""
        pressed = self.edit.keySequence().toString(QKeySequence.SequenceFormat.PortableText)
        holder = self.keys.holder(pressed, but=self.action) if pressed else ""
        self.assign.setEnabled(bool(self.action and pressed) and self.keys[self.action] != pressed)
        self.assign.setText("Take over" if holder else "Assign")
        theme.set_role(self.note, "warningText" if holder else "muted")
        if holder:
            self.note.setText(
                f"{spoken(pressed)} belongs to “{self.keys.text(holder)}”, which would have no key then."
            )
        elif pressed and (hidden := self.keys.elsewhere(pressed, self.action)):
            place = self.keys.place(self.action)
            self.note.setText(f"{place} only. Elsewhere {spoken(pressed)} stays “{self.keys.text(hidden)}”.")
        elif not self.action:
            self.note.setText("Choose an action, click into the field and press its new key.")
        else:
            self.note.setText("")

    def _assign(self) -> None:
        self._change(self.edit.keySequence().toString(QKeySequence.SequenceFormat.PortableText))

    def _change(self, key: str) -> None:
        self.keys.assign(self.action, key)
        self._show_keys()
        self._chosen()

    def _reset(self) -> None:
        self.keys.reset(self.action)
        self._show_keys()
        self._chosen()

    def _reset_all(self) -> None:
        self.keys.reset()
        self._show_keys()
        self._chosen()

    def _filter(self, text: str) -> None:
        words = text.casefold().split()
        for menu, (head, items) in self._menus.items():
            some = False
            for item in items:
                said = f"{menu} {item.text(0)} {item.text(1)}".casefold()
                item.setHidden(not all(word in said for word in words))
                some = some or not item.isHidden()
            head.setHidden(not some)


class MousePage(QWidget):
    """One choice per gesture; a gesture has one meaning, so nothing can clash."""

    def __init__(self, changes: Mapping[str, str], parent: QWidget | None = None) -> None:
        from divisive_desktop.desktop.viewer.gestures import DEFAULTS, choices, valid

        super().__init__(parent)
        self._defaults = DEFAULTS
        self.boxes: dict[str, QComboBox] = {}
        form = QFormLayout()
        form.setHorizontalSpacing(GRID * 3)
        form.setVerticalSpacing(GRID // 2)
        for gesture, does in valid(changes).items():
            box = self.boxes[gesture] = QComboBox()
            box.setAccessibleName(gesture)
            for name, text in choices(gesture).items():
                box.addItem(text, name)
            box.setCurrentIndex(box.findData(does))
            box.currentIndexChanged.connect(lambda _: self._judge())
            drags = gesture.endswith(("Left", "Right", "Middle", "Back", "Forward"))
            form.addRow(f"{gesture} button" if drags else gesture, box)
        self.note = QLabel()
        self.note.setWordWrap(True)
        self.reset_all = QPushButton("Reset all mouse bindings")
        self.reset_all.clicked.connect(self._reset_all)
        hint = QLabel("Shift and Ctrl with the left button belong to the tools: straight lines, subtract, intersect.")
        hint.setWordWrap(True)
        theme.set_role(hint, "muted")
        column = QVBoxLayout(self)
        column.setSpacing(GRID)
        column.addLayout(form)
        column.addWidget(hint)
        column.addWidget(self.note)
        column.addStretch(1)
        row = QHBoxLayout()
        row.addStretch(1)
        row.addWidget(self.reset_all)
        column.addLayout(row)
        self._judge()

    @property
    def chosen(self) -> dict[str, str]:
        """What differs from the program's own bindings."""
        chosen = {gesture: str(box.currentData()) for gesture, box in self.boxes.items()}
        return {gesture: does for gesture, does in chosen.items() if does != self._defaults[gesture]}

    def _judge(self) -> None:
        active = any(box.currentData() == "active" for box in self.boxes.values())
        theme.set_role(self.note, "muted" if active else "warningText")
        self.note.setText("" if active else "No button drives the active tool: painting and measuring need one.")

    def _reset_all(self) -> None:
        for gesture, box in self.boxes.items():
            box.setCurrentIndex(box.findData(self._defaults[gesture]))
