"""Windows and tables of a file by menu and key, features by click, the mouse as bound: in the whole window."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from divisive_desktop.desktop.viewer import PaneKind
from divisive_desktop.explanation.analysis import Analysis
from divisive_desktop.explanation.features import important_features
from divisive_desktop.imaging.display import render
from tests.desktop.pages import Page


@pytest.fixture
def choices(rg1: Path, tmp_path: Path) -> Path:
    """RG1 with two named windows and a VOI lookup table, which is broken: it is black everywhere."""
    from pydicom import Dataset, dcmread

    dataset = dcmread(rg1)
    dataset.WindowCenter, dataset.WindowWidth = [15000, 9000], [30000, 4000]
    dataset.WindowCenterWidthExplanation = ["LUNG", "BONE"]
    table = Dataset()
    table.LUTDescriptor, table.LUTExplanation = [1024, 0, 16], "HARD"
    table.LUTData = np.zeros(1024, np.uint16).tobytes()
    table["LUTData"].VR = "OW"
    table["LUTDescriptor"].VR = "US"
    dataset.VOILUTSequence = [table]
    dataset.save_as(path := tmp_path / "choices.dcm")
    return path


@pytest.fixture
def shown(page: Page, choices: Path) -> Page:
    page.open(choices)
    page.viewer.setFocus()
    return page


def presets(page: Page) -> list[str]:
    return [action.text().split("\t")[0] for action in page.menu("Window presets").actions()]


def test_all_windows_and_tables_are_offered_by_their_names(shown: Page) -> None:
    listed = presets(shown)
    assert listed[0] == "Auto"
    assert listed[1:4] == ["HARD", "LUNG  (15000 / 30000)", "BONE  (9000 / 4000)"]
    assert listed[4].startswith("Auto  (")
    assert listed[5].startswith("Full range  (")


def test_digits_choose_them_and_zero_is_auto(qtbot: QtBot, shown: Page) -> None:
    viewer = shown.viewer
    for key, name in ((Qt.Key.Key_2, "LUNG"), (Qt.Key.Key_3, "BONE"), (Qt.Key.Key_1, "HARD"), (Qt.Key.Key_0, "Auto")):
        qtbot.keyClick(viewer, key)
        assert viewer.state.voi.explanation == name


def test_a_broken_table_can_be_switched_off(qtbot: QtBot, shown: Page) -> None:
    viewer = shown.viewer
    assert viewer.state.voi.explanation == "HARD"
    assert len(np.unique(render(viewer.state.record, viewer.state.voi))) == 1
    qtbot.keyClick(viewer, Qt.Key.Key_L, Qt.KeyboardModifier.ShiftModifier)
    assert viewer.state.voi.explanation == "LUNG"
    assert presets(shown)[1].startswith("LUNG")
    qtbot.keyClick(viewer, Qt.Key.Key_1)
    assert viewer.state.voi.explanation == "LUNG"
    assert not shown.checked("luts")
    qtbot.keyClick(viewer, Qt.Key.Key_Escape)
    assert viewer.state.voi.explanation == "LUNG", "resetting doesn't bring the table back"
    qtbot.keyClick(viewer, Qt.Key.Key_L, Qt.KeyboardModifier.ShiftModifier)
    assert viewer.state.voi.explanation == "HARD"


def test_the_sigmoid_keeps_centre_and_width_and_goes_back(qtbot: QtBot, shown: Page) -> None:
    viewer = shown.viewer
    qtbot.keyClick(viewer, Qt.Key.Key_3)
    straight = render(viewer.state.record, viewer.state.voi)
    qtbot.keyClick(viewer, Qt.Key.Key_I, Qt.KeyboardModifier.ShiftModifier)
    assert (viewer.state.voi.kind, viewer.state.voi.center, viewer.state.voi.width) == ("sigmoid", 9000, 4000)
    curved = render(viewer.state.record, viewer.state.voi)
    assert not np.array_equal(straight, curved)
    middle = viewer.state.record.stored == 9000
    assert middle.any()
    assert abs(int(curved[middle][0]) - 127) <= 1
    qtbot.keyClick(viewer, Qt.Key.Key_I, Qt.KeyboardModifier.ShiftModifier)
    np.testing.assert_array_equal(render(viewer.state.record, viewer.state.voi), straight)


def test_a_click_on_a_feature_zooms_to_it_each_time(qtbot: QtBot, page: Page, tmp_path: Path,
                                                    analysis: Analysis) -> None:  # fmt: skip
    from PIL import Image

    noise = np.random.default_rng(0).integers(0, 255, (420, 560), np.uint8)
    Image.fromarray(noise).save(path := tmp_path / "f.png")
    page.open(path)
    page.take_analysis(analysis)
    qtbot.waitUntil(lambda: page.features is not None)
    viewer = page.viewer
    qtbot.waitUntil(lambda: viewer.state.features is not None)
    true_class = analysis.true_class(None)
    found = important_features(analysis.divergence(true_class), analysis.image_size, analysis.region)
    x, y, width, height = found.features[0].box
    hand = page.hand_on(PaneKind.FEATURES)
    for _ in range(2):
        viewer.state.view.fit()
        before = viewer.state.view.zoom
        hand.click(x + width / 2, y + height / 2)
        assert viewer.state.view.zoom > 1.3 * before
        centre = viewer.state.view.center
        assert abs(centre[0] - (x + width / 2)) < 2
        assert abs(centre[1] - (y + height / 2)) < 2


def test_the_wheel_does_what_it_is_bound_to(shown: Page) -> None:
    viewer, hand = shown.viewer, shown.hand
    viewer.greys.preset(2)
    viewer.set_mouse_map({"Wheel": "level", "Ctrl+Wheel": "width", "Alt+Wheel": "opacity"})
    zoom, voi, opacity = viewer.state.view.zoom, viewer.state.voi, viewer.state.opacity
    hand.turn(1)
    assert viewer.state.voi.center != voi.center
    assert viewer.state.voi.width == voi.width
    hand.turn(1, Qt.KeyboardModifier.ControlModifier)
    assert viewer.state.voi.width > voi.width
    hand.turn(1, Qt.KeyboardModifier.AltModifier)
    assert viewer.state.opacity == pytest.approx(opacity + 0.05)
    assert viewer.state.view.zoom == zoom
    hand.turn(1, Qt.KeyboardModifier.ShiftModifier)
    assert viewer.state.view.zoom > zoom, "one frame only: stepping zooms"
