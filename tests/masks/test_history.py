"""Undo and redo: exact, bounded, across tools, regions and cases."""

from __future__ import annotations

import numpy as np
import pytest

from divisive_desktop.errors import MaskError
from divisive_desktop.masks import ops, shapes
from divisive_desktop.masks.history import Histories, History
from divisive_desktop.masks.mask import Mask
from divisive_desktop.masks.shapes import Brush


def state(mask: Mask) -> tuple:
    return mask.regions, tuple(mask.pixels(r.id).tobytes() for r in mask.regions)


def random_edit(mask: Mask, rng: np.random.Generator) -> str:
    """One of everything that can happen to a mask."""
    kind = rng.choice(["stroke", "erase", "polygon", "clear", "add", "remove", "rename", "grow", "move", "invert"])
    if not mask.regions or kind == "add":
        mask.add()
        return "add"
    region = int(rng.choice([r.id for r in mask.regions]))
    points = [tuple(p) for p in rng.uniform(-50, 750, (int(rng.integers(3, 6)), 2))]
    if kind in ("stroke", "erase"):
        ops.stroke(mask, region, points, Brush(rng.uniform(0.5, 60), rng.choice([1.0, 0.4])), erase=kind == "erase")
    elif kind == "polygon":
        ops.apply(mask, region, shapes.polygon(points, mask.size), rng.choice(["add", "subtract", "intersect"]))
    elif kind == "clear":
        ops.clear(mask, region)
    elif kind == "remove":
        mask.remove(region)
    elif kind == "rename":
        mask.change(region, name=f"name {rng.integers(100)}", weight=float(rng.random()))
    elif kind == "grow":
        ops.grow_by(mask, region, float(rng.uniform(-9, 9)))
    elif kind == "move":
        mask.move(region, 0)
    else:
        ops.invert(mask, region)
    return str(kind)


@pytest.mark.parametrize("seed", range(6))
def test_any_sequence_of_edits_can_be_walked_back_and_forth(seed: int) -> None:
    rng = np.random.default_rng(seed)
    mask, history = Mask(701, 603), History()
    states = [state(mask)]
    for number in range(40):
        before = state(mask)
        history.begin(mask, f"edit {number}")
        for _ in range(int(rng.integers(1, 4))):
            random_edit(mask, rng)
        changed = history.end()
        assert changed == (state(mask) != before)
        if changed:
            states.append(state(mask))
    assert len(history.names()) == len(states) - 1
    for _ in range(2):
        for expected in reversed(states[:-1]):
            assert history.undo(mask) is not None
            assert state(mask) == expected
        assert history.undo(mask) is None
        for expected in states[1:]:
            assert history.redo(mask) is not None
            assert state(mask) == expected
        assert history.redo(mask) is None


def test_a_stroke_of_many_events_is_one_named_step() -> None:
    mask, history = Mask(500, 500), History()
    mask.add()
    history.begin(mask, "Brush stroke")
    for x in range(20, 400, 3):
        ops.stroke(mask, 1, [(x, 250), (x + 3, 250)], Brush(10))
    history.end()
    with history.step(mask, "Clear"):
        ops.clear(mask, 1)
    assert history.names() == ("Brush stroke", "Clear")
    assert (history.undo_name, history.redo_name) == ("Clear", None)
    change = history.undo(mask)
    assert change is not None
    assert change.name == "Clear"
    assert (history.undo_name, history.redo_name) == ("Brush stroke", "Clear")
    history.undo(mask)
    assert mask.is_empty


def test_the_change_says_where_to_look() -> None:
    mask, history = Mask(2000, 2000), History()
    mask.add()
    with history.step(mask, "Dab"):
        box = ops.stroke(mask, 1, [(1000, 700)], Brush(20))
    change = history.undo(mask)
    assert change is not None
    assert not change.regions_changed
    x, y, w, h = change.box
    assert x <= box[0]
    assert y <= box[1]
    assert x + w >= box[0] + box[2]
    assert y + h >= box[1] + box[3]
    assert w * h < 600 * 600, "a dab doesn't redraw the image"


def test_a_new_step_forgets_what_was_undone() -> None:
    mask, history = Mask(100, 100), History()
    mask.add()
    for y in (10, 50):
        with history.step(mask, f"at {y}"):
            ops.stroke(mask, 1, [(50, y)], Brush(5))
    history.undo(mask)
    with history.step(mask, "other"):
        ops.stroke(mask, 1, [(80, 80)], Brush(5))
    assert history.redo_name is None
    assert history.names() == ("at 10", "other")


def test_what_changes_nothing_is_no_step() -> None:
    mask, history = Mask(100, 100), History()
    mask.add()
    history.begin(mask, "erase nothing")
    ops.stroke(mask, 1, [(50, 50)], Brush(5), erase=True)
    assert not history.end()
    history.begin(mask, "there and back")
    ops.stroke(mask, 1, [(50, 50)], Brush(5))
    ops.clear(mask, 1)
    assert not history.end()
    assert history.undo_name is None


def test_cancel_takes_a_stroke_back_and_leaves_no_trace() -> None:
    mask, history = Mask(100, 100), History()
    mask.add()
    with history.step(mask, "kept"):
        ops.stroke(mask, 1, [(20, 20)], Brush(5))
    before = state(mask)
    history.begin(mask, "given up")
    ops.stroke(mask, 1, [(50, 50), (80, 80)], Brush(9))
    assert history.cancel() is not None
    assert state(mask) == before
    assert history.names() == ("kept",)
    assert mask.recorder is None


def paint_both(mask: Mask, other: int) -> None:
    for region in (1, other):
        ops.stroke(mask, region, [(50, 50)], Brush(9))


def test_an_error_in_the_middle_takes_the_step_back() -> None:
    mask, history = Mask(100, 100), History()
    mask.add()
    locked = mask.add(locked=True)
    before = state(mask)
    with pytest.raises(MaskError, match="locked"), history.step(mask, "half"):
        paint_both(mask, locked.id)
    assert state(mask) == before
    assert history.undo_name is None


def test_undo_works_on_a_region_that_was_locked_since() -> None:
    mask, history = Mask(100, 100), History()
    mask.add()
    with history.step(mask, "stroke"):
        ops.stroke(mask, 1, [(50, 50)], Brush(9))
    mask.change(1, locked=True)
    history.undo(mask)
    assert mask.is_empty


def test_memory_stays_within_its_bound_and_the_last_step_stays() -> None:
    mask, history = Mask(1000, 1000), History(limit=200_000)
    mask.add()
    rng = np.random.default_rng(0)
    for number in range(30):
        with history.step(mask, f"noise {number}"), mask.editing(1, mask.box) as pixels:
            pixels[:] = np.where(rng.random((1000, 1000)) < 0.5, 0, 255)
        assert history.bytes <= 200_000 or len(history.names()) == 1
    assert history.names()[-1] == "noise 29"
    assert history.undo(mask) is not None


def test_a_thin_stroke_across_a_large_image_is_cheap_to_keep() -> None:
    mask, history = Mask(4096, 4096), History()
    mask.add()
    with history.step(mask, "diagonal"):
        ops.stroke(mask, 1, [(0, 0), (4096, 4096)], Brush(5))
    with history.step(mask, "back"):
        ops.stroke(mask, 1, [(0, 0), (4096, 4096)], Brush(3), erase=True)
    assert history.bytes < 1_000_000, "the box around it has 16 million pixels"


def test_history_survives_a_case_that_comes_back_and_drops_a_strange_one() -> None:
    book = Histories()
    mask = Mask(100, 100)
    mask.add()
    with book.of("case 1").step(mask, "stroke"):
        ops.stroke(mask, 1, [(50, 50)], Brush(9))
    book.of("case 1").leave(mask)
    blob = mask.to_blob()
    assert book.of("case 2").undo_name is None

    back = Mask.from_blob(blob)
    assert book.of("case 1").enter(back)
    assert book.of("case 1").undo_name == "stroke"
    book.of("case 1").undo(back)
    assert back.is_empty

    book.of("case 1").redo(back)
    book.of("case 1").leave(back)
    other = Mask.from_blob(blob)
    ops.stroke(other, 1, [(10, 10)], Brush(3))
    assert not book.of("case 1").enter(other)
    assert book.of("case 1").undo_name is None


def test_cases_share_one_bound_and_the_oldest_loses_first() -> None:
    book = Histories(limit=300_000)
    rng = np.random.default_rng(0)
    for case in ("a", "b", "c"):
        mask = Mask(1000, 1000)
        mask.add()
        with book.of(case).step(mask, case), mask.editing(1, mask.box) as pixels:
            pixels[:] = 255
        with book.of(case).step(mask, case), mask.editing(1, mask.box) as pixels:
            pixels[:] = np.where(rng.random((1000, 1000)) < 0.5, 0, 255)
        with book.of(case).step(mask, case), mask.editing(1, mask.box) as pixels:
            pixels[:] = 0
    book.of("c")
    assert book.bytes <= 300_000
    assert len(book.of("c").names()) == 3
    assert len(book.of("a").names()) < 3


def test_steps_do_not_nest() -> None:
    mask, history = Mask(10, 10), History()
    history.begin(mask, "one")
    with pytest.raises(RuntimeError, match="two"):
        history.begin(mask, "two")
    with pytest.raises(RuntimeError, match="open"):
        history.undo(mask)
    history.end()
    with pytest.raises(RuntimeError, match="open"):
        history.end()
