"""A film that looks upside down is mended with a button: picture, mask and answer follow, and it can be taken back."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from divisive_desktop.desktop.features.inspection.mending import MendingRow
from divisive_desktop.desktop.features.inspection.verdict import VerdictPanel
from divisive_desktop.desktop.session.case import Case
from divisive_desktop.errors import OutOfScopeError
from divisive_desktop.imaging import open_image
from divisive_desktop.imaging.correction import LOOKS, UNCORRECTED, Correction, named
from divisive_desktop.imaging.display import render
from tests.conftest import ROOT, dicom_sample
from tests.desktop.pages import Start
from tests.desktop.pages.waiting import until

MS = 120_000


@pytest.fixture
def shipped_model(home: Path) -> None:
    """The chest model that knows what a film looks like."""
    (home / "models").mkdir(exist_ok=True)
    (home / "models" / "chest-cardiomegaly-focus-1").symlink_to(ROOT / "models" / "chest-cardiomegaly-focus-1")


@pytest.fixture
def upside_down(tmp_path: Path) -> Path:
    shown = cv2.resize(render(open_image(dicom_sample("RG1_UNCR.dcm"))), (480, 512), interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(tmp_path / "film.png"), shown[::-1, ::-1])
    return tmp_path / "film.png"


@pytest.mark.usefixtures("shipped_model")
def test_an_upside_down_film_is_mended_with_everything_on_it(qtbot: QtBot, start: Start, upside_down: Path) -> None:
    page = start(engine=True)
    page.open(upside_down)
    case = page.current
    assert case is not None
    page.trigger("analyse")
    until(lambda: case.analysis_error is not None, "the refusal", MS)
    assert LOOKS["turn-over"] in page.verdict.error
    assert page.verdict.anyway.isVisible()
    assert page.verdict.mend.text() == "Mend: turn by 180 degrees"
    assert not page.verdict.undo_mending.isVisible()
    page.paint.wait_ready()
    page.paint.brush((90, 60), (140, 100), radius=12)
    page.paint.wait_kept()
    page.paint.take("pan")
    drawn = page.paint.pixels.copy()
    assert drawn.any()
    before = case.thumbnail

    qtbot.mouseClick(page.verdict.mend, Qt.MouseButton.LeftButton)
    until(lambda: case.analysis is not None, "the answer", MS)
    assert page.record is not None
    assert page.record.correction == named("turn-over")
    assert np.array_equal(page.record.stored, open_image(upside_down).stored[::-1, ::-1])
    assert case.analysis is not None
    assert case.analysis.correction == "turn-over"
    assert page.verdict.mended == "Picture as mended by the analyst: turned by 180°."
    assert not page.verdict.mend.isVisible()
    until(lambda: page.paint.mask is not None and page.paint.pixels.any(), "the mask")
    assert np.array_equal(page.paint.pixels, drawn[::-1, ::-1])
    until(lambda: case.thumbnail is not None and case.thumbnail != before, "a thumbnail of the mended picture")
    page.wait_written()
    page.close()

    again = start(engine=True)
    (kept,) = again.cases
    assert kept.correction == named("turn-over")
    assert kept.verdict is not None
    again.go_to(kept)
    until(lambda: again.record is not None, "the picture")
    assert again.record is not None
    assert again.record.correction == named("turn-over")
    undo = again.verdict.undo_mending
    until(lambda: undo.isVisible() and undo.isEnabled(), "the way back")
    again.wait_quiet()  # what stands above it moves it
    qtbot.mouseClick(undo, Qt.MouseButton.LeftButton)
    until(lambda: again.record is not None and not again.record.correction, "the picture as it is in the file")
    until(lambda: again.paint.mask is not None and again.paint.pixels.any(), "the mask")
    assert np.array_equal(again.paint.pixels, drawn)
    until(lambda: kept.analysis_error is not None, "the refusal", MS)
    again.wait_written()
    acts = [r.parameters["correction"] for r in again.book.audit.trail(kept.id) if r.act == "correct"]
    assert acts in (["turn-over", ""], ["", "turn-over"])


def test_only_what_the_scope_speaks_of_is_offered(qtbot: QtBot) -> None:
    panel = VerdictPanel()
    qtbot.addWidget(panel)
    panel.show()
    row, asked = panel.mending, list[Correction]()
    row.wanted.connect(asked.append)
    case = Case(Path("a.png"), analysis_error=OutOfScopeError("No verdict: MR ABDOMEN.", "Ask anyway."))
    panel.show_case(case)
    assert not row.isVisible()
    case.analysis_error = OutOfScopeError(f"No verdict: {LOOKS['turn-left']}; {LOOKS['invert']}.", "Mend it.")
    panel.show_case(case)
    assert row.mend.text() == "Mend: turn left by 90 degrees and invert the greys"
    qtbot.mouseClick(row.mend, Qt.MouseButton.LeftButton)
    case.correction = Correction.parse("turn-left+invert")
    panel.show_case(case)
    qtbot.mouseClick(row.undo, Qt.MouseButton.LeftButton)
    assert asked == [Correction.parse("turn-left+invert"), Correction.parse("turn-right+invert")]
    case.correction, case.analysis_error = UNCORRECTED, None
    panel.show_case(case)
    assert not row.isVisible()


def test_in_a_read_only_casebook_nothing_is_mended(qtbot: QtBot) -> None:
    row = MendingRow()
    qtbot.addWidget(row)
    row.set_writable("Held by someone else.")
    row.show_case(Case(Path("a.png"), analysis_error=OutOfScopeError(f"No verdict: {LOOKS['invert']}.", "Mend it.")))
    assert not row.mend.isEnabled()
    assert row.mend.toolTip() == "Held by someone else."
