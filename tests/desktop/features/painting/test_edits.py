"""Edits of large areas run in the background: the window answers, and nothing gets lost or mixed up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from divisive_desktop.imaging.record import ImageRecord
from divisive_desktop.masks import ops
from divisive_desktop.masks.mask import Mask

SIDE = 2300


@pytest.fixture
def large(easel: Any, picture: Callable[..., ImageRecord]) -> Any:
    """An easel with a picture of five million pixels: a bright square in the dark."""
    values = np.full((SIDE, SIDE), 30, np.uint8)
    values[400:1900, 400:1900] = 200
    easel.open(picture(values))
    easel.viewer.set_tool("paint-rectangle")
    return easel


def done(qtbot: QtBot, easel: Any) -> None:
    qtbot.waitUntil(lambda: easel.session.free, timeout=20_000)


def test_a_large_shape_is_drawn_in_the_background_and_is_one_step(qtbot: QtBot, large: Any) -> None:
    session = large.session
    large.drag((50, 50), (200, 200), (2250, 2250))
    assert session.edits.busy
    assert session.history.undo_name is None
    done(qtbot, large)
    painted = large.painted()
    assert painted[1500, 1500]
    assert np.count_nonzero(painted) == pytest.approx(2200**2, rel=0.02)
    session.undo()
    done(qtbot, large)
    assert session.mask.is_empty
    session.redo()
    done(qtbot, large)
    assert np.array_equal(large.painted(), painted)


def test_nothing_else_is_painted_meanwhile(qtbot: QtBot, large: Any) -> None:
    large.drag((50, 50), (200, 200), (2250, 2250))
    large.viewer.set_tool("eraser")
    large.drag((1000, 1000), (1500, 1500))
    large.session.undo()
    large.session.add_region()
    large.session.clear()
    done(qtbot, large)
    assert large.session.history.names() == ("Rectangle",)
    assert large.painted()[1500, 1500]


def test_leaving_the_case_waits_for_it(qtbot: QtBot, large: Any, grey: ImageRecord) -> None:
    record = large.session.record
    large.drag((50, 50), (200, 200), (2250, 2250))
    assert large.session.edits.busy
    large.open(grey)
    qtbot.waitUntil(large.session.saver.idle, timeout=20_000)
    kept = large.store.load(record)
    assert kept is not None
    assert np.count_nonzero(kept.pixels(1)) == pytest.approx(2200**2, rel=0.02)
    assert large.session.mask.size == (600, 400)
    assert large.session.mask.is_empty


def test_a_locked_region_refuses_a_large_shape_too(qtbot: QtBot, large: Any) -> None:
    large.session.add_region("left")
    large.session.change_region(1, locked=True)
    with qtbot.waitSignal(large.session.refused):
        large.drag((50, 50), (200, 200), (2250, 2250))
    assert large.session.free
    assert large.session.mask.is_empty


def test_a_refusal_in_the_background_leaves_no_trace(qtbot: QtBot, large: Any) -> None:
    from divisive_desktop.errors import MaskError

    def half(mask: Mask, region: int) -> None:
        ops.invert(mask, region)
        raise MaskError("Half way through.", "Try again.")

    large.session.add_region()
    with qtbot.waitSignal(large.session.refused) as refused:
        large.session.run("Half", half, SIDE * SIDE)
    assert refused.args[0].message == "Half way through."
    assert large.session.free
    assert large.session.mask.is_empty
    assert large.session.history.names() == ("Add region",)


def test_bucket_and_wand_find_the_square(qtbot: QtBot, large: Any) -> None:
    large.viewer.set_tool("bucket")
    large.click((1500, 1500))
    done(qtbot, large)
    assert np.count_nonzero(large.painted()) == 1500**2
    large.session.clear()
    done(qtbot, large)
    large.viewer.set_tool("wand")
    large.click((1500, 1500))  # the button is up before it is found
    qtbot.waitUntil(lambda: large.session.free and large.painted().any(), timeout=20_000)
    assert np.count_nonzero(large.painted()) == 1500**2
    assert large.session.history.undo_name == "Magic wand"


def test_escape_forgets_a_wand_that_is_still_looking(qtbot: QtBot, large: Any) -> None:
    large.viewer.set_tool("wand")
    large.press((1500, 1500))
    large.viewer.escape()
    large.release((1500, 1500))
    qtbot.waitUntil(lambda: large.runner.idle, timeout=20_000)
    assert large.session.free
    assert large.session.mask.is_empty


def test_a_tiny_picture_is_painted_pixel_by_pixel(easel: Any, picture: Callable[..., ImageRecord]) -> None:
    easel.open(picture(np.full((64, 64), 90, np.uint8)))
    easel.viewer.set_tool("brush")
    easel.session.set_settings(brush_radius=0.5)
    easel.drag((10.5, 20.5), (15.5, 20.5))
    assert np.argwhere(easel.painted()).tolist() == [[20, x] for x in range(10, 16)]
    easel.session.set_settings(brush_radius=1000.0)
    easel.click((32, 32))
    assert easel.painted().all()
    easel.key(Qt.Key.Key_BracketLeft)
    assert easel.session.settings.brush_radius == 900
