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
from PySide6.QtWidgets import QFileDialog, QLabel, QMenu
from pytestqt.qtbot import QtBot

from divisive_desktop.desktop.features.inspection.metadata import MetadataDialog
from divisive_desktop.desktop.features.settings.dialog import SettingsDialog
from divisive_desktop.desktop.session import redaction
from divisive_desktop.desktop.session.case_model import CaseRole
from divisive_desktop.desktop.session.settings_table import NAMES_IDENTIFY
from divisive_desktop.desktop.window import MainWindow

NAME, FOLDER = "Mustermann_Erika", "Praxis Doktor Muster"
MS = 20_000


@pytest.fixture
def named(qtbot: QtBot, window: MainWindow, rg1: Path, tmp_path: Path) -> Iterator[MainWindow]:
    """A radiograph and a damaged file, both called like a person, in a casebook."""
    folder = tmp_path / FOLDER
    folder.mkdir()
    good, bad = folder / f"{NAME}.dcm", folder / f"{NAME} alt"
    good.write_bytes(rg1.read_bytes())
    bad.write_bytes(rg1.read_bytes()[:90_000])
    with qtbot.waitSignal(window.session.recordReady, timeout=MS):
        window.session.open_paths([good, bad])
    qtbot.waitUntil(lambda: len(window.session.cases) == 2 and window.runner.idle, timeout=MS)
    yield window
    window.settings.names_identify = False
    window.set_identity_visible(False)


def count_names(qtbot: QtBot, window: MainWindow, yes: bool) -> None:
    """Say in the settings whether names of files count as identity."""
    window.actions_["settings"].trigger()
    dialog = window.findChild(SettingsDialog)
    dialog.editors[NAMES_IDENTIFY].setChecked(yes)
    dialog.accept()
    qtbot.waitUntil(lambda: window.findChild(SettingsDialog) is None)


def on_screen(window: MainWindow) -> str:
    """Every text in the window, tooltips included, and what the worklist can be searched for."""
    found = [window.windowTitle()]
    for label in window.findChildren(QLabel):
        found += [label.text(), label.toolTip(), label.accessibleName()]
    cases = window.session.cases
    roles = (
        Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.AccessibleTextRole, CaseRole.SEARCH
    )  # fmt: skip
    for row in range(cases.rowCount()):
        found += [str(cases.index(row).data(role)) for role in roles]
    found += [str(index.data()) for index in worklist_cells(window)]
    recent = next(m for m in window.findChildren(QMenu) if m.title() == "Open recent")
    recent.aboutToShow.emit()
    found += [entry.text() for entry in recent.actions()]
    found += [f"{m.text} {m.remedy}" for m in window.messages.messages()]
    return "\n".join(found).casefold()


def worklist_cells(window: MainWindow) -> list[object]:
    rows = window.worklist.filter
    return [rows.index(r, c) for r in range(rows.rowCount()) for c in range(rows.columnCount())]


def test_names_of_files_stay_on_the_screen_unless_they_count_as_identity(qtbot: QtBot, named: MainWindow) -> None:
    assert NAME.casefold() in on_screen(named)
    named.actions_["tags"].trigger()
    qtbot.waitUntil(lambda: named.findChild(MetadataDialog) is not None, timeout=MS)
    tags = named.findChild(MetadataDialog)
    assert NAME in tags.windowTitle()
    count_names(qtbot, named, True)
    assert tags.windowTitle() == "Tags of Case 1"
    tags.close()
    shown = on_screen(named)
    assert NAME.casefold() not in shown
    assert FOLDER.casefold() not in shown
    assert "case 1" in shown
    named.actions_["identity"].trigger()
    assert NAME.casefold() in on_screen(named), "one switch for everything"
    named.actions_["identity"].trigger()
    assert NAME.casefold() not in on_screen(named)
    count_names(qtbot, named, False)
    assert NAME.casefold() in on_screen(named)


def test_what_the_program_says_about_a_file_hides_its_name_too(qtbot: QtBot, named: MainWindow) -> None:
    count_names(qtbot, named, True)
    named.actions_["next"].trigger()
    qtbot.waitUntil(lambda: named.session.current.error is not None and named.runner.idle, timeout=MS)
    named.report(named.session.current, named.session.current.error)
    (empty := named.session.current.path.parent / f"{NAME} leer").mkdir()
    named.session.open_paths([empty])
    qtbot.waitUntil(lambda: any("no images in what" in m.text for m in named.messages.messages()), timeout=MS)
    named.notify("x", "info", f"Saved {NAME}.json.", f"In /home/{FOLDER}")
    shown = on_screen(named)
    assert "cut off" in shown
    assert NAME.casefold() not in shown
    assert FOLDER.casefold() not in shown


def test_hidden_paths_are_not_copied(qtbot: QtBot, named: MainWindow) -> None:
    QGuiApplication.clipboard().setText("before")
    count_names(qtbot, named, True)
    named.actions_["copy-path"].trigger()
    assert QGuiApplication.clipboard().text() == "before"
    named.actions_["identity"].trigger()
    named.actions_["copy-path"].trigger()
    assert NAME in QGuiApplication.clipboard().text()


def test_searching_the_worklist_does_not_tell_hidden_names(qtbot: QtBot, named: MainWindow) -> None:
    count_names(qtbot, named, True)
    qtbot.keyClicks(named.worklist.search, "muster")
    assert named.worklist.filter.rowCount() == 0
    named.set_identity_visible(True)
    qtbot.waitUntil(lambda: named.worklist.filter.rowCount() == 2)


@pytest.mark.parametrize("suffix", [".csv", ".json"])
def test_results_leave_without_names_and_patients_while_identity_is_hidden(
    qtbot: QtBot, named: MainWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    def written(name: str) -> str:
        target = tmp_path / f"{name}{suffix}"
        monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *a, **k: (str(target), ""))
        named.actions_["results"].trigger()
        qtbot.waitUntil(lambda: target.exists() and named.runner.idle, timeout=MS)
        return target.read_text(encoding="utf-8-sig")

    hidden = written("hidden")
    lines = json.loads(hidden)["results"] if suffix == ".json" else list(csv.DictReader(hidden.splitlines()))
    assert lines[0]["patient"] == "patient 1"
    assert lines[0]["name"] == f"{lines[0]['sha256'][:12]}.dcm"
    for secret in (NAME, FOLDER, "CompressedSamples", "RG1"):
        assert secret not in hidden
    named.actions_["identity"].trigger()
    assert NAME in written("shown")


def test_a_segmentation_names_the_patient_only_while_identity_is_shown(
    qtbot: QtBot, named: MainWindow, tmp_path: Path
) -> None:
    from divisive_desktop.desktop.features.painting import mask_files
    from divisive_desktop.masks import shapes

    pytest.importorskip("highdicom")
    painting = named.painting
    session = painting.session
    qtbot.waitUntil(lambda: session.mask is not None, timeout=MS)
    session.stamp("heart", shapes.ellipse((900, 900), (1500, 1500), session.mask.size))
    for name in ("hidden", "shown"):
        target = tmp_path / f"{name}.dcm"
        mask_files.write(painting, target, "DICOM segmentation (*.dcm)")
        qtbot.waitUntil(lambda t=target: t.exists() and named.runner.idle, timeout=MS)
        made = pydicom.dcmread(target)
        assert made.StudyInstanceUID == named.session.record.header["StudyInstanceUID"]
        assert bool(made.PatientName) == bool(made.PatientID) == (name == "shown")
        named.actions_["identity"].trigger()


def test_sentences_lose_paths_and_names_but_not_their_sense(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redaction, "_names_hidden", True)
    assert redaction.redacted("Erika is cut off.", Path("/a/Erika")) == "The file is cut off."
    assert redaction.redacted("copy.dcm is the same image.") == "… is the same image."
    assert redaction.redacted("In /home/erika/My Pictures") == "In …"
    assert redaction.redacted("True and/or false, 1/2: nothing to hide / to tell.") == (
        "True and/or false, 1/2: nothing to hide / to tell."
    )
