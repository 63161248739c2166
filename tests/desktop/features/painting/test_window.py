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
from PySide6.QtGui import QMouseEvent, QPointingDevice, QTabletEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QMessageBox
from pytestqt.qtbot import QtBot

from divisive_desktop.casebook import Casebook
from divisive_desktop.desktop.features.painting import mask_files
from divisive_desktop.desktop.session.case import Review, verdict_line
from divisive_desktop.desktop.viewer.maps import PaneKind
from divisive_desktop.desktop.window import MainWindow
from divisive_desktop.explanation.analysis import Analysis
from divisive_desktop.masks import ops, shapes
from divisive_desktop.masks.files import read_mask
from divisive_desktop.masks.mask import Mask

LEFT, NONE = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier


@pytest.fixture
def show(qtbot: QtBot, window: MainWindow, pictures: Callable[[int], Path]) -> Callable[..., Any]:
    """Open a folder of pictures and wait until the first one can be painted on."""

    def make(count: int = 1) -> Any:
        window.session.open_paths([pictures(count)])
        wait_ready(qtbot, window)
        qtbot.waitUntil(lambda: len(window.session.cases) == count)
        return window.painting

    return make


def wait_ready(qtbot: QtBot, window: MainWindow) -> None:
    qtbot.waitUntil(lambda: window.painting.session.record is window.session.record is not None, timeout=20_000)


def wait_kept(qtbot: QtBot, window: MainWindow) -> None:
    qtbot.waitUntil(lambda: window.painting.saver.idle() and window.runner.idle, timeout=20_000)
    assert window.painting.saver.state == "saved"


def go_to(qtbot: QtBot, window: MainWindow, index: int) -> None:
    window.session.select(list(window.session.cases)[index])
    wait_ready(qtbot, window)


def dab(window: MainWindow, x: float, y: float) -> None:
    """A click on an image position."""
    canvas = window.viewer.panes[PaneKind.IMAGE].canvas
    QTest.mouseClick(canvas, LEFT, NONE, canvas.transform().to_widget(x, y).toPoint())


def kept(window: MainWindow, record: Any = None) -> Mask | None:
    """What the casebook holds of an image."""
    record = record or window.session.record
    return window.painting.store.load(record)


def painted(window: MainWindow) -> np.ndarray:
    mask = window.painting.session.mask
    return mask.union() > 0


def give(window: MainWindow, analysis: Analysis) -> None:
    """Let the current case have an analysis of its picture's size."""
    from dataclasses import replace

    record = window.session.record
    size = (record.width, record.height)
    window.session.current.analysis = replace(
        analysis, image_size=size, region=(0, 0, *size), file=str(record.path), sha256=record.sha256
    )
    window.session.analysisChanged.emit(window.session.current)
    window.session.update_features()


# -- keeping ------------------------------------------------------------------------------------------------


def test_a_stroke_is_in_the_casebook_without_saving(qtbot: QtBot, window: MainWindow, show: Any) -> None:
    painting = show()
    assert painting.store.load(window.session.record) is None
    painting.palette.buttons["brush"].click()
    painting.session.set_settings(brush_radius=4.0)
    dab(window, 30, 20)
    assert painting.saver.state == "saving"
    assert painting.panel.saved.text() == "Saving…"
    wait_kept(qtbot, window)
    assert painting.panel.saved.text() == "Saved"
    assert np.array_equal(kept(window).union(), painting.session.mask.union())
    painting.session.undo()
    wait_kept(qtbot, window)
    assert kept(window).is_empty


def test_looking_at_a_case_paints_nothing_and_keeps_nothing(qtbot: QtBot, window: MainWindow, show: Any) -> None:
    painting = show(2)
    painting.set_tool("brush")
    go_to(qtbot, window, 1)
    wait_kept(qtbot, window)
    assert kept(window) is None


def test_the_mask_is_there_when_the_program_starts_again(
    qtbot: QtBot, window: MainWindow, show: Any, home: Path
) -> None:
    painting = show()
    painting.set_tool("lasso")
    painting.session.add_region("left eye blend")
    canvas = window.viewer.panes[PaneKind.IMAGE].canvas
    at = canvas.transform().to_widget
    QTest.mousePress(canvas, LEFT, NONE, at(10, 10).toPoint())
    for x, y in ((40, 10), (40, 30), (10, 30)):
        where = QPointF(at(x, y).toPoint())
        QApplication.sendEvent(
            canvas, QMouseEvent(QEvent.Type.MouseMove, where, canvas.mapToGlobal(where), LEFT, LEFT, NONE)
        )
    QTest.mouseRelease(canvas, LEFT, NONE, at(10, 30).toPoint())
    before = painting.session.mask.union()
    assert before.any()
    sha256 = window.session.record.sha256
    window.close()  # at once: what waits is written on the way out
    with Casebook.open_default() as book:
        case = book.cases.find(sha256)
        mask = book.masks.load(case)
        assert np.array_equal(mask.union(), before)
        assert mask.regions[0].name == "left eye blend"
        assert book.cases.get(case).seconds > 0


CHILD = """
import os, sys, time
from pathlib import Path
from PySide6.QtCore import QEventLoop, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from divisive_desktop.desktop import app as application
from divisive_desktop.desktop.session.settings import Settings
from divisive_desktop.desktop.viewer.maps import PaneKind
settings = Settings()
settings.analyse_on_opening = False
window = application.build(settings)
window.resize(1200, 800)
window.show()
def until(condition):
    while not condition():
        QApplication.processEvents(QEventLoop.ProcessEventsFlag.AllEvents, 10)
until(lambda: window.viewer is not None)
window.session.open_paths([Path(sys.argv[1])])
until(lambda: window.painting.session.record is not None)
painting = window.painting
painting.session.set_settings(brush_radius=3.0)
painting.set_tool("brush")
canvas = window.viewer.panes[PaneKind.IMAGE].canvas
for x in (10, 20, 30):
    time.sleep(0.05)
    QTest.mouseClick(canvas, Qt.MouseButton.LeftButton, pos=canvas.transform().to_widget(x, 15).toPoint())
painted = time.monotonic()
until(lambda: painting.saver.idle())
until(lambda: time.monotonic() - painted > 1.0)
print("second over", flush=True)
until(lambda: False)
"""


def test_kill_9_a_second_after_the_last_stroke_loses_nothing(tmp_path: Path, home: Path, pictures: Any) -> None:
    picture = next(iter(sorted(pictures(1).iterdir())))
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen", "DIVISIVE_DESKTOP_HOME": str(home)}
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(picture)], stdout=subprocess.PIPE, text=True, env=environment
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


def test_a_mask_that_cannot_be_kept_is_told(qtbot: QtBot, window: MainWindow, show: Any) -> None:
    painting = show()
    painting.set_tool("brush")
    dab(window, 10, 10)
    wait_kept(qtbot, window)
    case = window.painting.store._book().cases.find(window.session.record.sha256)
    window.painting.store._book().trash.put(case)
    window.painting.store._book().trash.empty()
    window.session.record.path.rename(window.session.record.path.with_suffix(".gone"))
    dab(window, 30, 20)
    qtbot.waitUntil(lambda: painting.saver.state == "failed", timeout=20_000)
    assert painting.panel.saved.text() == "Not saved"
    assert "could not be saved" in " ".join(label.text() for label in window.messages.findChildren(QLabel))
    window.session.record.path.with_suffix(".gone").rename(window.session.record.path)
    dab(window, 40, 30)
    wait_kept(qtbot, window)
    assert np.array_equal(kept(window).union(), painting.session.mask.union())


# -- several cases ------------------------------------------------------------------------------------------


def test_undo_survives_going_to_another_case_and_back(qtbot: QtBot, window: MainWindow, show: Any) -> None:
    painting = show(2)
    painting.set_tool("brush")
    painting.session.set_settings(brush_radius=3.0)
    dab(window, 10, 10)
    dab(window, 30, 20)
    go_to(qtbot, window, 1)
    assert painting.session.history.undo_name is None
    assert not painted(window).any()
    dab(window, 50, 30)
    go_to(qtbot, window, 0)
    assert painted(window)[10, 10]
    assert painted(window)[20, 30]
    assert painting.session.history.names() == ("Brush stroke", "Brush stroke")
    assert window.actions_["mask-undo"].text() == "Undo brush stroke"
    window.actions_["mask-undo"].trigger()
    assert not painted(window)[20, 30]
    window.actions_["mask-redo"].trigger()
    assert painted(window)[20, 30]
    go_to(qtbot, window, 1)
    assert painted(window)[30, 50]


def test_regions_are_copied_from_the_case_before(qtbot: QtBot, window: MainWindow, show: Any) -> None:
    painting = show(2)
    painting.set_tool("brush")
    dab(window, 30, 20)
    painting.session.change_region(1, name="lead", weight=0.5)
    before = painting.session.mask.union()
    assert not window.actions_["mask-copy"].isEnabled()
    go_to(qtbot, window, 1)
    window.actions_["mask-copy"].trigger()
    assert np.array_equal(painting.session.mask.union(), before)
    assert painting.session.active.name == "lead"
    painting.session.undo()
    assert painting.session.mask.regions == ()


# -- keys ---------------------------------------------------------------------------------------------------


def test_keys_choose_tools_and_brackets_belong_to_the_brush(qtbot: QtBot, window: MainWindow, show: Any) -> None:
    painting = show()
    window.activateWindow()
    window.viewer.setFocus()
    QApplication.processEvents()
    opacity = window.viewer.opacity
    QTest.keyClick(window.viewer, Qt.Key.Key_BracketRight)
    assert window.viewer.opacity > opacity, "without a brush they change the maps"
    QTest.keyClick(window.viewer, Qt.Key.Key_B)
    assert window.viewer.tool == "brush"
    assert painting.palette.buttons["brush"].isChecked()
    assert window.actions_["tool-brush"].isChecked()
    opacity, radius = window.viewer.opacity, painting.session.settings.brush_radius
    QTest.keyClick(window.viewer, Qt.Key.Key_BracketRight)
    assert painting.session.settings.brush_radius > radius
    assert window.viewer.opacity == opacity
    dab(window, 20, 20)
    QTest.keyClick(window.viewer, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert painting.session.mask.is_empty
    QTest.keyClick(window.viewer, Qt.Key.Key_E)
    assert window.viewer.tool == "eraser"
    QTest.keyClick(window.viewer, Qt.Key.Key_T)
    assert window.viewer.tool == "pan"
    assert painting.palette.buttons["pan"].isChecked()


def test_enter_closes_a_polygon_in_the_window(qtbot: QtBot, window: MainWindow, show: Any) -> None:
    painting = show()
    window.activateWindow()
    painting.set_tool("polygon")
    for x, y in ((10, 10), (50, 10), (30, 35)):
        dab(window, x, y)
    QTest.keyClick(window.viewer, Qt.Key.Key_Return)
    assert np.count_nonzero(painted(window)) == pytest.approx(500, rel=0.1)


def test_a_pen_reports_its_pressure(qtbot: QtBot, window: MainWindow, show: Any) -> None:
    painting = show()
    canvas = window.viewer.panes[PaneKind.IMAGE].canvas
    device, at = QPointingDevice.primaryPointingDevice(), QPointF(10, 10)

    def send(kind: QEvent.Type, pressure: float) -> None:
        pen = QTabletEvent(
            kind, device, at, canvas.mapToGlobal(at), pressure, 0, 0, 0, 0, 0, NONE, LEFT,
            LEFT if pressure else Qt.MouseButton.NoButton,
        )  # fmt: skip
        QApplication.sendEvent(canvas, pen)

    send(QEvent.Type.TabletPress, 0.4)
    assert painting.session.pressure == pytest.approx(0.4)
    send(QEvent.Type.TabletMove, 0.8)
    assert painting.session.pressure == pytest.approx(0.8)
    send(QEvent.Type.TabletRelease, 0.0)
    assert painting.session.pressure == 1.0, "the mouse paints with the full radius again"


def test_a_pen_paints_as_wide_as_it_presses(qtbot: QtBot, window: MainWindow, show: Any) -> None:
    painting = show()
    painting.set_tool("brush")
    painting.session.set_settings(brush_radius=6.0)
    canvas = window.viewer.panes[PaneKind.IMAGE].canvas
    device = QPointingDevice.primaryPointingDevice()

    def line(y: float, pressure: float) -> None:
        """A pen's events, each followed by the mouse event that Qt makes of it when nobody takes it."""
        pen = (QEvent.Type.TabletPress, QEvent.Type.TabletMove, QEvent.Type.TabletRelease)
        mouse = (QEvent.Type.MouseButtonPress, QEvent.Type.MouseMove, QEvent.Type.MouseButtonRelease)
        for i, x in enumerate((15, 30, 45)):
            at = QPointF(canvas.transform().to_widget(x, y).toPoint())
            where, last = canvas.mapToGlobal(at), i == 2
            held, button = Qt.MouseButton.NoButton if last else LEFT, Qt.MouseButton.NoButton if i == 1 else LEFT
            tablet = QTabletEvent(
                pen[i], device, at, where, 0.0 if last else pressure, 0, 0, 0, 0, 0, NONE, button, held
            )
            QApplication.sendEvent(canvas, tablet)
            QApplication.sendEvent(canvas, QMouseEvent(mouse[i], at, where, button, held, NONE))

    line(10, 0.2)
    line(30, 1.0)
    drawn = painted(window)
    thin, thick = drawn[:20, 20].sum(), drawn[20:, 20].sum()
    assert thick == pytest.approx(12, abs=1.5)
    assert 0 < thin < 0.5 * thick
    assert painting.session.history.names() == ("Brush stroke", "Brush stroke")


# -- the model's opinion ------------------------------------------------------------------------------------


def test_agreement_follows_the_brush(qtbot: QtBot, window: MainWindow, show: Any, analysis: Analysis) -> None:
    painting = show()
    give(window, analysis)
    qtbot.waitUntil(lambda: window.session.features is not None and window.runner.idle)
    values = painting.panel.agreement.values
    assert [v.text() for v in values.values()] == ["–", "–", "–"]
    painting.panel.from_features.click()
    assert values["pointing"].text() == "Hit"
    energy = int(values["energy"].text().rstrip(" %"))
    assert energy > 30
    assert int(values["iou"].text().rstrip(" %")) > 80
    assert painting.session.history.undo_name == "Draft from features"
    painting.set_tool("eraser")
    painting.session.set_settings(eraser_radius=200.0)
    dab(window, 30, 20)
    assert [v.text() for v in values.values()] == ["–", "–", "–"]


def test_a_draft_from_the_map_covers_its_peak(qtbot: QtBot, window: MainWindow, show: Any, analysis: Analysis) -> None:
    painting = show()
    give(window, analysis)
    painting.panel.cam_share.setValue(60)
    painting.panel.from_cam.click()
    mask = painted(window)
    rows, columns = mask.shape
    assert mask[int(3.5 / 14 * rows), int(4 / 14 * columns)]
    assert not mask[-1, -1]
    assert 0.02 < mask.mean() < 0.2


def test_agreement_is_kept_with_the_analysis_when_the_case_is_left(
    qtbot: QtBot, window: MainWindow, show: Any, analysis: Analysis
) -> None:
    painting = show(2)
    give(window, analysis)
    record, book = window.session.record, painting.store._book()
    case = book.cases.find(record.sha256)
    if case is None:
        case = book.cases.add(record)
    book.analyses.add(case, window.session.current.analysis)
    painting.draft_from_cam(0.6)
    agreement = painting.session.agreement
    go_to(qtbot, window, 1)
    wait_kept(qtbot, window)
    row = book.cases.get(case)
    assert row.energy == pytest.approx(agreement.energy)
    assert row.pointing == 1


def test_blind_mode_hides_the_model_until_the_mask_is_done(
    qtbot: QtBot, window: MainWindow, show: Any, analysis: Analysis
) -> None:
    painting = show()
    give(window, analysis)
    qtbot.waitUntil(lambda: window.session.features is not None and window.runner.idle)
    case = window.session.current
    assert window.viewer.stage.maps is not None
    window.actions_["mask-blind"].trigger()
    assert painting.hidden
    for _ in range(2):
        assert window.viewer.stage.maps is None
        assert window.viewer.stage.features is None
        assert window.inspector.verdict.isHidden()
        assert window.inspector.section("Important features").isHidden()
        assert "abnormal" not in verdict_line(case)
        assert painting.panel.agreement.isHidden()
        assert not painting.can_draft
        window.session.analysisChanged.emit(case)  # news don't give it away
        window.session.update_features()
        qtbot.waitUntil(lambda: window.runner.idle)
    painting.set_tool("brush")
    dab(window, 30, 20)
    painting.panel.done.click()
    qtbot.waitUntil(lambda: window.viewer.stage.features is not None)
    assert not painting.hidden
    assert case.review is Review.DONE
    assert window.viewer.stage.maps is not None
    assert not window.inspector.verdict.isHidden()
    assert "abnormal" in verdict_line(case)
    wait_kept(qtbot, window)
    book = painting.store._book()
    assert book.cases.get(book.cases.find(window.session.record.sha256)).seconds > 0


def test_blind_mode_hides_every_case_of_the_worklist(
    qtbot: QtBot, window: MainWindow, show: Any, analysis: Analysis
) -> None:
    painting = show(3)
    for case in window.session.cases:  # one of these very bytes: an analysis of others wouldn't count
        case.analysis = replace(analysis, sha256=hashlib.sha256(case.path.read_bytes()).hexdigest())
    painting.set_blind(True)
    assert not any("abnormal" in verdict_line(c) for c in window.session.cases)
    go_to(qtbot, window, 2)
    assert window.viewer.stage.maps is None
    painting.set_blind(False)
    assert all("abnormal" in verdict_line(c) for c in window.session.cases)


# -- panel --------------------------------------------------------------------------------------------------


def test_regions_are_listed_renamed_weighted_locked_and_removed(qtbot: QtBot, window: MainWindow, show: Any) -> None:
    painting = show()
    panel, session = painting.panel, painting.session
    panel.add_button.click()
    panel.add_button.click()
    assert [row.name.text() for row in panel.rows] == ["important 2", "important"]
    panel.rows[0].name.setText("Erguß")
    QTest.keyClick(panel.rows[0].name, Qt.Key.Key_Return)
    assert session.mask.region(2).name == "Erguß"
    QTest.mouseClick(panel.rows[1], LEFT)
    assert session.active.id == 1
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
    wait_kept(qtbot, window)


def test_whoever_takes_up_a_brush_sees_regions_and_agreement(
    qtbot: QtBot, window: MainWindow, show: Any, analysis: Analysis
) -> None:
    painting = show()
    give(window, analysis)
    window.resize(1280, 600)
    qtbot.waitUntil(lambda: window.session.features is not None and window.runner.idle)
    assert painting.panel.done.visibleRegion().isEmpty(), "further down"
    painting.palette.buttons["brush"].click()
    qtbot.waitUntil(lambda: not painting.panel.done.visibleRegion().isEmpty())
    assert not painting.panel.saved.visibleRegion().isEmpty()
    window.inspector.verticalScrollBar().setValue(0)
    painting.palette.buttons["eraser"].click()
    assert window.inspector.verticalScrollBar().value() == 0, "whoever scrolls away while painting stays there"


def test_a_weight_is_read_in_its_field(qtbot: QtBot, window: MainWindow, show: Any) -> None:
    painting = show()
    painting.session.add_region("a name that is much too long for the room that there is beside the weight")
    QApplication.processEvents()
    (row,) = painting.panel.rows
    field = row.weight.lineEdit()
    assert field.text() == "1.00"
    assert field.width() >= field.fontMetrics().horizontalAdvance("1.00") + field.textMargins().left()
    assert row.name.cursorPosition() == 0


def test_the_shift_key_alone_tells_the_brush(qtbot: QtBot, window: MainWindow, show: Any) -> None:
    painting = show()
    window.activateWindow()
    painting.set_tool("brush")
    dab(window, 10, 10)
    tool = painting.tools["brush"]
    QTest.keyPress(window.viewer, Qt.Key.Key_Shift)
    assert tool._straight
    QTest.keyRelease(window.viewer, Qt.Key.Key_Shift)
    assert not tool._straight


def test_grow_shrink_smooth_and_clear_from_the_panel(qtbot: QtBot, window: MainWindow, show: Any) -> None:
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
    window.actions_["mask-clear"].trigger()
    assert session.mask.is_empty
    assert session.history.names() == ("square", "Grow", "Shrink", "Clear mask")


def test_the_mask_can_be_hidden_as_a_whole(qtbot: QtBot, window: MainWindow, show: Any) -> None:
    painting = show()
    painting.session.stamp("all", shapes.rectangle((0, 0), (60, 40), painting.session.mask.size))
    canvas = window.viewer.panes[PaneKind.IMAGE].canvas
    centre = canvas.transform().to_widget(30, 20).toPoint()
    shown = canvas.grab().toImage().pixelColor(centre)
    window.actions_["mask-shown"].trigger()
    hidden = canvas.grab().toImage().pixelColor(centre)
    assert shown.green() > shown.red()
    assert hidden.green() == hidden.red()
    assert not painting.palette.shown.isChecked()


# -- import and export --------------------------------------------------------------------------------------


@pytest.mark.parametrize("chosen", [c for c in mask_files.FILTERS if not c.startswith("DICOM")])
def test_what_is_exported_can_be_imported(
    qtbot: QtBot, window: MainWindow, show: Any, tmp_path: Path, chosen: str
) -> None:
    painting = show()
    session = painting.session
    session.stamp("square", shapes.rectangle((20, 10), (40, 30), session.mask.size))
    before = session.mask.union()
    suffix = chosen.partition("*")[2].rstrip(")")
    mask_files.write(painting, tmp_path / f"mask{suffix}", chosen)
    qtbot.waitUntil(lambda: window.runner.idle, timeout=20_000)
    assert np.array_equal(read_mask(tmp_path / f"mask{suffix}").union(), before)
    session.clear()
    mask_files.read(painting, tmp_path / f"mask{suffix}")
    qtbot.waitUntil(lambda: window.runner.idle and not session.mask.is_empty, timeout=20_000)
    assert np.array_equal(session.mask.union(), before)
    session.undo()
    assert session.mask.is_empty


def test_a_radiograph_is_exported_as_dicom(qtbot: QtBot, window: MainWindow, rg1: Path, tmp_path: Path) -> None:
    pytest.importorskip("highdicom")
    window.session.open_paths([rg1])
    wait_ready(qtbot, window)
    session = window.painting.session
    session.stamp("heart", shapes.ellipse((900, 900), (1500, 1500), session.mask.size))
    mask_files.write(window.painting, tmp_path / "seg.dcm", "DICOM segmentation (*.dcm)")
    qtbot.waitUntil(lambda: window.runner.idle, timeout=30_000)
    assert np.array_equal(read_mask(tmp_path / "seg.dcm").union(), session.mask.union())


def test_a_mask_of_another_size_is_offered_to_be_resampled(
    qtbot: QtBot, window: MainWindow, show: Any, tmp_path: Path
) -> None:
    painting = show()
    other = Mask(120, 80)
    other.add()
    ops.apply(other, 1, shapes.rectangle((20, 20), (60, 60), other.size))
    (tmp_path / "m.npy").write_bytes(b"")
    np.save(tmp_path / "m.npy", other.union())
    mask_files.read(painting, tmp_path / "m.npy")
    qtbot.waitUntil(lambda: bool(window.findChildren(QMessageBox)), timeout=20_000)
    (box,) = window.findChildren(QMessageBox)
    assert "120 x 80" in box.text()
    assert painting.session.mask.is_empty
    next(b for b in box.buttons() if b.text() == "Resample").click()
    qtbot.waitUntil(lambda: not painting.session.mask.is_empty, timeout=20_000)
    assert painting.session.mask.bounds(1) == (10, 10, 20, 20)


def test_actions_are_enabled_when_they_make_sense(qtbot: QtBot, window: MainWindow, show: Any) -> None:
    names = ("mask-undo", "mask-clear", "mask-grow", "mask-export", "mask-from-features", "mask-import")
    assert not any(window.actions_[n].isEnabled() for n in names)
    painting = show()
    assert window.actions_["mask-import"].isEnabled()
    assert not window.actions_["mask-export"].isEnabled()
    painting.session.stamp("square", shapes.rectangle((20, 10), (40, 30), painting.session.mask.size))
    assert all(window.actions_[n].isEnabled() for n in ("mask-undo", "mask-clear", "mask-grow", "mask-export"))
    assert not window.actions_["mask-from-features"].isEnabled()
