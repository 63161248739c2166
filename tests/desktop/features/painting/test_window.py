"""Painting in the real window: strokes are kept by themselves, cases come and go, the model can be hidden."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMessageBox
from pytestqt.qtbot import QtBot

from divisive_desktop.casebook import Casebook
from divisive_desktop.desktop.features.painting import mask_files
from divisive_desktop.desktop.session.case import Review, verdict_line
from divisive_desktop.explanation.analysis import Analysis
from divisive_desktop.masks import ops, shapes
from divisive_desktop.masks.files import read_mask
from divisive_desktop.masks.mask import Mask
from tests.desktop.pages import Page, PaintPage, until

Show = Callable[..., PaintPage]
"""Takes the number of pictures (1)."""
ROOT = Path(__file__).resolve().parents[4]
LEFT, NONE = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier


@pytest.fixture
def show(page: Page, pictures: Callable[[int], Path]) -> Show:
    """Open a folder of pictures and wait until the first one can be painted on."""

    def make(count: int = 1) -> PaintPage:
        page.begin_opening(pictures(count))
        page.paint.wait_ready()
        until(lambda: len(page.cases) == count, "all pictures in the list")
        return page.paint

    return make


def go_to(page: Page, case: int) -> None:
    page.select(case)
    page.paint.wait_ready()


# -- keeping ------------------------------------------------------------------------------------------------


def test_a_stroke_is_in_the_casebook_without_saving(page: Page, show: Show) -> None:
    painting = show()
    assert painting.store.load(page.record) is None
    painting.press("brush")
    painting.session.set_settings(brush_radius=4.0)
    page.paint.dab(30, 20)
    assert painting.saving == "saving"
    assert painting.saved_text == "Saving…"
    page.paint.wait_kept()
    assert painting.saved_text == "Saved"
    assert np.array_equal(page.paint.kept().union(), painting.session.mask.union())
    painting.session.undo()
    page.paint.wait_kept()
    assert page.paint.kept().is_empty


def test_looking_at_a_case_paints_nothing_and_keeps_nothing(page: Page, show: Show) -> None:
    painting = show(2)
    painting.take("brush")
    go_to(page, 1)
    page.paint.wait_kept()
    assert page.paint.kept() is None


def test_the_mask_is_there_when_the_program_starts_again(page: Page, show: Show, home: Path) -> None:
    painting = show()
    painting.take("lasso")
    painting.session.add_region("left eye blend")
    page.hand.drag((10, 10), (40, 10), (40, 30), (10, 30))
    before = painting.session.mask.union()
    assert before.any()
    sha256 = page.record.sha256
    page.close()  # at once: what waits is written on the way out
    with Casebook.open_default() as book:
        case = book.cases.find(sha256)
        mask = book.masks.load(case)
        assert np.array_equal(mask.union(), before)
        assert mask.regions[0].name == "left eye blend"
        assert book.cases.get(case).seconds > 0


CHILD = """
import sys, time
from pathlib import Path
from divisive_desktop.desktop.session.settings import Settings
from tests.desktop.pages import Page, until
settings = Settings()
settings.analyse_on_opening = False
page = Page.build(settings, size=(1200, 800)).show()
page.begin_opening(Path(sys.argv[1]))
page.paint.wait_ready()
assert page.paint_session.read_only is None, page.paint_session.read_only
page.paint_session.set_settings(brush_radius=3.0)
page.paint.take("brush")
for x in (10, 20, 30):
    time.sleep(0.05)
    page.paint.dab(x, 15)
painted = time.monotonic()
until(lambda: page.paint.nothing_to_save)
until(lambda: time.monotonic() - painted > 1.0)
print("second over", flush=True)
until(lambda: False)
"""


def test_kill_9_a_second_after_the_last_stroke_loses_nothing(tmp_path: Path, home: Path, pictures: Any) -> None:
    picture = next(iter(sorted(pictures(1).iterdir())))
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen", "DIVISIVE_DESKTOP_HOME": str(home)}
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(picture)], stdout=subprocess.PIPE, text=True, env=environment, cwd=ROOT
    )
    try:
        assert child.stdout.readline() == "second over\n"
        os.kill(child.pid, signal.SIGKILL)
    finally:
        child.kill()
        child.wait()
        child.stdout.close()
    with Casebook.open_default() as book:
        (case,) = book.cases.rows()
        mask = book.masks.load(case.id)
        assert case.seconds >= 0.1, "time went into it, and the case was never left"
    union = mask.union()
    assert all(union[15, x] == 1 for x in (10, 20, 30))
    assert union[15, 25] == 0 or union[15, 25] == 1
    assert np.count_nonzero(union) == pytest.approx(3 * np.pi * 9, rel=0.25)


def test_a_mask_that_cannot_be_kept_is_told(qtbot: QtBot, page: Page, show: Show) -> None:
    painting = show()
    painting.take("brush")
    page.paint.dab(10, 10)
    page.paint.wait_kept()
    case = page.book.cases.find(page.record.sha256)
    page.book.trash.put(case)
    page.book.trash.empty()
    page.record.path.rename(page.record.path.with_suffix(".gone"))
    page.paint.dab(30, 20)
    qtbot.waitUntil(lambda: painting.saving == "failed", timeout=20_000)
    assert painting.saved_text == "Not saved"
    assert "could not be saved" in page.messages.words
    page.record.path.with_suffix(".gone").rename(page.record.path)
    page.paint.dab(40, 30)
    page.paint.wait_kept()
    assert np.array_equal(page.paint.kept().union(), painting.session.mask.union())


# -- several cases ------------------------------------------------------------------------------------------


def test_undo_survives_going_to_another_case_and_back(page: Page, show: Show) -> None:
    painting = show(2)
    painting.take("brush")
    painting.session.set_settings(brush_radius=3.0)
    page.paint.dab(10, 10)
    page.paint.dab(30, 20)
    go_to(page, 1)
    assert painting.session.history.undo_name is None
    assert not page.paint.pixels.any()
    page.paint.dab(50, 30)
    go_to(page, 0)
    assert page.paint.pixels[10, 10]
    assert page.paint.pixels[20, 30]
    assert painting.session.history.names() == ("Brush stroke", "Brush stroke")
    assert page.action("mask-undo").text() == "Undo brush stroke"
    page.trigger("mask-undo")
    assert not page.paint.pixels[20, 30]
    page.trigger("mask-redo")
    assert page.paint.pixels[20, 30]
    go_to(page, 1)
    assert page.paint.pixels[30, 50]


def test_regions_are_copied_from_the_case_before(page: Page, show: Show) -> None:
    painting = show(2)
    painting.take("brush")
    page.paint.dab(30, 20)
    painting.session.change_region(1, name="lead", weight=0.5)
    before = painting.session.mask.union()
    assert not page.enabled("mask-copy")
    go_to(page, 1)
    page.trigger("mask-copy")
    assert np.array_equal(painting.session.mask.union(), before)
    assert painting.session.regions.active.name == "lead"
    painting.session.undo()
    assert painting.session.mask.regions == ()


# -- keys ---------------------------------------------------------------------------------------------------


def test_keys_choose_tools_and_brackets_belong_to_the_brush(page: Page, show: Show) -> None:
    painting = show()
    page.activate()
    page.viewer.setFocus()
    QApplication.processEvents()
    opacity = page.viewer.state.opacity
    page.viewer_key(Qt.Key.Key_BracketRight)
    assert page.viewer.state.opacity > opacity, "without a brush they change the maps"
    page.viewer_key(Qt.Key.Key_B)
    assert page.viewer.tool == "brush"
    assert painting.button("brush").isChecked()
    assert page.checked("tool-brush")
    opacity, radius = page.viewer.state.opacity, painting.session.settings.brush_radius
    page.viewer_key(Qt.Key.Key_BracketRight)
    assert painting.session.settings.brush_radius > radius
    assert page.viewer.state.opacity == opacity
    page.paint.dab(20, 20)
    page.viewer_key(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert painting.session.mask.is_empty
    page.viewer_key(Qt.Key.Key_E)
    assert page.viewer.tool == "eraser"
    page.viewer_key(Qt.Key.Key_T)
    assert page.viewer.tool == "pan"
    assert painting.button("pan").isChecked()


def test_enter_closes_a_polygon_in_the_window(page: Page, show: Show) -> None:
    painting = show()
    page.activate()
    painting.take("polygon")
    for x, y in ((10, 10), (50, 10), (30, 35)):
        page.paint.dab(x, y)
    page.viewer_key(Qt.Key.Key_Return)
    assert np.count_nonzero(page.paint.pixels) == pytest.approx(500, rel=0.1)


def test_a_pen_reports_its_pressure(page: Page, show: Show) -> None:
    painting = show()

    def send(kind: QEvent.Type, pressure: float) -> None:
        held = LEFT if pressure else Qt.MouseButton.NoButton
        page.hand.pen(kind, QPointF(10, 10), pressure, LEFT, held)

    send(QEvent.Type.TabletPress, 0.4)
    assert painting.session.pressure == pytest.approx(0.4)
    send(QEvent.Type.TabletMove, 0.8)
    assert painting.session.pressure == pytest.approx(0.8)
    send(QEvent.Type.TabletRelease, 0.0)
    assert painting.session.pressure == 1.0, "the mouse paints with the full radius again"


def test_a_pen_paints_as_wide_as_it_presses(page: Page, show: Show) -> None:
    painting = show()
    painting.take("brush")
    painting.session.set_settings(brush_radius=6.0)
    for y, pressure in ((10, 0.2), (30, 1.0)):
        page.hand.pen_stroke((15, y), (30, y), (45, y), pressure=pressure)
    drawn = page.paint.pixels
    thin, thick = drawn[:20, 20].sum(), drawn[20:, 20].sum()
    assert thick == pytest.approx(12, abs=1.5)
    assert 0 < thin < 0.5 * thick
    assert painting.session.history.names() == ("Brush stroke", "Brush stroke")


# -- the model's opinion ------------------------------------------------------------------------------------


def test_agreement_follows_the_brush(page: Page, show: Show, analysis: Analysis) -> None:
    painting = show()
    page.take_analysis_of_this_size(analysis)
    page.wait_analysed()
    values = painting.panel.agreement.values
    assert [v.text() for v in values.values()] == ["–", "–", "–"]
    painting.panel.from_features.click()
    assert values["pointing"].text() == "Hit"
    energy = int(values["energy"].text().rstrip(" %"))
    assert energy > 30
    assert int(values["iou"].text().rstrip(" %")) > 80
    assert painting.session.history.undo_name == "Draft from features"
    painting.take("eraser")
    painting.session.set_settings(eraser_radius=200.0)
    page.paint.dab(30, 20)
    assert [v.text() for v in values.values()] == ["–", "–", "–"]


def test_a_draft_from_the_map_covers_its_peak(page: Page, show: Show, analysis: Analysis) -> None:
    painting = show()
    page.take_analysis_of_this_size(analysis)
    painting.panel.cam_share.setValue(60)
    painting.panel.from_cam.click()
    mask = page.paint.pixels
    rows, columns = mask.shape
    assert mask[int(3.5 / 14 * rows), int(4 / 14 * columns)]
    assert not mask[-1, -1]
    assert 0.02 < mask.mean() < 0.2


@pytest.mark.parametrize(("answer", "regions"), [("As a new region", 2), ("Add to it", 1), ("Cancel", 1)])
def test_a_draft_is_not_mixed_into_what_is_painted_unasked(
    qtbot: QtBot, page: Page, show: Show, analysis: Analysis, answer: str, regions: int
) -> None:
    painting = show()
    page.take_analysis_of_this_size(analysis)
    page.wait_analysed()
    session = painting.session
    session.stamp("corner", shapes.rectangle((0, 0), (3, 3), session.mask.size))
    painting.panel.from_features.click()
    box = page.wait_for(QMessageBox)
    assert np.count_nonzero(session.mask.union()) == 9, "nothing happened yet"
    next(b for b in box.buttons() if b.text().replace("&", "") == answer).click()
    page.wait_gone(QMessageBox)
    page.wait_idle()
    assert len(session.mask.regions) == regions
    assert (np.count_nonzero(session.mask.union()) > 9) == (answer != "Cancel")
    assert (np.count_nonzero(session.mask.pixels(1)) > 9) == (answer == "Add to it")


def test_agreement_is_kept_with_the_analysis_when_the_case_is_left(page: Page, show: Show, analysis: Analysis) -> None:
    painting = show(2)
    page.take_analysis_of_this_size(analysis)
    record, book = page.record, page.book
    case = book.cases.find(record.sha256)
    if case is None:
        case = book.cases.add(record)
    book.analyses.add(case, page.current.analysis)
    painting.draft_from_map(0.6)
    agreement = painting.session.agreement
    go_to(page, 1)
    page.paint.wait_kept()
    row = book.cases.get(case)
    assert row.energy == pytest.approx(agreement.energy)
    assert row.pointing == 1


def test_blind_mode_hides_the_model_until_the_mask_is_done(
    qtbot: QtBot, page: Page, show: Show, analysis: Analysis
) -> None:
    painting = show()
    page.take_analysis_of_this_size(analysis)
    page.wait_analysed()
    case = page.current
    assert page.viewer.state.maps is not None
    page.trigger("mask-blind")
    assert painting.opinion_hidden
    for _ in range(2):
        assert page.viewer.state.maps is None
        assert page.viewer.state.features is None
        assert page.verdict.hidden
        assert page.inspector.section("Important features").isHidden()
        assert "Abnormal" not in verdict_line(case)
        assert painting.panel.agreement.isHidden()
        assert not painting.can_draft
        page.tell_analysis_changed()  # news don't give it away
        page.update_features()
        page.wait_idle()
    painting.take("brush")
    page.paint.dab(30, 20)
    painting.panel.done.click()
    qtbot.waitUntil(lambda: page.viewer.state.features is not None)
    assert not painting.opinion_hidden
    assert case.review is Review.DONE
    assert page.viewer.state.maps is not None
    assert not page.verdict.hidden
    assert "Abnormal" in verdict_line(case)
    page.paint.wait_kept()
    book = page.book
    assert book.cases.get(book.cases.find(page.record.sha256)).seconds > 0


def test_blind_mode_hides_every_case_of_the_worklist(page: Page, show: Show, analysis: Analysis) -> None:
    painting = show(3)
    for case in page.cases:  # one of these very bytes: an analysis of others wouldn't count
        case.analysis = replace(analysis, sha256=hashlib.sha256(case.path.read_bytes()).hexdigest())
    painting.set_blind(True)
    assert not any("Abnormal" in verdict_line(c) for c in page.cases)
    go_to(page, 2)
    assert page.viewer.state.maps is None
    painting.set_blind(False)
    assert all("Abnormal" in verdict_line(c) for c in page.cases)


# -- panel --------------------------------------------------------------------------------------------------


def test_regions_are_listed_renamed_weighted_locked_and_removed(page: Page, show: Show) -> None:
    painting = show()
    panel, session = painting.panel, painting.session
    panel.add_button.click()
    panel.add_button.click()
    assert [row.name.text() for row in panel.rows] == ["important 2", "important"]
    panel.rows[0].name.setText("Erguß")
    QTest.keyClick(panel.rows[0].name, Qt.Key.Key_Return)
    assert session.mask.region(2).name == "Erguß"
    QTest.mouseClick(panel.rows[1], LEFT)
    assert session.regions.active.id == 1
    assert panel.rows[1].property("role") == "activeRow"
    panel.rows[1].weight.setValue(0.3)
    assert session.mask.region(1).weight == pytest.approx(0.3)
    panel.rows[1].visible_.click()
    assert not session.mask.region(1).visible
    panel.rows[1].lock.click()
    assert session.mask.region(1).locked
    panel.rows[0].delete.click()
    assert [row.name.text() for row in panel.rows] == ["important"]
    session.undo()
    assert [row.name.text() for row in panel.rows] == ["Erguß", "important"]
    page.paint.wait_kept()


def test_whoever_takes_up_a_brush_sees_regions_and_agreement(
    qtbot: QtBot, page: Page, show: Show, analysis: Analysis
) -> None:
    painting = show()
    page.take_analysis_of_this_size(analysis)
    page.window.resize(1280, 600)
    page.wait_analysed()
    assert painting.panel.done.visibleRegion().isEmpty(), "further down"
    painting.press("brush")
    qtbot.waitUntil(lambda: not painting.panel.done.visibleRegion().isEmpty())
    assert not painting.panel.saved.visibleRegion().isEmpty()
    page.inspector.scroll_bar.setValue(0)
    painting.press("eraser")
    assert page.inspector.scroll_bar.value() == 0, "whoever scrolls away while painting stays there"


def test_a_weight_is_read_in_its_field(page: Page, show: Show) -> None:
    painting = show()
    painting.session.add_region("a name that is much too long for the room that there is beside the weight")
    QApplication.processEvents()
    (row,) = painting.panel.rows
    field = row.weight.lineEdit()
    assert field.text() == "1.00"
    assert field.width() >= field.fontMetrics().horizontalAdvance("1.00") + field.textMargins().left()
    assert row.name.cursorPosition() == 0


def test_the_shift_key_alone_tells_the_brush(page: Page, show: Show) -> None:
    painting = show()
    page.activate()
    painting.take("brush")
    page.paint.dab(10, 10)
    tool = painting.tools["brush"]
    QTest.keyPress(page.viewer, Qt.Key.Key_Shift)
    assert tool._straight
    QTest.keyRelease(page.viewer, Qt.Key.Key_Shift)
    assert not tool._straight


def test_grow_shrink_smooth_and_clear_from_the_panel(page: Page, show: Show) -> None:
    painting = show()
    panel, session = painting.panel, painting.session
    assert not panel.grow.isEnabled()
    session.stamp("square", shapes.rectangle((20, 10), (40, 30), session.mask.size))
    assert panel.grow.isEnabled()
    panel.amount.setValue(2)
    panel.grow.click()
    assert session.mask.bounds(1) == (18, 8, 24, 24)
    panel.shrink.click()
    assert session.mask.bounds(1) == (20, 10, 20, 20)
    page.trigger("mask-clear")
    assert session.mask.is_empty
    assert session.history.names() == ("square", "Grow", "Shrink", "Clear mask")


def test_the_mask_can_be_hidden_as_a_whole(page: Page, show: Show) -> None:
    painting = show()
    painting.session.stamp("all", shapes.rectangle((0, 0), (60, 40), painting.session.mask.size))
    canvas = page.hand.canvas
    centre = canvas.transform().to_widget(30, 20).toPoint()
    shown = canvas.grab().toImage().pixelColor(centre)
    page.trigger("mask-shown")
    hidden = canvas.grab().toImage().pixelColor(centre)
    assert shown.green() > shown.red()
    assert hidden.green() == hidden.red()
    assert not painting.palette.shown.isChecked()


# -- import and export --------------------------------------------------------------------------------------


@pytest.mark.parametrize("chosen", [c for c in mask_files.FILTERS if not c.startswith("DICOM")])
def test_what_is_exported_can_be_imported(
    qtbot: QtBot, page: Page, show: Show, tmp_path: Path, chosen: str
) -> None:
    painting = show()
    session = painting.session
    session.stamp("square", shapes.rectangle((20, 10), (40, 30), session.mask.size))
    before = session.mask.union()
    suffix = chosen.partition("*")[2].rstrip(")")
    painting.export(tmp_path / f"mask{suffix}", chosen)
    page.wait_idle()
    assert np.array_equal(read_mask(tmp_path / f"mask{suffix}").union(), before)
    session.clear()
    painting.import_(tmp_path / f"mask{suffix}")
    qtbot.waitUntil(lambda: page.idle and not session.mask.is_empty, timeout=20_000)
    assert np.array_equal(session.mask.union(), before)
    session.undo()
    assert session.mask.is_empty


def test_a_radiograph_is_exported_as_dicom(page: Page, rg1: Path, tmp_path: Path) -> None:
    pytest.importorskip("highdicom")
    page.begin_opening(rg1)
    page.paint.wait_ready()
    session = page.paint_session
    session.stamp("heart", shapes.ellipse((900, 900), (1500, 1500), session.mask.size))
    page.paint.export(tmp_path / "seg.dcm", "DICOM segmentation (*.dcm)")
    page.wait_idle()
    assert np.array_equal(read_mask(tmp_path / "seg.dcm").union(), session.mask.union())


def test_a_mask_of_another_size_is_offered_to_be_resampled(
    qtbot: QtBot, page: Page, show: Show, tmp_path: Path
) -> None:
    painting = show()
    other = Mask(120, 80)
    other.add()
    ops.apply(other, 1, shapes.rectangle((20, 20), (60, 60), other.size))
    (tmp_path / "m.npy").write_bytes(b"")
    np.save(tmp_path / "m.npy", other.union())
    painting.import_(tmp_path / "m.npy")
    qtbot.waitUntil(lambda: bool(page.find_all(QMessageBox)), timeout=20_000)
    (box,) = page.find_all(QMessageBox)
    assert "120 x 80" in box.text()
    assert painting.session.mask.is_empty
    next(b for b in box.buttons() if b.text() == "Resample").click()
    qtbot.waitUntil(lambda: not painting.session.mask.is_empty, timeout=20_000)
    assert painting.session.mask.bounds(1) == (10, 10, 20, 20)


def test_actions_are_enabled_when_they_make_sense(page: Page, show: Show) -> None:
    names = ("mask-undo", "mask-clear", "mask-grow", "mask-export", "mask-from-features", "mask-import")
    assert not any(page.enabled(n) for n in names)
    painting = show()
    assert page.enabled("mask-import")
    assert not page.enabled("mask-export")
    painting.session.stamp("square", shapes.rectangle((20, 10), (40, 30), painting.session.mask.size))
    assert all(page.enabled(n) for n in ("mask-undo", "mask-clear", "mask-grow", "mask-export"))
    assert not page.enabled("mask-from-features")
