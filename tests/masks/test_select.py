"""Selecting by what the image shows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from divisive_desktop.imaging.opening import open_image
from divisive_desktop.masks import ops, select, shapes
from divisive_desktop.masks.mask import Mask
from divisive_desktop.masks.shapes import Brush, Stamp


@pytest.fixture
def scene() -> np.ndarray:
    """Grey 100 x 80: a bright disc and a bright bar on a slope, with little noise."""
    y, x = np.mgrid[:80, :100]
    image = (x * 0.3 + np.random.default_rng(0).normal(0, 1, (80, 100))).astype(np.float32)
    image[np.hypot(x - 30, y - 40) < 15] += 100
    image[10:70, 70:80] += 100
    return image


def full(stamp: Stamp | None, shape: tuple[int, int]) -> np.ndarray:
    image = np.zeros(shape, bool)
    if stamp is not None:
        x, y, w, h = stamp.box
        image[y : y + h, x : x + w] = stamp.coverage > 127
    return image


def test_wand_takes_what_hangs_together_with_the_seed(scene: np.ndarray) -> None:
    found = full(select.wand(scene, (30, 40), 25, sample=5), scene.shape)
    y, x = np.mgrid[:80, :100]
    assert np.array_equal(found, np.hypot(x - 30, y - 40) < 15)


def test_wand_without_contiguity_takes_the_other_part_too(scene: np.ndarray) -> None:
    found = full(select.wand(scene, (30, 40), 25, contiguous=False), scene.shape)
    assert found[40, 75]
    assert found[40, 30]
    assert not found[40, 55]


def test_wand_samples_around_the_seed(scene: np.ndarray) -> None:
    scene[40, 30] = 122  # a noisy pixel under the pointer
    assert full(select.wand(scene, (30, 40), 12), scene.shape).sum() < 100
    assert full(select.wand(scene, (30, 40), 12, sample=5), scene.shape).sum() > 600


def test_wand_looks_only_within_its_box(scene: np.ndarray) -> None:
    found = full(select.wand(scene, (30, 40), 25, within=(25, 30, 20, 20)), scene.shape)
    assert found.sum() > 0
    found[30:50, 25:45] = False
    assert not found.any()
    assert select.wand(scene, (5, 5), 25, within=(25, 30, 20, 20)) is None


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.float64])
def test_wand_takes_every_kind_of_grey(scene: np.ndarray, dtype: type) -> None:
    found = full(select.wand(np.rint(scene + 5).astype(dtype), (30, 40), 25, sample=5), scene.shape)
    assert found.sum() == pytest.approx(np.pi * 225, rel=0.03)


def test_wand_compares_every_colour_channel() -> None:
    image = np.zeros((40, 40, 3), np.uint8)
    image[10:30, 10:20] = (200, 50, 50)
    image[10:30, 20:30] = (200, 50, 90)
    assert full(select.wand(image, (12, 12), 20), (40, 40)).sum() == 200
    assert full(select.wand(image, (12, 12), 45), (40, 40)).sum() == 400


def test_wand_does_not_write_into_the_image(scene: np.ndarray) -> None:
    before = scene.copy()
    scene.flags.writeable = False
    select.wand(scene, (30, 40), 25)
    assert np.array_equal(scene, before)


def test_bucket_stops_at_paint_and_at_levels(scene: np.ndarray) -> None:
    mask = Mask(100, 80)
    mask.add()
    ring = [(20 + 60 * np.cos(a) * 0.3 + 30, 40 + 25 * np.sin(a)) for a in np.linspace(0, 2 * np.pi, 40)]
    ops.stroke(mask, 1, ring, Brush(2))
    inside = full(select.bucket(mask, 1, (50, 40)), scene.shape)
    assert inside[40, 50]
    assert not inside[2, 2]
    assert not (inside & (mask.pixels(1) > 0)).any()
    fewer = full(select.bucket(mask, 1, (55, 40), scene, 15), scene.shape)
    assert 0 < fewer.sum() < inside.sum()
    assert not (fewer & (scene > 60)).any()
    assert select.bucket(mask, 1, ring[0]) is None, "the seed is painted"
    assert select.bucket(mask, 1, (-3, 5)) is None


def test_bucket_and_outline_close_into_a_full_shape() -> None:
    mask = Mask(100, 80)
    mask.add()
    ops.apply(mask, 1, shapes.ellipse((10, 10), (90, 70), mask.size))
    filled = mask.pixels(1).copy()
    ops.apply(mask, 1, shapes.ellipse((20, 20), (80, 60), mask.size), "subtract")
    ops.apply(mask, 1, select.bucket(mask, 1, (50, 40)))
    assert np.array_equal(mask.pixels(1), filled)


def test_connected_picks_one_part_of_a_region() -> None:
    mask = Mask(100, 80)
    mask.add()
    ops.apply(mask, 1, shapes.rectangle((5, 5), (20, 20), mask.size))
    ops.apply(mask, 1, shapes.rectangle((40, 40), (60, 50), mask.size))
    stamp = select.connected(mask, 1, (45, 45))
    assert stamp is not None
    assert stamp.box == (40, 40, 20, 10)
    assert select.connected(mask, 1, (30, 30)) is None
    assert select.connected(mask, 1, (90, 70)) is None


def test_threshold_keeps_to_the_shape_drawn(scene: np.ndarray) -> None:
    shape = shapes.rectangle((0, 0), (50, 80), (100, 80))
    found = full(select.threshold(scene, 60, 1000, shape), scene.shape)
    assert found[40, 30]
    assert not found[:, 50:].any(), "the bar is as bright, but outside"
    assert select.threshold(scene, 900, 1000, shape) is None


def scribbles(size: tuple[int, int], inside: list, outside: list, radius: float = 2) -> Mask:
    drawn = Mask(*size)
    drawn.add("inside")
    drawn.add("outside")
    ops.stroke(drawn, 1, inside, Brush(radius))
    ops.stroke(drawn, 2, outside, Brush(radius))
    return drawn


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    return np.count_nonzero(a & b) / np.count_nonzero(a | b)


def test_smart_select_finds_the_object_under_the_scribble(scene: np.ndarray) -> None:
    image = np.clip(scene, 0, 255).astype(np.uint8)
    drawn = scribbles((100, 80), [(25, 40), (35, 40)], [(10, 20), (50, 20), (50, 60), (10, 60)])
    found = full(select.smart_select(image, drawn, 1, 2), scene.shape)
    y, x = np.mgrid[:80, :100]
    assert overlap(found, np.hypot(x - 30, y - 40) < 15) > 0.9
    assert not found[:, 65:].any(), "the bar is as bright, but no scribble touches it"


def test_smart_select_needs_no_outside_scribble(scene: np.ndarray) -> None:
    image = np.clip(scene, 0, 255).astype(np.uint8)
    drawn = scribbles((100, 80), [(20, 40), (40, 40), (30, 30), (30, 50)], [])
    y, x = np.mgrid[:80, :100]
    assert overlap(full(select.smart_select(image, drawn, 1, 2), scene.shape), np.hypot(x - 30, y - 40) < 15) > 0.85


def test_smart_select_proposes_the_same_twice_and_nothing_from_nothing(scene: np.ndarray) -> None:
    image = np.clip(scene, 0, 255).astype(np.uint8)
    drawn = scribbles((100, 80), [(25, 40), (35, 40)], [(10, 20), (50, 20)])
    first, second = (select.smart_select(image, drawn, 1, 2) for _ in range(2))
    assert np.array_equal(full(first, scene.shape), full(second, scene.shape))
    assert select.smart_select(image, scribbles((100, 80), [], [(10, 20)]), 1, 2) is None


def test_smart_select_follows_the_lung_on_a_real_radiograph(rg1: Path) -> None:
    record = open_image(rg1)
    grey = record.pixels
    low, high = np.percentile(grey, (1, 99))
    image = (np.clip((high - grey) / (high - low), 0, 1) * 255).astype(np.uint8)
    drawn = scribbles(
        (record.width, record.height), [(500, 600), (480, 1000)], [(915, 300), (915, 1700), (150, 1700)], radius=15
    )
    stamp = select.smart_select(image, drawn, 1, 2)
    assert stamp is not None
    share = np.count_nonzero(stamp.coverage) / grey.size
    assert 0.05 < share < 0.35, "one lung, neither a speck nor the whole film"


@pytest.mark.parametrize("around", [True, False])
@pytest.mark.parametrize("radius", [300, 600])
def test_smart_select_is_within_two_pixels_of_the_edge_of_a_large_image(radius: int, around: bool) -> None:
    y, x = np.mgrid[:2000, :2000] + 0.5
    away = np.hypot(x - 1013, y - 987)
    noise = np.random.default_rng(0).normal(0, 8, away.shape)
    image = np.clip(60 + 80 * (away < radius) + x * 0.01 + noise, 0, 255).astype(np.uint8)
    turn = np.linspace(0, 2 * np.pi, 60)
    ring = [(1013 + 1.1 * radius * np.cos(t), 987 + 1.1 * radius * np.sin(t)) for t in turn] if around else []
    drawn = scribbles((2000, 2000), [(1013 - radius / 2, 987), (1013 + radius / 2, 987)], ring, radius=7)
    found = full(select.smart_select(image, drawn, 1, 2), away.shape)
    assert np.abs(away - radius)[found != (away < radius)].max() < 2


def test_a_scribble_outside_on_one_side_does_not_cut_the_object_off() -> None:
    y, x = np.mgrid[:900, :900] + 0.5
    turn = np.arctan2(y - 450, x - 450)
    star = np.hypot(x - 450, y - 450) < 240 * (1 + 0.15 * np.cos(5 * turn))
    image = np.clip(90 + 50 * star + np.random.default_rng(0).normal(0, 10, star.shape), 0, 255).astype(np.uint8)
    drawn = scribbles((900, 900), [(400, 450), (500, 450)], [(450, 120), (490, 120)], radius=5)
    seen: list[Any] = []
    found = full(select.smart_select(image, drawn, 1, 2, first=seen.append), star.shape)
    assert overlap(found, star) > 0.99
    assert overlap(full(seen[-1], star.shape), star) > 0.97, "what is shown first is coarse, but the same thing"


def test_without_a_scribble_outside_the_surroundings_do_not_cut_the_object_off() -> None:
    y, x = np.mgrid[:1000, :1000] + 0.5
    tall = (np.abs(x - 500) < 120) & (np.abs(y - 500) < 430)
    image = np.clip(90 + 50 * tall + np.random.default_rng(0).normal(0, 10, tall.shape), 0, 255).astype(np.uint8)
    found = full(select.smart_select(image, scribbles((1000, 1000), [(450, 500), (550, 500)], [], 5), 1, 2), tall.shape)
    assert overlap(found, tall) > 0.98, "it ends where its own border is"


def test_smart_select_stops_when_nobody_waits_any_more() -> None:
    y, x = np.mgrid[:900, :900] + 0.5
    disc = np.hypot(x - 450, y - 450) < 240
    image = np.where(disc, 150, 90).astype(np.uint8)
    drawn = scribbles((900, 900), [(400, 450), (500, 450)], [], radius=5)
    asked: list[bool] = []
    select.smart_select(image, drawn, 1, 2, wanted=lambda: bool(asked.append(True)))
    assert asked, "it is asked between the tiles"


def test_smart_select_goes_on_to_where_the_image_ends() -> None:
    _, x = np.mgrid[:1000, :1200]
    half = x < 450
    image = np.clip(60 + 80 * half + np.random.default_rng(0).normal(0, 6, half.shape), 0, 255).astype(np.uint8)
    drawn = scribbles((1200, 1000), [(100, 200), (300, 800)], [], radius=7)
    found = full(select.smart_select(image, drawn, 1, 2), half.shape)
    assert overlap(found, half) > 0.98
    assert found[:, 0].mean() > 0.98, "the rim of the image isn't background"
