"""Keys, mouse, device, limits and layouts as the user sets them, with real keys and clicks; all of it survives."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QMouseEvent, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialogButtonBox, QLabel
from pytestqt.qtbot import QtBot

from divisive_desktop.desktop import application, commands
from divisive_desktop.desktop.features.help.shortcut_sheet import ShortcutSheet
from divisive_desktop.desktop.features.settings.dialog import DevicePage, SettingsDialog
from divisive_desktop.desktop.session.settings import Settings
from divisive_desktop.desktop.viewer import PaneKind
from divisive_desktop.desktop.window import MainWindow
from divisive_desktop.engine.messages import EngineReady
from divisive_desktop.imaging import limits
from divisive_desktop.library.devices import Device

RIGHT = Qt.MouseButton.RightButton


@pytest.fixture
def shown(qtbot: QtBot, window: MainWindow, rg1: Path) -> MainWindow:
    with qtbot.waitSignal(window.session.recordReady, timeout=20_000):
        window.session.open_paths([rg1])
    return window


@pytest.fixture
def dialog(shown: MainWindow, monkeypatch: pytest.MonkeyPatch) -> Iterator[SettingsDialog]:
    monkeypatch.setenv("DIVISIVE_DESKTOP_MAX_PIXELS", str(limits.DEFAULT_MAX_PIXELS))
    yield settings_of(shown)
    for left in shown.findChildren(SettingsDialog):
        left.reject()
    QApplication.processEvents()


def settings_of(window: MainWindow) -> SettingsDialog:
    window.actions_["settings"].trigger()
    found = window.findChild(SettingsDialog)
    assert found is not None
    return found


def ok(qtbot: QtBot, dialog: SettingsDialog) -> None:
    button = dialog.findChild(QDialogButtonBox).button(QDialogButtonBox.StandardButton.Ok)
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


def active(window: MainWindow) -> None:
    window.activateWindow()
    assert QTest.qWaitForWindowActive(window, 5000)


def drag(widget: object, button: Qt.MouseButton) -> None:
    QTest.mousePress(widget, button, pos=QPointF(60, 60).toPoint())
    for x in (80, 120):
        at = QPointF(x, 60)
        event = QMouseEvent(
            QEvent.Type.MouseMove, at, widget.mapToGlobal(at), Qt.MouseButton.NoButton, button,
            Qt.KeyboardModifier.NoModifier,
        )  # fmt: skip
        QApplication.sendEvent(widget, event)
    QTest.mouseRelease(widget, button, pos=QPointF(120, 60).toPoint())


def turn(widget: object, notches: int) -> None:
    at, none = QPointF(60, 60), Qt.MouseButton.NoButton
    QApplication.sendEvent(widget, QWheelEvent(
        at, widget.mapToGlobal(at), QPoint(), QPoint(0, 120 * notches), none, Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase, False,
    ))  # fmt: skip


# -- keys ---------------------------------------------------------------------------------------------------


def test_a_key_is_bound_anew_works_and_survives(
    qtbot: QtBot, shown: MainWindow, dialog: SettingsDialog, settings: Settings
) -> None:
    dialog.keys.choose("invert")
    qtbot.keyClick(dialog.keys.edit, Qt.Key.Key_F9, Qt.KeyboardModifier.ControlModifier)
    assert dialog.keys.assign.isEnabled()
    assert dialog.keys.assign.text() == "Assign"
    qtbot.mouseClick(dialog.keys.assign, Qt.MouseButton.LeftButton)
    ok(qtbot, dialog)
    active(shown)
    qtbot.keyClick(shown.worklist.list, Qt.Key.Key_I)
    assert not shown.viewer.state.invert
    qtbot.keyClick(shown.worklist.list, Qt.Key.Key_F9, Qt.KeyboardModifier.ControlModifier)
    assert shown.viewer.state.invert
    assert "Ctrl+F9" in shown.actions_["invert"].toolTip()
    shown.actions_["shortcuts"].trigger()
    sheet = shown.findChild(ShortcutSheet)
    assert "Ctrl+F9" in {label.text() for label in sheet.findChildren(QLabel)}
    sheet.reject()
    again = application.build(Settings())
    assert again.settings.keys == {"invert": "Ctrl+F9"}
    assert again.actions_._keys == {"invert": "Ctrl+F9"}
    again.close()
    again.deleteLater()


def test_a_clash_is_shown_before_it_happens_and_the_key_moves(
    qtbot: QtBot, shown: MainWindow, dialog: SettingsDialog
) -> None:
    dialog.keys.choose("invert")
    qtbot.keyClick(dialog.keys.edit, Qt.Key.Key_F)
    assert "Fit to pane" in dialog.keys.note.text()
    assert dialog.keys.assign.text() == "Take over"
    qtbot.mouseClick(dialog.keys.assign, Qt.MouseButton.LeftButton)
    assert (dialog.keys.keys["invert"], dialog.keys.keys["fit"]) == ("F", "")
    ok(qtbot, dialog)
    active(shown)
    shown.viewer.state.one_to_one()
    qtbot.keyClick(shown.worklist.list, Qt.Key.Key_F)
    assert shown.viewer.state.invert
    assert not shown.viewer.state.view.fitted
    keys = [a.shortcut for a in shown.actions_.with_keys() if a.shortcut]
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


def test_cancel_changes_nothing(qtbot: QtBot, shown: MainWindow, dialog: SettingsDialog) -> None:
    dialog.keys.choose("invert")
    qtbot.mouseClick(dialog.keys.clear, Qt.MouseButton.LeftButton)
    dialog.identity.setChecked(True)
    dialog.reject()
    assert shown.actions_["invert"].shortcut().toString() == "I"
    assert not shown.identity_visible


def test_searching_keys(qtbot: QtBot, dialog: SettingsDialog) -> None:
    qtbot.keyClicks(dialog.keys.search, "sigmoid")
    seen = [name for name, item in dialog.keys._items.items() if not item.isHidden()]
    assert seen == ["sigmoid"]


# -- mouse --------------------------------------------------------------------------------------------------


def test_mouse_buttons_wheel_and_double_click_are_bound_anew(
    qtbot: QtBot, shown: MainWindow, dialog: SettingsDialog
) -> None:
    page = dialog.mouse
    for gesture, does in (("Right", "pan"), ("Wheel", "width"), ("Double click", "one-to-one")):
        box = page.boxes[gesture]
        box.setCurrentIndex(box.findData(does))
    ok(qtbot, dialog)
    viewer = shown.viewer
    canvas = viewer.panes[PaneKind.IMAGE].canvas
    viewer.state.one_to_one()
    voi, centre = viewer.state.voi, viewer.state.view.center
    drag(canvas, RIGHT)
    assert viewer.state.voi is voi
    assert viewer.state.view.center != centre
    assert Settings().mouse == {"Right": "pan", "Wheel": "width", "Double click": "one-to-one"}
    viewer.state.view.fit()
    QTest.mouseDClick(canvas, Qt.MouseButton.LeftButton, pos=QPointF(60, 60).toPoint())
    assert viewer.state.view.zoom == 1.0
    assert viewer.layout_name == "2x2"
    turn(canvas, 1)
    assert viewer.state.view.zoom == 1.0
    assert viewer.state.voi.width > voi.width


def test_without_a_button_for_the_tool_there_is_a_warning(qtbot: QtBot, dialog: SettingsDialog) -> None:
    left = dialog.mouse.boxes["Left"]
    left.setCurrentIndex(left.findData("pan"))
    assert "active tool" in dialog.mouse.note.text()
    qtbot.mouseClick(dialog.mouse.reset_all, Qt.MouseButton.LeftButton)
    assert dialog.mouse.note.text() == ""
    assert dialog.mouse.changes() == {}


# -- images and device --------------------------------------------------------------------------------------


def test_a_raised_limit_opens_what_was_refused(
    qtbot: QtBot, shown: MainWindow, dialog: SettingsDialog, rg1: Path
) -> None:
    dialog.limit.setValue(1)
    ok(qtbot, dialog)
    assert limits.max_pixels() == 1_000_000
    copy = shown.settings.file.with_name("copy.dcm")
    copy.write_bytes(rg1.read_bytes()[:-2] + b"\1\1")  # the same bytes would be the same case
    shown.session.open_paths([copy])
    session = shown.session
    qtbot.waitUntil(lambda: session.current is not None and session.current.error is not None, timeout=20_000)
    assert "limit of 1,000,000 pixels" in shown.session.current.error.message
    again = settings_of(shown)
    again.limit.setValue(8)
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
    page.show_engine(EngineReady(1, "cpu", "2 threads", "2.13", 1.0, note, (Device("cpu", "EPYC", True), card)))
    assert note in page.now.text()
    assert "No NVIDIA driver was found." in page.found.text()
    assert page.chosen == "cuda", "the user's wish stays until changed"
    assert [page.box.itemData(i) for i in range(page.box.count())] == ["auto", "cpu", "cuda"]


def test_the_privacy_switch_is_in_the_settings_too(qtbot: QtBot, shown: MainWindow, dialog: SettingsDialog) -> None:
    from divisive_desktop import privacy

    dialog.identity.setChecked(True)
    ok(qtbot, dialog)
    assert privacy.identity_shown()
    assert shown.actions_["identity"].isChecked()
    assert shown.viewer.state.identity_visible


# -- layouts and the second window --------------------------------------------------------------------------


def test_layouts_are_kept_per_question(qtbot: QtBot, shown: MainWindow, tmp_path: Path) -> None:
    import numpy as np
    from PIL import Image

    picture = tmp_path / "face.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)).save(picture)
    viewer = shown.viewer
    active(shown)
    qtbot.keyClick(shown.worklist.list, Qt.Key.Key_F4)
    assert viewer.layout_name == "1x2"
    with qtbot.waitSignal(shown.session.recordReady, timeout=20_000):
        shown.session.open_paths([picture])
    qtbot.keyClick(shown.worklist.list, Qt.Key.Key_F6)
    assert viewer.layout_name == "image"
    commands.previous_case(shown)
    qtbot.waitUntil(lambda: viewer.layout_name == "1x2")
    commands.next_case(shown)
    qtbot.waitUntil(lambda: viewer.layout_name == "image")
    viewer.toggle_large(PaneKind.IMAGE)  # a double click is for the moment only
    commands.previous_case(shown)
    commands.next_case(shown)
    qtbot.waitUntil(lambda: viewer.layout_name == "image")


def test_the_panes_move_to_a_window_of_their_own_and_back(qtbot: QtBot, shown: MainWindow, tmp_path: Path) -> None:
    viewer = shown.viewer
    active(shown)
    qtbot.keyClick(shown.worklist.list, Qt.Key.Key_F11, Qt.KeyboardModifier.ShiftModifier)
    panes = viewer.window()
    assert panes is not shown
    assert panes.isVisible()
    assert viewer.isVisible()
    assert any("Research use only" in label.text() for label in panes.findChildren(QLabel))
    assert shown.actions_["second-screen"].isChecked()
    panes.activateWindow()
    assert QTest.qWaitForWindowActive(panes, 5000)
    qtbot.keyClick(viewer, Qt.Key.Key_I)
    assert viewer.state.invert, "keys work in the other window"
    copy = tmp_path / "other.dcm"
    copy.write_bytes(Path(viewer.state.record.path).read_bytes()[:-2] + b"\1\1")
    with qtbot.waitSignal(shown.session.recordReady, timeout=20_000):
        shown.session.open_paths([copy])
    assert viewer.state.record.path == copy
    panes.close()
    assert viewer.window() is shown
    assert shown.stack.currentWidget() is viewer
    assert not shown.actions_["second-screen"].isChecked()


def test_full_screen_and_back(qtbot: QtBot, shown: MainWindow) -> None:
    active(shown)
    qtbot.keyClick(shown.worklist.list, Qt.Key.Key_F11)
    assert shown.isFullScreen()
    qtbot.keyClick(shown.worklist.list, Qt.Key.Key_F11)
    assert not shown.isFullScreen()


def test_closing_the_program_closes_the_panes_too(qtbot: QtBot, shown: MainWindow) -> None:
    shown.actions_["second-screen"].trigger()
    panes = shown.viewer.window()
    assert panes.isVisible()
    shown.close()
    assert not panes.isVisible()
