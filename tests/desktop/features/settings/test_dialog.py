"""Keys, mouse, device, limits and layouts as the user sets them, with real keys and clicks; all of it survives."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QEvent, QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QCheckBox, QDialogButtonBox, QLabel
from pytestqt.qtbot import QtBot

from divisive_desktop.desktop.features.help.shortcut_sheet import ShortcutSheet
from divisive_desktop.desktop.features.settings.dialog import DevicePage, SettingsDialog
from divisive_desktop.desktop.features.settings.editors import editor_for
from divisive_desktop.desktop.features.settings.keys_page import KeysPage
from divisive_desktop.desktop.session.settings import Settings
from divisive_desktop.desktop.session.settings_table import (
    DEVICE,
    ERROR_RATES,
    IDENTITY_VISIBLE,
    KEYS,
    MAX_PIXELS,
    MOUSE,
    PAGES,
    TABLE,
    THEME,
    Setting,
)
from divisive_desktop.desktop.viewer import PaneKind
from divisive_desktop.engine.messages import EngineReady
from divisive_desktop.imaging import limits
from divisive_desktop.library.devices import Device
from tests.desktop.pages import Page

RIGHT = Qt.MouseButton.RightButton


@pytest.fixture
def shown(page: Page, rg1: Path) -> Page:
    page.open(rg1)
    return page


@pytest.fixture
def dialog(shown: Page, monkeypatch: pytest.MonkeyPatch) -> Iterator[SettingsDialog]:
    monkeypatch.setenv("DIVISIVE_DESKTOP_MAX_PIXELS", str(limits.DEFAULT_MAX_PIXELS))
    yield settings_of(shown)
    for left in shown.find_all(SettingsDialog):
        left.reject()
    QApplication.processEvents()


def settings_of(page: Page) -> SettingsDialog:
    """The dialog, every page of which was looked at."""
    page.trigger("settings")
    dialog = page.wait_for(SettingsDialog)
    for number in (*range(dialog.tabs.count()), 0):
        dialog.tabs.setCurrentIndex(number)
    return dialog


def ok(qtbot: QtBot, dialog: SettingsDialog) -> None:
    button = dialog.findChild(QDialogButtonBox).button(QDialogButtonBox.StandardButton.Ok)
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


# -- keys ---------------------------------------------------------------------------------------------------


def test_a_key_is_bound_anew_works_and_survives(
    qtbot: QtBot, shown: Page, dialog: SettingsDialog, settings: Settings
) -> None:
    dialog.keys.choose("invert")
    qtbot.keyClick(dialog.keys.edit, Qt.Key.Key_F9, Qt.KeyboardModifier.ControlModifier)
    assert dialog.keys.assign.isEnabled()
    assert dialog.keys.assign.text() == "Assign"
    qtbot.mouseClick(dialog.keys.assign, Qt.MouseButton.LeftButton)
    ok(qtbot, dialog)
    shown.activate()
    shown.worklist.key(Qt.Key.Key_I)
    assert not shown.viewer.state.invert
    shown.worklist.key(Qt.Key.Key_F9, Qt.KeyboardModifier.ControlModifier)
    assert shown.viewer.state.invert
    assert "Ctrl+F9" in shown.action("invert").toolTip()
    shown.trigger("shortcuts")
    sheet = shown.find(ShortcutSheet)
    assert "Ctrl+F9" in {label.text() for label in sheet.findChildren(QLabel)}
    sheet.reject()
    again = Page.build().show()
    assert again.settings.keys == {"invert": "Ctrl+F9"}
    assert again.action("invert").shortcut().toString() == "Ctrl+F9"
    again.discard()


def test_a_clash_is_shown_before_it_happens_and_the_key_moves(
    qtbot: QtBot, shown: Page, dialog: SettingsDialog
) -> None:
    dialog.keys.choose("invert")
    qtbot.keyClick(dialog.keys.edit, Qt.Key.Key_F)
    assert "Fit to pane" in dialog.keys.note.text()
    assert dialog.keys.assign.text() == "Take over"
    qtbot.mouseClick(dialog.keys.assign, Qt.MouseButton.LeftButton)
    assert (dialog.keys.keys["invert"], dialog.keys.keys["fit"]) == ("F", "")
    ok(qtbot, dialog)
    shown.activate()
    shown.viewer.state.one_to_one()
    shown.worklist.key(Qt.Key.Key_F)
    assert shown.viewer.state.invert
    assert not shown.viewer.state.view.fitted
    keys = [a.shortcut for a in shown.actions_with_keys() if a.shortcut]
    assert len(keys) == len(set(keys))


def test_reset_of_one_and_of_all(qtbot: QtBot, dialog: SettingsDialog) -> None:
    page = dialog.keys
    page.choose("invert")
    qtbot.keyClick(page.edit, Qt.Key.Key_F)
    qtbot.mouseClick(page.assign, Qt.MouseButton.LeftButton)
    page.choose("fit")
    qtbot.mouseClick(page.reset, Qt.MouseButton.LeftButton)
    assert (page.keys["fit"], page.keys["invert"]) == ("F", ""), "what is reset takes its key back"
    qtbot.mouseClick(page.reset_all, Qt.MouseButton.LeftButton)
    assert (page.keys["fit"], page.keys["invert"]) == ("F", "I")
    assert page.keys.changes() == {}


def test_a_page_is_made_when_it_is_looked_at(shown: Page) -> None:
    """All of them together take longer than a window may: several times so beside a training."""
    shown.trigger("settings")
    dialog = shown.wait_for(SettingsDialog)
    assert {setting.section for setting in dialog.editors} == {PAGES[0]}
    dialog.tabs.setCurrentIndex(PAGES.index(MOUSE.section))
    assert {setting.section for setting in dialog.editors} == {PAGES[0], MOUSE.section}
    dialog.accept()
    shown.wait_gone(SettingsDialog)


def test_cancel_changes_nothing(qtbot: QtBot, shown: Page, dialog: SettingsDialog) -> None:
    dialog.keys.choose("invert")
    qtbot.mouseClick(dialog.keys.clear, Qt.MouseButton.LeftButton)
    dialog.editors[IDENTITY_VISIBLE].setChecked(True)
    dialog.reject()
    assert shown.action("invert").shortcut().toString() == "I"
    assert not shown.identity_shown


def test_searching_keys(qtbot: QtBot, dialog: SettingsDialog) -> None:
    qtbot.keyClicks(dialog.keys.search, "sigmoid")
    seen = [name for name, item in dialog.keys._items.items() if not item.isHidden()]
    assert seen == ["sigmoid"]


# -- mouse --------------------------------------------------------------------------------------------------


def test_mouse_buttons_wheel_and_double_click_are_bound_anew(
    qtbot: QtBot, shown: Page, dialog: SettingsDialog
) -> None:
    page = dialog.mouse
    for gesture, does in (("Right", "pan"), ("Wheel", "width"), ("Double click", "one-to-one")):
        box = page.boxes[gesture]
        box.setCurrentIndex(box.findData(does))
    ok(qtbot, dialog)
    viewer = shown.viewer
    hand = shown.hand
    viewer.state.one_to_one()
    voi, centre = viewer.state.voi, viewer.state.view.center
    hand.drag_on_screen((60, 60), (80, 60), (120, 60), button=RIGHT)
    assert viewer.state.voi is voi
    assert viewer.state.view.center != centre
    assert Settings().mouse == {"Right": "pan", "Wheel": "width", "Double click": "one-to-one"}
    viewer.state.view.fit()
    hand.double_click_on_screen(60, 60)
    assert viewer.state.view.zoom == 1.0
    assert viewer.layout_name == "2x2"
    hand.turn(1)
    assert viewer.state.view.zoom == 1.0
    assert viewer.state.voi.width > voi.width


def test_without_a_button_for_the_tool_there_is_a_warning(qtbot: QtBot, dialog: SettingsDialog) -> None:
    left = dialog.mouse.boxes["Left"]
    left.setCurrentIndex(left.findData("pan"))
    assert "active tool" in dialog.mouse.note.text()
    qtbot.mouseClick(dialog.mouse.reset_all, Qt.MouseButton.LeftButton)
    assert dialog.mouse.note.text() == ""
    assert dialog.mouse.chosen == {}


# -- images and device --------------------------------------------------------------------------------------


def test_a_raised_limit_opens_what_was_refused(
    qtbot: QtBot, shown: Page, dialog: SettingsDialog, rg1: Path
) -> None:
    dialog.editors[MAX_PIXELS].setValue(1)
    ok(qtbot, dialog)
    assert limits.max_pixels() == 1_000_000
    copy = shown.settings.file.with_name("copy.dcm")
    copy.write_bytes(rg1.read_bytes()[:-2] + b"\1\1")  # the same bytes would be the same case
    shown.begin_opening(copy)
    qtbot.waitUntil(lambda: shown.current is not None and shown.current.error is not None, timeout=20_000)
    assert "limit of 1,000,000 pixels" in shown.current.error.message
    again = settings_of(shown)
    again.editors[MAX_PIXELS].setValue(8)
    ok(qtbot, again)
    assert Settings().max_pixels == 8_000_000
    from divisive_desktop.imaging import open_image

    assert open_image(copy).width == 1841


def test_the_device_page_says_what_was_found_and_why_a_card_is_not_used(qtbot: QtBot) -> None:
    page = DevicePage("cuda", None)
    qtbot.addWidget(page)
    assert page.chosen == "cuda"
    assert "not found" in page.box.currentText()
    note = "This machine has no NVIDIA card. The engine uses the processor instead."
    card = Device("cuda", "NVIDIA graphics card", False, "No NVIDIA driver was found.")
    found = (Device("cpu", "EPYC", True), card)
    page.show_engine(EngineReady(1, "cpu", "2 threads", "onnxruntime 1.32", 1.0, note, found))
    assert note in page.now.text()
    assert "No NVIDIA driver was found." in page.found.text()
    assert page.chosen == "cuda", "the user's wish stays until changed"
    assert [page.box.itemData(i) for i in range(page.box.count())] == ["auto", "cpu", "cuda"]


def test_the_privacy_switch_is_in_the_settings_too(qtbot: QtBot, shown: Page, dialog: SettingsDialog) -> None:
    from divisive_desktop import privacy

    dialog.editors[IDENTITY_VISIBLE].setChecked(True)
    ok(qtbot, dialog)
    assert privacy.identity_shown()
    assert shown.checked("identity")
    assert shown.viewer.state.identity_visible


# -- the table of settings ----------------------------------------------------------------------------------


def change(qtbot: QtBot, dialog: SettingsDialog, setting: Setting[Any]) -> None:
    """Change a setting where the dialog shows it."""
    editor = dialog.editors[setting]
    dialog.show_page(setting.section.title)
    if isinstance(editor, QCheckBox):
        qtbot.mouseClick(editor, Qt.MouseButton.LeftButton, pos=QPoint(10, editor.height() // 2))
    elif isinstance(editor, KeysPage):
        editor.choose("fit")
        qtbot.mouseClick(editor.clear, Qt.MouseButton.LeftButton)
    else:
        box = {
            DEVICE: dialog.device.box, MOUSE: dialog.mouse.boxes["Right"], ERROR_RATES: dialog.answers.rates[0],
        }.get(setting, editor)  # fmt: skip
        qtbot.keyClick(box, Qt.Key.Key_Up)


def test_every_setting_is_shown_as_it_is_kept_and_changed_on_its_page(
    qtbot: QtBot, shown: Page, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIVISIVE_DESKTOP_MAX_PIXELS", "3000000")
    settings.theme, settings.analyse_on_opening, settings.max_pixels = "dark", False, 3_000_000
    settings.names_identify, settings.device = True, "cuda:1"
    settings.keys, settings.mouse = {"invert": "Ctrl+F9"}, {"Right": "pan"}
    first = settings_of(shown)
    offered = [setting for setting in TABLE if setting.row is not None]
    assert set(first.editors) == set(offered)
    assert [first.tabs.tabText(i) for i in range(first.tabs.count())] == [section.title for section in PAGES]
    kept = {setting: settings.get(setting) for setting in offered}
    assert {setting: editor.chosen for setting, editor in first.editors.items()} == kept
    for setting in offered:
        change(qtbot, first, setting)
    chosen = {setting: editor.chosen for setting, editor in first.editors.items()}
    assert [setting.key for setting in offered if chosen[setting] == kept[setting]] == []
    assert {setting: settings.get(setting) for setting in offered} == kept, "nothing takes effect before OK"
    ok(qtbot, first)
    assert {setting: Settings().get(setting) for setting in offered} == chosen
    assert shown.theme.choice == chosen[THEME] == "light"
    assert shown.identity_shown
    assert limits.max_pixels() == chosen[MAX_PIXELS] == 4_000_000
    assert shown.action("fit").shortcut().isEmpty()
    again = settings_of(shown)
    assert {setting: editor.chosen for setting, editor in again.editors.items()} == chosen
    again.reject()


def test_ok_without_a_change_leaves_the_file_as_it_is(
    qtbot: QtBot, shown: Page, dialog: SettingsDialog, settings: Settings
) -> None:
    settings.sync()
    before = settings.file.read_bytes()
    ok(qtbot, dialog)
    assert settings.file.read_bytes() == before


def test_only_what_a_form_can_show_has_an_editor_there() -> None:
    with pytest.raises(TypeError, match="bindings/keys"):
        editor_for(KEYS, {})


# -- layouts and the second window --------------------------------------------------------------------------


def test_layouts_are_kept_per_question(qtbot: QtBot, shown: Page, tmp_path: Path) -> None:
    import numpy as np
    from PIL import Image

    picture = tmp_path / "face.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)).save(picture)
    viewer = shown.viewer
    shown.activate()
    shown.worklist.key(Qt.Key.Key_F4)
    assert viewer.layout_name == "1x2"
    shown.open(picture)
    shown.worklist.key(Qt.Key.Key_F6)
    assert viewer.layout_name == "image"
    shown.trigger("previous")
    qtbot.waitUntil(lambda: viewer.layout_name == "1x2")
    shown.trigger("next")
    qtbot.waitUntil(lambda: viewer.layout_name == "image")
    viewer.toggle_large(PaneKind.IMAGE)  # a double click is for the moment only
    shown.trigger("previous")
    shown.trigger("next")
    qtbot.waitUntil(lambda: viewer.layout_name == "image")


def test_the_panes_move_to_a_window_of_their_own_and_back(qtbot: QtBot, shown: Page, tmp_path: Path) -> None:
    viewer = shown.viewer
    shown.activate()
    shown.worklist.key(Qt.Key.Key_F11, Qt.KeyboardModifier.ShiftModifier)
    panes = viewer.window()
    assert panes is not shown.window
    assert panes.isVisible()
    assert viewer.isVisible()
    assert any("Research use only" in label.text() for label in panes.findChildren(QLabel))
    assert shown.checked("second-screen")
    panes.activateWindow()
    assert QTest.qWaitForWindowActive(panes, 5000)
    qtbot.keyClick(viewer, Qt.Key.Key_I)
    assert viewer.state.invert, "keys work in the other window"
    copy = tmp_path / "other.dcm"
    copy.write_bytes(Path(viewer.state.record.path).read_bytes()[:-2] + b"\1\1")
    shown.open(copy)
    assert viewer.state.record.path == copy
    assert "other.dcm" in panes.windowTitle()
    panes.close()
    assert viewer.window() is shown.window
    assert shown.viewer_in_middle
    assert not shown.checked("second-screen")


def test_full_screen_and_back(shown: Page) -> None:
    shown.activate()
    shown.worklist.key(Qt.Key.Key_F11)
    assert shown.window.isFullScreen()
    shown.worklist.key(Qt.Key.Key_F11)
    assert not shown.window.isFullScreen()
    shown.window.showMaximized()
    for full in (True, False):
        shown.worklist.key(Qt.Key.Key_F11)
        assert shown.window.isFullScreen() == full
    assert shown.window.isMaximized(), "as it was before"


def test_closing_the_program_closes_the_panes_too(shown: Page) -> None:
    shown.trigger("second-screen")
    panes = shown.viewer.window()
    assert panes.isVisible()
    shown.close()
    assert not panes.isVisible()
