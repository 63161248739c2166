"""Bytes of masks: what goes in comes out, whatever the content and the size."""

from __future__ import annotations

import hypothesis.extra.numpy as hnp
import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from divisive_desktop.masks import codec

shapes = st.tuples(st.integers(1, codec.TILE), st.integers(1, codec.TILE))


def there_and_back(tile: np.ndarray) -> np.ndarray:
    out = np.full(tile.shape, 99, np.uint8)
    codec.unpack_tile(codec.pack_tile(tile), out)
    return out


@settings(deadline=None, max_examples=60)
@given(hnp.arrays(np.uint8, shapes, elements=st.sampled_from([0, 7, 8, 255]), fill=st.sampled_from([0, 7, 255])))
def test_any_tile_comes_back(tile: np.ndarray) -> None:
    assert np.array_equal(there_and_back(tile), tile)


@pytest.mark.parametrize("levels", [(0, 255), (0, 90), (90, 255), (3, 4)])
def test_two_levels_cost_a_bit_per_pixel(levels: tuple[int, int]) -> None:
    noise = np.random.default_rng(0).choice(np.array(levels, np.uint8), (256, 256))
    assert len(codec.pack_tile(noise)) < noise.size / 8 + 10
    assert np.array_equal(there_and_back(noise), noise)


def test_strided_views_are_packed_like_copies() -> None:
    array = np.random.default_rng(0).integers(0, 256, (300, 400), np.uint8)
    assert codec.pack_tile(array[10:210:2, 5:200]) == codec.pack_tile(array[10:210:2, 5:200].copy())


def test_flat_tiles_cost_next_to_nothing() -> None:
    assert codec.pack_tile(np.zeros((256, 256), np.uint8)) == codec.EMPTY
    assert len(codec.pack_tile(np.full((256, 256), 255, np.uint8))) == 2


def test_tiles_are_joined_in_any_order_and_split_again() -> None:
    rng = np.random.default_rng(0)
    tiles = {(c, r): codec.pack_tile(rng.integers(0, 256, (9, 9), np.uint8)) for c in range(3) for r in range(2)}
    joined = codec.join(300, 700, tiles)
    assert joined == codec.join(300, 700, dict(reversed(tiles.items())) | {(9, 9): codec.EMPTY})
    assert codec.split(codec.inflate(codec.deflate(joined), codec.most_packed(300, 700))) == (300, 700, tiles)
    assert codec.split(codec.join(5, 6, {})) == (5, 6, {})


@pytest.mark.parametrize("cut", [3, 20, 60, -1])
def test_damaged_bytes_are_refused(cut: int) -> None:
    tile = codec.pack_tile(np.random.default_rng(0).integers(0, 256, (100, 100), np.uint8))
    joined = codec.join(100, 100, {(0, 0): tile})
    with pytest.raises(ValueError, match="damaged"):
        codec.split(joined[:cut])
    with pytest.raises(ValueError, match="damaged"):
        codec.unpack_tile(tile[:cut], np.zeros((100, 100), np.uint8))
    with pytest.raises(ValueError, match="damaged"):
        codec.inflate(codec.deflate(joined)[:cut], codec.most_packed(300, 700))
