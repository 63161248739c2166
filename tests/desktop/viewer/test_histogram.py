"""The histogram: right counts, and a window that follows the mouse."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from divisive_desktop.desktop.viewer.histogram import HistogramView, histogram
from divisive_desktop.imaging.record import ImageRecord, ModalityTransform, Voi

Make = Callable[..., Any]
LEFT = Qt.MouseButton.LeftButton


def test_counts_are_of_modality_values_without_padding(grey: Make) -> None:
    values = np.array([[0, 0, 0, 0], [10, 10, 10, 20]], np.uint16)
    record = grey(values, padding=(0.0, 0.0), modality=ModalityTransform(slope=2.0, intercept=100.0))
    (curve,), span = histogram(record)
    assert span == (120.0, 140.0)
    assert (curve[0], curve[-1], curve.sum()) == (0.75, 0.25, 1.0)


def test_a_colour_image_has_three_curves_and_a_constant_one_a_range(grey: Make) -> None:
    curves, span = histogram(grey(np.zeros((5, 5, 3), np.uint8)))
    assert len(curves) == 3
    assert span == (0.0, 255.0)
    _, (low, high) = histogram(grey(np.full((5, 5), 9, np.int16)))
    assert low < 9 < high


@pytest.fixture
def view(qtbot: QtBot, radiograph: ImageRecord) -> HistogramView:
    made = HistogramView()
    qtbot.addWidget(made)
    made.resize(302, 120)  # 300 pixels for the values
    made.show()
    made.set_record(radiograph)
    made.set_voi(Voi("linear", 12000, 8000))
    return made


def position(view: HistogramView, value: float) -> float:
    low, high = float(view._record.pixels.min()), float(view._record.pixels.max())  # type: ignore[union-attr]
    return 1 + (value - low) / (high - low) * 300


def test_dragging_an_edge_leaves_the_other_where_it_is(view: HistogramView, hand: Any, radiograph: ImageRecord) -> None:
    seen: list[Voi] = []
    view.voiDragged.connect(seen.append)
    per_pixel = float(np.ptp(radiograph.pixels)) / 300
    start = position(view, 16000)
    hand.drag(view, LEFT, (start, 40), (start + 10, 40), (start + 30, 40))
    assert seen[-1].kind == "linear"
    assert view.span == pytest.approx((8000, 16000 + 30 * per_pixel), abs=per_pixel)
    start = position(view, 8000)
    hand.drag(view, LEFT, (start, 40), (start + 5, 40), (start - 20, 40))
    assert view.span == pytest.approx((8000 - 20 * per_pixel, 16000 + 30 * per_pixel), abs=1.5 * per_pixel)


def test_dragging_the_middle_moves_the_window(view: HistogramView, hand: Any) -> None:
    x = position(view, 12000)
    hand.drag(view, LEFT, (x, 40), (x + 12, 40))
    low, high = view.span or (0, 0)
    assert high - low == pytest.approx(8000)
    assert low > 8000
    hand.drag(view, LEFT, (x - 135, 40), (x - 110, 40))  # outside the window: nothing to take
    assert view.span == (low, high)


def test_edges_never_cross(view: HistogramView, hand: Any) -> None:
    start = position(view, 16000)
    hand.drag(view, LEFT, (start, 40), (5, 40))
    low, high = view.span or (0, 0)
    assert low == pytest.approx(8000)
    assert 0 < high - low <= 1.0


def test_it_paints_with_and_without_an_image(view: HistogramView, hand: Any, grey: Make) -> None:
    full = hand.shown(view)
    view.set_record(None)
    assert view.span is None
    empty = hand.shown(view)
    assert (full != empty).any()
    hand.drag(view, LEFT, (50, 40), (80, 40))
    record = grey(np.random.default_rng(0).integers(0, 255, (20, 20, 3), dtype=np.uint8))
    view.set_record(record)
    view.set_voi(Voi("identity"))
    assert view.span == (0.0, 255.0)
    assert (hand.shown(view) != empty).any()
