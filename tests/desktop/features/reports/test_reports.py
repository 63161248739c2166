"""The report window with real keys and clicks, the real process behind it, and files that are verified."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QApplication, QFileDialog
from pytestqt.qtbot import QtBot

from divisive_desktop.casebook import Casebook, verify
from divisive_desktop.desktop.features.reports.checking import CheckDialog
from divisive_desktop.desktop.features.reports.dialog import ReportDialog
from divisive_desktop.explanation.analysis import Analysis
from divisive_desktop.reporting.options import CONCLUSION_LIMIT, load_last
from divisive_desktop.reporting.verify import read_content, verify_file
from tests.desktop.pages import Page

LONG_MS = 90_000
LEFT = Qt.MouseButton.LeftButton


def opened(page: Page, *files: Path) -> None:
    """Open files and wait until they are in the casebook."""
    page.open(*files)
    page.wait_quiet()


@pytest.fixture
def analysed(page: Page, pictures: Callable[[int], Path], analysis: Analysis) -> Page:
    """A window on eight pictures; the first seven have an analysis of their own bytes."""
    opened(page, pictures(8))
    cases = list(page.cases)
    for case in cases[:7]:
        found = replace(analysis, file=str(case.path), sha256=case.sha256, image_size=(60, 40), region=(0, 0, 60, 40))
        page.keep_analysis(case, found)
        case.analysis = found
        page.cases.changed(case)
    page.wait_quiet()
    return page


def ask(qtbot: QtBot, page: Page, count: int = 1) -> ReportDialog:
    """Select so many cases, press Ctrl+P, wait for the pages."""
    page.worklist.select(*range(count))
    page.activate()
    qtbot.waitUntil(lambda: page.enabled("report"))
    page.key(Qt.Key.Key_P, Qt.KeyboardModifier.ControlModifier)
    return page.report.opened()


def write(qtbot: QtBot, page: Page, dialog: ReportDialog, folder: Path) -> None:
    dialog.form.folder.setText(str(folder))
    qtbot.mouseClick(dialog.write, LEFT)
    assert dialog.writing
    qtbot.waitUntil(lambda: not dialog.writing, timeout=LONG_MS)
    page.wait_quiet()


def shown(dialog: ReportDialog) -> list[bytes]:
    return [bytes(page.grab().toImage().constBits()) for page in dialog.preview.pages]


def test_from_the_radiograph_to_files_that_hold(
    qtbot: QtBot, working_page: Page, rg1: Path, tmp_path: Path
) -> None:
    page = working_page
    page.begin_opening(rg1)
    qtbot.waitUntil(lambda: page.features is not None, timeout=LONG_MS)
    page.wait_quiet()
    dialog = ask(qtbot, page)
    assert dialog.windowTitle() == f"Report on {page.current.name}"
    assert len(dialog.preview.pages) == 2
    assert "burned" in dialog.form.burned_in.text()
    plain = shown(dialog)

    # What is typed is in the pages a moment later, and in the casebook.
    qtbot.keyClicks(dialog.form.conclusion, "Opacity on the left.")
    qtbot.keyClicks(dialog.form.institution, "Clinic")
    qtbot.waitUntil(lambda: len(shown(dialog)) == 2 and shown(dialog)[0] != plain[0], timeout=LONG_MS)
    qtbot.waitUntil(lambda: page.current.notes == "Opacity on the left.", timeout=2000)

    for name in ("html", "json", "csv", "dicom"):
        qtbot.mouseClick(dialog.form.formats[name], LEFT, pos=QPoint(8, dialog.form.formats[name].height() // 2))
    write(qtbot, page, dialog, tmp_path / "reports")
    assert dialog.status.text().startswith("Written: report-")
    assert not dialog.folder.isHidden()
    files = sorted((tmp_path / "reports").iterdir())
    assert {f.suffix for f in files} == {".pdf", ".html", ".json", ".csv", ".dcm"}
    book = page.book
    for file in files:
        assert verify_file(file, original=rg1).ok, file.name
    (case,) = read_content(next(f for f in files if f.suffix == ".json").read_bytes())["cases"]
    assert case["conclusion"] == "Opacity on the left."
    assert rg1.name not in str(case)  # de-identified by default
    acts = [record for record in book.audit.trail(page.current.id) if record.act == "report"]
    assert [sorted(a.parameters["files"]) for a in acts] == [[f.name for f in files]]
    assert acts[0].parameters["deidentified"] is True

    # The next report starts from the same choices.
    qtbot.keyClick(dialog, Qt.Key.Key_Escape)
    assert page.report.dialog is None
    again = ask(qtbot, page)
    assert again.form.institution.text() == "Clinic"
    assert again.form.formats["dicom"].isChecked()
    assert again.form.folder.text() == str(tmp_path / "reports")
    assert again.form.text == "Opacity on the left."


def check(qtbot: QtBot, page: Page, patch: pytest.MonkeyPatch, file: Path) -> CheckDialog:
    patch.setattr(QFileDialog, "getOpenFileName", lambda *_, **__: (str(file), ""))
    page.trigger("report-check")
    dialog = page.report.check_dialog
    assert dialog is not None
    qtbot.waitUntil(lambda: bool(dialog.findings), timeout=LONG_MS)
    return dialog


def test_a_report_is_checked_in_the_window(
    qtbot: QtBot, working_page: Page, rg1: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = working_page
    page.begin_opening(rg1)
    qtbot.waitUntil(lambda: page.features is not None, timeout=LONG_MS)
    page.wait_quiet()
    write(qtbot, page, ask(qtbot, page), tmp_path)
    page.report.dialog.close()
    (file,) = tmp_path.glob("*.pdf")
    dialog = check(qtbot, page, monkeypatch, file)
    assert dialog.title.text() == "Nothing is broken"
    said = " ".join(what for _, what in dialog.findings)
    assert "recorded this very file" in said  # the open one confirms what it knows
    assert "repeated" not in said

    # With the image, the engine repeats the analysis.
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_, **__: (str(rg1), ""))
    before = len(dialog.findings)
    qtbot.mouseClick(dialog.compare, LEFT)
    qtbot.waitUntil(lambda: len(dialog.findings) > before, timeout=LONG_MS)
    assert ("holds", True) in [(state, "repeated" in what) for state, what in dialog.findings]
    assert dialog.title.text() == "Nothing is broken"
    dialog.close()

    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    dialog = check(qtbot, page, monkeypatch, file)
    assert dialog.title.text() == "This file is not as it was exported"
    assert dialog.findings[0][0] == "broken"
    dialog.close()


def test_several_cases_with_one_that_has_no_analysis(qtbot: QtBot, analysed: Page, tmp_path: Path) -> None:
    page = analysed
    dialog = ask(qtbot, page, 8)
    assert "8 cases" in dialog.windowTitle()
    assert "first 2 of 8 cases" in dialog.note.text()
    assert not dialog.form.formats["dicom"].isEnabled()
    qtbot.mouseClick(dialog.form.formats["json"], LEFT, pos=QPoint(8, 8))
    qtbot.keyClicks(dialog.form.conclusion, "Taken together.")
    write(qtbot, page, dialog, tmp_path)
    assert "picture0007.png has not been analysed yet" in dialog.status.text()
    content = read_content((tmp_path / "report-7-cases.json").read_bytes())
    assert len(content["cases"]) == 7
    assert content["conclusion"] == "Taken together."
    assert (tmp_path / "report-7-cases.pdf").exists()
    reported = {r.case_id for r in page.book.audit.trail() if r.act == "report"}
    assert reported == {case.id for case in list(page.cases)[:7]}
    # On several cases the words are kept with the casebook.
    dialog.close()
    assert ask(qtbot, page, 8).form.text == "Taken together."


def test_pages_come_also_when_files_were_asked_for_before_them(qtbot: QtBot, analysed: Page, tmp_path: Path) -> None:
    first = ask(qtbot, analysed)
    write(qtbot, analysed, first, tmp_path / "reports")  # its folder is where the next report begins
    qtbot.waitUntil(lambda: len(first.preview.pages) == 2, timeout=LONG_MS)
    qtbot.keyClick(first, Qt.Key.Key_Escape)
    analysed.wait_quiet()
    analysed.activate()
    qtbot.waitUntil(lambda: analysed.enabled("report"))
    analysed.key(Qt.Key.Key_P, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: analysed.report.dialog not in (None, first), timeout=LONG_MS)
    dialog = analysed.report.dialog
    qtbot.waitUntil(lambda: analysed.report.process_id is not None, timeout=LONG_MS)  # their making has begun
    assert dialog.preview.words == "The pages are being made…"
    qtbot.mouseClick(dialog.write, LEFT)
    qtbot.mouseClick(dialog.cancel, LEFT)  # nothing else happens that would have the pages made anew
    qtbot.waitUntil(lambda: not dialog.writing, timeout=LONG_MS)
    said = dialog.status.text()
    assert said == "Cancelled. No file was left."
    qtbot.waitUntil(lambda: len(dialog.preview.pages) == 2, timeout=LONG_MS)
    assert dialog.status.text() == said


def test_cancel_leaves_no_file(qtbot: QtBot, analysed: Page, tmp_path: Path) -> None:
    dialog = ask(qtbot, analysed, 7)
    dialog.form.folder.setText(str(tmp_path))
    qtbot.mouseClick(dialog.write, LEFT)
    qtbot.waitUntil(lambda: dialog.bar.value() > 0, timeout=LONG_MS)
    assert not dialog.form.isEnabled()
    qtbot.mouseClick(dialog.cancel, LEFT)
    qtbot.waitUntil(lambda: not dialog.writing, timeout=LONG_MS)
    assert dialog.status.text() == "Cancelled. No file was left."
    assert not [f for f in tmp_path.iterdir() if f.name != "pictures"]
    assert dialog.form.isEnabled()


def test_closed_while_writing_it_goes_on_and_says_so(qtbot: QtBot, analysed: Page, tmp_path: Path) -> None:
    page = analysed
    dialog = ask(qtbot, page, 7)
    dialog.form.folder.setText(str(tmp_path / "out"))
    qtbot.mouseClick(dialog.write, LEFT)
    qtbot.keyClick(dialog, Qt.Key.Key_Escape)
    assert not dialog.isVisible()
    qtbot.waitUntil(lambda: page.messages.find("Written: report-7") is not None, timeout=LONG_MS)
    assert "Open folder" in page.messages.buttons
    assert list((tmp_path / "out").iterdir())


def test_a_folder_that_cannot_be_written_to(qtbot: QtBot, analysed: Page, tmp_path: Path) -> None:
    blocked = tmp_path / "a file"
    blocked.write_text("")
    dialog = ask(qtbot, analysed)
    qtbot.keyClicks(dialog.form.conclusion, "Kept.")
    write(qtbot, analysed, dialog, blocked)
    assert "can't be made" in dialog.status.text()
    assert "Choose another folder" in dialog.status.text()
    assert dialog.form.text == "Kept."
    write(qtbot, analysed, dialog, tmp_path / "fine")
    assert len(list((tmp_path / "fine").iterdir())) == 1


def test_words_that_are_too_long_are_said_and_kept(qtbot: QtBot, analysed: Page) -> None:
    dialog = ask(qtbot, analysed)
    dialog.form.conclusion.setPlainText("x" * (CONCLUSION_LIMIT + 1))
    qtbot.waitUntil(lambda: not dialog.write.isEnabled(), timeout=5000)
    assert f"{CONCLUSION_LIMIT:,} fit" in dialog.status.text()
    assert "4,001 of 4,000" in dialog.form.count.text()
    qtbot.waitUntil(lambda: len(analysed.current.notes) == CONCLUSION_LIMIT + 1, timeout=2000)
    qtbot.keyClick(dialog.form.conclusion, Qt.Key.Key_End, Qt.KeyboardModifier.ControlModifier)
    qtbot.keyClick(dialog.form.conclusion, Qt.Key.Key_Backspace)
    qtbot.waitUntil(lambda: dialog.write.isEnabled(), timeout=5000)
    assert dialog.status.text() == ""


def test_a_killed_process_is_told_of_and_replaced(qtbot: QtBot, analysed: Page, tmp_path: Path) -> None:
    page = analysed
    dialog = ask(qtbot, page, 7)
    dialog.form.folder.setText(str(tmp_path / "out"))
    qtbot.mouseClick(dialog.write, LEFT)
    qtbot.waitUntil(lambda: dialog.bar.value() > 0, timeout=LONG_MS)
    os.kill(page.report.process_id, signal.SIGKILL)
    qtbot.waitUntil(lambda: not dialog.writing, timeout=LONG_MS)
    assert "ended unexpectedly" in dialog.status.text()
    write(qtbot, page, dialog, tmp_path / "out")
    assert dialog.status.text().startswith("Written:")


def test_nothing_to_report(page: Page, pictures: Callable[[int], Path]) -> None:
    assert not page.enabled("report")
    opened(page, pictures(1))
    page.trigger("report")
    (message,) = page.messages
    assert "nothing to report yet" in message.text
    assert page.report.dialog is None


def test_a_blind_case_is_not_given_away(analysed: Page) -> None:
    analysed.current.hidden = True
    analysed.trigger("report")
    assert analysed.messages.find("hidden here") is not None
    assert analysed.report.dialog is None


def test_what_changes_in_the_window_changes_the_pages(qtbot: QtBot, analysed: Page) -> None:
    page = analysed
    dialog = ask(qtbot, page)
    before = shown(dialog)
    page.label(0)
    page.wait_quiet()
    page.activate()
    dialog.activateWindow()
    qtbot.waitUntil(lambda: shown(dialog)[0] != before[0], timeout=LONG_MS)


def test_logo_language_and_sections(
    qtbot: QtBot, analysed: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import cv2

    good, bad = tmp_path / "logo.png", tmp_path / "bad.png"
    good.write_bytes(cv2.imencode(".png", np.full((60, 200, 3), 90, np.uint8))[1].tobytes())
    bad.write_text("no picture")
    dialog = ask(qtbot, analysed)
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_, **__: (str(bad), ""))
    qtbot.mouseClick(dialog.form.logo_choose, LEFT)
    assert "not a picture" in dialog.status.text()
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_, **__: (str(good), ""))
    qtbot.mouseClick(dialog.form.logo_choose, LEFT)
    assert not dialog.form.logo_picture.pixmap().isNull()
    dialog.form.language.setCurrentIndex(dialog.form.language.findData("de"))
    qtbot.mouseClick(dialog.form.sections["audit"], LEFT, pos=QPoint(8, 8))
    qtbot.mouseClick(dialog.form.formats["html"], LEFT, pos=QPoint(8, 8))
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_, **__: str(tmp_path / "out"))
    qtbot.mouseClick(dialog.form.browse, LEFT)
    write(qtbot, analysed, dialog, tmp_path / "out")
    page = next((tmp_path / "out").glob("*.html")).read_text(encoding="utf-8")
    assert '<html lang="de"' in page
    assert "Weggelassen" in page or "weggelassen" in page
    remembered = load_last()
    assert remembered.logo
    assert (remembered.language, remembered.left_out) == ("de", ("audit",))


def test_without_a_keyring_the_pages_stay_and_the_form_says_why(
    qtbot: QtBot, analysed: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")
    dialog = ask(qtbot, analysed)
    qtbot.mouseClick(dialog.form.sign, LEFT, pos=QPoint(8, 8))
    qtbot.waitUntil(lambda: "no keyring" in dialog.form.key.text(), timeout=LONG_MS)
    assert dialog.preview.pages
    write(qtbot, analysed, dialog, tmp_path / "out")
    assert "no keyring" in dialog.status.text()
    assert not (tmp_path / "out").exists()
    qtbot.mouseClick(dialog.form.sign, LEFT, pos=QPoint(8, 8))
    write(qtbot, analysed, dialog, tmp_path / "out")
    assert dialog.status.text().startswith("Written:")


def test_photographs_among_radiographs_have_no_dicom_objects(
    qtbot: QtBot, analysed: Page, rg1: Path, tmp_path: Path, analysis: Analysis
) -> None:
    page = analysed
    opened(page, rg1)
    case = page.current
    assert case.path == rg1
    size = (page.record.width, page.record.height)
    found = replace(analysis, file=str(rg1), sha256=case.sha256, image_size=size, region=(0, 0, *size))
    page.keep_analysis(case, found)
    case.analysis = found
    page.wait_quiet()
    dialog = ask(qtbot, page, len(page.cases))
    assert dialog.form.formats["dicom"].isEnabled()
    qtbot.mouseClick(dialog.form.formats["dicom"], LEFT, pos=QPoint(8, 8))
    write(qtbot, page, dialog, tmp_path / "out")
    assert "No DICOM objects about 7 cases" in dialog.status.text()
    assert len(list((tmp_path / "out").glob("*.dcm"))) == 6
    reported = {r.case_id for r in page.book.audit.trail() if r.act == "report"}
    assert len(reported) == 8


def test_pages_grow_with_the_wheel(qtbot: QtBot, analysed: Page) -> None:
    dialog = ask(qtbot, analysed)
    width = dialog.preview.pages[0].width()
    at = QPointF(dialog.preview.rect().center())
    scroll = dialog.preview.currentWidget()
    turn = QWheelEvent(
        at, scroll.mapToGlobal(at), QPoint(), QPoint(0, 120), Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.ControlModifier, Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(scroll.viewport(), turn)
    assert dialog.preview.pages[0].width() > width
    qtbot.mouseClick(dialog.smaller, LEFT)
    assert dialog.preview.pages[0].width() == width


def test_its_title_hides_names_with_the_rest(qtbot: QtBot, analysed: Page) -> None:
    analysed.settings.names_identify = True
    analysed.show_identity(True)
    dialog = ask(qtbot, analysed, 1)
    name = analysed.current.name
    assert name in dialog.windowTitle()
    analysed.show_identity(False)
    assert name not in dialog.windowTitle()
    assert analysed.current.name in dialog.windowTitle(), "its number"


def test_another_casebook_closes_it(qtbot: QtBot, analysed: Page, tmp_path: Path) -> None:
    ask(qtbot, analysed)
    pid = analysed.report.process_id
    assert pid is not None
    analysed.open_casebook(tmp_path / "other.casebook", create=True)
    qtbot.waitUntil(lambda: analysed.report.dialog is None, timeout=LONG_MS)
    qtbot.waitUntil(lambda: analysed.report.idle, timeout=LONG_MS)
    assert not psutil.pid_exists(pid)
    left = Casebook.default_path()
    found = verify(left)  # closed while the process was still reading it
    assert found.ok
    assert found.sealed
    with Casebook.open(left) as again:
        assert again.read_only is None
