"""The privacy switch where names of files count as identity, and what leaves the program while identity is hidden."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import pydicom
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFileDialog, QLabel
from pytestqt.qtbot import QtBot

from divisive_desktop.desktop.features.inspection.metadata import MetadataDialog
from divisive_desktop.desktop.features.settings.dialog import SettingsDialog
from divisive_desktop.desktop.session import redaction
from divisive_desktop.desktop.session.case_model import CaseRole
from divisive_desktop.desktop.session.settings_table import NAMES_IDENTIFY
from tests.desktop.pages import Page

NAME, FOLDER = "Mustermann_Erika", "Praxis Doktor Muster"
MS = 20_000


@pytest.fixture
def named(qtbot: QtBot, page: Page, rg1: Path, tmp_path: Path) -> Iterator[Page]:
    """A radiograph and a damaged file, both called like a person, in a casebook."""
    folder = tmp_path / FOLDER
    folder.mkdir()
    good, bad = folder / f"{NAME}.dcm", folder / f"{NAME} alt"
    good.write_bytes(rg1.read_bytes())
    bad.write_bytes(rg1.read_bytes()[:90_000])
    page.open(good, bad)
    qtbot.waitUntil(lambda: len(page.cases) == 2 and page.idle, timeout=MS)
    yield page
    page.settings.names_identify = False
    page.show_identity(False)


def count_names(page: Page, yes: bool) -> None:
    """Say in the settings whether names of files count as identity."""
    page.trigger("settings")
    dialog = page.wait_for(SettingsDialog)
    dialog.show_page(NAMES_IDENTIFY.section.title)
    dialog.editors[NAMES_IDENTIFY].setChecked(yes)
    dialog.accept()
    page.wait_gone(SettingsDialog)


def on_screen(page: Page) -> str:
    """Every text in the window, tooltips included, and what the worklist can be searched for."""
    found = [page.title]
    for label in page.find_all(QLabel):
        found += [label.text(), label.toolTip(), label.accessibleName()]
    cases = page.cases
    roles = (
        Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.AccessibleTextRole, CaseRole.SEARCH
    )  # fmt: skip
    for row in range(cases.rowCount()):
        found += [str(cases.index(row).data(role)) for role in roles]
    found += [str(cell) for cell in page.worklist.cells()]
    found += [entry.text() for entry in page.menu("Open recent").actions()]
    found += [f"{m.text} {m.remedy}" for m in page.messages]
    return "\n".join(found).casefold()


def test_names_of_files_stay_on_the_screen_unless_they_count_as_identity(named: Page) -> None:
    assert NAME.casefold() in on_screen(named)
    named.trigger("tags")
    tags = named.wait_for(MetadataDialog)
    assert NAME in tags.windowTitle()
    count_names(named, True)
    assert tags.windowTitle() == "Tags of Case 1"
    tags.close()
    shown = on_screen(named)
    assert NAME.casefold() not in shown
    assert FOLDER.casefold() not in shown
    assert "case 1" in shown
    named.trigger("identity")
    assert NAME.casefold() in on_screen(named), "one switch for everything"
    named.trigger("identity")
    assert NAME.casefold() not in on_screen(named)
    count_names(named, False)
    assert NAME.casefold() in on_screen(named)


def test_what_the_program_says_about_a_file_hides_its_name_too(qtbot: QtBot, named: Page) -> None:
    count_names(named, True)
    named.trigger("next")
    qtbot.waitUntil(lambda: named.current.error is not None and named.idle, timeout=MS)
    named.messages.post_error(named.current.error, named.current)
    (empty := named.current.path.parent / f"{NAME} leer").mkdir()
    named.begin_opening(empty)
    qtbot.waitUntil(lambda: named.messages.find("no images in what") is not None, timeout=MS)
    named.messages.post("x", "info", f"Saved {NAME}.json.", f"In /home/{FOLDER}")
    shown = on_screen(named)
    assert "cut off" in shown
    assert NAME.casefold() not in shown
    assert FOLDER.casefold() not in shown


def test_hidden_paths_are_not_copied(named: Page) -> None:
    QGuiApplication.clipboard().setText("before")
    count_names(named, True)
    named.trigger("copy-path")
    assert QGuiApplication.clipboard().text() == "before"
    named.trigger("identity")
    named.trigger("copy-path")
    assert NAME in QGuiApplication.clipboard().text()


def test_searching_the_worklist_does_not_tell_hidden_names(qtbot: QtBot, named: Page) -> None:
    count_names(named, True)
    named.worklist.search("muster")
    assert len(named.worklist) == 0
    named.show_identity(True)
    qtbot.waitUntil(lambda: len(named.worklist) == 2)


@pytest.mark.parametrize("suffix", [".csv", ".json"])
def test_results_leave_without_names_and_patients_while_identity_is_hidden(
    qtbot: QtBot, named: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    def written(name: str) -> str:
        target = tmp_path / f"{name}{suffix}"
        monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *a, **k: (str(target), ""))
        named.trigger("results")
        qtbot.waitUntil(lambda: target.exists() and named.idle, timeout=MS)
        return target.read_text(encoding="utf-8-sig")

    hidden = written("hidden")
    lines = json.loads(hidden)["results"] if suffix == ".json" else list(csv.DictReader(hidden.splitlines()))
    assert lines[0]["patient"] == "patient 1"
    assert lines[0]["name"] == f"{lines[0]['sha256'][:12]}.dcm"
    for secret in (NAME, FOLDER, "CompressedSamples", "RG1"):
        assert secret not in hidden
    named.trigger("identity")
    assert NAME in written("shown")


def test_a_segmentation_names_the_patient_only_while_identity_is_shown(
    qtbot: QtBot, named: Page, tmp_path: Path
) -> None:
    from divisive_desktop.masks import shapes

    pytest.importorskip("highdicom")
    painting = named.paint
    session = painting.session
    qtbot.waitUntil(lambda: session.mask is not None, timeout=MS)
    session.stamp("heart", shapes.ellipse((900, 900), (1500, 1500), session.mask.size))
    for name in ("hidden", "shown"):
        target = tmp_path / f"{name}.dcm"
        painting.export(target, "DICOM segmentation (*.dcm)")
        qtbot.waitUntil(lambda t=target: t.exists() and named.idle, timeout=MS)
        made = pydicom.dcmread(target)
        assert made.StudyInstanceUID == named.record.header["StudyInstanceUID"]
        assert bool(made.PatientName) == bool(made.PatientID) == (name == "shown")
        named.trigger("identity")


def test_sentences_lose_paths_and_names_but_not_their_sense(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redaction, "_names_hidden", True)
    assert redaction.redacted("Erika is cut off.", Path("/a/Erika")) == "The file is cut off."
    assert redaction.redacted("copy.dcm is the same image.") == "… is the same image."
    assert redaction.redacted("In /home/erika/My Pictures") == "In …"
    assert redaction.redacted("True and/or false, 1/2: nothing to hide / to tell.") == (
        "True and/or false, 1/2: nothing to hide / to tell."
    )
