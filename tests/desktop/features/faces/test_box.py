"""The crop box: whatever is done to it, it stays inside the picture and keeps the corner that isn't dragged."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from divisive_desktop.desktop.features.faces.box import HANDLES, LEAST, CropBox, drawn

PICTURE = (400, 300)
OPPOSITE = {"nw": "se", "n": "s", "ne": "sw", "e": "w", "se": "nw", "s": "n", "sw": "ne", "w": "e"}


def box(x: int = 100, y: int = 80, width: int = 120, height: int = 120) -> CropBox:
    return CropBox(x, y, width, height, PICTURE)


def assert_inside(b: CropBox) -> None:
    assert b.x >= 0
    assert b.y >= 0
    assert b.x + b.width <= b.picture[0]
    assert b.y + b.height <= b.picture[1]
    assert all(isinstance(v, int) for v in b.crop)
    assert min(b.width, b.height) >= min(LEAST, *b.picture)


def test_moving_stops_at_the_border() -> None:
    assert box().moved(10, -20).crop == (110, 60, 120, 120)
    assert box().moved(1000, -1000).crop == (280, 0, 120, 120)


@pytest.mark.parametrize(
    ("grip", "to", "crop"),
    [
        ("se", (250, 230), (100, 80, 150, 150)),
        ("nw", (90, 60), (80, 60, 140, 140)),  # the larger of the two distances counts
        ("e", (240, 999), (100, 70, 140, 140)),  # a side: grows around its middle
        ("n", (0, 60), (90, 60, 140, 140)),
        ("se", (390, 290), (100, 80, 220, 220)),  # the picture's lower edge is the limit
        ("se", (20, 20), (100, 80, 80, 80)),
    ],
)
def test_a_dragged_square(grip: str, to: tuple[int, int], crop: tuple[int, int, int, int]) -> None:
    assert box().dragged(grip, *to, square=True).crop == crop


@pytest.mark.parametrize(
    ("grip", "to", "crop"),
    [
        ("se", (250, 230), (100, 80, 150, 150)),
        ("e", (250, 0), (100, 80, 150, 120)),
        ("n", (0, 50), (100, 50, 120, 150)),
        ("w", (-50, 0), (0, 80, 220, 120)),
        ("w", (500, 0), (220 - LEAST, 80, LEAST, 120)),
    ],
)
def test_a_dragged_rectangle(grip: str, to: tuple[int, int], crop: tuple[int, int, int, int]) -> None:
    assert box().dragged(grip, *to, square=False).crop == crop


def test_drawing() -> None:
    assert drawn(50, 40, 150, 100, PICTURE, square=False).crop == (50, 40, 100, 60)
    assert drawn(150, 100, 50, 40, PICTURE, square=False).crop == (50, 40, 100, 60)
    assert drawn(50, 40, 150, 100, PICTURE, square=True).crop == (50, 40, 100, 100)
    assert drawn(350, 40, 390, 290, PICTURE, square=True).crop == (350, 40, 50, 50)


def test_growing_keeps_shape_and_centre() -> None:
    assert box().grown(5).crop == (95, 75, 130, 130)
    assert box().grown(-5).crop == (105, 85, 110, 110)
    assert box(0, 0, 400, 200).grown(10).crop == (0, 0, 400, 200)
    assert box().grown(-1000).crop[2:] == (LEAST, LEAST)


@given(
    st.integers(1, 600), st.integers(1, 600), st.sampled_from(HANDLES), st.booleans(),
    st.floats(-50, 700), st.floats(-50, 700), st.floats(-50, 700), st.floats(-50, 700), st.integers(-30, 30),
)  # fmt: skip
def test_never_outside_never_empty(
    wide: int, high: int, grip: str, square: bool, x0: float, y0: float, x1: float, y1: float, by: int
) -> None:
    picture = (wide, high)
    first = drawn(x0, y0, x1, y1, picture, square=square)
    assert_inside(first)
    assert not square or first.width == first.height
    dragged = first.dragged(grip, x1, y0, square)
    assert_inside(dragged)
    assert not square or dragged.width == dragged.height
    assert_inside(dragged.moved(x0, y1))
    assert_inside(dragged.grown(by))


@given(st.sampled_from(["nw", "ne", "sw", "se"]), st.floats(0, 400), st.floats(0, 300), st.booleans())
def test_the_opposite_corner_stays(grip: str, x: float, y: float, square: bool) -> None:
    start = box()
    assert start.dragged(grip, x, y, square).handle(OPPOSITE[grip]) == start.handle(OPPOSITE[grip])
