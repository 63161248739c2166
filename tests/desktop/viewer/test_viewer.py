"""The viewer as a person uses it: real mouse and key events, checked against the pixels on the screen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from divisive_desktop.desktop.viewer import PaneKind, ProbeReading, Viewer
from divisive_desktop.desktop.viewer.pane import HEADER, TALL
from divisive_desktop.explanation.features import important_features
from divisive_desktop.imaging.display import auto_voi, render
from divisive_desktop.imaging.record import ImageRecord, Spacing, Voi
from tests.desktop.pages import until

LEFT, RIGHT, MIDDLE = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton, Qt.MouseButton.MiddleButton
Make = Callable[..., Any]


def at(viewer: Viewer, kind: PaneKind, x: float, y: float) -> tuple[float, float]:
    """Position in a pane of an image position."""
    point = viewer.panes[kind].canvas.transform().to_widget(x, y)
    return point.x(), point.y()


def watch(signal: Any) -> list[Any]:
    seen: list[Any] = []
    signal.connect(lambda *values: seen.append(values[0] if len(values) == 1 else values))
    return seen


# -- probing ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("zoom", [1.0, 6.0])
@pytest.mark.parametrize("kind", [PaneKind.IMAGE, PaneKind.FALSE])
def test_probe_reads_the_pixel_under_the_pointer(
    viewer: Viewer, radiograph: ImageRecord, hand: Any, zoom: float, kind: PaneKind
) -> None:
    viewer.set_record(replace(radiograph, spacing=Spacing(0.2, 0.1, "detector", "ImagerPixelSpacing")))
    viewer.state.view.set_zoom(zoom)
    readings = watch(viewer.probed)
    centre = viewer.state.view.center
    for dx, dy in ((0, 0), (13, -7), (-20, 16)):
        x, y = int(centre[0]) + dx, int(centre[1]) + dy
        inside = 0.5 if zoom > 1 else 0.0  # a pointer stands on whole screen pixels
        hand.move(viewer.panes[kind].canvas, at(viewer, kind, x + inside, y + inside))
        reading: ProbeReading = readings[-1]
        assert (reading.x, reading.y) == (x, y)
        assert reading.stored == radiograph.stored[y, x]
        assert reading.modality == radiograph.pixels[y, x]
        assert reading.displayed == render(radiograph)[y, x]
        assert reading.mm == pytest.approx(((x + 0.5) * 0.1, (y + 0.5) * 0.2))
        assert reading.calibration == "detector"


def test_probe_outside_the_image_and_after_leaving_says_nothing(
    viewer: Viewer, grey: Make, hand: Any
) -> None:
    viewer.set_record(grey(np.zeros((10, 10), np.uint8)))
    readings = watch(viewer.probed)
    canvas = viewer.panes[PaneKind.IMAGE].canvas
    hand.move(canvas, at(viewer, PaneKind.IMAGE, 5, 5))
    assert readings[-1] is not None
    hand.move(canvas, at(viewer, PaneKind.IMAGE, -1, 5))
    assert readings[-1] is None


def test_divergence_at_the_probe_is_true_minus_false(
    viewer: Viewer, radiograph: ImageRecord, analyse: Make, hand: Any
) -> None:
    analysis = analyse(radiograph)
    viewer.set_record(radiograph)
    viewer.set_analysis(analysis, 1, "label")
    readings = watch(viewer.probed)
    for mode in ("smooth", "nearest"):
        viewer.state.set_interpolation(mode)
        for x, y in ((300, 900), (1500, 1800), (3, 4)):
            hand.move(viewer.panes[PaneKind.TRUE].canvas, at(viewer, PaneKind.TRUE, x, y))
            maps = readings[-1].maps
            assert maps.divergence == maps.true - maps.false
    row, column = maps.cell
    assert maps.true == pytest.approx(float(analysis.cams[1][row, column]))
    assert maps.divergence == pytest.approx(float(analysis.divergence(1)[row, column]), abs=1e-5)


# -- greys --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("zoom", [1.0, 5.0])
def test_dragging_with_the_right_button_windows_the_picture_exactly(
    viewer: Viewer, radiograph: ImageRecord, hand: Any, zoom: float
) -> None:
    viewer.set_record(radiograph)
    viewer.state.set_annotations(False)
    viewer.state.view.set_zoom(zoom)
    changed = watch(viewer.voiChanged)
    before = viewer.state.voi
    canvas = viewer.panes[PaneKind.IMAGE].canvas
    hand.drag(canvas, RIGHT, (100, 100), (140, 100), (190, 130))
    after, inverted = changed[-1]
    assert before is not None
    assert after is viewer.state.voi
    assert not inverted
    assert after.width > before.width  # to the right: wider
    assert after.center > before.center  # downwards: higher
    assert after.kind == before.kind
    hand.move(canvas, (-5, -5))  # no pointer in the way
    canvas.left.emit()
    picture = hand.shown(canvas)
    transform = canvas.transform()
    rows, columns = np.mgrid[5 : canvas.height() - 5 : 17, 5 : canvas.width() - 5 : 13]
    x = np.floor((columns + 0.5 - transform.offset_x) / transform.scale_x).astype(int)
    y = np.floor((rows + 0.5 - transform.offset_y) / transform.scale_y).astype(int)
    expected = render(radiograph, after)[y, x]
    assert len(np.unique(expected)) > 8
    np.testing.assert_array_equal(picture[rows, columns, 0], expected)
    np.testing.assert_array_equal(picture[rows, columns, 2], expected)


def test_zoomed_out_the_picture_is_the_average_and_not_a_sample(viewer: Viewer, grey: Make, hand: Any) -> None:
    fine = np.indices((2048, 2048)).sum(axis=0) % 2 * 200  # a checkerboard of single pixels
    viewer.set_record(grey(fine.astype(np.uint8)))
    viewer.state.set_annotations(False)
    canvas = viewer.panes[PaneKind.IMAGE].canvas
    middle = hand.shown(canvas)[canvas.height() // 2 - 40 :, canvas.width() // 2 - 40 :][:80, :80, 0]
    assert np.abs(middle.astype(int) - 100).max() <= 2


def test_keys_choose_presets_invert_and_reset(viewer: Viewer, radiograph: ImageRecord, run: Any) -> None:
    viewer.set_record(radiograph)
    run("preset-2")
    assert viewer.state.voi is radiograph.voi[1]
    run("preset-9")  # there is no ninth choice
    assert viewer.state.voi is radiograph.voi[1]
    run("preset-0")
    automatic = auto_voi(radiograph)
    assert viewer.state.voi is not None
    assert (viewer.state.voi.center, viewer.state.voi.width) == (automatic.center, automatic.width)
    run("invert")
    assert viewer.state.invert
    run("one-to-one")
    assert viewer.state.view.zoom == 1.0
    run("reset-view")
    assert viewer.state.voi is radiograph.voi[0]
    assert not viewer.state.invert
    assert viewer.state.view.fitted
    run("next-window")
    assert viewer.state.voi is radiograph.voi[1]


def test_a_lut_can_be_dragged_like_a_window(viewer: Viewer, grey: Make, hand: Any) -> None:
    table = np.linspace(0, 255, 1000, dtype=np.float32)
    lut = Voi("lut", explanation="NORMAL", lut=table, lut_first=500, lut_range=(0, 255))
    viewer.set_record(grey(np.full((40, 40), 900, np.uint16), voi=(lut,)))
    hand.drag(viewer.panes[PaneKind.IMAGE].canvas, RIGHT, (50, 50), (60, 50), (50, 50))
    assert viewer.state.voi is not None
    assert (viewer.state.voi.center, viewer.state.voi.width) == (pytest.approx(999.5), pytest.approx(999.0))


# -- view ---------------------------------------------------------------------------------------------------


def test_wheel_zooms_at_the_pointer_in_all_panes(viewer: Viewer, radiograph: ImageRecord, hand: Any) -> None:
    viewer.set_record(radiograph)
    canvas = viewer.panes[PaneKind.FEATURES].canvas
    spot = (130.0, 170.0)
    before = canvas.transform()
    hand.wheel(canvas, spot, 3)
    after = canvas.transform()
    assert after.scale_x == pytest.approx(before.scale_x * 1.2**3)
    old, new = (((spot[0] - t.offset_x) / t.scale_x, (spot[1] - t.offset_y) / t.scale_y) for t in (before, after))
    assert np.abs(np.subtract(old, new)).max() < 1 / after.scale_x + 1e-6  # less than one screen pixel
    assert {pane.canvas.transform() for pane in viewer.panes.values()} == {after}


def test_panning_with_left_and_middle_moves_all_panes_alike(viewer: Viewer, radiograph: ImageRecord, hand: Any) -> None:
    viewer.set_record(radiograph)
    viewer.state.one_to_one()
    for button in (LEFT, MIDDLE):
        before = viewer.panes[PaneKind.IMAGE].canvas.transform()
        hand.drag(viewer.panes[PaneKind.TRUE].canvas, button, (100, 100), (120, 90), (133, 81))
        for pane in viewer.panes.values():
            after = pane.canvas.transform()
            assert (after.offset_x - before.offset_x, after.offset_y - before.offset_y) == (33, -19)


def test_control_wheel_changes_the_opacity(viewer: Viewer, radiograph: ImageRecord, hand: Any) -> None:
    viewer.set_record(radiograph)
    before, zoom = viewer.state.opacity, viewer.state.view.zoom
    hand.wheel(viewer.panes[PaneKind.TRUE].canvas, (50, 50), 2, Qt.KeyboardModifier.ControlModifier)
    assert viewer.state.opacity == pytest.approx(before + 0.1)
    assert viewer.state.view.zoom == zoom


def test_double_click_enlarges_a_pane_and_brings_the_others_back(viewer: Viewer, radiograph: ImageRecord) -> None:
    viewer.set_record(radiograph)
    viewer.set_layout("1x2")
    layouts = watch(viewer.layoutChanged)
    canvas = viewer.panes[PaneKind.FEATURES].canvas
    QTest.mouseDClick(canvas, LEFT, pos=canvas.rect().center())
    assert layouts == ["features"]
    assert [k for k, p in viewer.panes.items() if p.isVisible()] == [PaneKind.FEATURES]
    assert canvas.width() == viewer.width()
    assert viewer.state.view.zoom == pytest.approx(viewer.state.view.fit_zoom())  # fitted to the larger pane
    QTest.mouseDClick(canvas, LEFT, pos=canvas.rect().center())
    assert layouts == ["features", "1x2"]
    assert viewer.panes[PaneKind.IMAGE].isVisible()


def test_panes_of_a_layout_are_of_one_size(viewer: Viewer, radiograph: ImageRecord) -> None:
    viewer.set_record(radiograph)
    for layout in ("2x2", "pair", "1x2"):
        viewer.set_layout(layout)
        sizes = {p.canvas.size().toTuple() for p in viewer.panes.values() if p.isVisible()}
        widths, heights = {s[0] for s in sizes}, {s[1] for s in sizes}
        assert max(widths) - min(widths) <= 1
        assert max(heights) - min(heights) <= 1


def test_focus_brings_a_box_into_the_middle(viewer: Viewer, radiograph: ImageRecord) -> None:
    viewer.set_record(radiograph)
    viewer.state.view.focus(400, 600, 200, 150)
    canvas = viewer.panes[PaneKind.IMAGE].canvas
    x, y = at(viewer, PaneKind.IMAGE, 500, 675)
    assert abs(x - canvas.width() / 2) <= 1
    assert abs(y - canvas.height() / 2) <= 1
    left, top = at(viewer, PaneKind.IMAGE, 400, 600)
    right, bottom = at(viewer, PaneKind.IMAGE, 600, 750)
    assert 0 < left < right < canvas.width()
    assert 0 < top < bottom < canvas.height()


# -- maps and features --------------------------------------------------------------------------------------


def test_titles_say_predicted_until_there_is_a_label(viewer: Viewer, radiograph: ImageRecord, analyse: Make) -> None:
    viewer.set_record(radiograph)
    analysis = analyse(radiograph)
    viewer.set_analysis(analysis, 0, "predicted")
    titles = {kind: pane.header.title for kind, pane in viewer.panes.items()}
    assert titles[PaneKind.TRUE] == "Predicted class: no finding"
    assert titles[PaneKind.FALSE] == "Other class: abnormal"
    viewer.set_analysis(analysis, 0, "nearer")
    shown = {kind: (pane.header.title, pane.header.detail) for kind, pane in viewer.panes.items()}
    assert shown[PaneKind.TRUE][0] == "Nearer class: no finding"
    assert shown[PaneKind.FEATURES][1].endswith("D = nearer − other")
    viewer.set_analysis(None)
    assert not any("redicted" in pane.header.title for pane in viewer.panes.values()), "nothing is predicted yet"
    viewer.set_analysis(analysis, 1, "label")
    titles = {kind: pane.header.title for kind, pane in viewer.panes.items()}
    assert titles[PaneKind.TRUE] == "True class: abnormal (label)"
    assert titles[PaneKind.FALSE] == "False class: no finding"
    assert radiograph.path.name not in " ".join(pane.header.detail for pane in viewer.panes.values())


@pytest.mark.parametrize(("width", "title", "detail"), [
    (600, "Nearer class: ratio above 0.50", "logit +1.23"), (316, "Nearer class: ratio above 0.50", "logit +1.23"),
    (220, "Nearer clas…", "logit +1.23"), (120, "Nearer cla…", ""),
])  # fmt: skip
def test_a_logit_stays_beside_a_title_that_is_cut(viewer: Viewer, width: int, title: str, detail: str) -> None:
    header = viewer.panes[PaneKind.TRUE].header
    header.set_texts("Nearer class: ratio above 0.50", "logit +1.23")
    header.resize(width, header.height())
    shown = header.shown()
    assert shown[1] == detail
    assert (shown[0] == title) if "…" not in title else shown[0].endswith("…")


@pytest.mark.parametrize(("width", "shown"), [
    (240, ("Nearer class", "logit +1.23", "ratio above 0.50 (label)")),
    (150, ("Nearer class", "", None)),
])  # fmt: skip
def test_on_two_lines_the_class_stands_alone(viewer: Viewer, width: int, shown: tuple[str, str, str | None]) -> None:
    header = viewer.panes[PaneKind.TRUE].header
    header.set_texts("Nearer class: ratio above 0.50 (label)", "logit +1.23")
    header.resize(width, header.height())
    assert header.crowded
    found = header.shown_tall()
    assert found[:2] == shown[:2]
    if shown[2] is None:  # too narrow for even that: beginning and end are what tells classes apart
        assert "…" in found[2].strip("…")
        assert found[2].endswith("label)")
    else:
        assert found[2] == shown[2]


def test_narrow_panes_have_two_lines_above_pictures_of_one_size(
    viewer: Viewer, radiograph: ImageRecord, analyse: Make
) -> None:
    viewer.set_record(radiograph)
    viewer.set_analysis(analyse(radiograph), 0, "nearer")
    viewer.panes[PaneKind.TRUE].header.set_texts("Nearer class: ratio above 0.50", "logit +1.23")
    headers = [pane.header for pane in viewer.panes.values()]
    for width, height in ((1200, HEADER), (380, TALL), (1200, HEADER)):
        viewer.resize(width, 700)
        until(lambda height=height: {header.height() for header in headers} == {height}, f"headers of {height} pixels")
        assert len({pane.canvas.size().toTuple() for pane in viewer.panes.values()}) <= 2, "the last row has the rest"
        assert not viewer.grab().isNull()
    viewer.resize(380, 700)
    viewer.set_layout("image")
    until(lambda: viewer.panes[PaneKind.IMAGE].header.height() == HEADER, "one pane has room")


def test_of_a_long_detail_the_end_gives_way(viewer: Viewer) -> None:
    header = viewer.panes[PaneKind.FEATURES].header
    header.set_texts("Important features", "3 found   D = predicted − other")
    header.resize(600, header.height())
    assert header.shown() == ("Important features", "3 found   D = predicted − other")
    header.resize(300, header.height())
    assert header.shown() == ("Important features", "3 found")


def test_clicking_a_feature_tells_its_rank(viewer: Viewer, radiograph: ImageRecord, analyse: Make, hand: Any) -> None:
    cams = np.zeros((2, 7, 7), np.float32)
    cams[1, 1:3, 1:3], cams[0, 4:6, 4:6] = 8, 5
    analysis = analyse(radiograph, cams)
    found = important_features(analysis.divergence(1), analysis.image_size, analysis.region)
    assert len(found.features) == 2
    viewer.set_record(radiograph)
    viewer.set_analysis(analysis, 1, "label")
    viewer.set_features(found)
    clicked = watch(viewer.featureClicked)
    canvas = viewer.panes[PaneKind.FEATURES].canvas
    for feature in found.features:
        x, y, w, h = feature.box
        spot = at(viewer, PaneKind.FEATURES, x + w / 2, y + h / 2)
        hand.drag(canvas, LEFT, spot)
        assert clicked[-1] == feature.rank
    assert len(clicked) == 2
    hand.drag(canvas, LEFT, spot, (spot[0] + 30, spot[1]))  # a drag pans
    hand.drag(viewer.panes[PaneKind.TRUE].canvas, LEFT, spot)  # no features there
    assert len(clicked) == 2


def test_space_swaps_between_image_and_map(
    viewer: Viewer, radiograph: ImageRecord, analyse: Make, hand: Any, run: Any
) -> None:
    viewer.set_record(radiograph)
    viewer.set_analysis(analyse(radiograph), 1, "label")
    viewer.state.set_annotations(False)
    canvas, image = viewer.panes[PaneKind.TRUE].canvas, viewer.panes[PaneKind.IMAGE].canvas
    with_map = hand.shown(canvas)
    run("toggle-overlay")
    np.testing.assert_array_equal(hand.shown(canvas), hand.shown(image)[: canvas.height(), : canvas.width()])
    run("toggle-overlay")
    np.testing.assert_array_equal(hand.shown(canvas), with_map)


def test_the_wipe_line_follows_the_mouse(viewer: Viewer, radiograph: ImageRecord, analyse: Make, hand: Any) -> None:
    viewer.set_record(radiograph)
    viewer.set_analysis(analyse(radiograph), 1, "label")
    viewer.state.set_annotations(False)
    viewer.state.set_wipe(True)
    canvas = viewer.panes[PaneKind.TRUE].canvas
    centre = viewer.state.view.center
    hand.drag(canvas, LEFT, (canvas.width() / 2, 100), (300, 100), (320, 100))
    assert viewer.state.wipe == pytest.approx(320 / canvas.width(), abs=0.005)
    assert viewer.state.view.center == centre  # the picture stayed
    canvas.left.emit()
    left = np.s_[:, :310]
    image = hand.shown(viewer.panes[PaneKind.IMAGE].canvas)[: canvas.height(), : canvas.width()]
    picture = hand.shown(canvas)
    np.testing.assert_array_equal(picture[left], image[left])
    assert (picture[:, 330:] != image[:, 330:]).any()


def test_blinking_shows_and_hides_the_map_and_stops_with_the_view(viewer: Viewer, qtbot: Any) -> None:
    states: list[bool] = []
    viewer.displayChanged.connect(lambda: states.append(viewer.state.overlay_shown))
    viewer.overlay.set_blinking(True)
    qtbot.waitUntil(lambda: {True, False} <= set(states[1:]), timeout=4000)
    viewer.hide()
    assert not viewer.overlay.blinking
    assert viewer.state.overlay_shown


# -- robustness ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "values",
    [
        np.array([[7]], np.uint8),
        np.zeros((30, 30000), np.uint16) + np.arange(30000, dtype=np.uint16),
        np.full((50, 60), 1234, np.int16),
        np.random.default_rng(0).integers(0, 255, (64, 48, 3), dtype=np.uint8),
        np.random.default_rng(0).integers(0, 65535, (333, 251, 3), dtype=np.uint16),
        np.random.default_rng(0).normal(0, 1, (40, 30)).astype(np.float32),
        np.random.default_rng(0).integers(0, 2**31, (300, 301), dtype=np.uint32),
    ],
    ids=["1x1", "30000x30", "constant", "rgb", "rgb16", "float", "uint32"],
)
def test_any_image_can_be_looked_at(viewer: Viewer, grey: Make, analyse: Make, hand: Any, values: Any) -> None:
    record = grey(values)
    viewer.set_record(record)
    analysis = analyse(record)
    viewer.set_analysis(analysis, 1, "predicted")
    viewer.set_features(important_features(analysis.divergence(1), analysis.image_size, analysis.region))
    viewer.state.set_cell_grid(True)
    readings = watch(viewer.probed)
    canvas = viewer.panes[PaneKind.TRUE].canvas
    state = viewer.state
    for action in (state.view.fit, state.one_to_one, lambda: state.zoom_by(100), lambda: state.zoom_by(1e-6)):
        action()
        hand.drag(canvas, RIGHT, (50, 50), (80, 70))
        x, y = viewer.state.view.center
        spot = at(viewer, PaneKind.TRUE, min(x, record.width - 0.5), min(y, record.height - 0.5))
        hand.move(canvas, spot)
        assert hand.shown(viewer).shape[2] == 3
    reading = readings[-1]
    assert reading.stored == pytest.approx(tuple(values[reading.y, reading.x]) if record.is_colour else
                                           values[reading.y, reading.x].item())  # fmt: skip


def test_a_constant_cam_pair_shows_without_a_nan(
    viewer: Viewer, radiograph: ImageRecord, analyse: Make, hand: Any
) -> None:
    viewer.set_record(radiograph)
    viewer.set_analysis(analyse(radiograph, np.full((2, 7, 7), 3.0, np.float32)), 1, "label")
    for mode in ("shared", "per-map"):
        viewer.state.set_scale_mode(mode)
        assert hand.shown(viewer).any()
    readings = watch(viewer.probed)
    hand.move(viewer.panes[PaneKind.FEATURES].canvas, at(viewer, PaneKind.FEATURES, 100, 100))
    assert readings[-1].maps.divergence == 0.0


def test_an_empty_viewer_takes_every_event(
    viewer: Viewer, radiograph: ImageRecord, analyse: Make, hand: Any, run: Any
) -> None:
    viewer.set_record(radiograph)
    viewer.set_analysis(analyse(radiograph), 1, "label")
    canvas = viewer.panes[PaneKind.IMAGE].canvas
    hand.press(canvas, (60, 60), RIGHT)
    viewer.set_record(None)  # in the middle of a drag
    hand.move(canvas, (90, 90), RIGHT)
    hand.release(canvas, (90, 90), RIGHT)
    hand.drag(canvas, LEFT, (10, 10), (40, 40))
    hand.wheel(canvas, (20, 20), 1)
    QTest.mouseDClick(canvas, LEFT, pos=canvas.rect().center())
    run(
        "fit", "one-to-one", "invert", "next-window", "tool-probe", "crosshair", "cell-grid", "less-overlay",
        "more-overlay",
    )  # fmt: skip
    viewer.state.view.focus(1, 2, 3, 4)
    assert viewer.state.voi is None
    assert viewer.greys.presets == ()
    assert (hand.shown(canvas) == hand.shown(canvas)[0, 0]).all()


def test_pixels_that_are_not_square_are_shown_so(viewer: Viewer, grey: Make) -> None:
    viewer.set_record(grey(np.zeros((100, 100), np.uint8), pixel_aspect=2.0))
    left, top = at(viewer, PaneKind.IMAGE, 0, 0)
    right, bottom = at(viewer, PaneKind.IMAGE, 100, 100)
    assert (bottom - top) / (right - left) == pytest.approx(2.0, rel=0.01)


def test_the_same_record_again_costs_no_memory_of_the_old_one(viewer: Viewer, grey: Make) -> None:
    import gc
    import weakref

    record = grey(np.zeros((600, 600), np.uint16))
    viewer.set_record(record)
    viewer.grab()
    old = weakref.ref(record)
    del record
    viewer.set_record(grey(np.zeros((20, 20), np.uint8)))
    viewer.grab()
    gc.collect()
    assert old() is None


def test_mouse_buttons_can_be_bound_otherwise(viewer: Viewer, radiograph: ImageRecord, hand: Any) -> None:
    viewer.set_record(radiograph)
    viewer.state.one_to_one()
    viewer.set_mouse_map({"Left": "window", "Right": "pan", "Middle": ""})
    before, centre = viewer.state.voi, viewer.state.view.center
    hand.drag(viewer.panes[PaneKind.IMAGE].canvas, LEFT, (50, 50), (90, 50))
    assert viewer.state.voi is not before
    assert viewer.state.view.center == centre
    hand.drag(viewer.panes[PaneKind.IMAGE].canvas, MIDDLE, (50, 50), (90, 50))
    assert viewer.state.view.center == centre
    hand.drag(viewer.panes[PaneKind.IMAGE].canvas, RIGHT, (50, 50), (90, 50))
    assert viewer.state.view.center != centre


def test_the_next_frame_keeps_the_view_and_the_window(viewer: Viewer, radiograph: ImageRecord, grey: Make) -> None:
    viewer.set_record(radiograph)
    viewer.state.view.focus(500, 500, 300, 300)
    viewer.state.set_voi(radiograph.voi[1])
    zoom, centre = viewer.state.view.zoom, viewer.state.view.center
    viewer.set_record(replace(radiograph, frame=1), keep_view=True)
    assert (viewer.state.view.zoom, viewer.state.view.center) == (zoom, centre)
    assert viewer.state.voi is radiograph.voi[1]
    viewer.set_record(grey(np.zeros((50, 50), np.uint8)), keep_view=True)  # of another size
    assert viewer.state.view.fitted
    assert viewer.state.voi is not radiograph.voi[1]
