"""What is there from the first case on, what a read-only casebook allows, and the time that went into a mask."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMessageBox
from pytestqt.qtbot import QtBot

from divisive_desktop.casebook import Casebook
from divisive_desktop.desktop.session.settings import Settings
from divisive_desktop.masks.mask import Mask
from divisive_desktop.masks.ops import apply
from divisive_desktop.masks.shapes import rectangle
from tests.desktop.pages import Page

LEFT, NONE = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier


def open_folder(page: Page, folder: Path) -> None:
    page.begin_opening(folder)
    page.paint.wait_ready()


@pytest.mark.parametrize("loaded", [False, True])
def test_a_case_that_was_opened_before_the_viewer_was_ready_has_its_palette(
    qtbot: QtBot, quiet_settings: Settings, pictures: Callable[[int], Path], loaded: bool
) -> None:
    page = Page.build(quiet_settings)
    page.begin_opening(pictures(1))
    qtbot.waitUntil(lambda: page.current is not None, timeout=20_000)
    if loaded:
        qtbot.waitUntil(lambda: page.record is not None, timeout=20_000)
    page.show()
    try:
        page.paint.wait_ready()
        assert page.paint.palette.isVisibleTo(page.window)
        assert page.paint.options.isVisibleTo(page.window)
        assert not page.inspector.section("Saliency mask").isHidden()
        page.paint.press("brush")
        page.paint.dab(20, 20)
        assert not page.paint_session.mask.is_empty
    finally:
        page.discard()


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
        page = request.getfixturevalue("page")
        qtbot.waitUntil(lambda: page.casebook.reason is not None, timeout=20_000)
        open_folder(page, folder)
        painting, reason = page.paint, page.casebook.reason
        qtbot.waitUntil(lambda: painting.session.mask is not None and not painting.session.mask.is_empty)
        before = painting.session.mask.union()
        for name, button in painting.palette.buttons.items():
            assert button.isEnabled() == (name == "pan")
            assert (reason in button.toolTip()) == (name != "pan")
        assert reason in painting.options.nothing.text()
        assert painting.saved_text == "Read-only"
        assert not painting.panel.isEnabled()
        names = ("tool-brush", "mask-undo", "mask-add-region", "mask-clear", "mask-grow", "mask-import", "mask-done")
        assert not any(page.enabled(name) for name in names)
        assert page.enabled("mask-export"), "looking and taking away are allowed"
        page.viewer.setFocus()
        page.viewer_key(Qt.Key.Key_B)
        assert page.viewer.tool not in painting.tools
        for tool in painting.tools:  # however it was chosen
            page.viewer.set_tool(tool)
            page.paint.dab(40, 30)
            page.paint.dab(45, 35)
            page.viewer.escape()
        assert (painting.session.mask.union() == before).all()
        assert painting.nothing_to_save
        assert painting.saving == "saved"


def test_painting_is_allowed_again_in_a_casebook_that_can_be_written(
    page: Page, home: Path, pictures: Callable[[int], Path], tmp_path: Path
) -> None:
    open_folder(page, pictures(1))
    painting = page.paint
    painting.press("brush")
    page.hand.press(20, 20)
    assert not painting.session.mask.is_empty
    page.casebook.reason = "The disk is full."  # while a stroke is under way
    page.casebook.changed.emit()
    page.hand.release(20, 20)
    assert painting.session.mask.is_empty, "a stroke that can't be kept isn't shown as if it were"
    assert page.viewer.tool == "pan"
    page.casebook.reason = None
    page.casebook.changed.emit()
    assert painting.button("brush").isEnabled()
    assert "full" not in painting.button("brush").toolTip()
    painting.press("brush")
    page.paint.dab(30, 20)
    assert not painting.session.mask.is_empty
    assert page.enabled("mask-undo")


def test_time_is_kept_with_the_strokes(qtbot: QtBot, page: Page, pictures: Callable[[int], Path]) -> None:
    open_folder(page, pictures(1))
    painting = page.paint
    painting.take("brush")

    def seconds() -> Any:
        qtbot.waitUntil(lambda: painting.nothing_to_save and page.idle, timeout=20_000)
        book = page.book
        return book.cases.get(book.cases.find(page.record.sha256)).seconds

    page.paint.dab(10, 10)
    begun, first = time.monotonic(), seconds()
    between = time.monotonic() - begun
    page.paint.dab(30, 20)
    second = seconds()
    assert between > 0.1, "a stroke isn't kept at once, so that time passes"
    assert second >= first + between - 0.01, "the case wasn't left"
    page.paint.dab(40, 20)
    third = seconds()
    assert second <= third < second + 10, "nothing is counted twice"


@pytest.mark.parametrize("answer", ["Stay", "Close and lose it"])
def test_closing_asks_while_a_stroke_can_t_be_saved(
    answer: str, qtbot: QtBot, quiet_settings: Settings, pictures: Callable[[int], Path]
) -> None:
    """The folder of masks is out of reach, as with a full disk or a drive that is gone."""
    page = Page.build(quiet_settings)
    page.show()
    open_folder(page, pictures(1))
    blobs = page.book.path / "blobs"
    try:
        blobs.rename(blobs.with_name("elsewhere"))
        blobs.write_bytes(b"")
        page.paint.press("brush")
        page.paint.dab(20, 20)
        page.close()
        assert page.window.isVisible(), "nothing is lost unasked"
        box = page.window.findChild(QMessageBox, "leaving")
        assert box is not None
        assert "can't be saved" in box.informativeText()
        button = next(b for b in box.buttons() if b.text().replace("&", "") == answer)
        blobs.unlink()
        blobs.with_name("elsewhere").rename(blobs)
        qtbot.mouseClick(button, LEFT)
        assert page.window.isVisible() == (answer == "Stay")
        if answer == "Stay":
            page.paint.dab(30, 20)
            qtbot.waitUntil(lambda: page.paint.nothing_to_save, timeout=20_000)
            page.close()
            assert not page.window.isVisible(), "everything is saved: no question"
    finally:
        page.discard()


def test_a_program_that_is_told_to_end_asks_nothing(
    quiet_settings: Settings, pictures: Callable[[int], Path]
) -> None:
    """Nobody may be there to answer when the user's session ends."""
    page = Page.build(quiet_settings)
    page.show()
    open_folder(page, pictures(1))
    blobs = page.book.path / "blobs"
    blobs.rename(blobs.with_name("elsewhere"))
    blobs.write_bytes(b"")
    try:
        page.paint.press("brush")
        page.paint.dab(20, 20)
        page.window.end()
        assert not page.window.isVisible()
    finally:
        page.discard()
