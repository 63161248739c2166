"""The table of commands: every one runs, with and without an image; keys don't clash and can be changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from divisive_desktop.desktop.viewer import Viewer
from divisive_desktop.desktop.viewer.commands import COMMANDS, Command, default_keys, resolve


def test_ids_and_keys_are_unique() -> None:
    assert len({c.id for c in COMMANDS}) == len(COMMANDS)
    assert len(resolve(default_keys())) == len(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda c: c.id)
def test_every_command_runs(
    viewer: Viewer, grey: Callable[..., Any], analyse: Callable[..., Any], command: Command
) -> None:
    command.run(viewer)
    record = grey(np.random.default_rng(0).integers(0, 255, (40, 40), dtype=np.uint8))
    viewer.set_record(record)
    viewer.set_analysis(analyse(record), 1, "label")
    before = command.checked(viewer) if command.checked else None
    command.run(viewer)
    viewer.grab()
    if command.checked is not None and not command.id.startswith("tool-"):
        assert command.checked(viewer) is not before
    if command.id.startswith("tool-"):
        assert command.checked is not None
        assert command.checked(viewer)
    viewer.set_blink(False)


def test_keys_can_be_bound_otherwise(viewer: Viewer, grey: Callable[..., Any]) -> None:
    viewer.set_record(grey(np.zeros((40, 40), np.uint8)))
    viewer.set_keys({"invert": "Ctrl+Y", "no-such-command": "Z"})
    QTest.keyClick(viewer, Qt.Key.Key_I)
    assert not viewer.invert
    QTest.keyClick(viewer, Qt.Key.Key_Y, Qt.KeyboardModifier.ControlModifier)
    assert viewer.invert


def test_arrows_move_the_picture_and_plus_works_with_shift(viewer: Viewer, grey: Callable[..., Any]) -> None:
    viewer.set_record(grey(np.zeros((4000, 4000), np.uint8)))
    viewer.one_to_one()
    before = viewer.stage.view.center
    QTest.keyClick(viewer, Qt.Key.Key_Right)
    assert viewer.stage.view.center[0] > before[0]
    assert viewer.stage.view.center[1] == before[1]
    zoom = viewer.zoom
    QTest.keyClick(viewer, "+", Qt.KeyboardModifier.ShiftModifier)
    assert viewer.zoom == pytest.approx(zoom * 1.25)
    QTest.keyClick(viewer, "-")
    assert viewer.zoom == pytest.approx(zoom)


def test_an_unknown_layout_is_refused(viewer: Viewer) -> None:
    with pytest.raises(ValueError, match="3x3"):
        viewer.set_layout("3x3")  # type: ignore[arg-type]
