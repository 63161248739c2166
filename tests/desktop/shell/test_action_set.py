"""The one table of actions: every key once, everything reachable, nothing enabled that can't work."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QApplication, QLabel, QMenu
from pytestqt.qtbot import QtBot

from divisive_desktop.desktop.features.help.shortcut_sheet import ShortcutSheet
from divisive_desktop.desktop.shell import menu_layout
from tests.desktop.pages import Page

KEYS_ONLY = {name for names in menu_layout.KEYS_ONLY.values() for name in names}

WORK_WITHOUT_CASES = {
    "open", "open-folder", "open-by-patient", "samples", "settings", "quit", "casebook-properties",
    "casebook-new", "casebook-open",
    "casebook-import", "casebook-copy", "casebook-zip", "trash-restore", "trash-empty", "auto-analyse",
    "theme-system", "theme-light", "theme-dark", "full-screen", "reading", "shortcuts", "save-log", "about",
    "report-check", "finetune", "versions", "mask-blind",
}  # fmt: skip


def test_ids_and_keys_are_unique(page: Page) -> None:
    table = page.action_table
    ids = Counter(a.id for a in table)
    keys = Counter(QKeySequence(a.shortcut).toString() for a in table if a.shortcut)
    assert [i for i, n in ids.items() if n > 1] == []
    assert [k for k, n in keys.items() if n > 1] == []
    assert "" not in keys, "a shortcut that Qt doesn't understand"


def test_without_cases_only_what_can_work_is_enabled(page: Page) -> None:
    page.wait_written()
    enabled = {a.id for a in page.action_table if page.enabled(a.id)}
    assert enabled == WORK_WITHOUT_CASES


def test_with_an_image_the_views_actions_are_enabled(page: Page, rg1: Path) -> None:
    page.open(rg1)
    for name in ("fit", "invert", "layout-pair", "label-1", "copy-picture", "analyse", "close-case"):
        assert page.enabled(name), name
    for name in ("export-json", "label-clear", "cancel", "features-auto"):
        assert not page.enabled(name), name


def test_every_action_is_in_a_menu_unless_it_is_only_a_key(page: Page) -> None:
    def entries(menu: QMenu) -> set[str]:
        found = {a.objectName() for a in menu.actions()}
        for action in menu.actions():
            if action.menu() is not None:
                found |= entries(action.menu())
        return found

    shown: set[str] = set().union(*(entries(menu) for menu in page.menus()))
    assert {a.id for a in page.action_table if a.id not in KEYS_ONLY} <= shown


def test_the_question_mark_shows_every_key(qtbot: QtBot, page: Page) -> None:
    page.activate()
    page.worklist.focus()
    page.worklist.key("?")
    sheet = page.wait_for(ShortcutSheet)
    words = {label.text() for label in sheet.findChildren(QLabel)}
    for action in page.action_table:
        if action.shortcut and action.id not in KEYS_ONLY:
            assert QKeySequence(action.shortcut).toString(QKeySequence.SequenceFormat.NativeText) in words
    qtbot.keyClick(sheet, Qt.Key.Key_Escape)
    QApplication.processEvents()


def test_keys_reach_the_viewer_from_anywhere(page: Page, rg1: Path) -> None:
    page.open(rg1)
    page.worklist.focus()
    page.worklist.key(Qt.Key.Key_I)
    assert page.viewer.state.invert
    page.worklist.key(Qt.Key.Key_F3)
    assert page.viewer.layout_name == "pair"
    assert page.checked("layout-pair")
    assert not page.checked("layout-2x2")


def test_typing_in_the_search_field_types(page: Page, rg1: Path) -> None:
    page.open(rg1)
    page.trigger("find")
    page.worklist.search("fi10?")
    assert page.worklist.search_field.text() == "fi10?"
    assert not page.viewer.state.invert
    assert page.current.label is None


def test_every_place_in_the_menus_is_taken(page: Page) -> None:
    menus = menu_layout.MENUS
    places = {name for ids in (*menus.values(), menu_layout.TOOLBAR, menu_layout.LIST_CONTEXT) for name in ids}
    missing = [name for name in sorted(places - {""} - set(menus)) if not page.has_entry(name)]
    assert missing == [], "an id that no feature adds"
