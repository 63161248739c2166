"""What files say is text in every widget: no markup, no control characters, nothing that turns its neighbours round."""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image
from PySide6.QtCore import QTimer
from PySide6.QtGui import Qt
from PySide6.QtWidgets import QDialog, QFileDialog, QMessageBox

from divisive_desktop import paths
from divisive_desktop.desktop.features.opening.series_dialog import SeriesDialog
from divisive_desktop.desktop.features.painting.mask_folder_page import MaskFolderPage
from divisive_desktop.desktop.startup import crash
from divisive_desktop.explanation.analysis import Analysis, ModelRef
from tests.desktop.hostile import HOSTILE, LINES, LONG, MARK, items, shown_is_text
from tests.desktop.pages import Page, until

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows allows no such names")

@pytest.fixture
def radiograph(rg1: Path, tmp_path: Path) -> Path:
    """Names, dates and descriptions that are no such things, in a file whose name isn't one either."""
    dataset = pydicom.dcmread(rg1)
    dataset.SpecificCharacterSet = "ISO_IR 192"
    for keyword in ("PatientName", "PatientID", "InstitutionName", "StudyDescription", "SeriesDescription",
                    "Manufacturer", "ImageComments", "WindowCenterWidthExplanation"):  # fmt: skip
        setattr(dataset, keyword, HOSTILE[:60])
    path = tmp_path / f"{HOSTILE}.dcm"
    dataset.save_as(path)
    return path


def test_an_opened_file_is_text_everywhere(page: Page, radiograph: Path, tmp_path: Path) -> None:
    folder = tmp_path / f"{HOSTILE} folder"
    folder.mkdir()
    Image.fromarray(np.arange(2400, dtype=np.uint8).reshape(40, 60)).save(folder / f"{HOSTILE}.png")
    with page.loading():
        page.drop(radiograph, folder)
    page.wait_idle()
    page.note(HOSTILE)
    page.wait_idle()
    shown_is_text()


def test_a_file_that_cannot_be_shown_is_text_everywhere(page: Page, tmp_path: Path) -> None:
    bad = tmp_path / f"{HOSTILE}.png"
    bad.write_bytes(b"\x89PNG\r\n\x1a\n" + HOSTILE.encode() * 9)
    gone = tmp_path / f"{HOSTILE} 2.png"
    Image.fromarray(np.zeros((9, 9), np.uint8)).save(gone)
    page.drop(bad, gone)
    page.wait_idle()
    assert page.showing == "problem"
    shown_is_text()


def test_a_model_s_card_is_text_everywhere(page: Page, rg1: Path) -> None:
    from divisive_desktop.library.card import Card, Preprocessing
    from divisive_desktop.library.store import save_model

    card = Card(
        id="hostile", version=HOSTILE, task="chest-xray", classes=(HOSTILE, f"{HOSTILE} 2"), backbone=HOSTILE,
        method=HOSTILE, weights_sha256="", preprocessing=Preprocessing(), author=HOSTILE, licence=HOSTILE,
        intended_use=HOSTILE, limits=(HOSTILE,), attribution=(HOSTILE,), created=HOSTILE, parent=None,
    )  # fmt: skip
    save_model(paths.user_models_dir() / "hostile", card, {"x": np.zeros(3, np.float32)})
    with page.loading():
        page.drop(rg1)
    page.wait_idle()
    dialog = page.tuning.open_versions()
    texts = [text for _, text in items(dialog.tree)]
    assert any(MARK in text for text in texts)
    for row in range(dialog.tree.topLevelItemCount()):
        dialog.tree.setCurrentItem(dialog.tree.topLevelItem(row))
    page.wait_idle()
    shown_is_text()
    dialog.close()


def test_nothing_is_changed_in_names_that_are_names() -> None:
    from divisive_desktop.foreign.text import in_window, plain

    for name in ("R&D film #1 <2020>.dcm", "Müller, 田中 & مريض.png", "a < b.png", "x&y;z"):
        assert plain(name) == name
        if not re.search(r"<\w|&\w+;", name):
            assert in_window(name) == name
    assert not Qt.mightBeRichText(in_window("<b>x</b> &lt;"))
    assert Qt.mightBeRichText("<b>x</b>")


@pytest.fixture
def analysed(page: Page, radiograph: Path, tmp_path: Path, analysis: Analysis) -> Page:
    """Two pictures and a film whose names, notes, tags, classes and model are no text."""
    folder = tmp_path / f"{HOSTILE} folder"
    folder.mkdir()
    for number in range(2):
        pixels = np.arange(2400, dtype=np.uint16).reshape(40, 60).astype(np.uint8)
        pixels[0, 0] = number
        Image.fromarray(pixels).save(folder / f"{HOSTILE} {number}.png")
    with page.loading():
        page.drop(folder, radiograph)
    page.wait_quiet()
    model = ModelRef("m", LINES, "0" * 64, LONG, "chest-cardiomegaly", (HOSTILE, LINES))
    for case in page.cases:
        found = replace(analysis, model=model, file=str(case.path), sha256=case.sha256, image_size=(60, 40),
                        region=(0, 0, 60, 40))  # fmt: skip
        page.keep_analysis(case, found)
        case.analysis = found
        page.cases.changed(case)
    page.wait_quiet()
    return page


def asked(page: Page, begin: Callable[[], object], kind: type[QDialog]) -> None:
    """Look at a window that waits for an answer, and close it."""
    looked = []

    def look() -> None:
        for found in page.find_all(kind):
            shown_is_text()
            looked.append(found)
            found.close()
        if not looked:
            QTimer.singleShot(50, look)

    QTimer.singleShot(50, look)
    begin()
    until(lambda: bool(looked), f"a {kind.__name__}")
    page.wait_idle()


def test_answers_notes_tags_and_filters_are_text(analysed: Page) -> None:
    page = analysed
    for case, note in zip(list(page.cases), (LINES, LONG, HOSTILE), strict=True):
        page.select(case)
        page.wait_quiet()
        page.note(note)
        page.tag([case], add=[HOSTILE, MARK + "T" * 10_000])
        page.label(1, [case])
        page.wait_quiet()
        shown_is_text()
    page.worklist.show_filters()
    assert any(MARK in page.worklist.filters.combos["tag"].itemText(row) for row in range(2, 4))
    shown_is_text()
    for entry in ("settings", "casebook-properties", "shortcuts", "versions", "finetune", "failures"):
        page.trigger(entry)
        page.wait_quiet()
        shown_is_text()
    page.trigger("identity")
    page.wait_quiet()
    shown_is_text()
    page.trigger("identity")
    for window in page.find_all(QDialog):
        window.close()
    page.wait_quiet()


def test_a_report_and_the_check_of_one_are_text(
    analysed: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = analysed
    page.worklist.select(0)
    page.report.open()
    shown_is_text()
    assert page.report.dialog is not None
    page.report.dialog.close()
    forged = tmp_path / f"{HOSTILE} report.json"
    forged.write_text(json.dumps({"title": LINES, "cases": [LINES]}))
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_, **__: (str(forged), ""))
    page.trigger("report-check")
    until(lambda: page.report.check_dialog is not None, "the check")
    page.wait_quiet()
    shown_is_text()
    assert page.report.check_dialog is not None
    page.report.check_dialog.close()


def test_masks_of_others_are_text(analysed: Page, tmp_path: Path) -> None:
    page = analysed
    folder = tmp_path / f"{HOSTILE} masks"
    folder.mkdir()
    shapes = [
        {"label": f"{LINES} {LONG}", "points": [[1, 1], [20, 20]], "shape_type": "rectangle"},
        {"label": LINES, "points": [[1, 1]], "shape_type": "point"},
    ]
    document = {"shapes": shapes, "imagePath": LINES, "imageHeight": 40, "imageWidth": 60}
    (folder / f"{HOSTILE} 0.json").write_text(json.dumps(document))
    (folder / f"{HOSTILE} 1.json").write_text("{" + LINES)
    files = page.paint.feature.files
    files.read_folder(folder)
    found = page.wait_for(MaskFolderPage)
    shown_is_text()
    found.reject()
    page.select(next(case for case in page.cases if case.path.suffix == ".png"))
    page.paint.wait_ready()
    files.read(folder / f"{HOSTILE} 0.json")
    box = page.wait_for(QMessageBox)
    shown_is_text()
    next(button for button in box.buttons() if button.text().replace("&", "") == "Import").click()
    until(lambda: len(page.paint.session.mask.regions) == 1, "the region")
    page.wait_quiet()
    shown_is_text()
    # One of another size asks, too.
    (folder / "other.json").write_text(json.dumps({**document, "imageWidth": 30}))
    asked(page, lambda: files.read(folder / "other.json"), QMessageBox)


def test_patients_and_studies_are_text(page: Page, radiograph: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_, **__: str(radiograph.parent))
    page.trigger("open-by-patient")
    dialog = page.wait_for(SeriesDialog)
    until(lambda: dialog.tree.topLevelItemCount() > 0, "the patients")
    shown_is_text()
    dialog.identity.click()
    assert any(MARK in text for _, text in items(dialog.tree))
    shown_is_text()
    dialog.identity.click()
    dialog.reject()
    page.wait_quiet()


def test_log_lines_are_what_the_program_wrote(page: Page, tmp_path: Path) -> None:
    """A name with a line end can't add a record, nor steer the terminal that shows the log."""
    forged = "2026-11-29 12:00:00,000 INFO divisive_desktop: nothing was wrong"
    bad = tmp_path / f"{HOSTILE}\n{forged}.png"
    bad.write_bytes(b"\x89PNG\r\n\x1a\n" + HOSTILE.encode() * 9)
    handler = crash.start_log()
    try:
        page.drop(bad)
        page.wait_idle()
        log = logging.getLogger("divisive_desktop.test")
        log.warning("%s", f"{LINES}\n{forged}")
        try:
            raise ValueError(f"{LINES}\n{forged}")
        except ValueError:
            log.exception("%s", LINES)
    finally:
        crash.stop_log(handler)
    text = (paths.user_log_dir() / "desktop.log").read_text(encoding="utf-8")
    assert MARK in text
    assert "Traceback" in text
    assert forged in text, "it is there, as part of another record"
    assert not any(line.startswith(forged) for line in text.splitlines())
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2028\u2029]", text)
