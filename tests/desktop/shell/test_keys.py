"""Keys that mean something in one place only: bound anew like all others, and clashing only there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialogButtonBox, QLabel, QScrollArea, QSlider
from pytestqt.qtbot import QtBot

from divisive_desktop.desktop.features.help.shortcut_sheet import ShortcutSheet
from divisive_desktop.desktop.features.settings.dialog import SettingsDialog
from divisive_desktop.desktop.shell.keys import PLACE_KEYS, Keys, LocalKeys
from tests.desktop.pages import Page

LEFT, NONE = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
SHIFT, CTRL, ALT = (
    Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.AltModifier
)  # fmt: skip


@pytest.fixture
def shown(page: Page, pictures: Callable[[int], Path]) -> Page:
    """A window with a picture to paint on."""
    page.begin_opening(pictures(1))
    page.paint.wait_ready()
    return page


def bind(qtbot: QtBot, page: Page, keys: dict[str, Qt.Key]) -> SettingsDialog:
    """Give out keys in the settings, as a hand does."""
    page.trigger("settings")
    (dialog,) = page.find_all(SettingsDialog)
    dialog.show_page("Keys")
    for name, key in keys.items():
        dialog.keys.choose(name)
        qtbot.keyClick(dialog.keys.edit, key)
        qtbot.mouseClick(dialog.keys.assign, LEFT)
    qtbot.mouseClick(dialog.findChild(QDialogButtonBox).button(QDialogButtonBox.StandardButton.Ok), LEFT)
    page.activate()
    return dialog


def test_the_brushs_keys_are_bound_anew(qtbot: QtBot, shown: Page) -> None:
    bind(qtbot, shown, {"brush-smaller": Qt.Key.Key_J, "brush-larger": Qt.Key.Key_K})
    painting = shown.paint
    painting.take("brush")
    radius, opacity = painting.session.settings.brush_radius, shown.viewer.state.opacity
    shown.viewer_key(Qt.Key.Key_K)
    assert painting.session.settings.brush_radius > radius
    assert not shown.viewer.overlay.blinking, "K means that elsewhere"
    shown.viewer_key(Qt.Key.Key_J)
    assert painting.session.settings.brush_radius == pytest.approx(radius, abs=0.5)
    shown.viewer_key(Qt.Key.Key_BracketRight)
    assert painting.session.settings.brush_radius == pytest.approx(radius, abs=0.5)
    assert shown.viewer.state.opacity > opacity, "the brackets are the window's again"
    assert "K: larger brush" in painting.button("brush").toolTip()
    assert "J, K" in painting.options.radius.toolTip()
    painting.take("pan")
    shown.viewer_key(Qt.Key.Key_K)
    assert shown.viewer.overlay.blinking
    shown.viewer.overlay.set_blinking(False)


def test_the_outlines_keys_are_bound_anew(qtbot: QtBot, shown: Page) -> None:
    bind(qtbot, shown, {"outline-back": Qt.Key.Key_F12, "paint-accept": Qt.Key.Key_Space})
    painting = shown.paint
    painting.take("polygon")
    for x, y in ((10, 10), (50, 10), (30, 35), (5, 38)):
        shown.hand.click(x, y)
    shown.viewer_key(Qt.Key.Key_Backspace)
    shown.viewer_key(Qt.Key.Key_Return)
    assert painting.session.mask.is_empty, "neither means anything any more"
    shown.viewer_key(Qt.Key.Key_F12)
    shown.viewer_key(Qt.Key.Key_Space)
    assert (painting.session.mask.union() > 0).sum() == pytest.approx(500, rel=0.1), "the last point was taken back"
    assert "Space accepts" in painting.options.hint.text()


def test_the_worklists_keys_are_bound_anew(qtbot: QtBot, shown: Page) -> None:
    bind(qtbot, shown, {"list-positive": Qt.Key.Key_P})
    case = shown.current
    shown.worklist.focus()
    shown.worklist.key(Qt.Key.Key_1)
    assert case.label is None
    shown.worklist.key(Qt.Key.Key_P)
    assert case.label == 1
    assert shown.viewer.tool != "probe"
    shown.worklist.key(Qt.Key.Key_Backspace)
    assert case.label is None


def test_new_keys_of_tools_are_named_where_the_old_ones_were(qtbot: QtBot, shown: Page) -> None:
    palette = shown.paint.palette
    assert shown.paint.button("brush").toolTip().startswith("Brush  (B)\n")
    bind(qtbot, shown, {"tool-brush": Qt.Key.Key_F12, "mask-undo": Qt.Key.Key_F10, "mask-done": Qt.Key.Key_F11})
    assert shown.paint.button("brush").toolTip().startswith("Brush  (F12)\n")
    assert "(F11)" in shown.paint.panel.done.toolTip()
    shown.viewer_key(Qt.Key.Key_F12)
    shown.hand.click(20, 20)
    assert palette.undo.toolTip() == "Undo brush stroke  (F10)"
    shown.viewer_key(Qt.Key.Key_F10)
    assert shown.paint_session.mask.is_empty
    shown.trigger("shortcuts")
    words = [label.text() for label in shown.find(ShortcutSheet).findChildren(QLabel)]
    assert {"F12", "[", "Larger brush", "While painting", "In the worklist"} <= set(words)
    shown.find(ShortcutSheet).reject()


def test_a_key_of_one_place_clashes_only_there(shown: Page) -> None:
    keys = Keys(shown.action_table, {})
    assert keys.holder("[", but="brush-smaller") == ""
    assert keys.elsewhere("[", "brush-smaller") == "less-overlay"
    assert keys.holder("]", but="brush-smaller") == "brush-larger"
    assert keys.holder("Backspace", but="list-clear") == "", "the outline's is another place"
    keys.assign("brush-smaller", "]")
    assert (keys["brush-larger"], keys["more-overlay"]) == ("", "]")
    keys.reset("brush-larger")
    assert keys["brush-larger"] == "]"
    assert keys["brush-smaller"] == ""


def test_the_settings_say_what_a_key_stays_elsewhere(qtbot: QtBot, shown: Page) -> None:
    shown.trigger("settings")
    (dialog,) = shown.find_all(SettingsDialog)
    page = dialog.keys
    page.choose("brush-larger")
    qtbot.keyClick(page.edit, Qt.Key.Key_F)
    assert page.assign.text() == "Assign"
    assert page.note.text() == "While painting only. Elsewhere F stays “Fit to pane”."
    qtbot.keyClick(page.edit, Qt.Key.Key_BracketLeft)
    assert page.assign.text() == "Take over"
    qtbot.keyClicks(page.search, "brush")
    seen = {name for name, item in page._items.items() if not item.isHidden()}
    assert {"brush-smaller", "brush-larger", "tool-brush"} <= seen
    dialog.reject()
    QApplication.processEvents()


@pytest.mark.parametrize(
    ("key", "modifiers", "text", "is_it"),
    [
        (Qt.Key.Key_BracketLeft, NONE, "[", True),
        (Qt.Key.Key_8, CTRL | ALT, "[", True),  # AltGr+8 on a German keyboard under Windows
        (Qt.Key.Key_Ampersand, SHIFT, "1", False),
        (Qt.Key.Key_BracketLeft, CTRL, "", False),
        (Qt.Key.Key_BracketLeft, CTRL, "[", False),
    ],
)
def test_what_counts_is_what_is_typed(
    key: Qt.Key, modifiers: Qt.KeyboardModifier, text: str, is_it: bool, qapp: QApplication
) -> None:
    event = QKeyEvent(QEvent.Type.KeyPress, key, modifiers, text)
    assert (LocalKeys().pressed(event, "brush-smaller") == "brush-smaller") == is_it


def test_the_keypads_enter_is_an_enter(qapp: QApplication) -> None:
    event = QKeyEvent(QEvent.Type.KeyPress, Qt.Key.Key_Enter, Qt.KeyboardModifier.KeypadModifier, "\r")
    assert LocalKeys().pressed(event, "outline-back", "paint-accept") == "paint-accept"
    assert LocalKeys({"paint-accept": ""}).pressed(event, "paint-accept") == ""
    assert len({key.id for key in PLACE_KEYS}) == len(PLACE_KEYS)


def test_the_keys_of_the_part_to_analyse_are_bound_anew(qtbot: QtBot, shown: Page) -> None:
    bind(qtbot, shown, {"part-left": Qt.Key.Key_H, "part-smaller": Qt.Key.Key_J})
    shown.trigger("crop")
    tool, viewer = shown.faces.tool, shown.viewer
    tool.set_box((10, 10, 20, 20), (60, 40))
    viewer.setFocus()
    texts, wiping = viewer.state.annotations, viewer.state.wipe is not None
    QTest.keyClick(viewer, Qt.Key.Key_H)
    assert tool.box.crop == (9, 10, 20, 20)
    QTest.keyClick(viewer, Qt.Key.Key_J)
    assert tool.box.width < 20
    QTest.keyClick(viewer, Qt.Key.Key_Right)
    tool.set_box((20, 10, 20, 20), (60, 40))
    QTest.keyClick(viewer, Qt.Key.Key_H, SHIFT)
    assert tool.box.crop == (10, 10, 20, 20), "Shift: tenfold, with the new key, too"
    assert (viewer.state.annotations, viewer.state.wipe is not None) == (texts, wiping)
    shown.trigger("crop")
    QTest.keyClick(viewer, Qt.Key.Key_H)
    assert viewer.state.annotations != texts, "elsewhere the key does what it did"


def test_the_sheet_fits_the_screen_and_names_presets_that_were_rebound(qtbot: QtBot, shown: Page) -> None:
    def sheet() -> tuple[list[str], bool]:
        shown.trigger("shortcuts")
        made = shown.wait_for(ShortcutSheet)
        qtbot.waitExposed(made)
        words = [label.text() for label in made.findChildren(QLabel)]
        scrolls = made.findChild(QScrollArea).horizontalScrollBar().maximum() > 0
        for label in made.findChildren(QLabel):
            assert label.width() >= label.fontMetrics().horizontalAdvance(label.text()), label.text()
        made.reject()
        shown.wait_gone(ShortcutSheet)
        return words, scrolls

    words, scrolls = sheet()
    assert "1 – 9" in words
    assert not scrolls
    bind(qtbot, shown, {"preset-2": Qt.Key.Key_F12})
    words, _ = sheet()
    assert "1 – 9" not in words
    assert words[words.index("F12") + 1] == "Window preset 2"


def test_what_names_keys_names_those_in_force(qtbot: QtBot, shown: Page) -> None:
    slider = next(s for s in shown.toolbar.findChildren(QSlider))
    assert slider.toolTip().endswith("([ and ])")
    bind(qtbot, shown, {"less-overlay": Qt.Key.Key_F10, "preset-0": Qt.Key.Key_F12})
    assert slider.toolTip().endswith("(F10 and ])")
    assert shown.menu("Window presets").actions()[0].text() == "Auto\tF12"
