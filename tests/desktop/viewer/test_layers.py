"""Masks over the image: in the right place, averaged when small, up to date after changes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PySide6.QtGui import QColor

from divisive_desktop.desktop.viewer import MaskLayer, PaneKind, Viewer
from divisive_desktop.imaging.graphics import Overlay, Shutter

Make = Callable[..., Any]


def spot(viewer: Viewer, hand: Any, x: float, y: float, kind: PaneKind = PaneKind.IMAGE) -> tuple[int, ...]:
    canvas = viewer.panes[kind].canvas
    point = canvas.transform().to_widget(x, y)
    return tuple(int(v) for v in hand.shown(canvas)[int(point.y()), int(point.x())])


@pytest.fixture
def bare(viewer: Viewer) -> Viewer:
    viewer.state.set_annotations(False)
    return viewer


@pytest.mark.parametrize("zoom", [0.25, 1.0, 4.0])
def test_a_mask_colours_its_pixels_and_no_others(bare: Viewer, grey: Make, hand: Any, zoom: float) -> None:
    bare.set_record(grey(np.full((800, 800), 100, np.uint8)))
    mask = np.zeros((800, 800), np.uint8)
    mask[360:400, 400:440] = 255
    layer = MaskLayer(mask, QColor(255, 0, 0, 128))
    bare.add_layer(layer)
    bare.state.view.set_zoom(zoom)
    assert spot(bare, hand, 420, 380) == pytest.approx((178, 50, 50), abs=2)
    assert spot(bare, hand, 448, 380) == (100, 100, 100)
    mask[360:400, 400:440] = 0
    mask[370:420, 350:390] = 255
    layer.refresh((350, 360, 90, 60))
    bare.state.notify()
    assert spot(bare, hand, 425, 380) == (100, 100, 100)
    assert spot(bare, hand, 370, 400) == pytest.approx((178, 50, 50), abs=2)


def test_a_layer_may_be_for_some_panes_only(bare: Viewer, grey: Make, hand: Any) -> None:
    bare.set_record(grey(np.full((90, 90), 100, np.uint8)))
    bare.add_layer(MaskLayer(np.full((90, 90), 255, np.uint8), QColor(0, 200, 0), [PaneKind.TRUE]))
    assert spot(bare, hand, 40, 40, PaneKind.TRUE) == (0, 200, 0)
    assert spot(bare, hand, 40, 40, PaneKind.FALSE) == (100, 100, 100)


def test_overlay_planes_of_the_file_can_be_switched_off(bare: Viewer, grey: Make, hand: Any) -> None:
    bits = np.packbits(np.ones((20, 30), np.uint8).ravel(), bitorder="little").tobytes()
    plane = Overlay(0x6000, "graphics", 20, 30, (40, 50), bits)
    bare.set_record(grey(np.full((100, 100), 10, np.uint8), overlays=(plane,)))
    drawn = spot(bare, hand, 65, 50)
    assert drawn != (10, 10, 10)
    assert spot(bare, hand, 65, 65) == (10, 10, 10)
    bare.graphics.set_overlays_shown(False)
    assert spot(bare, hand, 65, 50) == (10, 10, 10)
    bare.graphics.set_overlays_shown(True)
    assert spot(bare, hand, 65, 50) == drawn
    bare.set_record(grey(np.full((100, 100), 10, np.uint8)))
    assert spot(bare, hand, 65, 50) == (10, 10, 10)


def test_a_shutter_covers_what_lies_outside_it(bare: Viewer, grey: Make, hand: Any) -> None:
    shutter = Shutter(rectangle=(21, 80, 31, 70), grey=0)
    bare.set_record(grey(np.full((100, 100), 200, np.uint8), shutter=shutter))
    assert spot(bare, hand, 50, 50) == (200, 200, 200)
    assert spot(bare, hand, 10, 50) == spot(bare, hand, 50, 90) == (0, 0, 0)
    bare.graphics.set_shutter_shown(False)
    assert spot(bare, hand, 10, 50) == (200, 200, 200)
