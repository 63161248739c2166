"""Reshaping a region: what would come of it is seen before it is applied."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtGui import QEnterEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from divisive_desktop.masks import shapes
from tests.desktop.pages import Page, PaintPage

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def painting(page: Page, tmp_path: Path) -> PaintPage:
    """A picture, dark at the left and bright at the right, with a square across the border and a speck."""
    values = np.full((100, 200), 40, np.uint8)
    values[:, 100:] = 200
    path = tmp_path / "two.png"
    path.write_bytes(cv2.imencode(".png", values)[1].tobytes())
    page.begin_opening(path)
    page.paint.wait_ready()
    session = page.paint_session
    session.stamp("square", shapes.rectangle((80, 30), (120, 70), session.mask.size))
    session.stamp("speck", shapes.rectangle((10, 10), (12, 12), session.mask.size))
    page.activate()
    return page.paint


def tried(qtbot: QtBot, painting: PaintPage) -> Any:
    """What is previewed, as soon as everything asked for has been tried."""
    qtbot.waitUntil(lambda: painting.session.runner.idle, timeout=20_000)
    QApplication.processEvents()
    return painting.panel.preview.outcome


def seen(page: Page) -> np.ndarray:
    """Where the picture is coloured on the screen, in picture pixels."""
    page.viewer.set_layout("image")
    QApplication.processEvents()
    canvas = page.hand.canvas
    shot, transform = canvas.grab().toImage(), canvas.transform()
    found = np.zeros((100, 200), bool)
    for y in range(100):
        for x in range(200):
            colour = shot.pixelColor(*(int(v) for v in transform.to_device(x + 0.5, y + 0.5)))
            found[y, x] = colour.green() > colour.red() + 20
    return found


def entry(painting: PaintPage, text: str) -> None:
    """Choose from the panel's menu."""
    (action,) = (a for a in painting.panel.more.menu().actions() if a.text() == text)
    action.trigger()


def test_greys_are_seen_before_they_are_kept(qtbot: QtBot, page: Page, painting: PaintPage) -> None:
    session, bar = painting.session, painting.panel.bar
    before = session.mask.union().copy()
    entry(painting, "Keep only greys in range…")
    assert bar.isVisible()
    assert bar.low.isVisible()
    assert not bar.amount.isVisible()
    bar.low.setValue(100)
    outcome = tried(qtbot, painting)
    assert (outcome.before, outcome.after) == (1604, 800)
    assert bar.result.text() == "1,604 → 800 px"
    assert np.array_equal(session.mask.union(), before), "nothing is applied yet"
    shown = seen(page)
    assert shown[50, 115]
    assert not shown[50, 90], "what would go is gone from the screen"
    bar.low.setValue(0)
    bar.high.setValue(100)
    tried(qtbot, painting)
    shown = seen(page)
    assert shown[50, 90]
    assert not shown[50, 115]
    qtbot.mouseClick(bar.apply, LEFT)
    assert (session.mask.union() > 0).sum() == 804
    assert session.history.undo_name == "Keep greys"
    assert not bar.isVisible()
    assert painting.panel.preview.outcome is None
    session.undo()
    assert np.array_equal(session.mask.union(), before)


@pytest.mark.parametrize(
    ("kind", "by", "after"), [("grow", 3, 46 * 46), ("shrink", 4, 32 * 32), ("specks", 2, 1600), ("smooth", 4, 1600)]
)
def test_every_distance_is_tried_first_and_then_applied_as_it_was_seen(
    qtbot: QtBot, page: Page, painting: PaintPage, kind: str, by: int, after: int
) -> None:
    session, bar = painting.session, painting.panel.bar
    page.trigger("mask-reshape")
    bar.kind.setCurrentIndex(bar.kind.findData(kind))
    bar.amount.setValue(by)
    outcome = tried(qtbot, painting)
    assert outcome.after == pytest.approx(after, rel=0.04)
    qtbot.mouseClick(bar.apply, LEFT)
    assert (session.mask.union() > 0).sum() == outcome.after
    assert session.history.undo_name == bar.kind.currentText()


def test_escape_leaves_the_region_as_it_is_and_enter_applies(
    qtbot: QtBot, page: Page, painting: PaintPage
) -> None:
    session, bar = painting.session, painting.panel.bar
    before, zoom = session.mask.union().copy(), page.viewer.state.view.zoom
    page.viewer.state.view.set_zoom(zoom * 2)
    painting.panel.begin("grow")
    assert tried(qtbot, painting).after > 1604
    page.viewer_key(Qt.Key.Key_Escape)
    assert not bar.isVisible()
    assert page.viewer.state.view.zoom == zoom * 2, "the view isn't reset"
    assert painting.panel.preview.outcome is None
    assert np.array_equal(session.mask.union(), before)
    painting.panel.begin("grow")
    tried(qtbot, painting)
    QTest.keyClick(bar.amount, Qt.Key.Key_Return)
    assert not bar.isVisible()
    assert session.history.undo_name == "Grow"


def test_the_preview_follows_what_is_painted_meanwhile(
    qtbot: QtBot, page: Page, painting: PaintPage, pictures: Callable[[int], Path]
) -> None:
    session, bar = painting.session, painting.panel.bar
    painting.panel.begin("holes")
    assert tried(qtbot, painting).after == 1604
    session.stamp("hole", shapes.rectangle((90, 40), (100, 50), session.mask.size), "subtract")
    assert bar.isVisible()
    outcome = tried(qtbot, painting)
    assert (outcome.before, outcome.after) == (1504, 1604)
    session.add_region()
    assert tried(qtbot, painting) is None, "there is nothing in the new region"
    assert not bar.apply.isEnabled()
    page.begin_opening(pictures(1))
    qtbot.waitUntil(lambda: len(page.cases) == 2, timeout=20_000)
    page.select(1)
    assert not bar.isVisible(), "another case"


def test_resting_on_a_button_shows_what_it_would_do(qtbot: QtBot, painting: PaintPage) -> None:
    grow = painting.panel.grow
    at = QPointF(5, 5)
    QApplication.sendEvent(grow, QEnterEvent(at, at, grow.mapToGlobal(at)))
    assert tried(qtbot, painting).after > 1604
    QApplication.sendEvent(grow, QEvent(QEvent.Type.Leave))
    assert painting.panel.preview.outcome is None
    QApplication.sendEvent(grow, QEnterEvent(at, at, grow.mapToGlobal(at)))
    qtbot.mouseClick(grow, LEFT)
    tried(qtbot, painting)
    assert painting.panel.preview.outcome is None, "it isn't grown twice on the screen"
