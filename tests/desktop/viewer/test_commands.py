"""The table of commands: every one runs, with and without an image; keys don't clash."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtTest import QTest

from divisive_desktop.desktop.viewer import Viewer
from divisive_desktop.desktop.viewer.commands import COMMANDS, Command


def test_ids_and_keys_are_unique() -> None:
    assert len({c.id for c in COMMANDS}) == len(COMMANDS)
    assert len({QKeySequence(c.key).toString() for c in COMMANDS}) == len(COMMANDS)


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
    viewer.overlay.set_blinking(False)


def test_arrows_move_the_picture_and_commands_zoom(viewer: Viewer, grey: Callable[..., Any], run: Any) -> None:
    viewer.set_record(grey(np.zeros((4000, 4000), np.uint8)))
    viewer.state.one_to_one()
    before = viewer.state.view.center
    QTest.keyClick(viewer, Qt.Key.Key_Right)
    assert viewer.state.view.center[0] > before[0]
    assert viewer.state.view.center[1] == before[1]
    zoom = viewer.state.view.zoom
    run("zoom-in")
    assert viewer.state.view.zoom == pytest.approx(zoom * 1.25)
    run("zoom-out")
    assert viewer.state.view.zoom == pytest.approx(zoom)


def test_an_unknown_layout_is_refused(viewer: Viewer) -> None:
    with pytest.raises(ValueError, match="3x3"):
        viewer.set_layout("3x3")
