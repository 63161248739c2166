"""Maps on the screen are the maps of the analysis: same surface, same raw values, same scale."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

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
