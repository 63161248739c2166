"""The actions of all features as Qt's: menus, toolbar, context menus and the sheet of shortcuts are made from them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QPoint, Signal
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QMenu, QMenuBar, QToolBar, QWidget

from divisive_desktop.desktop.shell import menu_layout
from divisive_desktop.desktop.shell.action import Action, State
from divisive_desktop.desktop.shell.keys import LocalKeys, named
from divisive_desktop.desktop.ui import icons

if TYPE_CHECKING:
    from divisive_desktop.desktop.session.session import Session


class ActionSet(QObject):
    """The actions, kept in step with what the window works on.

    A feature adds its actions; :meth:`arrange` then puts everything into its place.

    Parameters
    ----------
    window : QWidget
        Where the keys work.
    menu_bar, toolbar
        What is filled.
    session : Session
        Decides what makes sense now.

    Signals
    -------
    keysChanged()
        The user gave out other keys; what names them (tooltips, hints) names the new ones.
    """

    keysChanged = Signal()

    def __init__(self, window: QWidget, menu_bar: QMenuBar, toolbar: QToolBar, session: Session) -> None:
        super().__init__(window)
        self._window, self._toolbar, self._session = window, toolbar, session
        self.menus: dict[str, QMenu] = {name: menu_bar.addMenu(f"&{name}") for name in menu_layout.BAR}
        self._actions: dict[str, Action] = {}
        self._entries: dict[str, QAction] = {}
        """Every action as Qt's, and what else has a place in the menus."""
        self._attached: list[tuple[QWidget, tuple[str, ...]]] = []
        self._lines: list[QAction] = []
        self._keys: dict[str, str] = {}
        self.local_keys = LocalKeys()
        """The keys of single places: worklist, painting tools."""
        self._state = State()
        for signal in (session.currentChanged, session.recordReady, session.analysisChanged, session.featuresReady,
                       session.batch.changed, session.cases.countsChanged, session.casebook.changed,
                       session.runner.jobsChanged):  # fmt: skip
            signal.connect(self._read_state)

    def __getitem__(self, action_id: str) -> QAction:
        return self._entries[action_id]

    def __contains__(self, name: str) -> bool:
        return name in self._entries

    @property
    def table(self) -> list[Action]:
        """All actions, in the order of the menus."""
        return sorted(self._actions.values(), key=lambda action: menu_layout.place(action.id))

    # -- filling --------------------------------------------------------------------------------------------

    def add(self, actions: Iterable[Action]) -> None:
        """Make actions; :meth:`arrange` gives them their places.

        Raises
        ------
        ValueError
            There is an action of this id already.
        KeyError
            ``menu_layout`` has no place for it.
        """
        for action in actions:
            if action.id in self._entries:
                raise ValueError(f"two actions are called {action.id!r}")
            menu_layout.menu_of(action.id)
            made = QAction(action.text, self._window)
            made.setObjectName(action.id)
            self._give_key(action, made)
            if action.icon:
                made.setIcon(icons.icon(action.icon))
                made.setIconVisibleInMenu(False)
            made.setCheckable(action.checked is not None)
            made.triggered.connect(lambda _=False, a=action: self._run(a))
            self._actions[action.id] = action
            self._entries[action.id] = made

    def add_entry(self, name: str, entry: QAction | QMenu) -> None:
        """What has a place in the layout without being an action: a menu that changes, a dock's switch, a widget."""
        self._entries[name] = entry.menuAction() if isinstance(entry, QMenu) else entry

    def attach(self, widget: QWidget, ids: tuple[str, ...]) -> None:
        """Give a widget these actions as its context menu (``ActionsContextMenu``)."""
        self._attached.append((widget, ids))

    def arrange(self) -> None:
        """Put everything that is there by now into menus, toolbar and context menus."""
        places: list[tuple[QWidget, tuple[str, ...]]] = [
            *((self._menu(path), ids) for path, ids in menu_layout.MENUS.items()),
            (self._toolbar, menu_layout.TOOLBAR), *self._attached,
        ]  # fmt: skip
        for place, _ in places:
            for old in place.actions():  # clear() would make Python forget actions that stay
                place.removeAction(old)
        for line in self._lines:
            line.deleteLater()
        self._lines.clear()
        for place, ids in places:
            self._fill(place, ids)
        for ids in menu_layout.KEYS_ONLY.values():
            self._window.addActions([self._entries[name] for name in ids if name in self._entries])
        self._state = State.of(self._session)
        self.refresh()

    def popup(self, ids: Sequence[str], at: QPoint) -> None:
        """Open a context menu of these actions at a place on the screen."""
        menu = QMenu(self._window)
        menu.aboutToHide.connect(menu.deleteLater)
        for name in ids:
            menu.addAction(self._entries[name]) if name else menu.addSeparator()
        menu.popup(at)

    def _fill(self, place: QWidget, ids: Sequence[str]) -> None:
        line = False
        for name in ids:
            if not name:
                line = bool(place.actions())
                continue
            if "/" in name:
                entry = self._menu(name).menuAction() if self._has_any(name) else None
            else:
                entry = self._entries.get(name)
            if entry is None:
                continue
            if line:
                separator = QAction(place)
                separator.setSeparator(True)
                self._lines.append(separator)
                place.addAction(separator)
                line = False
            place.addAction(entry)

    def _has_any(self, path: str) -> bool:
        return any(name in self._entries for name in menu_layout.MENUS[path])

    def _menu(self, path: str) -> QMenu:
        if path not in self.menus:
            self.menus[path] = QMenu(path.rpartition("/")[2], self._window)
        return self.menus[path]

    # -- running, enabling ----------------------------------------------------------------------------------

    def _run(self, action: Action) -> None:
        action.run()
        self.refresh()

    def _read_state(self) -> None:
        state = State.of(self._session)
        if state != self._state:
            self._state = state
            self.refresh()

    def refresh(self) -> None:
        """Bring enabled and checked marks up to date."""
        for action in self._actions.values():
            made = self._entries[action.id]
            made.setEnabled(action.enabled(self._state))
            if action.checked is not None:
                made.setChecked(action.checked())

    # -- keys -----------------------------------------------------------------------------------------------

    def set_keys(self, changes: Mapping[str, str]) -> None:
        """Keys that the user changed: action id -> key, '' for none; also for actions that are added later."""
        self._keys = dict(changes)
        self.local_keys.set_keys(changes)
        for action in self._actions.values():
            self._give_key(action, self._entries[action.id])
        self.keysChanged.emit()

    def key(self, name: str) -> str:
        """The key of an action or of a single place as a hint names it, '' for none."""
        return named(self.local_keys[name] if name in self.local_keys else self._entries[name].shortcut().toString())

    def with_keys(self) -> list[Action]:
        """The table with the keys that are in force."""
        return [replace(a, shortcut=self._entries[a.id].shortcut().toString()) for a in self.table]

    def all(self) -> list[QAction]:
        """Every action as Qt's."""
        return [self._entries[name] for name in self._actions]

    def _give_key(self, action: Action, made: QAction) -> None:
        made.setShortcut(QKeySequence(self._keys.get(action.id, action.shortcut)))
        key = made.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
        made.setToolTip((action.tip or action.text.rstrip("…")) + (f"  ({key})" if key else ""))

    def recolour(self) -> None:
        """Draw all icons anew after the theme changed."""
        for action in self._actions.values():
            if action.icon:
                self._entries[action.id].setIcon(icons.icon(action.icon))
