"""Shapes cover the pixels whose centre lies in them, no more and no less."""

from __future__ import annotations

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from divisive_desktop.masks import shapes
from divisive_desktop.masks.shapes import Brush, Stamp

SIZE = (90, 70)
coordinate = st.floats(-20, 110, allow_nan=False).map(lambda v: round(v, 2))
points = st.tuples(coordinate, coordinate)
CENTRES = np.stack(np.meshgrid(np.arange(SIZE[0]) + 0.5, np.arange(SIZE[1]) + 0.5), -1)


def full(stamps: list[Stamp] | Stamp | None) -> np.ndarray:
    """Coverage over the whole image."""
    image = np.zeros(SIZE[::-1], np.uint8)
    for stamp in stamps if isinstance(stamps, list) else [stamps]:
        if stamp is not None:
            x, y, w, h = stamp.box
            np.maximum(image[y : y + h, x : x + w], stamp.coverage, out=image[y : y + h, x : x + w])
    return image


def winding_number(vertices: np.ndarray) -> np.ndarray:
    """How often a polygon runs around each pixel centre, by summed angles: slow and plain."""
    a = vertices[None, None] - CENTRES[:, :, None]
    b = np.roll(vertices, -1, axis=0)[None, None] - CENTRES[:, :, None]
    cross, dot = a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0], (a * b).sum(-1)
    return np.rint(np.arctan2(cross, dot).sum(-1) / (2 * np.pi)).astype(int)


def distance_to_segment(p: np.ndarray, q: np.ndarray, aspect: float = 1.0) -> np.ndarray:
    scale = np.array([1.0, aspect])
    centres, p, q = CENTRES * scale, p * scale, q * scale
    d = q - p
    t = np.clip(((centres - p) @ d) / max(float(d @ d), 1e-12), 0, 1) if d.any() else np.zeros(CENTRES.shape[:2])
    return np.hypot(*np.moveaxis(centres - p - t[..., None] * d, -1, 0))


@settings(deadline=None, max_examples=60)
@given(st.lists(points, min_size=3, max_size=12), st.sampled_from(["nonzero", "evenodd"]))
def test_polygon_agrees_with_winding_numbers(vertices: list, rule: str) -> None:
    vertices = np.array(vertices)
    number = winding_number(vertices)
    expected = number != 0 if rule == "nonzero" else number % 2 == 1
    edges = zip(vertices, np.roll(vertices, -1, axis=0), strict=True)
    clear = np.min([distance_to_segment(a, b) for a, b in edges], axis=0) > 1e-6  # on an edge either answer is right
    filled = full(shapes.polygon(vertices, SIZE, rule)) == 255
    assert np.array_equal(filled[clear], expected[clear])


def test_polygons_that_share_an_edge_neither_overlap_nor_leave_a_gap() -> None:
    left = full(shapes.polygon([(5, 5), (40.5, 5), (30.5, 60), (5, 60)], SIZE)) > 0
    right = full(shapes.polygon([(40.5, 5), (80, 5), (80, 60), (30.5, 60)], SIZE)) > 0
    assert not (left & right).any()
    assert (left | right)[5:60, 5:80].all()


@settings(deadline=None, max_examples=60)
@given(points, points, st.floats(0.5, 30), st.sampled_from([0.5, 1.0, 2.0]))
def test_brush_covers_what_is_within_its_radius(p: tuple, q: tuple, radius: float, aspect: float) -> None:
    brush = Brush(radius, aspect=aspect)
    covered = full(shapes.segment(p, q, brush, SIZE)) == 255
    distance = distance_to_segment(np.array(p), np.array(q), aspect)
    assert covered[distance < radius - 0.01].all()
    if radius >= 1:
        assert not covered[distance > radius + 0.01].any()


def test_a_long_line_is_the_same_in_pieces() -> None:
    p, q = (3.2, 4.1), (85.0, 66.0)
    stamps = shapes.segment(p, q, Brush(2.5), SIZE)
    assert len(stamps) > 1
    assert np.array_equal(full(stamps) == 255, distance_to_segment(np.array(p), np.array(q)) <= 2.5)


@pytest.mark.parametrize("where", [(10.0, 20.0), (10.5, 20.5), (10.99, 20.01)])
def test_the_smallest_brush_paints_the_pixel_under_it(where: tuple[float, float]) -> None:
    assert full(shapes.dab(where, Brush(0.5), SIZE))[int(where[1]), int(where[0])] == 255


def test_the_smallest_brush_leaves_a_line_without_gaps() -> None:
    import cv2

    line = full(shapes.segment((5, 5), (80, 40), Brush(0.5), SIZE))
    assert cv2.connectedComponents(line, connectivity=8)[0] == 2
    assert np.count_nonzero(line) < 76 + 36, "no thicker than a staircase"


def test_soft_brush_falls_off_from_the_middle() -> None:
    profile = full(shapes.dab((40.5, 30.5), Brush(20, hardness=0.5), SIZE))[30, 40:62].astype(int)
    assert (profile[:10] == 255).all()
    assert (np.diff(profile) <= 0).all()
    assert 100 < profile[15] < 155
    assert (profile[20:] == 0).all()


def test_pressure_changes_the_radius_along_the_line() -> None:
    brush = Brush(10)
    covered = full(shapes.segment((15, 35), (75, 35), brush, SIZE, (0.0, 1.0))) > 0
    heights = covered.sum(axis=0)[15:76]
    assert (np.diff(heights) >= 0).all()
    assert heights[0] <= 6
    assert 18 <= heights[-1] <= 21


def test_rectangle_and_ellipse_fill_their_box() -> None:
    box = full(shapes.rectangle((60, 50.4), (10, 20.4), SIZE))
    assert box.sum() == 255 * 50 * 30
    assert box[20:50, 10:60].all()
    oval = full(shapes.ellipse((10, 20), (60, 50), SIZE)) > 0
    assert oval.sum() == pytest.approx(np.pi * 25 * 15, rel=0.01)
    assert np.array_equal(oval[20:50, 10:60], oval[20:50, 10:60][::-1, ::-1])


def test_shapes_outside_the_image_cover_nothing() -> None:
    assert shapes.dab((-30, -30), Brush(5), SIZE) is None
    assert shapes.polygon([(200, 5), (300, 5), (250, 60)], SIZE) is None
    assert shapes.rectangle((5, 5), (5.3, 90), SIZE) is None
    assert shapes.ellipse((5, 5), (5, 9), SIZE) is None
    assert shapes.polygon([(1, 1), (9, 9)], SIZE) is None


def test_shapes_are_cut_off_at_the_edge_of_the_image() -> None:
    stamp = shapes.dab((0, 0), Brush(10), SIZE)
    assert stamp is not None
    assert stamp.box[:2] == (0, 0)
    assert np.count_nonzero(stamp.coverage) == pytest.approx(np.pi * 25, rel=0.05)


@pytest.mark.parametrize("wrong", [{"radius": 0.2}, {"hardness": 1.1}, {"aspect": 0.0}])
def test_a_brush_that_exists_is_valid(wrong: dict) -> None:
    with pytest.raises(ValueError, match=r"radius|hardness|aspect"):
        Brush(**wrong)


@pytest.mark.parametrize("aspect", [1.0, 2.0])
def test_a_wide_soft_rim_is_as_exact_as_a_narrow_one(aspect: float) -> None:
    brush = Brush(200, hardness=0.2, aspect=aspect)
    stamp = shapes.dab((250.3, 120.6), brush, (600, 500))
    y, x = np.mgrid[:500, :600] + 0.5
    edge = np.clip((200 - np.hypot(x - 250.3, (y - 120.6) * aspect)) / 160, 0, 1)
    expected = 255 * edge**2 * (3 - 2 * edge)
    drawn = np.zeros((500, 600))
    left, top, w, h = stamp.box
    drawn[top : top + h, left : left + w] = stamp.coverage
    assert np.abs(drawn - expected).max() < 2
