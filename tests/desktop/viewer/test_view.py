"""Transform and shared view: the arithmetic of zoom and pan."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QPointF, QSize

from divisive_desktop.desktop.viewer.view import MAX_ZOOM, SharedView, Transform


def view(width: int, height: int, aspect: float = 1.0) -> SharedView:
    made = SharedView()
    made.set_pane(QSize(400, 300), 1.0)
    made.set_image(width, height, aspect)
    return made


@given(
    st.floats(0.01, 64), st.floats(0.01, 64), st.floats(-5000, 5000), st.floats(-5000, 5000),
    st.sampled_from([1.0, 1.25, 2.0]), st.floats(-3000, 3000), st.floats(-3000, 3000),
)  # fmt: skip
def test_there_and_back(sx: float, sy: float, ox: float, oy: float, dpr: float, x: float, y: float) -> None:
    transform = Transform(sx, sy, ox, oy, dpr)
    point = transform.to_widget(x, y)
    back = transform.to_image(QPointF(point))
    assert back == pytest.approx((x, y), abs=1e-5)


def test_fitting_uses_the_whole_pane_and_follows_its_size() -> None:
    made = view(2000, 1000)
    assert made.zoom == pytest.approx(0.2)
    made.set_pane(QSize(800, 600), 2.0)
    assert made.zoom == pytest.approx(0.8)
    made.set_zoom(1.0)
    made.set_pane(QSize(100, 100), 1.0)
    assert made.zoom == 1.0  # the user's own zoom stays


def test_pixel_aspect_takes_part_in_fitting() -> None:
    made = view(100, 100, aspect=2.0)
    assert made.zoom == pytest.approx(1.5)
    transform = made.transform(QSize(400, 300), 1.0)
    assert transform.scale_y == pytest.approx(2 * transform.scale_x)


def test_zoom_has_limits_and_the_image_can_not_get_lost() -> None:
    made = view(3000, 3000)
    made.zoom_by(1e9)
    assert made.zoom == MAX_ZOOM
    made.zoom_by(1e-12)
    assert 0 < made.zoom <= 0.01
    made.pan_by(1e9, -1e9)
    assert made.center == (0.0, 3000.0)


def test_zooming_keeps_the_anchor_in_place() -> None:
    made = view(3000, 2000)
    made.set_zoom(1.0)
    made.pan_by(137, -59)
    anchor = (1400.0, 900.0)
    size = QSize(400, 300)
    before = made.transform(size, 1.0).to_device(*anchor)
    made.zoom_by(3.3, anchor)
    after = made.transform(size, 1.0).to_device(*anchor)
    assert after == pytest.approx(before, abs=1.0)


def test_focus_shows_all_of_a_box_and_no_more_than_eight_times() -> None:
    made = view(3000, 2000)
    made.focus(100, 100, 500, 100)
    assert made.center == (350, 150)
    assert 500 * made.zoom <= 400
    made.focus(100, 100, 2, 2)
    assert made.zoom == 8.0


def test_an_empty_view_ignores_everything() -> None:
    made = SharedView()
    made.zoom_by(2)
    made.pan_by(5, 5)
    made.focus(0, 0, 1, 1)
    assert made.empty
