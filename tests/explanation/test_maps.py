"""Upsampling, ranges and thresholds of maps."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from divisive_desktop.explanation.maps import (
    normalise,
    on_image,
    otsu,
    own_range,
    shared_range,
    symmetric_range,
    upsample,
)

MAPS = hnp.arrays(np.float32, st.tuples(st.integers(1, 14), st.integers(1, 14)), elements=st.floats(-50, 50, width=32))


@given(MAPS, st.integers(1, 60), st.integers(1, 60))
def test_upsampling_stays_within_the_map(cam: np.ndarray, width: int, height: int) -> None:
    surface = upsample(cam, (width, height))
    assert surface.shape == (height, width)
    slack = 1e-5 * (1 + np.abs(cam).max())
    assert surface.min() >= cam.min() - slack
    assert surface.max() <= cam.max() + slack


def test_upsampling_puts_cell_values_at_cell_centres() -> None:
    cam = np.arange(12, dtype=np.float32).reshape(3, 4) ** 2
    surface = upsample(cam, (4 * 9, 3 * 9))  # odd factor: each cell has a centre pixel
    np.testing.assert_allclose(surface[4::9, 4::9], cam, atol=1e-4)


def test_a_map_lies_on_its_region_only() -> None:
    cam = np.full((7, 7), 2.0, np.float32)
    image = on_image(cam, (100, 80), (20, 10, 50, 40), outside=-1.0)
    assert image.shape == (80, 100)
    inside = np.zeros_like(image, bool)
    inside[10:50, 20:70] = True
    assert (image[inside] == 2).all()
    assert (image[~inside] == -1).all()


def test_pair_shares_one_range_and_divergence_is_centred_on_zero() -> None:
    a, b = np.array([[0.0, 3.0]], np.float32), np.array([[-1.0, 2.0]], np.float32)
    assert shared_range(a, b) == (-1.0, 3.0)
    assert own_range(b) == (-1.0, 2.0)
    assert symmetric_range(b) == (-2.0, 2.0)


@given(MAPS)
@example(np.array([[6.5e-43, 0.0]], np.float32))  # one over this is infinite
def test_normalised_maps_are_finite_and_between_0_and_1(cam: np.ndarray) -> None:
    unit = normalise(cam, own_range(cam))
    assert np.isfinite(unit).all()
    assert unit.min() >= 0
    assert unit.max() <= 1
    if np.ptp(cam) > 1e-3:
        assert unit.max() == pytest.approx(1, abs=1e-3)
    if np.ptp(cam) == 0:
        assert (unit == 0.5).all()


@given(hnp.arrays(np.float64, st.integers(2, 40), elements=st.floats(0, 100)))
def test_otsu_has_the_largest_variance_between_classes(values: np.ndarray) -> None:
    def between(threshold: float) -> float:
        above, below = values[values > threshold], values[values <= threshold]
        return len(above) * len(below) * (above.mean() - below.mean()) ** 2 if len(above) and len(below) else 0.0

    theta = otsu(values)
    best = max(between(t) for t in values)
    assert between(theta) >= best * (1 - 1e-9) - 1e-9


def test_otsu_agrees_with_opencv_on_bytes() -> None:
    rng = np.random.default_rng(0)
    levels = np.clip(np.concatenate([rng.normal(60, 12, 900), rng.normal(170, 20, 300)]), 0, 255).astype(np.uint8)
    theirs, _ = cv2.threshold(levels, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    # OpenCV names the last value of the lower class, we the middle to the next one: the classes are the same.
    np.testing.assert_array_equal(levels > theirs, levels > otsu(levels))


def test_otsu_of_a_constant_is_the_constant() -> None:
    assert otsu(np.full((7, 7), 3.5)) == 3.5
    assert otsu(np.array([0.0])) == 0.0
