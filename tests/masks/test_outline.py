"""Outlines give the mask back when they are filled."""

from __future__ import annotations

import cv2
import hypothesis.extra.numpy as hnp
import numpy as np
from hypothesis import given, settings

from divisive_desktop.masks.outline import outlines
from divisive_desktop.masks.shapes import polygon


def filled(lines: list, shape: tuple[int, int]) -> np.ndarray:
    parity = np.zeros(shape, int)
    for line in lines:
        stamp = polygon(line, shape[::-1])
        x, y, w, h = stamp.box
        parity[y : y + h, x : x + w] += stamp.coverage > 0
    return parity % 2 == 1


@settings(deadline=None, max_examples=150)
@given(hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, max_side=12)))
def test_filling_the_outlines_gives_the_mask_back(inside: np.ndarray) -> None:
    pixels = np.where(inside, np.uint8(255), np.uint8(0))
    outer, holes = outlines(pixels)
    assert np.array_equal(filled(outer + holes, inside.shape), inside)
    assert len(outer) == cv2.connectedComponents(pixels, connectivity=4)[0] - 1


def test_vertices_are_only_where_the_border_turns() -> None:
    pixels = np.zeros((20, 30), np.uint8)
    pixels[5:15, 10:25] = 255
    pixels[8:10, 12:14] = 0
    outer, holes = outlines(pixels)
    assert {tuple(p) for p in outer[0]} == {(10, 5), (25, 5), (25, 15), (10, 15)}
    assert {tuple(p) for p in holes[0]} == {(12, 8), (14, 8), (14, 10), (12, 10)}
    assert len(outer[0]) == len(holes[0]) == 4
