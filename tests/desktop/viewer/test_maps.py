"""Maps on the screen are the maps of the analysis: same surface, same raw values, same scale."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest

from divisive_desktop.desktop.viewer.colorbar import raw_text, ticks
from divisive_desktop.desktop.viewer.feature_drawing import smooth_contour
from divisive_desktop.desktop.viewer.maps import MapSource, PaneKind
from divisive_desktop.desktop.viewer.view import Transform
from divisive_desktop.explanation.maps import normalise, upsample

Make = Callable[..., Any]


@pytest.fixture
def source(grey: Make, analyse: Make) -> MapSource:
    return MapSource(analyse(grey(np.zeros((300, 200), np.uint8))), 1, "label")


@pytest.mark.parametrize("kind", [PaneKind.TRUE, PaneKind.FALSE, PaneKind.FEATURES])
@pytest.mark.parametrize("scale", [0.5, 1.0, 3.0])
def test_the_surface_is_that_of_the_explanation(source: MapSource, kind: PaneKind, scale: float) -> None:
    size = (round(200 * scale), round(300 * scale))
    made = source.screen_map(kind, Transform(scale, scale, 0, 0, 1.0, size))
    assert made is not None
    pair = source.analysis.cams
    raw = {PaneKind.TRUE: pair[1], PaneKind.FALSE: pair[0], PaneKind.FEATURES: pair[1] - pair[0]}[kind]
    expected = normalise(upsample(raw, size), source.limits(kind)) * 255
    assert made.index.shape == expected.shape
    assert np.abs(made.index - expected).max() <= 1.0


def test_a_part_on_the_screen_is_a_part_of_the_whole(source: MapSource) -> None:
    whole = source.screen_map(PaneKind.TRUE, Transform(4, 4, 0, 0, 1.0, (800, 1200)))
    part = source.screen_map(PaneKind.TRUE, Transform(4, 4, -300, -500, 1.0, (100, 90)))
    assert whole is not None
    assert part is not None
    np.testing.assert_array_equal(part.index, whole.index[500:590, 300:400])


def test_plain_cells_show_nothing_but_the_cells(source: MapSource) -> None:
    source.interpolation = "nearest"
    made = source.screen_map(PaneKind.TRUE, Transform(1, 1, 0, 0, 1.0, (200, 300)))
    assert made is not None
    cells = np.rint(normalise(source.analysis.cams[1], source.limits(PaneKind.TRUE)) * 255)
    assert set(np.unique(made.index)) == set(np.unique(cells))
    for row, column in ((0, 0), (3, 5), (6, 6)):
        y, x = int((row + 0.5) * 300 / 7), int((column + 0.5) * 200 / 7)
        assert made.index[y, x] == cells[row, column]


def test_one_scale_for_the_pair_unless_asked_otherwise(source: MapSource) -> None:
    pair = source.analysis.cams
    both = (float(pair.min()), float(pair.max()))
    assert source.limits(PaneKind.TRUE) == source.limits(PaneKind.FALSE) == both
    source.scale_mode = "per-map"
    assert source.limits(PaneKind.TRUE) == (float(pair[1].min()), float(pair[1].max()))
    low, high = source.limits(PaneKind.FEATURES)
    assert low == -high


def test_reading_knows_the_region(grey: Make, analyse: Make) -> None:
    source = MapSource(analyse(grey(np.zeros((300, 200), np.uint8)), region=(50, 100, 100, 140)), 0, "predicted")
    assert source.read(49.9, 150) is None
    assert source.read(100, 99.9) is None
    assert source.read(150.0, 150) is None
    source.interpolation = "nearest"
    reading = source.read(149.9, 239.9)
    assert reading is not None
    assert reading.cell == (6, 6)
    assert reading.true == pytest.approx(float(source.analysis.cams[0][6, 6]))
    made = source.screen_map(PaneKind.TRUE, Transform(1, 1, 0, 0, 1.0, (200, 300)))
    assert made is not None
    assert (made.left, made.top, *made.index.shape) == (50, 100, 140, 100)


def test_a_single_cell_is_the_same_everywhere(grey: Make, analyse: Make) -> None:
    cams = np.array([[[1.5]], [[-2.0]]], np.float32)
    source = MapSource(analyse(grey(np.zeros((30, 20), np.uint8)), cams), 0, "label")
    for x, y in ((0, 0), (19.9, 29.9)):
        reading = source.read(x, y)
        assert reading is not None
        assert (reading.true, reading.false, reading.divergence) == (1.5, -2.0, 3.5)


def test_raw_values_are_written_without_a_negative_zero() -> None:
    assert [raw_text(v, 15.6) for v in (-0.04, 15.53, -3.0, 0.0)] == ["0", "+15.5", "−3.0", "0"]
    assert ticks(-3.8, 5.9, False) == (-3.8, 0.0, 5.9)
    assert ticks(-0.04, 15.6, False) == (-0.04, pytest.approx(7.78), 15.6)
    assert ticks(2.0, 2.0, False) == (2.0,)


def test_smoothing_a_contour_moves_no_point_far() -> None:
    step = 7.6
    y, x = np.mgrid[0:60, 0:60]
    inside = ((x - 30) ** 2 + (y - 28) ** 2 < 20**2).astype(np.uint8)
    contours, _ = cv2.findContours(inside, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    contour = np.rint(contours[0].reshape(-1, 2) * step).astype(np.int32)
    radius = np.hypot(*(smooth_contour(contour, step) - 0.5 - np.array([30, 28]) * step).T)
    assert np.ptp(radius) < step  # the staircase itself varies by more than the step
    assert abs(radius.mean() - 19.6 * step) < step
    assert smooth_contour(np.array([[5, 5]], np.int32), step).shape == (1, 2)
