"""Painting with real mouse events: the mask lands on the pixels under the pointer, at every zoom and aspect."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from divisive_desktop.imaging.record import ImageRecord
from divisive_desktop.masks import shapes

CTRL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
ZOOMS = [0.7, 4.0]


def disc(shape: tuple[int, int], x: float, y: float, radius: float, aspect: float = 1.0) -> np.ndarray:
    """Pixels whose centre lies in a disc that is round in the world."""
    row, column = np.mgrid[: shape[0], : shape[1]] + 0.5
    return np.hypot(column - x, (row - y) * aspect) <= radius


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.count_nonzero(a & b) / np.count_nonzero(a | b))


def centroid(painted: np.ndarray) -> tuple[float, float]:
    y, x = np.nonzero(painted)
    return float(x.mean() + 0.5), float(y.mean() + 0.5)


def ready(easel: Any, record: ImageRecord, tool: str, zoom: float | None = None, **settings: Any) -> None:
    easel.open(record)
    if zoom is not None:
        easel.viewer.state.view.set_zoom(zoom, (200, 200))
        easel.viewer.state.view.set_zoom(zoom, (200, 200))
    easel.viewer.set_tool(tool)
    easel.session.set_settings(**settings)


# -- brush and eraser ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("zoom", ZOOMS)
@pytest.mark.parametrize("aspect", [1.0, 2.0, 0.5])
def test_a_dab_lands_under_the_pointer(easel: Any, grey: ImageRecord, zoom: float, aspect: float) -> None:
    ready(easel, replace(grey, pixel_aspect=aspect), "brush", brush_radius=15.0)
    easel.viewer.state.view.set_zoom(zoom)
    x, y = (round(v) + 0.5 for v in easel.viewer.state.view.center)
    easel.click((x + 11, y - 7))
    painted = easel.painted()
    assert centroid(painted) == pytest.approx((x + 11, y - 7), abs=easel.precision())
    if zoom > 1:
        assert overlap(painted, disc(painted.shape, x + 11, y - 7, 15, aspect)) > 0.93
    width, height = np.ptp(np.nonzero(painted)[1]) + 1, np.ptp(np.nonzero(painted)[0]) + 1
    assert width == pytest.approx(30, abs=1.5)
    assert height * aspect == pytest.approx(30, abs=1.5 * max(1, aspect)), "round on the screen"


@pytest.mark.parametrize("zoom", ZOOMS)
def test_a_stroke_follows_the_pointer_and_is_one_step(easel: Any, grey: ImageRecord, zoom: float) -> None:
    ready(easel, grey, "brush", zoom, brush_radius=4.0)
    path = [(190.5 + i, 200.5 + 12 * np.sin(i / 5)) for i in range(0, 30, 2)]
    easel.drag(*path)
    painted = easel.painted()
    near = np.min([np.hypot(*(np.mgrid[:400, :600][::-1] + 0.5 - np.reshape(p, (2, 1, 1)))) for p in path], axis=0)
    assert painted[near < 4 - easel.precision()].all()
    assert not painted[near > 4 + easel.precision() + 1.5].any()
    assert easel.session.history.names() == ("Brush stroke",)
    easel.session.undo()
    assert easel.session.mask.is_empty
    assert easel.session.regions.active is None, "the region came with the stroke and goes with it"


def test_the_smallest_brush_paints_the_pixel_under_the_pointer(easel: Any, grey: ImageRecord) -> None:
    ready(easel, grey, "brush", 16.0, brush_radius=0.5)
    easel.click((200.5, 197.5))
    assert np.argwhere(easel.painted()).tolist() == [[197, 200]]


def test_the_eraser_has_its_own_size_and_takes_away(easel: Any, grey: ImageRecord) -> None:
    ready(easel, grey, "brush", 1.0, brush_radius=40.0, eraser_radius=10.0)
    easel.click((200, 200))
    easel.viewer.set_tool("eraser")
    easel.click((200, 200))
    painted = easel.painted()
    assert not painted[200, 200]
    assert painted[200, 220]
    assert np.count_nonzero(painted) == pytest.approx(np.pi * (1600 - 100), rel=0.03)
    assert easel.session.history.undo_name == "Erase"


def test_shift_draws_a_straight_line_between_clicks(easel: Any, grey: ImageRecord) -> None:
    ready(easel, grey, "brush", 1.0, brush_radius=3.0)
    easel.click((150, 150))
    easel.click((250, 210), SHIFT)
    easel.click((150, 250), SHIFT)
    painted = easel.painted()
    assert painted[180, 200]
    assert painted[230, 200]
    assert not painted[200, 160], "two lines, not a filled triangle"
    assert len(easel.session.history.names()) == 3


def test_keys_and_the_wheel_change_the_size_of_the_brush(easel: Any, grey: ImageRecord) -> None:
    ready(easel, grey, "brush", brush_radius=20.0)
    easel.key(Qt.Key.Key_BracketRight)
    assert easel.session.settings.brush_radius == 22
    easel.key(Qt.Key.Key_BracketLeft)
    easel.key(Qt.Key.Key_BracketLeft)
    assert easel.session.settings.brush_radius == pytest.approx(18, abs=0.5)
    zoom = easel.viewer.state.view.zoom
    easel.wheel((200, 200), 1, SHIFT)
    assert easel.session.settings.brush_radius > 19
    assert easel.viewer.state.view.zoom == zoom
    easel.wheel((200, 200), 1)
    assert easel.viewer.state.view.zoom > zoom, "without Shift the wheel zooms"
    for _ in range(60):
        easel.key(Qt.Key.Key_BracketLeft)
    assert easel.session.settings.brush_radius == 0.5
    assert easel.session.settings.eraser_radius == 30


def test_escape_takes_back_a_stroke_that_is_under_way(easel: Any, grey: ImageRecord) -> None:
    ready(easel, grey, "brush", 1.0)
    easel.click((100, 100))
    before = easel.painted().copy()
    easel.press((200, 200))
    easel.move((240, 220))
    assert easel.painted()[200, 200]
    easel.viewer.escape()
    assert np.array_equal(easel.painted(), before)
    easel.release((240, 220))
    assert len(easel.session.history.names()) == 1


def test_hardness_makes_a_soft_rim(easel: Any, grey: ImageRecord) -> None:
    ready(easel, grey, "brush", 1.0, brush_radius=30.0, hardness=0.3)
    easel.click((200, 200))
    levels = easel.session.mask.pixels(1)
    assert levels[200, 200] == 255
    assert 20 < levels[200, 220] < 235
    assert levels[200, 232] == 0


def test_a_pen_that_presses_less_draws_thinner(easel: Any, grey: ImageRecord) -> None:
    ready(easel, grey, "brush", 1.0, brush_radius=20.0)
    easel.session.pressure = 0.0
    easel.click((150, 150))
    light = np.count_nonzero(easel.painted())
    easel.session.undo()
    easel.session.pressure = 1.0
    easel.click((150, 150))
    assert light < 0.1 * np.count_nonzero(easel.painted())
    easel.session.set_settings(pressure=False)
    easel.session.undo()
    easel.session.pressure = 0.0
    easel.click((150, 150))
    assert np.count_nonzero(easel.painted()) == pytest.approx(np.pi * 400, rel=0.02)


def test_erasing_nothing_makes_no_region_and_no_step(easel: Any, grey: ImageRecord) -> None:
    ready(easel, grey, "eraser", 1.0)
    easel.drag((100, 100), (200, 150))
    easel.viewer.set_tool("paint-rectangle")
    easel.drag((100, 100), (200, 150), modifiers=CTRL)
    assert easel.session.mask.regions == ()
    assert easel.session.history.undo_name is None


def test_painting_may_leave_the_image_and_come_back(easel: Any, grey: ImageRecord) -> None:
    ready(easel, grey, "brush", brush_radius=10.0)
    easel.drag((20, 50), (-30, 60), (20, 70))
    painted = easel.painted()
    assert painted[50, 12]
    assert painted[70, 12]
    assert painted[:, 0].any()


def test_the_other_buttons_still_window_and_pan(easel: Any, grey: ImageRecord) -> None:
    from PySide6.QtTest import QTest

    ready(easel, grey, "brush")
    voi = easel.viewer.state.voi
    start = easel.at(200, 200)
    QTest.mousePress(easel.canvas, Qt.MouseButton.RightButton, pos=start)
    easel.move((300, 260), button=Qt.MouseButton.RightButton)
    QTest.mouseRelease(easel.canvas, Qt.MouseButton.RightButton, pos=easel.at(300, 260))
    assert easel.viewer.state.voi is not voi
    assert easel.session.mask.is_empty


def test_nothing_is_painted_before_the_mask_is_there(easel: Any, grey: ImageRecord) -> None:
    easel.viewer.set_record(grey)
    QApplication.processEvents()
    for tool in ("brush", "lasso", "polygon", "paint-rectangle", "bucket", "wand", "smart"):
        easel.viewer.set_tool(tool)
        easel.drag((100, 100), (200, 150), (150, 200))
    assert easel.session.mask is None


def test_double_clicks_dab_twice_and_do_not_enlarge_the_pane(easel: Any, grey: ImageRecord) -> None:
    from PySide6.QtTest import QTest

    ready(easel, grey, "brush")
    easel.viewer.set_layout("2x2")
    QApplication.processEvents()
    QTest.mouseDClick(easel.canvas, Qt.MouseButton.LeftButton, pos=easel.at(100, 100))
    assert easel.viewer.layout_name == "2x2"


# -- shapes -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("zoom", ZOOMS)
def test_lasso_fills_what_was_drawn_around(easel: Any, grey: ImageRecord, zoom: float) -> None:
    ready(easel, grey, "lasso", zoom)
    turn = np.linspace(0, 2 * np.pi, 60)
    easel.drag(*((200 + 40 * np.cos(a), 200 + 25 * np.sin(a)) for a in turn))
    y, x = np.mgrid[:400, :600] + 0.5
    assert overlap(easel.painted(), ((x - 200) / 40) ** 2 + ((y - 200) / 25) ** 2 <= 1) > (0.94 if zoom < 1 else 0.97)


@pytest.mark.parametrize("end", ["enter", "double", "first"])
@pytest.mark.parametrize("zoom", ZOOMS)
def test_polygon_by_clicks(easel: Any, grey: ImageRecord, zoom: float, end: str) -> None:
    from PySide6.QtTest import QTest

    ready(easel, grey, "polygon", zoom)
    corners = [(170, 170), (240, 180), (230, 240), (180, 230)]
    for corner in corners:
        easel.click(corner)
    if end == "enter":
        easel.key(Qt.Key.Key_Return)
    elif end == "double":
        QTest.mouseDClick(easel.canvas, Qt.MouseButton.LeftButton, pos=easel.at(*corners[-1]))
    else:
        easel.click(corners[0])
    painted = easel.painted()
    assert np.count_nonzero(painted) == pytest.approx(3600, rel=0.05)  # shoelace formula
    assert painted[200, 200]
    assert not painted[172, 235]
    assert easel.session.history.names() == ("Polygon",)


def test_backspace_takes_a_vertex_back_and_escape_all(easel: Any, grey: ImageRecord) -> None:
    ready(easel, grey, "polygon", 1.0)
    for corner in [(100, 100), (200, 100), (200, 200), (300, 300)]:
        easel.click(corner)
    easel.key(Qt.Key.Key_Backspace)
    easel.key(Qt.Key.Key_Enter)
    assert np.count_nonzero(easel.painted()) == pytest.approx(5000, rel=0.05)
    for corner in [(10, 10), (20, 10), (20, 20)]:
        easel.click(corner)
    easel.viewer.escape()
    easel.key(Qt.Key.Key_Return)
    assert len(easel.session.history.names()) == 1


@pytest.mark.parametrize("zoom", ZOOMS)
def test_rectangle_and_ellipse_between_corners(easel: Any, grey: ImageRecord, zoom: float) -> None:
    ready(easel, grey, "paint-rectangle", zoom)
    easel.drag((180, 190), (200, 200), (240, 220))
    painted = easel.painted()
    box = (np.nonzero(painted)[1].min(), np.nonzero(painted)[0].min(), np.ptp(np.nonzero(painted)[1]) + 1)
    assert box == pytest.approx((180, 190, 60), abs=2 * easel.precision())
    assert painted[np.ix_(painted.any(1), painted.any(0))].all()
    easel.session.undo()
    easel.viewer.set_tool("paint-ellipse")
    easel.drag((180, 190), (200, 200), (240, 230))
    assert np.count_nonzero(easel.painted()) == pytest.approx(np.pi * 30 * 20, rel=0.12 if zoom < 1 else 0.03)


@pytest.mark.parametrize("aspect", [1.0, 2.0])
def test_shift_makes_sides_equal_as_seen(easel: Any, grey: ImageRecord, aspect: float) -> None:
    ready(easel, replace(grey, pixel_aspect=aspect), "paint-rectangle", 2.0)
    easel.press((180, 180))
    easel.move((240, 190), SHIFT)
    easel.release((240, 190), SHIFT)
    y, x = np.nonzero(easel.painted())
    assert np.ptp(x) + 1 == pytest.approx((np.ptp(y) + 1) * aspect, abs=3)
    assert np.ptp(x) + 1 == pytest.approx(60, abs=2)


def test_modifiers_and_modes_combine_with_what_is_there(easel: Any, grey: ImageRecord) -> None:
    ready(easel, grey, "paint-rectangle", 1.0)
    easel.drag((150, 150), (200, 200), (250, 250))
    easel.drag((180, 180), (200, 200), (220, 220), modifiers=CTRL)
    assert np.count_nonzero(easel.painted()) == pytest.approx(10000 - 1600, rel=0.03)
    easel.drag((150, 150), (160, 160), (200, 250), modifiers=CTRL | SHIFT)
    assert np.count_nonzero(easel.painted()) == pytest.approx(5000 - 800, rel=0.05)
    easel.session.set_settings(mode="subtract")
    easel.drag((140, 140), (160, 160), (260, 200))
    assert not easel.painted()[:198].any()
    assert easel.session.history.undo_name == "Rectangle (subtract)"


# -- tools that look at the picture -------------------------------------------------------------------------


def bright_disc() -> np.ndarray:
    y, x = np.mgrid[:400, :600]
    return np.hypot(x - 200, y - 200) < 70


@pytest.mark.parametrize("zoom", ZOOMS)
def test_wand_takes_the_disc_and_not_the_bar(easel: Any, grey: ImageRecord, zoom: float) -> None:
    ready(easel, grey, "wand", zoom, tolerance=30)
    easel.click((200, 200))
    assert np.array_equal(easel.painted(), bright_disc())
    easel.session.set_settings(contiguous=False)
    easel.click((200, 200))
    assert easel.painted()[200, 440]


def test_dragging_the_wand_changes_its_tolerance(easel: Any, grey: ImageRecord) -> None:
    ready(easel, grey, "wand", 1.0, tolerance=30)
    easel.press((200, 200))
    easel.move((500, 200))
    assert easel.session.settings.tolerance > 100
    assert not easel.painted().any(), "only a proposal until the button goes up"
    easel.release((500, 200))
    assert easel.painted()[10, 10]
    assert easel.session.history.names() == ("Magic wand",)


def test_the_wand_sees_what_the_window_shows(easel: Any, grey: ImageRecord) -> None:
    from divisive_desktop.imaging.record import Voi

    ready(easel, grey, "wand", 1.0, tolerance=0, sample=1)
    easel.viewer.state.set_voi(Voi("linear_exact", 10, 4, "all white"))
    easel.click((200, 200))
    assert easel.painted().all(), "everything is clipped to white"


def test_bucket_fills_an_outline_and_removes_a_part(easel: Any, grey: ImageRecord) -> None:
    ready(easel, grey, "paint-ellipse", 1.0, fill_by_grey=False)
    easel.drag((150, 150), (200, 200), (350, 300))
    whole = easel.painted().copy()
    easel.drag((170, 170), (200, 200), (330, 280), modifiers=CTRL)
    easel.viewer.set_tool("bucket")
    easel.click((250, 225))
    assert np.array_equal(easel.painted(), whole)
    easel.click((250, 225), CTRL)
    assert not easel.painted().any()


def test_bucket_stops_at_greys(easel: Any, grey: ImageRecord) -> None:
    ready(easel, grey, "bucket", 1.0, tolerance=30)
    easel.click((200, 200))
    assert np.array_equal(easel.painted(), bright_disc())


def test_only_greys_limits_every_tool(easel: Any, grey: ImageRecord) -> None:
    ready(easel, grey, "paint-rectangle", 1.0, limit_levels=True, low=100, high=255)
    easel.drag((100, 150), (200, 200), (300, 250))
    inside = np.zeros((400, 600), bool)
    painted = easel.painted()
    y = np.nonzero(painted)[0]
    inside[y.min() : y.max() + 1, 100:300] = True
    assert np.array_equal(painted, bright_disc() & inside)
    easel.session.undo()
    easel.viewer.set_tool("brush")
    easel.session.set_settings(brush_radius=30.0)
    easel.drag((100, 200), (300, 200))
    assert not (easel.painted() & ~bright_disc()).any()
    assert easel.painted()[200, 200]


@pytest.mark.parametrize("zoom", [1.0, 2.0])
def test_smart_select_proposes_and_enter_accepts(qtbot: QtBot, easel: Any, grey: ImageRecord, zoom: float) -> None:
    ready(easel, grey, "smart", zoom)
    tool = easel.viewer.tools["smart"]
    easel.drag((180, 200), (220, 200))
    qtbot.waitUntil(lambda: not tool.working, timeout=20_000)
    easel.drag((100, 120), (300, 120), (300, 280), (100, 280), modifiers=CTRL)
    qtbot.waitUntil(lambda: tool.proposal is not None and not tool.working, timeout=20_000)
    assert easel.session.mask.is_empty, "nothing is painted before it is accepted"
    easel.key(Qt.Key.Key_Return)
    assert overlap(easel.painted(), bright_disc()) > 0.9
    assert easel.session.history.names() == ("Smart select",)
    assert tool.proposal is None


def test_enter_takes_a_proposal_that_is_still_being_looked_for(
    qtbot: QtBot, easel: Any, grey: ImageRecord
) -> None:
    ready(easel, grey, "smart", 1.0)
    tool = easel.viewer.tools["smart"]
    easel.drag((180, 200), (220, 200))
    assert tool.working
    easel.key(Qt.Key.Key_Return)
    assert easel.session.mask.is_empty
    qtbot.waitUntil(lambda: not easel.session.mask.is_empty, timeout=20_000)
    assert overlap(easel.painted(), bright_disc()) > 0.9
    easel.session.undo()
    easel.drag((180, 200), (220, 200))
    easel.key(Qt.Key.Key_Return)
    easel.drag((100, 120), (300, 120), modifiers=CTRL)  # after all not yet
    qtbot.waitUntil(lambda: easel.runner.idle and not tool.working, timeout=20_000)
    assert easel.session.mask.is_empty
    assert tool.proposal is not None


def test_escape_forgets_a_proposal(qtbot: QtBot, easel: Any, grey: ImageRecord) -> None:
    ready(easel, grey, "smart", 1.0)
    tool = easel.viewer.tools["smart"]
    easel.drag((180, 200), (220, 200))
    easel.viewer.escape()
    qtbot.waitUntil(lambda: easel.runner.idle, timeout=20_000)
    assert tool.proposal is None
    easel.key(Qt.Key.Key_Return)
    assert easel.session.mask.is_empty


# -- regions and refusals -----------------------------------------------------------------------------------


def test_a_locked_region_refuses_every_tool_and_says_so(easel: Any, grey: ImageRecord) -> None:
    ready(easel, grey, "brush", 1.0)
    easel.click((100, 100))
    before = easel.painted().copy()
    easel.session.change_region(1, locked=True)
    said: list[Any] = []
    easel.session.refused.connect(said.append)
    easel.drag((200, 200), (230, 200))
    for tool in ("lasso", "paint-rectangle"):
        easel.viewer.set_tool(tool)
        easel.drag((200, 200), (250, 220), (230, 260))
    easel.viewer.set_tool("bucket")
    easel.click((300, 300))
    assert np.array_equal(easel.painted(), before)
    assert len(said) == 4
    assert "locked" in said[0].message
    assert easel.session.history.names() == ("Brush stroke",)


def test_painting_on_a_hidden_region_shows_it(easel: Any, grey: ImageRecord) -> None:
    ready(easel, grey, "brush", 1.0)
    easel.click((100, 100))
    easel.session.change_region(1, visible=False)
    easel.click((200, 200))
    assert easel.session.regions.active.visible


# -- the screen ---------------------------------------------------------------------------------------------


def on_screen(easel: Any) -> np.ndarray:
    from PySide6.QtGui import QImage

    QApplication.processEvents()
    image = easel.canvas.grab().toImage().convertToFormat(QImage.Format.Format_RGB888)
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    return rows[:, : image.width() * 3].reshape(image.height(), image.width(), 3).astype(int)


@pytest.mark.parametrize("zoom", ZOOMS)
def test_the_mask_is_seen_where_it_is(easel: Any, grey: ImageRecord, zoom: float) -> None:
    ready(easel, grey, "pan", zoom)
    easel.viewer.state.set_annotations(False)
    before = on_screen(easel)
    easel.session.stamp("square", shapes.rectangle((190, 195), (215, 205), (600, 400)))
    changed = np.abs(on_screen(easel) - before).sum(axis=2) > 0
    transform = easel.canvas.transform()
    left, top = transform.to_device(190, 195)
    right, bottom = transform.to_device(215, 205)
    y, x = np.nonzero(changed)
    assert (x.min(), y.min(), x.max() + 1, y.max() + 1) == pytest.approx((left, top, right, bottom), abs=1.5)
    easel.session.change_region(1, visible=False)
    assert np.array_equal(on_screen(easel), before)
    easel.session.change_region(1, visible=True)
    easel.session.undo()
    assert np.array_equal(on_screen(easel), before)


@pytest.mark.parametrize("zoom", ZOOMS)
@pytest.mark.parametrize("aspect", [1.0, 2.0])
def test_the_cursor_shows_the_true_size_of_the_brush(
    easel: Any, grey: ImageRecord, zoom: float, aspect: float
) -> None:
    ready(easel, replace(grey, pixel_aspect=aspect), "brush", brush_radius=25.0)
    easel.viewer.state.view.set_zoom(zoom)
    easel.viewer.state.set_annotations(False)
    x, y = easel.viewer.state.view.center
    easel.move((x, y), button=Qt.MouseButton.NoButton)
    with_cursor = on_screen(easel)
    easel.viewer.state.pointer = None
    easel.viewer.state.notify()
    drawn = np.abs(with_cursor - on_screen(easel)).sum(axis=2) > 60
    rows, columns = np.nonzero(drawn)
    assert np.ptp(columns) == pytest.approx(50 * zoom, abs=5)
    assert np.ptp(rows) == pytest.approx(50 * zoom, abs=5)


def test_shift_shows_the_line_that_a_click_would_draw(easel: Any, grey: ImageRecord) -> None:
    ready(easel, grey, "brush", 1.0, brush_radius=4.0)
    easel.viewer.state.set_annotations(False)
    easel.click((150, 150))
    easel.move((250, 210), button=Qt.MouseButton.NoButton)
    plain = on_screen(easel)
    easel.move((250, 210), SHIFT, Qt.MouseButton.NoButton)
    drawn = np.abs(on_screen(easel) - plain).sum(axis=2) > 60
    transform = easel.canvas.transform()
    middle = [round(v) for v in transform.to_device(200, 180)]
    assert drawn[middle[1] - 2 : middle[1] + 3, middle[0] - 2 : middle[0] + 3].any()
    easel.move((250, 210), button=Qt.MouseButton.NoButton)
    assert np.array_equal(on_screen(easel), plain)


SCRIPT = """
import sys
from dataclasses import replace
import numpy as np, cv2
from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pathlib import Path
app = QApplication([])
from divisive_desktop.casebook import Casebook
from divisive_desktop.desktop.features.painting.layer import RegionsLayer
from divisive_desktop.desktop.features.painting.autosave import Saver
from divisive_desktop.desktop.features.painting.session import PaintSession
from divisive_desktop.desktop.features.painting.mask_store import CasebookStore
from divisive_desktop.desktop.features.painting.tools import PAINT_TOOLS
from divisive_desktop.desktop.session.runner import Runner
from divisive_desktop.desktop.viewer import PaneKind, Viewer
from divisive_desktop.imaging.opening import open_image
path = Path(sys.argv[1])
runner, book = Runner(), Casebook.open_default()
session = PaintSession(runner, Saver(runner, CasebookStore(lambda: book)))
viewer = Viewer()
for kind in PAINT_TOOLS:
    viewer.add_tool(kind(viewer.state, session))
viewer.add_layer(RegionsLayer(session, viewer.state))
viewer.set_layout("image")
viewer.resize(700, 500)
viewer.show()
app.processEvents()
record = open_image(path)
canvas = viewer.panes[PaneKind.IMAGE].canvas
for zoom, aspect in ((1.0, 1.0), (5.0, 1.0), (1.0, 2.0), (5.0, 2.0), (5.0, 0.5)):
    squashed = replace(record, pixel_aspect=aspect)
    viewer.set_record(squashed)
    session.open(squashed, None)
    app.processEvents()
    assert canvas.devicePixelRatioF() == float(sys.argv[2]), canvas.devicePixelRatioF()
    viewer.set_tool("brush")
    for radius, where in ((9.0, (200.5, 150.5)), (3.0, (220.5, 160.5))):
        viewer.state.view.set_zoom(zoom, (200, 150))
        session.set_settings(brush_radius=radius)
        transform = canvas.transform()
        at = transform.to_widget(*where).toPoint()
        QTest.mousePress(canvas, Qt.MouseButton.LeftButton, pos=at)
        QTest.mouseRelease(canvas, Qt.MouseButton.LeftButton, pos=at)
        y, x = np.nonzero(session.mask.pixels(session.regions.active.id))
        off = max(abs(x.mean() + 0.5 - where[0]), abs(y.mean() + 0.5 - where[1]))
        allowed = 0.75 * transform.dpr / min(transform.scale_x, transform.scale_y) + 0.5
        assert off <= allowed, (zoom, aspect, radius, off, allowed)
        area = np.pi * radius**2 / aspect
        assert abs(len(x) - area) < 0.2 * area, (len(x), radius, aspect)
        viewer.state.set_annotations(False)
        shot = canvas.grab().toImage()
        assert (shot.width(), shot.height()) == transform.pane
        device = [round(v) for v in transform.to_device(*where)]
        colour = shot.pixelColor(*device)
        assert colour.green() > colour.red() + 20, "the paint is where the pointer was, in device pixels"
        session.undo()
runner.close()
session.saver.finish()
book.close()
print("painted")
"""


@pytest.mark.parametrize("ratio", ["1", "2", "1.5"])
def test_device_pixel_ratio_moves_no_pixel(tmp_path: Path, home: Path, ratio: str) -> None:
    import cv2

    picture = tmp_path / "p.png"
    picture.write_bytes(cv2.imencode(".png", np.full((300, 400), 90, np.uint8))[1].tobytes())
    environment = {**os.environ, "QT_SCALE_FACTOR": ratio, "QT_QPA_PLATFORM": "offscreen"}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(picture), ratio], capture_output=True, text=True, env=environment,
        timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "painted"


def test_a_soft_stroke_on_a_large_image_is_seen_in_all_panes(
    easel: Any, picture: Callable[..., ImageRecord]
) -> None:
    record = picture(np.full((3000, 2400), 60, np.uint8))
    ready(easel, record, "brush", brush_radius=120.0, hardness=0.4)
    easel.viewer.set_layout("2x2")
    QApplication.processEvents()
    easel.drag((800, 800), (1600, 2000))
    easel.move((100, 100), button=Qt.MouseButton.NoButton)
    transform = easel.canvas.transform()
    for pane in easel.viewer.panes.values():
        QApplication.processEvents()
        # Not in the middle, where panes without maps say why they have none.
        colour = pane.canvas.grab().toImage().pixelColor(*(round(v) for v in transform.to_device(1000, 1100)))
        assert colour.green() > colour.red() + 20
