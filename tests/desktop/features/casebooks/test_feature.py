"""The casebook's menu entries by dialog and key: copies, archives, trash, notes, tags, properties, and ways out."""

from __future__ import annotations

import csv
import json
import stat
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import (
    QApplication,
    QFileDialog,
    QInputDialog,
    QLineEdit,
    QMessageBox,
    QPlainTextEdit,
)
from pytestqt.qtbot import QtBot

from divisive_desktop.casebook import Casebook, CaseFilter, verify
from divisive_desktop.casebook.storage.lock import LOCK, Holder
from divisive_desktop.desktop.features.casebooks.notes_dialog import NotesDialog
from divisive_desktop.desktop.features.casebooks.properties_dialog import CasebookDialog
from divisive_desktop.desktop.session.case import Review
from divisive_desktop.explanation.analysis import Analysis
from tests.desktop.pages import Page, Start

MS = 30_000


@pytest.fixture
def page(start: Start, pictures: Callable[[int], Path]) -> Page:
    """A window with five pictures in the user's casebook."""
    made = start()
    made.open(pictures(5))
    made.wait_quiet()
    return made


def saves_to(monkeypatch: pytest.MonkeyPatch, path: Path, kind: str = "") -> None:
    """The system's own file dialog can't be driven: answer for it."""
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *a, **k: (str(path), kind))


def typing(qtbot: QtBot, text: str, ok: bool = True) -> Callable[[], None]:
    """Types into the input dialog that is about to open, and says OK or Cancel."""

    def into() -> None:
        dialog = QApplication.activeModalWidget()
        assert isinstance(dialog, QInputDialog)
        field: Any = dialog.findChild(QPlainTextEdit) or dialog.findChild(QLineEdit)
        field.selectAll()
        qtbot.keyClicks(field, text)
        QTimer.singleShot(0, dialog.accept if ok else dialog.reject)

    return lambda: QTimer.singleShot(0, into)


# ---- out and in ---------------------------------------------------------------------------------------------


def test_a_copy_holds_what_was_said_a_moment_ago(
    qtbot: QtBot, page: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saves_to(monkeypatch, tmp_path / "Copy.casebook")
    page.label(1)
    page.trigger("casebook-copy")
    qtbot.waitUntil(lambda: "Saved Copy.casebook" in page.messages.newest, timeout=MS)
    assert verify(tmp_path / "Copy.casebook").ok
    with Casebook.open(tmp_path / "Copy.casebook") as copy:
        assert [row.label for row in copy.cases.rows()] == [1, None, None, None, None]
    assert page.casebook.name == "Casebook", "it isn't opened"
    page.trigger("casebook-copy")
    assert "There is something at" in page.messages.newest


def test_an_archive_leaves_and_comes_back_with_its_images(
    qtbot: QtBot, page: Page, pictures: Callable[[int], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = tmp_path / "out.zip"
    saves_to(monkeypatch, archive)
    page.note("seen")
    page.trigger("casebook-zip")
    qtbot.waitUntil(lambda: "Saved out.zip" in page.messages.newest, timeout=MS)
    for picture in (tmp_path / "pictures").iterdir():
        picture.unlink()
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *a, **k: (str(archive), ""))
    saves_to(monkeypatch, tmp_path / "Back.casebook")
    page.trigger("casebook-import")
    qtbot.waitUntil(lambda: page.casebook.name == "Back" and len(page.cases) == 5, timeout=MS)
    first = page.case(0)
    assert first.notes == "seen"
    page.go_to(first)
    assert page.record.width == 60
    # It may be anybody's: looked at, not changed, until its owner says otherwise.
    assert not page.casebook.writable
    message = page.messages.find("isn't yours yet")
    assert message is not None
    assert "out.zip" in message.text
    assert "nothing wrong" in message.remedy
    page.messages.press("Make it mine", message)
    qtbot.waitUntil(lambda: page.casebook.writable and page.casebook.idle and len(page.cases) == 5, timeout=MS)
    assert page.messages.find("isn't yours yet") is None
    page.go_to(page.case(0))
    page.note("and changed")
    page.wait_idle()
    assert "accept-import" in {record.act for record in page.casebook.current.audit.trail()}


def test_a_strange_archive_is_refused_in_words(
    qtbot: QtBot, page: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    strange = tmp_path / "strange.zip"
    strange.write_bytes(b"PK\x03\x04 not really")
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *a, **k: (str(strange), ""))
    saves_to(monkeypatch, tmp_path / "Strange.casebook")
    page.trigger("casebook-import")
    qtbot.waitUntil(lambda: bool(page.messages), timeout=MS)
    assert "strange.zip" in page.messages.newest
    assert not (tmp_path / "Strange.casebook").exists()
    assert len(page.cases) == 5, "what was open stays open"


def test_results_leave_as_csv_and_as_json(
    qtbot: QtBot, page: Page, analysis: Analysis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = page.current
    found = replace(analysis, sha256=case.sha256, preprocessing={"size": 224})
    page.keep_analysis(case, found)
    page.label(0)
    for name in ("results.csv", "results.json"):
        saves_to(monkeypatch, tmp_path / name)
        page.trigger("results")
        qtbot.waitUntil(lambda n=name: f"Saved {n}" in page.messages.newest, timeout=MS)
    with open(tmp_path / "results.csv", encoding="utf-8-sig", newline="") as file:
        lines = list(csv.DictReader(file))
    records = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))["results"]
    assert len(lines) == len(records) == 5
    assert lines[0]["label"] == "0"
    assert records[0]["label"] == 0
    for said in (lines[0], records[0]):
        model = analysis.model
        assert (said["model"], said["model_version"], said["model_sha256"]) == (model.id, "1", model.weights_sha256)
        assert (said["method"], said["question"]) == ("difference", "chest-cardiomegaly")
        assert "Research use only" in said["notice"]
    assert json.loads(lines[0]["preprocessing"]) == records[0]["preprocessing"] == {"size": 224}
    acts = [r.act for r in page.book.audit.trail(limit=3)]
    assert acts[:2] == ["export", "export"]


# ---- what is said about cases -------------------------------------------------------------------------------


def write_notes(qtbot: QtBot, page: Page, text: str) -> NotesDialog:
    """Open the notes of the current case and write something else in them."""
    page.trigger("notes")
    dialog = page.wait_for(NotesDialog)
    dialog.text.selectAll()
    qtbot.keyClicks(dialog.text, text)
    return dialog


def test_notes_are_written_kept_and_found(qtbot: QtBot, page: Page) -> None:
    case = page.current
    dialog = write_notes(qtbot, page, "ask about the left hip")
    qtbot.keyClick(dialog.text, Qt.Key.Key_Tab)
    assert dialog.written == "ask about the left hip", "the key leads out of the field"
    qtbot.mouseClick(dialog.save, Qt.MouseButton.LeftButton)
    page.wait_gone(NotesDialog)
    page.wait_quiet()
    assert case.notes == "ask about the left hip"
    assert page.book.cases.get(case.id).notes == "ask about the left hip"
    page.worklist.search("left hip")
    assert len(page.worklist) == 1


@pytest.mark.parametrize(
    ("answer", "kept"),
    [(QMessageBox.StandardButton.Save, "new"), (QMessageBox.StandardButton.Discard, "old")],
)
def test_escape_loses_no_notes_unasked(
    qtbot: QtBot, page: Page, answer: QMessageBox.StandardButton, kept: str
) -> None:
    page.session.edits.set_notes(page.current, "old")
    dialog = write_notes(qtbot, page, "new")
    qtbot.keyClick(dialog.text, Qt.Key.Key_Escape)
    box = page.wait_for(QMessageBox)
    qtbot.mouseClick(box.button(QMessageBox.StandardButton.Cancel), Qt.MouseButton.LeftButton)
    page.wait_gone(QMessageBox)
    assert dialog.isVisible(), "cancelled: one goes on writing"
    qtbot.keyClick(dialog.text, Qt.Key.Key_Escape)
    qtbot.mouseClick(page.wait_for(QMessageBox).button(answer), Qt.MouseButton.LeftButton)
    page.wait_gone(NotesDialog)
    assert page.current.notes == kept
    page.trigger("notes")
    qtbot.keyClick(page.wait_for(NotesDialog).text, Qt.Key.Key_Escape)
    page.wait_gone(NotesDialog)  # nothing was changed: nothing is asked
    assert page.find(QMessageBox) is None


def test_what_was_analysed_is_shown_again_after_other_casebooks(
    qtbot: QtBot, page: Page, analysis: Analysis, tmp_path: Path
) -> None:
    first, own = page.current, page.casebook.path
    page.keep_analysis(first, replace(analysis, sha256=first.sha256, image_size=(60, 40), region=(0, 0, 60, 40)))
    page.wait_quiet()
    page.open_casebook(tmp_path / "Other.casebook", create=True)
    qtbot.waitUntil(lambda: page.casebook.name == "Other", timeout=MS)
    page.wait_quiet()
    page.open_casebook(own)
    qtbot.waitUntil(lambda: len(page.cases) == 5, timeout=MS)
    for _ in range(2):
        page.go_to(page.case(0))
        page.wait_quiet()
        assert page.current.analysis is not None
        page.session.reload()
        qtbot.waitUntil(lambda: len(page.cases) == 5, timeout=MS)


def test_filters_and_the_empty_page_do_not_outlive_a_casebook(qtbot: QtBot, page: Page, tmp_path: Path) -> None:
    own = page.casebook.path
    page.worklist.search("picture0003")
    page.worklist.show_state("Flagged")
    page.worklist.filters.combos["mask"].setCurrentIndex(1)
    assert len(page.worklist) == 0
    page.session.reload()
    qtbot.waitUntil(lambda: len(page.cases) == 5, timeout=MS)
    assert len(page.worklist) == 0, "the same casebook"
    page.open_casebook(tmp_path / "Other.casebook", create=True)
    qtbot.waitUntil(lambda: page.casebook.name == "Other", timeout=MS)
    page.open_casebook(own)
    qtbot.waitUntil(lambda: len(page.worklist) == 5, timeout=MS)
    assert not page.worklist.search_field.text()
    empty = page.feature("opening").empty_page
    assert empty.isVisible()
    assert empty.title.text() == "Choose one of 5 cases in the worklist"
    page.open_casebook(tmp_path / "Other.casebook")
    qtbot.waitUntil(lambda: empty.title.text().startswith("Drop"), timeout=MS)


def test_what_was_said_of_one_casebook_is_not_said_over_another(qtbot: QtBot, page: Page, tmp_path: Path) -> None:
    copy = tmp_path / "copies" / "again.png"
    copy.parent.mkdir()
    copy.write_bytes(page.case(0).path.read_bytes())
    page.begin_opening(copy)
    qtbot.waitUntil(lambda: any("the same image" in text for text in page.messages.texts), timeout=MS)
    page.trigger("trash-empty")
    qtbot.waitUntil(lambda: any("The trash is empty" in text for text in page.messages.texts), timeout=MS)
    page.open_casebook(tmp_path / "Other.casebook", create=True)
    qtbot.waitUntil(lambda: page.casebook.name == "Other", timeout=MS)
    page.wait_quiet()
    assert page.messages.texts == []


def test_tags_of_several_cases_change_only_what_they_share(qtbot: QtBot, page: Page) -> None:
    cases = [page.case(i) for i in range(3)]
    page.tag([cases[0]], ["own"], [])
    page.worklist.select(0, 1, 2)
    typing(qtbot, "hip, Second look")()
    page.trigger("case-tags")
    assert [c.tags for c in cases] == [("Second look", "hip", "own"), *[("Second look", "hip")] * 2]
    typing(qtbot, "hip")()
    page.trigger("case-tags")
    page.wait_quiet()
    kept = [row.tags for row in page.book.cases.rows()]
    assert [tuple(t) for t in kept] == [("hip", "own"), ("hip",), ("hip",), (), ()]


def test_many_are_labelled_flagged_and_cleared_at_once(page: Page) -> None:
    page.worklist.focus()
    page.worklist.key(Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    page.worklist.key(Qt.Key.Key_1)
    page.trigger("review-flag")
    page.wait_quiet()
    book = page.book
    assert [(row.label, row.review) for row in book.cases.rows()] == [(1, "flagged")] * 5
    page.worklist.key(Qt.Key.Key_Backspace)
    page.wait_quiet()
    assert [row.label for row in book.cases.rows()] == [None] * 5


def test_an_emptied_trash_is_asked_for_and_on_record(qtbot: QtBot, page: Page) -> None:
    page.worklist.select(1, 3)
    gone = [page.case(i).id for i in (1, 3)]
    page.trigger("close-case")
    page.wait_quiet()
    book = page.book
    page.trigger("trash-empty")
    assert "2 cases for good" in page.messages.answer("Cancel")
    assert book.cases.count(CaseFilter(trashed=True)) == 2
    page.trigger("trash-empty")
    page.messages.answer("Delete")
    qtbot.waitUntil(lambda: book.cases.count(CaseFilter(trashed=True)) == 0, timeout=MS)
    page.wait_quiet()
    assert "2 cases deleted for good" in page.messages.newest
    acts = [(r.act, r.case_id) for r in book.audit.trail(limit=20)]
    assert {case for act, case in acts if "trash" in act or "delete" in act} >= set(gone)
    page.trigger("trash-empty")
    qtbot.waitUntil(lambda: "The trash is empty" in page.messages.newest, timeout=MS)
    page.close()
    assert verify(Casebook.default_path()).ok


def test_another_version_of_the_model_says_something_new_and_the_old_word_stays(
    qtbot: QtBot, page: Page, analysis: Analysis
) -> None:
    case = page.current
    first = replace(analysis, sha256=case.sha256)
    second = replace(first, model=replace(first.model, version="2", weights_sha256="1" * 64), logits=(0.0, -3.0))
    for said in (first, second):  # as a fine-tuning or another program would
        page.casebook.write(lambda book, a=said: book.analyses.add(case.id, a))
    qtbot.waitUntil(lambda: case.verdict is not None and case.verdict.version == "2", timeout=MS)
    assert case.verdict.predicted == 0
    page.worklist.show_filters()
    combo = page.worklist.filters.combos["model"]
    assert [combo.itemData(i) for i in range(combo.count())] == ["", "m version 2"]
    kept = page.book.analyses.rows(case.id)
    assert [(row.model_version, row.predicted) for row in kept] == [("1", first.predicted), ("2", 0)]


def test_properties_tell_where_it_lies_and_keep_name_role_and_way_of_taking_in(
    qtbot: QtBot, page: Page
) -> None:
    folder = Casebook.default_path()
    folder.chmod(0o755)
    page.trigger("casebook-properties")
    sheet = page.wait_for(CasebookDialog)
    assert "other accounts" in sheet.access.text()
    qtbot.mouseClick(sheet.restrict, Qt.MouseButton.LeftButton)
    sheet.name.selectAll()
    qtbot.keyClicks(sheet.name, "Dr. Ann Example")
    qtbot.keyClicks(sheet.role, "radiologist")
    sheet.copying.setCurrentIndex(2)
    with qtbot.waitSignal(sheet.finished):
        qtbot.keyClick(sheet.name, Qt.Key.Key_Return)
    page.label(1)
    page.wait_quiet()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    book = page.book
    newest = book.audit.trail(limit=1)[0]
    assert (newest.act, newest.user, newest.role) == ("label", "Dr. Ann Example", "radiologist")
    assert book.settings.get("copy", "auto") is False


# ---- casebooks that can't be opened or written ----------------------------------------------------------------


def test_a_lock_of_a_machine_that_is_gone_can_be_taken_over(
    qtbot: QtBot, start: Start, tmp_path: Path
) -> None:
    path = tmp_path / "Shared.casebook"
    Casebook.create(path).close()
    gone = Holder("ann", "another-pc", 7, "another start", "1", "2026-01-01T00:00:00+00:00")
    (path / LOCK).write_text(json.dumps(asdict(gone)))
    page = start(path)
    qtbot.waitUntil(lambda: page.book_open, timeout=MS)
    assert "held by ann on another-pc" in page.messages.newest
    assert not page.casebook.writable
    page.messages.press("Take over…")
    assert "another-pc" in page.messages.answer("Take over")
    qtbot.waitUntil(lambda: page.book_open and page.casebook.writable, timeout=MS)
    assert page.messages.texts == []


def test_a_lock_left_by_a_dead_process_is_in_nobodys_way(
    qtbot: QtBot, start: Start, tmp_path: Path
) -> None:
    path = tmp_path / "Mine.casebook"
    script = (
        "import os, sys; from pathlib import Path; from divisive_desktop.casebook import Casebook;"
        "book = Casebook.create(Path(sys.argv[1])); os.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", script, path], check=False).returncode != 0
    assert (path / LOCK).stat().st_size > 0
    page = start(path)
    qtbot.waitUntil(lambda: page.book_open, timeout=MS)
    assert page.casebook.writable
    assert page.messages.texts == []


def test_a_read_only_medium_is_shown_and_says_so(
    qtbot: QtBot, start: Start, tmp_path: Path, pictures: Callable[[int], Path]
) -> None:
    mount = tmp_path / "disc"
    mount.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "none", str(mount)], capture_output=True, check=False).returncode:
        pytest.skip("mounting isn't permitted here")
    try:
        with Casebook.create(mount / "x") as book:
            book.cases.add_all(sorted(pictures(2).iterdir()))
        subprocess.run(["mount", "-o", "remount,ro", str(mount)], check=True)
        page = start(mount / "x.casebook")
        qtbot.waitUntil(lambda: len(page.cases) == 2, timeout=MS)
        assert "read-only medium" in page.messages.newest
        assert "not kept" in page.messages.newest
        page.go_to(0)
        assert not page.enabled("label-1")
        assert not page.enabled("case-tags")
        page.tag(list(page.cases), ["x"], [])
        assert page.current.tags == ()
        page.open_casebook()
        qtbot.waitUntil(lambda: page.casebook.name == "Casebook", timeout=MS)
        page.wait_quiet()
    finally:
        subprocess.run(["umount", str(mount)], check=True)


def test_a_full_disk_is_told_and_nothing_before_it_is_lost(
    qtbot: QtBot, start: Start, tmp_path: Path, pictures: Callable[[int], Path]
) -> None:
    mount = tmp_path / "small"
    mount.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "none", str(mount)], capture_output=True, check=False
    ).returncode:
        pytest.skip("mounting isn't permitted here")
    try:
        ballast = mount / "ballast"
        ballast.write_bytes(b"x" * 300_000)
        with Casebook.create(mount / "x") as book:
            (case_id, _) = book.cases.add_all(sorted(pictures(2).iterdir()))
        page = start(mount / "x.casebook")
        qtbot.waitUntil(lambda: len(page.cases) == 2, timeout=MS)
        page.wait_quiet()
        case = page.case(0)
        kept = ""
        for i in range(200):
            text = f"{i} " + "x" * 20_000
            page.note(text, case)
            page.wait_quiet()
            if page.messages:
                break
            kept = text
        assert kept
        assert "can't take more" in page.messages.newest
        assert "Free some space" in page.messages.newest
        assert page.book.cases.get(case_id).notes == kept
        ballast.unlink()
        page.note("there is room again", case)
        page.wait_quiet()
        assert page.book.cases.get(case_id).notes == "there is room again"
        page.close()
        assert verify(mount / "x.casebook").ok
    finally:
        subprocess.run(["umount", str(mount)], check=True)


def test_an_older_casebook_is_brought_up_to_date_and_backed_up(
    qtbot: QtBot, start: Start, tmp_path: Path, kill: ModuleType
) -> None:
    path = kill.make_old(tmp_path / "old.casebook")
    page = start(path)
    qtbot.waitUntil(lambda: len(page.cases) == 20, timeout=MS)
    page.wait_quiet()
    assert [c.label for c in page.cases] == [0, 1] * 10
    assert len(list((path / "backups").glob("*.sqlite"))) == 1
    page.review(Review.FLAGGED, [page.case(0)])
    page.wait_quiet()
    assert page.book.cases.get(page.case(0).id).review == "flagged"
    page.close()
    assert verify(path, originals=False).ok


def test_a_newer_casebook_is_refused_and_left_alone(
    qtbot: QtBot, start: Start, tmp_path: Path
) -> None:
    path = tmp_path / "future.casebook"
    Casebook.create(path).close()
    data = bytearray((path / "casebook.sqlite").read_bytes())
    data[60:64] = (999).to_bytes(4, "big")
    (path / "casebook.sqlite").write_bytes(data)
    page = start(path)
    qtbot.waitUntil(lambda: bool(page.messages), timeout=MS)
    assert "newer version" in page.messages.newest
    assert (path / "casebook.sqlite").read_bytes() == bytes(data)
    assert not page.casebook.writable
    page.open_casebook()
    qtbot.waitUntil(lambda: page.casebook.writable and page.book_open, timeout=MS)


def test_a_cut_off_database_is_refused_and_its_backup_restored(
    qtbot: QtBot, start: Start, tmp_path: Path, pictures: Callable[[int], Path]
) -> None:
    path = tmp_path / "cut.casebook"
    with Casebook.create(path) as book:
        ids = book.cases.add_all(sorted(pictures(3).iterdir()))
        book.cases.set_label(ids, 1)
        book.backup()
    file = path / "casebook.sqlite"
    file.write_bytes(file.read_bytes()[:5000])
    page = start(path)
    qtbot.waitUntil(lambda: bool(page.messages), timeout=MS)
    assert "damaged" in page.messages.newest
    page.messages.press("Restore backup…")
    assert "set aside" in page.messages.answer("Restore")
    qtbot.waitUntil(lambda: len(page.cases) == 3, timeout=MS)
    assert [c.label for c in page.cases] == [1, 1, 1]
    page.wait_quiet()
    assert page.casebook.writable
    assert list((path / "damaged").iterdir())


def test_a_missing_copy_of_an_image_is_told_and_the_others_work(
    qtbot: QtBot, start: Start, tmp_path: Path, pictures: Callable[[int], Path]
) -> None:
    path = tmp_path / "holes.casebook"
    files = sorted(pictures(3).iterdir())
    with Casebook.create(path) as book:
        ids = book.cases.add_all(files, copy=True)
        missing = book.originals.path(ids[1])
    missing.unlink()
    files[1].unlink()
    page = start(path)
    qtbot.waitUntil(lambda: len(page.cases) == 3, timeout=MS)
    page.wait_quiet()
    bad, good = page.case(1), page.case(2)
    assert bad.file_state == "missing"
    page.select(bad)
    qtbot.waitUntil(lambda: bad.error is not None, timeout=MS)
    assert page.showing == "problem"
    assert bad.name in page.problem_page.title.text()
    assert page.problem_page.remedy.isVisible(), "it can be looked for"
    page.go_to(good)
    page.label(1)
    page.wait_quiet()
    assert page.book.cases.get(ids[2]).label == 1
