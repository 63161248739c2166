"""The mask document: regions, their union, and keeping them."""

from __future__ import annotations

import numpy as np
import pytest

from divisive_desktop.errors import MaskError
from divisive_desktop.masks import ops, shapes
from divisive_desktop.masks.mask import Mask
from divisive_desktop.masks.region import PALETTE, Region


@pytest.fixture
def mask() -> Mask:
    """200 x 100, with an effusion of weight 1 and an important opacity of weight 0.5 that overlap."""
    mask = Mask(200, 100)
    first = mask.add("effusion")
    second = mask.add("opacity", weight=0.5)
    ops.apply(mask, first.id, shapes.rectangle((10, 20), (50, 60), mask.size))
    ops.apply(mask, second.id, shapes.rectangle((40, 20), (90, 60), mask.size))
    return mask


def test_union_takes_the_highest_weighted_region(mask: Mask) -> None:
    union = mask.union()
    assert union.dtype == np.float32
    assert union.shape == (100, 200)
    assert union[30, 20] == 1.0
    assert union[30, 45] == 1.0, "where both lie the higher weight counts"
    assert union[30, 80] == pytest.approx(0.5)
    assert union[30, 100] == 0.0
    assert union.sum() == pytest.approx(40 * 40 + 40 * 40 * 0.5)


def test_union_of_a_box_is_a_part_of_the_whole(mask: Mask) -> None:
    assert np.array_equal(mask.union((30, 10, 100, 40)), mask.union()[10:50, 30:130])


def test_hidden_regions_count_and_weightless_ones_do_not(mask: Mask) -> None:
    whole = mask.union()
    mask.change(1, visible=False)
    assert np.array_equal(mask.union(), whole)
    mask.change(1, weight=0.0)
    assert mask.union()[30, 20] == 0.0


def test_new_regions_get_their_own_names_colours_and_ids(mask: Mask) -> None:
    third, fourth = mask.add(), mask.add()
    assert (third.name, fourth.name) == ("important", "important 2")
    assert len({r.colour for r in mask.regions}) == 4
    mask.remove(fourth.id)
    assert mask.add().id not in (third.id, fourth.id), "an id is never used twice"
    for _ in range(10):
        mask.add()
    assert {r.colour for r in mask.regions} == set(PALETTE)


def test_a_locked_region_refuses_every_change_of_pixels(mask: Mask) -> None:
    mask.change(1, locked=True)
    before = mask.pixels(1).copy()
    with pytest.raises(MaskError, match="effusion"):
        ops.stroke(mask, 1, [(5, 5)], shapes.Brush(3))
    with pytest.raises(MaskError, match="locked"):
        mask.remove(1)
    ops.clear(mask)
    assert np.array_equal(mask.pixels(1), before)
    assert mask.bounds(2) is None, "clear empties the regions that aren't locked"


def test_bounds_follow_what_is_painted(mask: Mask) -> None:
    assert mask.bounds(1) == (10, 20, 40, 40)
    ops.apply(mask, 1, shapes.rectangle((0, 0), (30, 100), mask.size), "subtract")
    assert mask.bounds(1) == (30, 20, 20, 40)
    assert mask.union_bounds() == (30, 20, 60, 40)
    assert not mask.is_empty
    ops.clear(mask)
    assert mask.is_empty
    assert mask.union_bounds() is None


def test_pixels_can_only_be_changed_by_editing(mask: Mask) -> None:
    with pytest.raises(ValueError, match="read-only"):
        mask.pixels(1)[0, 0] = 255
    with pytest.raises(ValueError, match="inside"), mask.editing(1, (190, 0, 11, 5)):
        pass


def test_blob_brings_everything_back(mask: Mask) -> None:
    ops.stroke(mask, 2, [(150, 50), (180, 70)], shapes.Brush(9, hardness=0.3))
    mask.change(2, locked=True, visible=False, colour="#123456", name="Erguß ← links")
    mask.add("empty")
    back = Mask.from_blob(mask.to_blob())
    assert back.regions == mask.regions
    assert back.size == mask.size
    for region in mask.regions:
        assert np.array_equal(back.pixels(region.id), mask.pixels(region.id))
        assert back.bounds(region.id) == mask.bounds(region.id)
    assert back.digest() == mask.digest()
    assert back.add().id not in {r.id for r in mask.regions}


def test_digest_follows_content_not_display(mask: Mask) -> None:
    digest = mask.digest()
    mask.change(1, colour="#ffffff", visible=False, locked=True)
    assert mask.digest() == digest
    mask.change(1, locked=False, weight=0.9)
    assert mask.digest() != digest
    mask.change(1, weight=1.0)
    assert mask.digest() == digest
    ops.stroke(mask, 1, [(100.5, 80.5)], shapes.Brush(0.5))
    assert mask.digest() != digest
    ops.stroke(mask, 1, [(100.5, 80.5)], shapes.Brush(0.5), erase=True)
    assert mask.digest() == digest, "the same pixels have the same digest, however they came about"


@pytest.mark.parametrize("damage", ["checksum", "magic", "version", "short"])
def test_damaged_blobs_are_refused_in_words(mask: Mask, damage: str) -> None:
    blob = bytearray(mask.to_blob())
    if damage == "checksum":
        blob[-1] ^= 1
    elif damage == "magic":
        blob[0] = 0
    elif damage == "version":
        blob[7] += 1
    else:
        del blob[20:]
    with pytest.raises(MaskError) as caught:
        Mask.from_blob(bytes(blob))
    assert caught.value.remedy


def test_a_snapshot_does_not_follow_later_changes(mask: Mask) -> None:
    snapshot = mask.snapshot()
    ops.clear(mask)
    assert not snapshot.is_empty
    assert Mask.from_snapshot(snapshot).union().sum() > 0


@pytest.mark.parametrize("scale", [0.5, 2])
def test_resampling_keeps_shape_area_and_levels(mask: Mask, scale: float) -> None:
    other = mask.resampled(int(200 * scale), int(100 * scale))
    assert other.bounds(1) == tuple(int(v * scale) for v in mask.bounds(1))
    assert set(np.unique(other.pixels(1))) == {0, 255}
    assert other.regions == mask.regions


def test_from_array_takes_floats_bools_and_bytes() -> None:
    values = np.array([[0, 0.5, 1]], np.float32)
    assert Mask.from_array(values).pixels(1).tolist() == [[0, 128, 255]]
    assert Mask.from_array(values > 0).pixels(1).tolist() == [[0, 255, 255]]
    assert Mask.from_array(np.array([[3]], np.uint8)).pixels(1).tolist() == [[3]]
    with pytest.raises(ValueError, match="int64"):
        Mask.from_array(np.array([[3]]))


@pytest.mark.parametrize("wrong", [{"weight": 1.5}, {"colour": "red"}, {"colour": "#12345g"}, {"name": " "}])
def test_a_region_that_exists_is_valid(wrong: dict) -> None:
    with pytest.raises(ValueError, match=r"weight|colour|name"):
        Region(**{"id": 1, "name": "x", **wrong})
