"""Stepping through a multi-frame file with mouse, wheel and keys; looking makes no case, saying something does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QToolButton
from pytestqt.qtbot import QtBot

from divisive_desktop.desktop.viewer import PaneKind
from divisive_desktop.desktop.window import MainWindow


@pytest.fixture
def series() -> Path:
    """Ten frames of a brain (pydicom's emri_small.dcm)."""
    from pydicom.data import get_testdata_file

    return Path(str(get_testdata_file("emri_small.dcm", download=False)))


@pytest.fixture
def shown(qtbot: QtBot, window: MainWindow, series: Path) -> MainWindow:
    with qtbot.waitSignal(window.session.recordReady, timeout=20_000):
        window.session.open_paths([series])
    qtbot.waitUntil(lambda: window.session.current.id is not None, timeout=20_000)
    return window


def at_frame(qtbot: QtBot, window: MainWindow, frame: int) -> None:
    qtbot.waitUntil(lambda: window.viewer.record is not None and window.viewer.record.frame == frame, timeout=10_000)


def test_the_bar_shows_only_for_several_frames(qtbot: QtBot, shown: MainWindow, rg1: Path) -> None:
    bar = shown.viewer.frame_bar
    assert bar.isVisible()
    assert bar.label.text().split() == ["Frame", "1", "/", "10"]
    with qtbot.waitSignal(shown.session.recordReady, timeout=20_000):
        shown.session.open_paths([rg1])
    assert not bar.isVisible()


def test_keys_slider_and_wheel_step_and_keep_the_view(qtbot: QtBot, shown: MainWindow) -> None:
    viewer = shown.viewer
    viewer.focus_box((10, 10, 20, 20))
    zoom, first = viewer.zoom, viewer.record.stored.copy()
    shown.worklist.list.setFocus()
    qtbot.keyClick(shown.worklist.list, Qt.Key.Key_Period)
    at_frame(qtbot, shown, 1)
    assert not np.array_equal(viewer.record.stored, first)
    assert viewer.zoom == zoom
    qtbot.keyClick(shown.worklist.list, Qt.Key.Key_Comma)
    at_frame(qtbot, shown, 0)
    viewer.setFocus()
    qtbot.keyClick(viewer, Qt.Key.Key_End)
    at_frame(qtbot, shown, 9)
    viewer.frame_bar.slider.setSliderPosition(4)
    at_frame(qtbot, shown, 4)
    assert viewer.frame_bar.label.text().endswith("5 / 10")
    canvas = viewer.panes[PaneKind.IMAGE].canvas
    at, none = QPointF(40, 40), Qt.MouseButton.NoButton
    QApplication.sendEvent(canvas, QWheelEvent(
        at, canvas.mapToGlobal(at), QPoint(), QPoint(0, -120), none, Qt.KeyboardModifier.ShiftModifier,
        Qt.ScrollPhase.NoScrollPhase, False,
    ))  # fmt: skip
    at_frame(qtbot, shown, 5)
    assert viewer.zoom == zoom
    back = viewer.frame_bar.findChildren(QToolButton)[0]
    qtbot.mouseClick(back, Qt.MouseButton.LeftButton)
    at_frame(qtbot, shown, 4)


def test_steps_stop_at_the_ends(qtbot: QtBot, shown: MainWindow) -> None:
    viewer = shown.viewer
    for _ in range(3):
        QTest.keyClick(shown, Qt.Key.Key_Comma)
    assert viewer.frame == 0
    for _ in range(30):
        QTest.keyClick(shown, Qt.Key.Key_Period)
    at_frame(qtbot, shown, 9)


def test_looking_makes_no_case_and_a_label_makes_one_of_that_frame(qtbot: QtBot, shown: MainWindow) -> None:
    viewer = shown.viewer
    viewer.show_frame(3)
    at_frame(qtbot, shown, 3)
    assert len(shown.session.cases) == 1
    assert shown.session.current.frame == 3
    shown.actions_["label-1"].trigger()
    assert [c.frame for c in shown.session.cases] == [0, 3]
    assert [c.label for c in shown.session.cases] == [None, 1]
    qtbot.waitUntil(lambda: shown.session.casebook.idle, timeout=20_000)
    rows = shown.session.casebook.current.cases.rows()
    assert sorted((r.frame, r.label) for r in rows) == [(0, None), (3, 1)]
    viewer.show_frame(0)
    at_frame(qtbot, shown, 0)
    viewer.show_frame(3)
    at_frame(qtbot, shown, 3)
    assert shown.session.current.label == 1, "the same case, not a new one"
    assert len(shown.session.cases) == 2


def test_painting_on_a_frame_makes_it_a_case(qtbot: QtBot, shown: MainWindow) -> None:
    shown.viewer.show_frame(2)
    at_frame(qtbot, shown, 2)
    qtbot.waitUntil(lambda: shown.painting.session.mask is not None, timeout=10_000)
    shown.actions_["tool-brush"].trigger()
    canvas = shown.viewer.panes[PaneKind.IMAGE].canvas
    QTest.mouseClick(canvas, Qt.MouseButton.LeftButton, pos=QPoint(canvas.width() // 2, canvas.height() // 2))
    qtbot.waitUntil(lambda: [c.frame for c in shown.session.cases] == [0, 2])
    qtbot.waitUntil(lambda: shown.session.casebook.idle and shown.runner.idle, timeout=20_000)
