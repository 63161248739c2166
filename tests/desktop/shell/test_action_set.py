"""The one table of actions: every key once, everything reachable, nothing enabled that can't work."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QApplication, QLabel, QMenu
from pytestqt.qtbot import QtBot

from divisive_desktop.desktop.features.help.shortcut_sheet import ShortcutSheet
from divisive_desktop.desktop.shell.action_set import TABLE, viewer_table
from divisive_desktop.desktop.window import MainWindow

WORK_WITHOUT_CASES = {
    "open", "open-folder", "open-by-patient", "samples", "settings", "quit", "casebook-properties",
    "casebook-new", "casebook-open",
    "casebook-import", "casebook-copy", "casebook-zip", "trash-restore", "trash-empty", "auto-analyse",
    "theme-system", "theme-light", "theme-dark", "full-screen", "reading", "shortcuts", "save-log", "about",
    "report-check",
}  # fmt: skip


def test_ids_and_keys_are_unique(window: MainWindow) -> None:
    table = window.actions_.table
    ids = Counter(a.id for a in table)
    keys = Counter(QKeySequence(a.shortcut).toString() for a in table if a.shortcut)
    assert [i for i, n in ids.items() if n > 1] == []
    assert [k for k, n in keys.items() if n > 1] == []
    assert "" not in keys, "a shortcut that Qt doesn't understand"


def test_without_cases_only_what_can_work_is_enabled(qtbot: QtBot, window: MainWindow) -> None:
    qtbot.waitUntil(lambda: window.session.casebook.idle, timeout=20_000)
    enabled = {a.id for a in (*TABLE, *viewer_table()) if window.actions_[a.id].isEnabled()}
    assert enabled == WORK_WITHOUT_CASES


def test_with_an_image_the_views_actions_are_enabled(qtbot: QtBot, window: MainWindow, rg1: Path) -> None:
    with qtbot.waitSignal(window.session.recordReady, timeout=20_000):
        window.session.open_paths([rg1])
    for name in ("fit", "invert", "layout-pair", "label-1", "copy-picture", "analyse", "close-case"):
        assert window.actions_[name].isEnabled(), name
    for name in ("export-json", "label-clear", "cancel", "features-auto"):
        assert not window.actions_[name].isEnabled(), name


def test_every_action_is_in_a_menu_unless_it_is_only_a_key(window: MainWindow) -> None:
    def entries(menu: QMenu) -> set[str]:
        found = {a.objectName() for a in menu.actions()}
        for action in menu.actions():
            if action.menu() is not None:
                found |= entries(action.menu())
        return found

    shown: set[str] = set().union(*(entries(a.menu()) for a in window.menuBar().actions()))
    assert {a.id for a in window.actions_.table if not a.hidden} <= shown


def test_the_question_mark_shows_every_key(qtbot: QtBot, window: MainWindow) -> None:
    window.activateWindow()
    window.worklist.list.setFocus()
    qtbot.keyClick(window.worklist.list, "?")
    qtbot.waitUntil(lambda: window.findChild(ShortcutSheet) is not None)
    sheet = window.findChild(ShortcutSheet)
    words = {label.text() for label in sheet.findChildren(QLabel)}
    for action in window.actions_.table:
        if action.shortcut and not action.hidden:
            assert QKeySequence(action.shortcut).toString(QKeySequence.SequenceFormat.NativeText) in words
    qtbot.keyClick(sheet, Qt.Key.Key_Escape)
    QApplication.processEvents()


def test_keys_reach_the_viewer_from_anywhere(qtbot: QtBot, window: MainWindow, rg1: Path) -> None:
    with qtbot.waitSignal(window.session.recordReady, timeout=20_000):
        window.session.open_paths([rg1])
    window.worklist.list.setFocus()
    qtbot.keyClick(window.worklist.list, Qt.Key.Key_I)
    assert window.viewer.state.invert
    qtbot.keyClick(window.worklist.list, Qt.Key.Key_F3)
    assert window.viewer.layout_name == "pair"
    assert window.actions_["layout-pair"].isChecked()
    assert not window.actions_["layout-2x2"].isChecked()


def test_typing_in_the_search_field_types(qtbot: QtBot, window: MainWindow, rg1: Path) -> None:
    with qtbot.waitSignal(window.session.recordReady, timeout=20_000):
        window.session.open_paths([rg1])
    window.actions_["find"].trigger()
    qtbot.keyClicks(window.worklist.search, "fi10?")
    assert window.worklist.search.text() == "fi10?"
    assert not window.viewer.state.invert
    assert window.session.current.label is None
