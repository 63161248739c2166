"""Rulers, angles and regions: right figures, honest units, drawn and changed with the mouse."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import Qt

from divisive_desktop.desktop.viewer import PaneKind, Viewer
from divisive_desktop.desktop.viewer.measuring import Angle, Region, Ruler
from divisive_desktop.imaging.record import ImageRecord, ModalityTransform, Spacing

Make = Callable[..., Any]
LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def calibrated(grey: Make) -> ImageRecord:
    values = np.arange(200 * 100, dtype=np.uint16).reshape(200, 100)
    return grey(values, spacing=Spacing(0.4, 0.3, "detector", "ImagerPixelSpacing"))


def test_a_ruler_says_what_its_millimetres_refer_to(calibrated: ImageRecord, grey: Make) -> None:
    ruler = Ruler(((10.0, 20.0), (40.0, 60.0)))
    assert ruler.lines(calibrated) == ("18.4 mm", "at the detector")  # 9.0 and 16.0 mm
    assert Ruler(((0.0, 0.0), (3.0, 4.0))).lines(grey(np.zeros((9, 9), np.uint8))) == ("5.0 px", "no calibration")
    stretched = grey(np.zeros((9, 9), np.uint8), pixel_aspect=2.0)
    assert Ruler(((0.0, 0.0), (6.0, 4.0))).lines(stretched)[0] == "10.0 px"


def test_angles_are_measured_with_the_true_shape_of_pixels(grey: Make) -> None:
    square, tall = grey(np.zeros((9, 9), np.uint8)), grey(np.zeros((9, 9), np.uint8), pixel_aspect=2.0)
    angle = Angle(((5.0, 0.0), (0.0, 0.0), (5.0, 5.0)))
    assert angle.degrees(square) == pytest.approx(45)
    assert angle.degrees(tall) == pytest.approx(np.degrees(np.arctan(2)))
    assert Angle(((-5.0, -1e-9), (0.0, 0.0), (-5.0, 1e-9))).degrees(square) == pytest.approx(0, abs=1e-3)
    assert Angle(((-5.0, 0.0), (0.0, 0.0), (5.0, 0.0))).lines(square) == ("180.0°",)


def test_region_statistics_are_those_of_the_pixels_inside(calibrated: ImageRecord) -> None:
    region = Region(((10.0, 5.0), (20.0, 9.0)), "rectangle")
    inside = calibrated.stored[5:9, 10:20].astype(float)
    np.testing.assert_array_equal(np.sort(region.values(calibrated)), np.sort(inside.ravel()))
    lines = region.lines(calibrated)
    assert lines[0] == f"mean {inside.mean():.1f}  SD {inside.std():.1f}"
    assert lines[1] == "510 … 819"
    assert lines[2] == "40 px  4.8 mm²"
    assert lines[3] == "at the detector"


def test_an_ellipse_leaves_the_corners_out_and_padding_never_counts(grey: Make) -> None:
    values = np.full((50, 50), 7, np.uint8)
    values[10, 10] = 200  # corner of the rectangle around it
    values[25, 25] = 255  # padding in the middle
    record = grey(values, padding=(255.0, 255.0), modality=ModalityTransform(slope=2.0, type="HU"))
    ellipse = Region(((40.0, 40.0), (10.0, 10.0)))
    found = ellipse.values(record)
    assert set(found) == {14.0}
    assert abs(found.size - np.pi * 15**2) < 15
    assert ellipse.lines(record)[0] == "mean 14.0  SD 0 HU"
    assert Region(((-9.0, -9.0), (-2.0, -2.0))).lines(record) == ("no pixels",)


def place(viewer: Viewer, x: float, y: float) -> tuple[float, float]:
    point = viewer.panes[PaneKind.IMAGE].canvas.transform().to_widget(x, y)
    return point.x(), point.y()


@pytest.mark.parametrize("zoom", [1.0, 3.0])
def test_a_ruler_is_drawn_and_its_end_moved(
    viewer: Viewer, radiograph: ImageRecord, hand: Any, zoom: float
, run: Any) -> None:
    viewer.set_record(radiograph)
    viewer.state.view.set_zoom(zoom)
    run("tool-ruler")
    canvas = viewer.panes[PaneKind.IMAGE].canvas
    hand.drag(canvas, LEFT, place(viewer, 900, 950), place(viewer, 920, 960), place(viewer, 960, 980))
    (ruler,) = viewer.state.measurements
    assert isinstance(ruler, Ruler)
    assert np.abs(np.subtract(ruler.points, ((900, 950), (960, 980)))).max() <= 0.5 / zoom + 1e-6
    hand.drag(canvas, LEFT, place(viewer, 960, 980), place(viewer, 930, 990))
    (ruler,) = viewer.state.measurements
    assert np.abs(np.subtract(ruler.points, ((900, 950), (930, 990)))).max() <= 1 / zoom + 1e-6
    run("delete-measurement")
    assert viewer.state.measurements == ()


def test_an_angle_takes_a_drag_and_a_click(viewer: Viewer, radiograph: ImageRecord, hand: Any) -> None:
    viewer.set_record(radiograph)
    viewer.state.one_to_one()
    viewer.set_tool("angle")
    canvas = viewer.panes[PaneKind.IMAGE].canvas
    hand.drag(canvas, LEFT, place(viewer, 1000, 950), place(viewer, 950, 950), place(viewer, 900, 950))
    hand.move(canvas, place(viewer, 920, 900))
    hand.drag(canvas, LEFT, place(viewer, 900, 850))
    (angle,) = viewer.state.measurements
    assert angle.degrees(radiograph) == pytest.approx(90, abs=0.5)
    hand.move(canvas, place(viewer, 1000, 1000))  # it is finished: nothing follows the pointer
    assert viewer.state.measurements == (angle,)


def test_escape_gives_up_an_unfinished_measurement_only(
    viewer: Viewer, radiograph: ImageRecord, hand: Any, run: Any
) -> None:
    viewer.set_record(radiograph)
    viewer.state.one_to_one()
    canvas = viewer.panes[PaneKind.IMAGE].canvas
    viewer.set_tool("ruler")
    hand.drag(canvas, LEFT, (50, 50), (100, 60))
    hand.press(canvas, (60, 200))
    hand.move(canvas, (160, 210), LEFT)
    assert len(viewer.state.measurements) == 2
    run("reset-view")
    hand.release(canvas, (160, 210))
    assert len(viewer.state.measurements) == 1
    assert viewer.state.view.zoom == 1.0  # nothing was reset
    viewer.set_tool("angle")
    hand.drag(canvas, LEFT, (50, 150), (100, 150))
    run("reset-view")
    assert len(viewer.state.measurements) == 1


def test_a_click_makes_no_measurement_and_a_new_image_has_none(
    viewer: Viewer, radiograph: ImageRecord, hand: Any
) -> None:
    viewer.set_record(radiograph)
    canvas = viewer.panes[PaneKind.IMAGE].canvas
    for tool in ("ruler", "ellipse", "rectangle"):
        viewer.set_tool(tool)
        hand.drag(canvas, LEFT, (80, 80))
        assert viewer.state.measurements == ()
    hand.drag(canvas, LEFT, (80, 80), (150, 160))
    assert len(viewer.state.measurements) == 1
    viewer.set_record(radiograph)
    assert viewer.state.measurements == ()


def test_shift_keeps_a_ruler_straight_and_a_region_square(viewer: Viewer, radiograph: ImageRecord, hand: Any) -> None:
    viewer.set_record(radiograph)
    viewer.state.one_to_one()
    canvas = viewer.panes[PaneKind.IMAGE].canvas
    for tool, y in (("ruler", 50), ("rectangle", 90)):
        viewer.set_tool(tool)
        hand.press(canvas, (50, y))
        hand.move(canvas, (150, y + 12), LEFT, Qt.KeyboardModifier.ShiftModifier)
        hand.release(canvas, (150, y + 12))
    ruler, square = viewer.state.measurements
    assert ruler.points[0][1] == ruler.points[1][1]
    assert square.rect[2] == pytest.approx(square.rect[3])


def test_the_window_can_be_taken_from_a_region(viewer: Viewer, grey: Make, hand: Any) -> None:
    values = np.zeros((100, 100), np.uint16)
    values[20:60, 20:60] = np.random.default_rng(0).integers(5000, 6000, (40, 40))
    viewer.set_record(grey(values))
    viewer.set_tool("rectangle")
    hand.drag(viewer.panes[PaneKind.IMAGE].canvas, LEFT, place(viewer, 25, 25), place(viewer, 55, 55))
    viewer.greys.window_from_region()
    assert viewer.state.voi is not None
    assert 5400 < viewer.state.voi.center < 5600
    assert 900 < viewer.state.voi.width < 1000


def test_measurements_of_a_case_come_back(viewer: Viewer, radiograph: ImageRecord, hand: Any) -> None:
    viewer.set_record(radiograph)
    viewer.state.set_annotations(False)
    plain = hand.shown(viewer)
    kept = (Ruler(((200.0, 300.0), (900.0, 800.0))), Region(((300.0, 300.0), (600.0, 700.0))))
    viewer.state.set_measurements(kept)
    assert viewer.state.measurements == kept
    for pane in viewer.panes.values():
        top_left = pane.mapTo(viewer, pane.canvas.pos())
        area = np.s_[top_left.y() : top_left.y() + pane.canvas.height(), top_left.x() : top_left.x() + 300]
        assert (hand.shown(viewer)[area] != plain[area]).any()
