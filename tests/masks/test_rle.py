"""COCO run lengths: the same text as pycocotools writes."""

from __future__ import annotations

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given, settings

from divisive_desktop.masks.formats import rle


def example(kind: str) -> np.ndarray:
    if kind == "corner":
        a = np.zeros((9, 7), bool)
        a[2:5, 1:4] = a[6, 6] = True
        return a
    if kind == "box":
        a = np.zeros((300, 400), bool)
        a[100:250, 20:380] = True
        return a
    return np.random.default_rng(3).random((40, 50)) > 0.7


# Written by pycocotools 2.0.11.
KNOWN = {
    "corner": ";36000f0NVO",
    "box": "dn5f4f4" + "0" * 717 + "\\h5",
    "noise": "41200050L1NO10O00041NO00N0000000310OM000021NO10O80I040N33M00M02000K150LOO01001OO",
}


@pytest.mark.parametrize("kind", list(KNOWN))
def test_text_is_the_one_of_pycocotools(kind: str) -> None:
    text = rle.to_text(rle.encode(example(kind)))
    assert text.startswith(KNOWN[kind])
    assert rle.from_text(text) == rle.encode(example(kind))


@settings(deadline=None)
@given(hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, max_side=40)))
def test_any_mask_comes_back(inside: np.ndarray) -> None:
    counts = rle.encode(inside)
    assert rle.from_text(rle.to_text(counts)) == counts
    assert np.array_equal(rle.decode(counts, inside.shape[1], inside.shape[0]) == 255, inside)


def test_pycocotools_agrees_on_many_masks() -> None:
    coco = pytest.importorskip("pycocotools.mask")
    rng = np.random.default_rng(0)
    for _ in range(200):
        inside = rng.random((rng.integers(1, 90), rng.integers(1, 90))) < rng.random()
        theirs = coco.encode(np.asfortranarray(inside.astype(np.uint8)))["counts"].decode()
        assert rle.to_text(rle.encode(inside)) == theirs


@pytest.mark.parametrize("text", ["\x00", "é", "o", "oooooooooooooooooo0"])
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="COCO"):
        rle.from_text(text)


@pytest.mark.parametrize("counts", [[5, 5], [-3, 103], []])
def test_runs_must_add_up(counts: list[int]) -> None:
    with pytest.raises(ValueError, match="add up"):
        rle.decode(counts, 10, 10)
