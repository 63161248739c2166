"""What is there from the first case on, what a read-only casebook allows, and the time that went into a mask."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from divisive_desktop.casebook import Casebook
from divisive_desktop.desktop import application
from divisive_desktop.desktop.session.settings import Settings
from divisive_desktop.desktop.viewer.maps import PaneKind
from divisive_desktop.desktop.window import MainWindow
from divisive_desktop.masks.mask import Mask
from divisive_desktop.masks.ops import apply
from divisive_desktop.masks.shapes import rectangle

LEFT, NONE = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier


def dab(window: MainWindow, x: float, y: float) -> None:
    canvas = window.viewer.panes[PaneKind.IMAGE].canvas
    QTest.mouseClick(canvas, LEFT, NONE, canvas.transform().to_widget(x, y).toPoint())


def open_folder(qtbot: QtBot, window: MainWindow, folder: Path) -> None:
    window.session.open_paths([folder])
    qtbot.waitUntil(lambda: window.painting.session.record is window.session.record is not None, timeout=20_000)


@pytest.mark.parametrize("loaded", [False, True])
def test_a_case_that_was_opened_before_the_viewer_was_ready_has_its_palette(
    qtbot: QtBot, settings: Settings, pictures: Callable[[int], Path], loaded: bool
) -> None:
    settings.analyse_on_opening = False
    window = application.build(settings)
    window.resize(1280, 800)
    window.session.open_paths([pictures(1)])
    qtbot.waitUntil(lambda: window.session.current is not None, timeout=20_000)
    if loaded:
        qtbot.waitUntil(lambda: window.session.record is not None, timeout=20_000)
    with qtbot.waitSignal(window.viewerReady, timeout=20_000):
        window.show()
    try:
        assert window.painting.palette.isVisibleTo(window)
        assert window.painting.options.isVisibleTo(window)
        assert not window.inspector.section("Saliency mask").isHidden()
        qtbot.waitUntil(lambda: window.painting.session.mask is not None, timeout=20_000)
        QTest.mouseClick(window.painting.palette.buttons["brush"], LEFT)
        dab(window, 20, 20)
        assert not window.painting.session.mask.is_empty
    finally:
        window.close()
        window.deleteLater()
        QApplication.processEvents()


def test_nothing_is_painted_that_a_read_only_casebook_could_not_keep(
    qtbot: QtBot, home: Path, settings: Settings, pictures: Callable[[int], Path], request: pytest.FixtureRequest
) -> None:
    folder = pictures(1)
    (picture,) = folder.iterdir()
    from divisive_desktop.imaging.opening import open_image

    with Casebook.open_default() as held:  # another program has it open
        mask = Mask(60, 40)
        mask.add("kept")
        apply(mask, 1, rectangle((10, 10), (30, 20), mask.size))
        held.masks.save(held.cases.add(open_image(picture)), mask.snapshot(), tool="test")
        window = request.getfixturevalue("window")
        qtbot.waitUntil(lambda: window.session.casebook.reason is not None, timeout=20_000)
        open_folder(qtbot, window, folder)
        painting, reason = window.painting, window.session.casebook.reason
        qtbot.waitUntil(lambda: painting.session.mask is not None and not painting.session.mask.is_empty)
        before = painting.session.mask.union()
        for name, button in painting.palette.buttons.items():
            assert button.isEnabled() == (name == "pan")
            assert (reason in button.toolTip()) == (name != "pan")
        assert reason in painting.options.nothing.text()
        assert painting.panel.saved.text() == "Read-only"
        assert not painting.panel.isEnabled()
        names = ("tool-brush", "mask-undo", "mask-add-region", "mask-clear", "mask-grow", "mask-import", "mask-done")
        assert not any(window.actions_[name].isEnabled() for name in names)
        assert window.actions_["mask-export"].isEnabled(), "looking and taking away are allowed"
        window.viewer.setFocus()
        QTest.keyClick(window.viewer, Qt.Key.Key_B)
        assert window.viewer.tool not in painting.tools
        for tool in painting.tools:  # however it was chosen
            window.viewer.set_tool(tool)
            dab(window, 40, 30)
            dab(window, 45, 35)
            window.viewer.escape()
        assert (painting.session.mask.union() == before).all()
        assert painting.saver.idle()
        assert painting.saver.state == "saved"


def test_painting_is_allowed_again_in_a_casebook_that_can_be_written(
    qtbot: QtBot, window: MainWindow, home: Path, pictures: Callable[[int], Path], tmp_path: Path
) -> None:
    open_folder(qtbot, window, pictures(1))
    painting = window.painting
    QTest.mouseClick(painting.palette.buttons["brush"], LEFT)
    canvas = window.viewer.panes[PaneKind.IMAGE].canvas
    QTest.mousePress(canvas, LEFT, NONE, canvas.transform().to_widget(20, 20).toPoint())
    assert not painting.session.mask.is_empty
    window.session.casebook.reason = "The disk is full."  # while a stroke is under way
    window.session.casebook.changed.emit()
    QTest.mouseRelease(canvas, LEFT, NONE, canvas.transform().to_widget(20, 20).toPoint())
    assert painting.session.mask.is_empty, "a stroke that can't be kept isn't shown as if it were"
    assert window.viewer.tool == "pan"
    window.session.casebook.reason = None
    window.session.casebook.changed.emit()
    assert painting.palette.buttons["brush"].isEnabled()
    assert "full" not in painting.palette.buttons["brush"].toolTip()
    QTest.mouseClick(painting.palette.buttons["brush"], LEFT)
    dab(window, 30, 20)
    assert not painting.session.mask.is_empty
    assert window.actions_["mask-undo"].isEnabled()


def test_time_is_kept_with_the_strokes(qtbot: QtBot, window: MainWindow, pictures: Callable[[int], Path]) -> None:
    open_folder(qtbot, window, pictures(1))
    painting = window.painting
    painting.set_tool("brush")

    def seconds() -> Any:
        qtbot.waitUntil(lambda: painting.saver.idle() and window.runner.idle, timeout=20_000)
        book = painting.store._book()
        return book.cases.get(book.cases.find(window.session.record.sha256)).seconds

    dab(window, 10, 10)
    first = seconds()
    qtbot.wait(300)
    dab(window, 30, 20)
    second = seconds()
    assert second >= first + 0.29, "the case wasn't left"
    dab(window, 40, 20)
    third = seconds()
    assert second <= third < second + 10, "nothing is counted twice"
