"""What the tools do to a region."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from divisive_desktop.explanation.features import important_features
from divisive_desktop.masks import ops, shapes
from divisive_desktop.masks.mask import Mask
from divisive_desktop.masks.shapes import Brush

SIZE = (120, 90)


@pytest.fixture
def mask() -> Mask:
    """One empty region."""
    mask = Mask(*SIZE)
    mask.add()
    return mask


def square(mask: Mask, x0: float, y0: float, x1: float, y1: float, mode: ops.Mode = "add", level: int = 255) -> None:
    ops.apply(mask, 1, shapes.rectangle((x0, y0), (x1, y1), SIZE), mode, level)


def count(mask: Mask) -> int:
    return int(np.count_nonzero(mask.pixels(1)))


def test_modes_combine_like_sets(mask: Mask) -> None:
    square(mask, 10, 10, 50, 50)
    square(mask, 30, 30, 70, 70, "subtract")
    assert count(mask) == 40 * 40 - 20 * 20
    square(mask, 0, 0, 20, 90, "intersect")
    assert count(mask) == 10 * 40
    assert mask.bounds(1) == (10, 10, 10, 40)
    square(mask, 60, 60, 65, 65, "replace", level=100)
    assert count(mask) == 25
    assert mask.pixels(1).max() == 100
    square(mask, 0, 0, 5, 5, "intersect")
    assert mask.is_empty


def test_nothing_stamped_changes_nothing_or_clears(mask: Mask) -> None:
    square(mask, 10, 10, 50, 50)
    assert ops.apply(mask, 1, None, "add") is None
    assert ops.apply(mask, 1, None, "subtract") is None
    assert count(mask) == 1600
    assert ops.apply(mask, 1, None, "intersect") == (10, 10, 40, 40)
    assert mask.is_empty


def test_changed_box_encloses_every_changed_pixel(mask: Mask) -> None:
    rng = np.random.default_rng(0)
    for _ in range(60):
        before = mask.pixels(1).copy()
        points = [tuple(p) for p in rng.uniform(-10, 120, (3, 2))]
        box = ops.stroke(mask, 1, points, Brush(rng.uniform(0.5, 20), rng.uniform(0, 1)), erase=rng.random() < 0.4)
        outside = before != mask.pixels(1)
        if box is not None:
            outside[box[1] : box[1] + box[3], box[0] : box[0] + box[2]] = False
        assert not outside.any()


def test_brush_then_eraser_on_the_same_line_leaves_nothing(mask: Mask) -> None:
    line = [(10.2, 20.7), (80.1, 60.3), (100.0, 12.0)]
    for brush in (Brush(7.3), Brush(0.5), Brush(12, hardness=0.4)):
        ops.stroke(mask, 1, line, brush)
        assert count(mask) > 0
        ops.stroke(mask, 1, line, Brush(brush.radius + 0.01), erase=True)
        assert mask.is_empty


def test_soft_dabs_do_not_pile_up(mask: Mask) -> None:
    ops.stroke(mask, 1, [(60, 45)], Brush(20, 0.2))
    once = mask.pixels(1).copy()
    for _ in range(5):
        ops.stroke(mask, 1, [(60, 45)], Brush(20, 0.2))
    assert np.array_equal(mask.pixels(1), once)


def test_level_replaces_what_is_there(mask: Mask) -> None:
    square(mask, 10, 10, 50, 50)
    square(mask, 20, 20, 30, 30, level=128)
    assert sorted(np.unique(mask.pixels(1))) == [0, 128, 255]
    assert count(mask) == 1600


def test_fill_holes_fills_what_is_enclosed(mask: Mask) -> None:
    square(mask, 10, 10, 60, 60)
    square(mask, 20, 20, 30, 30, "subtract")
    square(mask, 40, 40, 42, 42, "subtract")
    square(mask, 50, 50, 60, 55, "subtract")  # a bay, open to the side
    ops.fill_holes(mask, 1, largest=10)
    assert count(mask) == 2500 - 100 - 50
    assert ops.fill_holes(mask, 1) is not None
    assert count(mask) == 2500 - 50
    assert ops.fill_holes(mask, 1) is None


def test_remove_specks_keeps_the_large_parts(mask: Mask) -> None:
    square(mask, 10, 10, 40, 40)
    square(mask, 60, 60, 62, 62)
    square(mask, 80, 10, 80.9, 12)
    ops.remove_specks(mask, 1, 10)
    assert mask.bounds(1) == (10, 10, 30, 30)


@pytest.mark.parametrize("by", [1, 3, 5.5, 12])
def test_growing_adds_exactly_the_pixels_within_reach(mask: Mask, by: float) -> None:
    square(mask, 50, 40, 51, 41)
    ops.grow_by(mask, 1, by)
    y, x = np.mgrid[: SIZE[1], : SIZE[0]]
    assert np.array_equal(mask.pixels(1) > 0, np.hypot(x - 50, y - 40) <= by)


@pytest.mark.parametrize("by", [2, 8])
def test_shrinking_a_square_takes_its_rim(mask: Mask, by: int) -> None:
    square(mask, 20, 20, 60, 60)
    ops.grow_by(mask, 1, -by)
    assert mask.bounds(1) == (20 + by, 20 + by, 40 - 2 * by, 40 - 2 * by)
    assert count(mask) == (40 - 2 * by) ** 2


def test_shrinking_does_not_pull_a_region_off_the_edge_of_the_image(mask: Mask) -> None:
    square(mask, 0, 0, 40, 40)
    ops.grow_by(mask, 1, -5)
    assert mask.bounds(1) == (0, 0, 35, 35)


def test_growing_follows_the_pixel_aspect(mask: Mask) -> None:
    square(mask, 60, 45, 61, 46)
    ops.grow_by(mask, 1, 10, aspect=2.0)
    assert mask.bounds(1)[2:] == (21, 11), "a pixel twice as high counts twice"


def test_smoothing_removes_ripples_and_keeps_the_body(mask: Mask) -> None:
    rng = np.random.default_rng(0)
    angle = np.linspace(0, 2 * np.pi, 200, endpoint=False)
    radius = 30 + rng.uniform(-4, 4, 200)
    rough = np.c_[60 + radius * np.cos(angle), 45 + radius * np.sin(angle)]
    ops.apply(mask, 1, shapes.polygon(rough, SIZE))
    area = count(mask)

    def perimeter() -> float:
        contours, _ = cv2.findContours(mask.pixels(1).copy(), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        return sum(cv2.arcLength(c, True) for c in contours)

    before = perimeter()
    ops.smooth(mask, 1, 6)
    assert perimeter() < 0.75 * before
    assert count(mask) == pytest.approx(area, rel=0.05)


def test_smoothing_a_straight_border_leaves_it_where_it_is(mask: Mask) -> None:
    square(mask, 0, 0, 60, 90)
    assert ops.smooth(mask, 1, 8) is None


def test_soft_content_keeps_its_levels(mask: Mask) -> None:
    square(mask, 10, 10, 60, 60, level=100)
    square(mask, 30, 30, 31, 31, level=255)
    ops.smooth(mask, 1, 3)
    assert set(np.unique(mask.pixels(1))) <= {0, 100}


def test_invert_twice_is_nothing(mask: Mask) -> None:
    square(mask, 10, 10, 60, 60)
    ops.invert(mask, 1)
    assert count(mask) == 120 * 90 - 2500
    ops.invert(mask, 1)
    assert count(mask) == 2500


def test_important_features_become_a_draft_that_covers_them(mask: Mask) -> None:
    divergence = np.zeros((7, 7), np.float32)
    divergence[2:4, 3:5], divergence[5, 1] = 3.0, -4.0
    found = important_features(divergence, SIZE, (0, 0, *SIZE))
    stamp = ops.from_polygons([f.contour for f in found.of("true")], SIZE)
    ops.apply(mask, 1, stamp)
    assert np.array_equal(mask.pixels(1) > 0, found.mask("true") > 0)
    assert ops.from_polygons([], SIZE) is None


def test_a_map_above_its_threshold_becomes_a_draft(mask: Mask) -> None:
    cam = np.arange(12, dtype=np.float32).reshape(3, 4)
    region = (20, 10, 80, 60)
    ops.apply(mask, 1, ops.from_map(cam, 6.0, region, SIZE))
    surface = cv2.resize(cam, (80, 60), interpolation=cv2.INTER_LINEAR)
    assert np.array_equal(mask.pixels(1, region) > 0, surface >= 6.0)
    assert count(mask) == np.count_nonzero(surface >= 6.0)
    assert ops.from_map(cam, 99.0, region, SIZE) is None


def test_copying_from_another_case_brings_regions_and_scales_them(mask: Mask) -> None:
    previous = Mask(240, 180)
    region = previous.add("effusion", "#123456", weight=0.4)
    previous.add("nothing in it")
    ops.apply(previous, region.id, shapes.rectangle((20, 40), (60, 80), previous.size))
    ops.copy_regions(mask, previous)
    copied = mask.regions[-1]
    assert (copied.name, copied.colour, copied.weight) == ("effusion", "#123456", 0.4)
    assert len(mask.regions) == 2
    assert mask.bounds(copied.id) == (10, 20, 20, 20)
