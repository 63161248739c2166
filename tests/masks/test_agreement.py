"""Agreement of a mask with a divergence map, kept up to date while painting."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from divisive_desktop.explanation.features import important_features
from divisive_desktop.masks import ops, shapes
from divisive_desktop.masks.agreement import Agreement, LiveAgreement
from divisive_desktop.masks.mask import Mask
from divisive_desktop.masks.shapes import Brush

SIZE = (700, 500)


@pytest.fixture
def divergence() -> np.ndarray:
    d = np.random.default_rng(1).normal(0, 0.3, (5, 7)).astype(np.float32)
    d[1:3, 2:4] += 3
    return d


def test_energy_is_the_share_of_squared_divergence_under_the_mask(divergence: np.ndarray) -> None:
    mask = Mask(*SIZE)
    region = mask.add(weight=0.5)
    ops.apply(mask, region.id, shapes.rectangle((137, 61), (404, 333), SIZE))
    scores = LiveAgreement(divergence, (0, 0, *SIZE)).reset(mask)
    cells = cv2.resize(mask.union(), (7, 5), interpolation=cv2.INTER_AREA)
    assert scores.energy == pytest.approx(float((cells * divergence**2).sum() / (divergence**2).sum()), abs=1e-4)
    assert scores.pointing is True


def test_following_a_brush_gives_what_a_fresh_look_gives(divergence: np.ndarray) -> None:
    region = (33, 21, 611, 440)  # cells of a fraction of a pixel, and an image larger than what the model saw
    found = important_features(divergence, SIZE, region)
    live = LiveAgreement(divergence, region, found)
    mask = Mask(*SIZE)
    first, second = mask.add(), mask.add(weight=0.4)
    live.reset(mask)
    rng = np.random.default_rng(0)
    for number in range(25):
        points = [tuple(p) for p in rng.uniform(-20, 720, (2, 2))]
        chosen = (first, second)[number % 2].id
        scores = live.update(mask, ops.stroke(mask, chosen, points, Brush(25), erase=number % 5 == 4))
    fresh = LiveAgreement(divergence, region, found).reset(mask)
    assert scores.energy == pytest.approx(fresh.energy, abs=1e-6)
    assert scores.iou == pytest.approx(fresh.iou, abs=1e-6)
    assert scores.pointing == fresh.pointing


def test_painting_exactly_the_features_overlaps_almost_fully(divergence: np.ndarray) -> None:
    found = important_features(divergence, SIZE, (0, 0, *SIZE))
    mask = Mask(*SIZE)
    mask.add()
    ops.apply(mask, 1, ops.from_polygons([f.contour for f in found.of("true")], SIZE))
    scores = LiveAgreement(divergence, (0, 0, *SIZE), found).reset(mask)
    exact = found.mask("true") > 0
    assert np.array_equal(mask.union() > 0, exact)
    assert scores.iou > 0.93
    half = Mask(*SIZE)
    half.add()
    ops.apply(half, 1, ops.from_polygons([f.contour for f in found.of("true")], SIZE))
    x, y, w, h = half.bounds(1)
    ops.apply(half, 1, shapes.rectangle((x, y), (x + w / 2, y + h), SIZE), "subtract")
    expected = np.count_nonzero(half.union()) / np.count_nonzero(exact)
    assert LiveAgreement(divergence, (0, 0, *SIZE), found).reset(half).iou == pytest.approx(expected, abs=0.04)


def test_nothing_to_compare_is_none_and_never_nan(divergence: np.ndarray) -> None:
    empty = Mask(*SIZE)
    assert LiveAgreement(divergence, (0, 0, *SIZE)).reset(empty) == Agreement(None, None, None)
    drawn = Mask.from_array(np.ones((500, 700), np.float32))
    flat = LiveAgreement(np.zeros((7, 7), np.float32), (0, 0, *SIZE)).reset(drawn)
    assert flat.energy is None
    assert flat.iou == 0.0


def test_pointing_asks_where_the_true_class_is_strongest(divergence: np.ndarray) -> None:
    divergence[0, 6] = -50  # strongest for the false class: not what is pointed at
    mask = Mask(*SIZE)
    mask.add()
    live = LiveAgreement(divergence, (0, 0, *SIZE))
    corner = ops.apply(mask, 1, shapes.rectangle((600, 0), (700, 100), SIZE))
    assert live.update(mask, corner).pointing is False
    assert live.update(mask, ops.apply(mask, 1, shapes.rectangle((200, 100), (400, 300), SIZE))).pointing is True


def test_painting_outside_what_the_model_saw_counts_for_nothing(divergence: np.ndarray) -> None:
    mask = Mask(*SIZE)
    mask.add()
    box = ops.apply(mask, 1, shapes.rectangle((0, 0), (90, 90), SIZE))
    live = LiveAgreement(divergence, (100, 100, 500, 300))
    assert live.update(mask, box) == Agreement(None, None, None)


@pytest.mark.parametrize("cells", [(1, 1), (60, 80), (14, 14)])
def test_any_grid(cells: tuple[int, int]) -> None:
    d = np.random.default_rng(0).normal(size=cells).astype(np.float32)
    mask = Mask.from_array(np.ones((60, 50), np.float32))
    scores = LiveAgreement(d, (0, 0, 50, 60)).reset(mask)
    assert scores.energy == pytest.approx(1.0, abs=1e-5)
