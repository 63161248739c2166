"""Stepping through a multi-frame file with mouse, wheel and keys; looking makes no case, saying something does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QToolButton
from pytestqt.qtbot import QtBot

from tests.desktop.pages import Page


@pytest.fixture
def series() -> Path:
    """Ten frames of a brain (pydicom's emri_small.dcm)."""
    from pydicom.data import get_testdata_file

    return Path(str(get_testdata_file("emri_small.dcm", download=False)))


@pytest.fixture
def shown(qtbot: QtBot, page: Page, series: Path) -> Page:
    page.open(series)
    qtbot.waitUntil(lambda: page.current.id is not None, timeout=20_000)
    return page


def at_frame(qtbot: QtBot, page: Page, frame: int) -> None:
    state = page.viewer.state
    qtbot.waitUntil(lambda: state.record is not None and state.record.frame == frame, timeout=10_000)


def test_the_bar_shows_only_for_several_frames(shown: Page, rg1: Path) -> None:
    bar = shown.viewer.frame_bar
    assert bar.isVisible()
    assert bar.label.text().split() == ["Frame", "1", "/", "10"]
    shown.open(rg1)
    assert not bar.isVisible()


def test_keys_slider_and_wheel_step_and_keep_the_view(qtbot: QtBot, shown: Page) -> None:
    viewer = shown.viewer
    viewer.state.view.focus(10, 10, 20, 20)
    zoom, first = viewer.state.view.zoom, viewer.state.record.stored.copy()
    shown.worklist.focus()
    shown.worklist.key(Qt.Key.Key_Period)
    at_frame(qtbot, shown, 1)
    assert not np.array_equal(viewer.state.record.stored, first)
    assert viewer.state.view.zoom == zoom
    shown.worklist.key(Qt.Key.Key_Comma)
    at_frame(qtbot, shown, 0)
    viewer.setFocus()
    qtbot.keyClick(viewer, Qt.Key.Key_End)
    at_frame(qtbot, shown, 9)
    viewer.frame_bar.slider.setSliderPosition(4)
    at_frame(qtbot, shown, 4)
    assert viewer.frame_bar.label.text().endswith("5 / 10")
    shown.hand.turn(-1, Qt.KeyboardModifier.ShiftModifier)
    at_frame(qtbot, shown, 5)
    assert viewer.state.view.zoom == zoom
    back = viewer.frame_bar.findChildren(QToolButton)[0]
    qtbot.mouseClick(back, Qt.MouseButton.LeftButton)
    at_frame(qtbot, shown, 4)


def test_steps_stop_at_the_ends(qtbot: QtBot, shown: Page) -> None:
    viewer = shown.viewer
    for _ in range(3):
        shown.key(Qt.Key.Key_Comma)
    assert viewer.frame_bar.frame == 0
    for _ in range(30):
        shown.key(Qt.Key.Key_Period)
    at_frame(qtbot, shown, 9)


def test_looking_makes_no_case_and_a_label_makes_one_of_that_frame(qtbot: QtBot, shown: Page) -> None:
    viewer = shown.viewer
    viewer.frame_bar.ask(3)
    at_frame(qtbot, shown, 3)
    assert len(shown.cases) == 1
    assert shown.current.frame == 3
    shown.trigger("label-1")
    assert [c.frame for c in shown.cases] == [0, 3]
    assert [c.label for c in shown.cases] == [None, 1]
    shown.wait_written()
    rows = shown.book.cases.rows()
    assert sorted((r.frame, r.label) for r in rows) == [(0, None), (3, 1)]
    viewer.frame_bar.ask(0)
    at_frame(qtbot, shown, 0)
    viewer.frame_bar.ask(3)
    at_frame(qtbot, shown, 3)
    assert shown.current.label == 1, "the same case, not a new one"
    assert len(shown.cases) == 2


def test_painting_on_a_frame_makes_it_a_case(qtbot: QtBot, shown: Page) -> None:
    shown.viewer.frame_bar.ask(2)
    at_frame(qtbot, shown, 2)
    qtbot.waitUntil(lambda: shown.paint_session.mask is not None, timeout=10_000)
    shown.trigger("tool-brush")
    shown.hand.click_in_the_middle()
    qtbot.waitUntil(lambda: [c.frame for c in shown.cases] == [0, 2])
    shown.wait_quiet()
