"""The visible part of an array: exact from 1:1 on, averaged below, right after local changes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from divisive_desktop.desktop.viewer.pyramid import Array, Pyramid, halve
from divisive_desktop.desktop.viewer.view import Transform
from divisive_desktop.geometry import Box


@pytest.mark.parametrize("scale", [1.0, 2.0, 3.7, 64.0])
def test_enlarged_pixels_are_the_array_values(scale: float) -> None:
    values = np.random.default_rng(0).integers(0, 255, (90, 120), dtype=np.uint8)
    transform = Transform(scale, scale, -31.0, -17.0, 1.0, (200, 150))
    patch = Pyramid(values).patch(transform)
    assert patch is not None
    rows, columns = np.indices(patch.pixels.shape)
    x = np.floor((columns + patch.left + 0.5 + 31) / scale).astype(int).clip(0, 119)
    y = np.floor((rows + patch.top + 0.5 + 17) / scale).astype(int).clip(0, 89)
    np.testing.assert_array_equal(patch.pixels, values[y, x])


@pytest.mark.parametrize("scale", [0.9, 0.5, 0.21, 0.03])
def test_shrinking_keeps_the_mean_and_a_ramp(scale: float) -> None:
    ramp = np.tile(np.linspace(0, 60000, 2000).astype(np.uint16), (900, 1))
    size = (round(2000 * scale), round(900 * scale))

    def top_byte(_: int, level: Array, box: Box) -> Array:
        x, y, width, height = box
        return (level[y : y + height, x : x + width] >> 8).astype(np.uint8)

    patch = Pyramid(ramp).patch(Transform(scale, scale, 0, 0, 1.0, size), top_byte)
    assert patch is not None
    expected = (np.arange(patch.pixels.shape[1]) + 0.5) / scale / 2000 * 60000 / 256
    assert np.abs(patch.pixels[patch.pixels.shape[0] // 2] - expected).max() < 2.5 + 60 / size[0]


@given(st.integers(1, 40), st.integers(1, 40))
@settings(max_examples=40, deadline=None)
def test_halving_takes_means_of_blocks(rows: int, columns: int) -> None:
    for dtype in (np.uint8, np.uint16, np.int16, np.int32, np.float32):
        values = np.random.default_rng(rows * 41 + columns).integers(0, 100, (rows, columns)).astype(dtype)
        half = halve(values)
        assert half.shape == (-(-rows // 2), -(-columns // 2))
        assert half.dtype == dtype
        y, x = (rows - 1) // 2, (columns - 1) // 2
        block = values[2 * y : 2 * y + 2, 2 * x : 2 * x + 2]
        assert abs(float(half[y, x]) - block.astype(float).mean()) <= 0.5


@given(st.integers(0, 900), st.integers(0, 700), st.integers(1, 300), st.integers(1, 300))
@settings(max_examples=25, deadline=None)
def test_a_local_refresh_equals_a_new_pyramid(x: int, y: int, width: int, height: int) -> None:
    values = np.zeros((731, 1001), np.uint8)
    pyramid = Pyramid(values)
    pyramid.level(2)
    values[y : y + height, x : x + width] = 255
    pyramid.refresh((x, y, width, height))
    fresh = Pyramid(values)
    for number in (1, 2):
        np.testing.assert_array_equal(pyramid.level(number)[0], fresh.level(number)[0])


def test_nothing_in_sight_is_none() -> None:
    assert Pyramid(np.zeros((5, 5), np.uint8)).patch(Transform(1, 1, 500, 0, 1.0, (100, 100))) is None


@pytest.mark.parametrize("size", [(1000, 1403), (999, 700)])
def test_a_mask_that_is_mostly_empty_has_the_same_levels(size: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    values = np.zeros(size, np.uint8)
    values[301:500, 77:640] = rng.integers(0, 256, (199, 563))
    pyramid = Pyramid(values, within=(77, 301, 563, 199))
    pyramid.level(1)
    values[611:713, 5:31] = 255  # what is painted before the coarser levels are made counts for them too
    pyramid.refresh((5, 611, 26, 102))
    whole = Pyramid(values)
    for number in range(4):
        assert np.array_equal(pyramid.level(number)[0], whole.level(number)[0])
