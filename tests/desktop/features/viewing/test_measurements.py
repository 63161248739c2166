"""What was measured is there again: after another case, after a restart; deleting is kept too."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from divisive_desktop.casebook import Casebook
from divisive_desktop.desktop import application
from divisive_desktop.desktop.session.settings import Settings
from divisive_desktop.desktop.viewer import PaneKind
from divisive_desktop.desktop.viewer.measuring import Angle, Region, Ruler, from_items, to_items
from divisive_desktop.desktop.window import MainWindow
from divisive_desktop.imaging import open_image

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def shown(qtbot: QtBot, window: MainWindow, pictures: Callable[[int], Path]) -> MainWindow:
    with qtbot.waitSignal(window.session.recordReady, timeout=20_000):
        window.session.open_paths([pictures(2)])
    qtbot.waitUntil(lambda: all(c.id is not None for c in window.session.cases), timeout=20_000)
    return window


def draw(window: MainWindow, tool: str, start: tuple[int, int], end: tuple[int, int]) -> None:
    window.actions_[f"tool-{tool}"].trigger()
    canvas = window.viewer.panes[PaneKind.IMAGE].canvas
    QTest.mousePress(canvas, LEFT, pos=QPointF(*start).toPoint())
    at = QPointF(*end)
    QApplication.sendEvent(canvas, QMouseEvent(
        QEvent.Type.MouseMove, at, canvas.mapToGlobal(at), Qt.MouseButton.NoButton, LEFT,
        Qt.KeyboardModifier.NoModifier,
    ))  # fmt: skip
    QTest.mouseRelease(canvas, LEFT, pos=at.toPoint())


def go(qtbot: QtBot, window: MainWindow, step: str) -> None:
    with qtbot.waitSignal(window.session.recordReady, timeout=20_000):
        window.actions_[step].trigger()


def test_they_are_there_again_after_another_case_and_after_a_restart(qtbot: QtBot, shown: MainWindow) -> None:
    viewer = shown.viewer
    draw(shown, "ruler", (60, 60), (160, 120))
    draw(shown, "ellipse", (100, 100), (180, 160))
    drawn = viewer.measurements
    assert [type(m) for m in drawn] == [Ruler, Region]
    go(qtbot, shown, "next")
    assert viewer.measurements == ()
    go(qtbot, shown, "previous")
    assert viewer.measurements == drawn
    qtbot.waitUntil(lambda: shown.session.casebook.idle, timeout=20_000)
    kept = shown.session.casebook.current.measurements.load(shown.session.current.id)
    assert [item["kind"] for item in kept] == ["ruler", "ellipse"]
    assert kept[0]["text"][1] == "no calibration"
    shown.close()
    settings = Settings()
    settings.analyse_on_opening = False
    again = application.build(settings)
    with qtbot.waitSignal(again.viewerReady, timeout=20_000):
        again.show()
    qtbot.waitUntil(lambda: len(again.session.cases) == 2, timeout=20_000)
    again.session.select(again.session.cases.case(0))
    qtbot.waitUntil(lambda: again.viewer.measurements == drawn, timeout=20_000)
    again.close()
    again.deleteLater()


def test_deleting_the_last_one_is_kept(qtbot: QtBot, shown: MainWindow) -> None:
    draw(shown, "ruler", (60, 60), (160, 120))
    shown.actions_["delete-measurement"].trigger()
    assert shown.viewer.measurements == ()
    qtbot.waitUntil(lambda: shown.session.casebook.idle, timeout=20_000)
    assert shown.session.casebook.current.measurements.load(shown.session.current.id) == ()
    assert isinstance(shown.session.casebook.current, Casebook)


def test_what_is_kept_reads_back_and_strangers_are_left_out(rg1: Path) -> None:
    record = open_image(rg1)
    made = [
        Ruler(((1.5, 2.0), (30.0, 40.0))), Angle(((0.0, 1.0), (2.0, 3.0), (4.0, 5.5))),
        Region(((5.0, 5.0), (50.0, 60.0)), "rectangle"), Region(((5.0, 5.0), (50.0, 60.0)), "ellipse"),
    ]  # fmt: skip
    items = to_items(made, record)
    assert from_items(items) == made
    assert items[2]["text"][0].startswith("mean ")
    assert from_items([{"kind": "spiral", "points": [[0, 0]]}, {"kind": "ruler", "points": [[0, 0]]}, {}]) == []
