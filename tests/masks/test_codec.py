"""Bytes of masks: what goes in comes out, whatever the content and the size."""

from __future__ import annotations

import hypothesis.extra.numpy as hnp
import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from divisive_desktop.masks import codec

shapes = st.tuples(st.integers(1, 150), st.integers(1, 150))


@settings(deadline=None, max_examples=60)
@given(hnp.arrays(np.uint8, shapes, elements=st.sampled_from([0, 7, 128, 255]), fill=st.sampled_from([0, 255])))
def test_any_array_comes_back(array: np.ndarray) -> None:
    assert np.array_equal(codec.unpack(codec.inflate(codec.deflate(codec.pack(array)))), array)


@pytest.mark.parametrize("levels", [(0, 255), (0, 90), (90, 255)])
def test_two_levels_cost_a_bit_per_pixel(levels: tuple[int, int]) -> None:
    noise = np.random.default_rng(0).choice(np.array(levels, np.uint8), (640, 640))
    packed = codec.pack(noise)
    assert len(packed) < noise.size / 8 + 100
    assert np.array_equal(codec.unpack(packed), noise)


def test_strided_views_are_packed_like_copies() -> None:
    array = np.random.default_rng(0).integers(0, 256, (300, 400), np.uint8)
    assert codec.pack(array[10:290:2, 5:]) == codec.pack(array[10:290:2, 5:].copy())


def test_a_flat_array_costs_next_to_nothing() -> None:
    assert len(codec.deflate(codec.pack(np.full((4096, 4096), 255, np.uint8)))) < 100


@pytest.mark.parametrize("cut", [3, 20, 60])
def test_damaged_bytes_are_refused(cut: int) -> None:
    packed = codec.pack(np.random.default_rng(0).integers(0, 256, (100, 100), np.uint8))
    with pytest.raises(ValueError, match="damaged"):
        codec.unpack(packed[:cut])
    with pytest.raises(ValueError, match="damaged"):
        codec.inflate(codec.deflate(packed)[:cut])
