"""The casebook's menu entries by dialog and key: copies, archives, trash, notes, tags, properties, and ways out."""

from __future__ import annotations

import csv
import importlib.util
import json
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from PySide6.QtCore import QItemSelectionModel, Qt, QTimer
from PySide6.QtWidgets import (
    QApplication,
    QFileDialog,
    QInputDialog,
    QLineEdit,
    QMessageBox,
    QPlainTextEdit,
    QPushButton,
)
from pytestqt.qtbot import QtBot

from divisive_desktop.casebook import Casebook, CaseFilter, verify
from divisive_desktop.casebook.storage.lock import LOCK, Holder
from divisive_desktop.desktop import application
from divisive_desktop.desktop.features.casebooks.properties_dialog import CasebookDialog
from divisive_desktop.desktop.session.case import Review
from divisive_desktop.desktop.session.settings import Settings
from divisive_desktop.desktop.window import MainWindow
from divisive_desktop.explanation.analysis import Analysis

MS = 30_000


@pytest.fixture
def kill() -> ModuleType:
    """Makes a casebook of the first schema."""
    path = Path(__file__).resolve().parents[3] / "benchmarks" / "kill_casebook.py"
    spec = importlib.util.spec_from_file_location("kill_casebook", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["kill_casebook"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def begin(qtbot: QtBot, settings: Settings) -> Iterator[Callable[..., MainWindow]]:
    """Starts the program on a casebook; without an engine."""
    settings.analyse_on_opening = False
    windows: list[MainWindow] = []

    def start(casebook: Path | None = None) -> MainWindow:
        window = application.build(settings, casebook)
        windows.append(window)
        with qtbot.waitSignal(window.viewerReady, timeout=MS):
            window.show()
        qtbot.waitUntil(lambda: window.runner.idle, timeout=MS)
        return window

    yield start
    for window in windows:
        window.close()
        window.deleteLater()
    QApplication.processEvents()


@pytest.fixture
def window(qtbot: QtBot, begin: Callable[..., MainWindow], pictures: Callable[[int], Path]) -> MainWindow:
    """A window with five pictures in the user's casebook."""
    made = begin()
    with qtbot.waitSignal(made.session.recordReady, timeout=MS):
        made.session.open_paths([pictures(5)])
    quiet(qtbot, made)
    return made


def quiet(qtbot: QtBot, window: MainWindow) -> None:
    qtbot.waitUntil(lambda: window.runner.idle and window.session.casebook.idle, timeout=MS)


def saves_to(monkeypatch: pytest.MonkeyPatch, path: Path, kind: str = "") -> None:
    """The system's own file dialog can't be driven: answer for it."""
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *a, **k: (str(path), kind))


def told(window: MainWindow) -> str:
    message = window.messages.messages()[0]
    return f"{message.text} {message.remedy}"


def press(qtbot: QtBot, window: MainWindow, text: str) -> None:
    """Click a button of the newest message."""
    button = next(b for b in window.messages.messages()[0].findChildren(QPushButton) if b.text() == text)
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def answer(qtbot: QtBot, window: MainWindow, text: str) -> str:
    """Click a button of the question that is asked; returns the question."""
    qtbot.waitUntil(lambda: any(b.isVisible() for b in window.findChildren(QMessageBox)), timeout=MS)
    box = next(b for b in window.findChildren(QMessageBox) if b.isVisible())
    asked = f"{box.text()} {box.informativeText()}"
    qtbot.mouseClick(next(b for b in box.buttons() if b.text() == text), Qt.MouseButton.LeftButton)
    return asked


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


def select(window: MainWindow, *rows: int) -> None:
    window.worklist.list.clearSelection()
    for row in rows:
        index = window.worklist.filter.index(row)
        flags = QItemSelectionModel.SelectionFlag.Select | QItemSelectionModel.SelectionFlag.Rows
        window.worklist.list.selectionModel().select(index, flags)


# ---- out and in ---------------------------------------------------------------------------------------------


def test_a_copy_holds_what_was_said_a_moment_ago(
    qtbot: QtBot, window: MainWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saves_to(monkeypatch, tmp_path / "Copy.casebook")
    window.session.set_label(1)
    window.actions_["casebook-copy"].trigger()
    qtbot.waitUntil(lambda: "Saved Copy.casebook" in told(window), timeout=MS)
    assert verify(tmp_path / "Copy.casebook").ok
    with Casebook.open(tmp_path / "Copy.casebook") as copy:
        assert [row.label for row in copy.cases.rows()] == [1, None, None, None, None]
    assert window.session.casebook.name == "Casebook", "it isn't opened"
    window.actions_["casebook-copy"].trigger()
    assert "There is something at" in told(window)


def test_an_archive_leaves_and_comes_back_with_its_images(
    qtbot: QtBot, window: MainWindow, pictures: Callable[[int], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = tmp_path / "out.zip"
    saves_to(monkeypatch, archive)
    window.session.set_notes(window.session.current, "seen")
    window.actions_["casebook-zip"].trigger()
    qtbot.waitUntil(lambda: "Saved out.zip" in told(window), timeout=MS)
    for picture in (tmp_path / "pictures").iterdir():
        picture.unlink()
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *a, **k: (str(archive), ""))
    saves_to(monkeypatch, tmp_path / "Back.casebook")
    window.actions_["casebook-import"].trigger()
    qtbot.waitUntil(lambda: window.session.casebook.name == "Back" and len(window.session.cases) == 5, timeout=MS)
    first = window.session.cases.case(0)
    assert first.notes == "seen"
    with qtbot.waitSignal(window.session.recordReady, timeout=MS):
        window.session.select(first)
    assert window.session.record.width == 60


def test_a_strange_archive_is_refused_in_words(
    qtbot: QtBot, window: MainWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    strange = tmp_path / "strange.zip"
    strange.write_bytes(b"PK\x03\x04 not really")
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *a, **k: (str(strange), ""))
    saves_to(monkeypatch, tmp_path / "Strange.casebook")
    window.actions_["casebook-import"].trigger()
    qtbot.waitUntil(lambda: bool(window.messages.messages()), timeout=MS)
    assert "strange.zip" in told(window)
    assert not (tmp_path / "Strange.casebook").exists()
    assert len(window.session.cases) == 5, "what was open stays open"


def test_results_leave_as_csv_and_as_json(
    qtbot: QtBot, window: MainWindow, analysis: Analysis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = window.session.current
    window.session.casebook.analysis(case, replace(analysis, sha256=case.sha256, preprocessing={"size": 224}))
    window.session.set_label(0)
    for name in ("results.csv", "results.json"):
        saves_to(monkeypatch, tmp_path / name)
        window.actions_["results"].trigger()
        qtbot.waitUntil(lambda n=name: f"Saved {n}" in told(window), timeout=MS)
    with open(tmp_path / "results.csv", encoding="utf-8-sig", newline="") as file:
        lines = list(csv.DictReader(file))
    records = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))["results"]
    assert len(lines) == len(records) == 5
    assert lines[0]["label"] == "0"
    assert records[0]["label"] == 0
    for said in (lines[0], records[0]):
        model = analysis.model
        assert (said["model"], said["model_version"], said["model_sha256"]) == (model.id, "1", model.weights_sha256)
        assert (said["method"], said["question"]) == ("difference", "chest-xray")
        assert "Research use only" in said["notice"]
    assert json.loads(lines[0]["preprocessing"]) == records[0]["preprocessing"] == {"size": 224}
    acts = [r.act for r in window.session.casebook.current.audit.trail(limit=3)]
    assert acts[:2] == ["export", "export"]


# ---- what is said about cases -------------------------------------------------------------------------------


def test_notes_are_written_kept_and_found(qtbot: QtBot, window: MainWindow) -> None:
    case = window.session.current
    open_dialog = typing(qtbot, "ask about the left hip")
    open_dialog()
    window.actions_["notes"].trigger()
    quiet(qtbot, window)
    assert case.notes == "ask about the left hip"
    assert window.session.casebook.current.cases.get(case.id).notes == "ask about the left hip"
    window.worklist.search.setText("left hip")
    assert window.worklist.filter.rowCount() == 1
    typing(qtbot, "never mind", ok=False)()
    window.actions_["notes"].trigger()
    assert case.notes == "ask about the left hip", "cancelled"


def test_tags_of_several_cases_change_only_what_they_share(qtbot: QtBot, window: MainWindow) -> None:
    cases = [window.session.cases.case(i) for i in range(3)]
    window.session.change_tags([cases[0]], ["own"], [])
    select(window, 0, 1, 2)
    typing(qtbot, "hip, Second look")()
    window.actions_["case-tags"].trigger()
    assert [c.tags for c in cases] == [("Second look", "hip", "own"), *[("Second look", "hip")] * 2]
    typing(qtbot, "hip")()
    window.actions_["case-tags"].trigger()
    quiet(qtbot, window)
    kept = [row.tags for row in window.session.casebook.current.cases.rows()]
    assert [tuple(t) for t in kept] == [("hip", "own"), ("hip",), ("hip",), (), ()]


def test_many_are_labelled_flagged_and_cleared_at_once(qtbot: QtBot, window: MainWindow) -> None:
    rows = window.worklist.list
    rows.setFocus()
    qtbot.keyClick(rows, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    qtbot.keyClick(rows, Qt.Key.Key_1)
    window.actions_["review-flag"].trigger()
    quiet(qtbot, window)
    book = window.session.casebook.current
    assert [(row.label, row.review) for row in book.cases.rows()] == [(1, "flagged")] * 5
    qtbot.keyClick(rows, Qt.Key.Key_Backspace)
    quiet(qtbot, window)
    assert [row.label for row in book.cases.rows()] == [None] * 5


def test_an_emptied_trash_is_asked_for_and_on_record(qtbot: QtBot, window: MainWindow) -> None:
    select(window, 1, 3)
    gone = [window.session.cases.case(i).id for i in (1, 3)]
    window.actions_["close-case"].trigger()
    quiet(qtbot, window)
    book = window.session.casebook.current
    window.actions_["trash-empty"].trigger()
    assert "2 cases for good" in answer(qtbot, window, "Cancel")
    assert book.cases.count(CaseFilter(trashed=True)) == 2
    window.actions_["trash-empty"].trigger()
    answer(qtbot, window, "Delete")
    qtbot.waitUntil(lambda: book.cases.count(CaseFilter(trashed=True)) == 0, timeout=MS)
    quiet(qtbot, window)
    assert "2 cases deleted for good" in told(window)
    acts = [(r.act, r.case_id) for r in book.audit.trail(limit=20)]
    assert {case for act, case in acts if "trash" in act or "delete" in act} >= set(gone)
    window.actions_["trash-empty"].trigger()
    qtbot.waitUntil(lambda: "The trash is empty" in told(window), timeout=MS)
    window.close()
    assert verify(Casebook.default_path()).ok


def test_another_version_of_the_model_says_something_new_and_the_old_word_stays(
    qtbot: QtBot, window: MainWindow, analysis: Analysis
) -> None:
    case = window.session.current
    first = replace(analysis, sha256=case.sha256)
    second = replace(first, model=replace(first.model, version="2", weights_sha256="1" * 64), logits=(0.0, -3.0))
    for said in (first, second):  # as a fine-tuning or another program would
        window.session.casebook.write(lambda book, a=said: book.analyses.add(case.id, a))
    qtbot.waitUntil(lambda: case.verdict is not None and case.verdict.version == "2", timeout=MS)
    assert case.verdict.name == "no finding"
    window.worklist.filters.setChecked(True)
    combo = window.worklist.panel.combos["model"]
    assert [combo.itemData(i) for i in range(combo.count())] == ["", "m 2"]
    kept = window.session.casebook.current.analyses.rows(case.id)
    assert [(row.model_version, row.predicted) for row in kept] == [("1", first.predicted), ("2", 0)]


def test_properties_tell_where_it_lies_and_keep_name_role_and_way_of_taking_in(
    qtbot: QtBot, window: MainWindow
) -> None:
    folder = Casebook.default_path()
    folder.chmod(0o755)
    window.actions_["casebook-properties"].trigger()
    qtbot.waitUntil(lambda: window.findChild(CasebookDialog) is not None, timeout=MS)
    sheet = window.findChild(CasebookDialog)
    assert "other accounts" in sheet.access.text()
    qtbot.mouseClick(sheet.restrict, Qt.MouseButton.LeftButton)
    sheet.name.selectAll()
    qtbot.keyClicks(sheet.name, "Dr. Ann Example")
    qtbot.keyClicks(sheet.role, "radiologist")
    sheet.copying.setCurrentIndex(2)
    with qtbot.waitSignal(sheet.finished):
        qtbot.keyClick(sheet.name, Qt.Key.Key_Return)
    window.session.set_label(1)
    quiet(qtbot, window)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    book = window.session.casebook.current
    newest = book.audit.trail(limit=1)[0]
    assert (newest.act, newest.user, newest.role) == ("label", "Dr. Ann Example", "radiologist")
    assert book.settings.get("copy", "auto") is False


# ---- casebooks that can't be opened or written ----------------------------------------------------------------


def test_a_lock_of_a_machine_that_is_gone_can_be_taken_over(
    qtbot: QtBot, begin: Callable[..., MainWindow], tmp_path: Path
) -> None:
    path = tmp_path / "Shared.casebook"
    Casebook.create(path).close()
    gone = Holder("ann", "another-pc", 7, "another start", "1", "2026-01-01T00:00:00+00:00")
    (path / LOCK).write_text(json.dumps(asdict(gone)))
    window = begin(path)
    qtbot.waitUntil(lambda: window.session.casebook.current is not None, timeout=MS)
    assert "held by ann on another-pc" in told(window)
    assert not window.session.casebook.writable
    press(qtbot, window, "Take over…")
    assert "another-pc" in answer(qtbot, window, "Take over")
    book = window.session.casebook
    qtbot.waitUntil(lambda: book.current is not None and book.writable, timeout=MS)
    assert window.messages.messages() == []


def test_a_lock_left_by_a_dead_process_is_in_nobodys_way(
    qtbot: QtBot, begin: Callable[..., MainWindow], tmp_path: Path
) -> None:
    path = tmp_path / "Mine.casebook"
    script = (
        "import os, sys; from pathlib import Path; from divisive_desktop.casebook import Casebook;"
        "book = Casebook.create(Path(sys.argv[1])); os.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", script, path], check=False).returncode != 0
    assert (path / LOCK).stat().st_size > 0
    window = begin(path)
    qtbot.waitUntil(lambda: window.session.casebook.current is not None, timeout=MS)
    assert window.session.casebook.writable
    assert window.messages.messages() == []


def test_a_read_only_medium_is_shown_and_says_so(
    qtbot: QtBot, begin: Callable[..., MainWindow], tmp_path: Path, pictures: Callable[[int], Path]
) -> None:
    mount = tmp_path / "disc"
    mount.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "none", str(mount)], capture_output=True, check=False).returncode:
        pytest.skip("mounting isn't permitted here")
    try:
        with Casebook.create(mount / "x") as book:
            book.cases.add_all(sorted(pictures(2).iterdir()))
        subprocess.run(["mount", "-o", "remount,ro", str(mount)], check=True)
        window = begin(mount / "x.casebook")
        qtbot.waitUntil(lambda: len(window.session.cases) == 2, timeout=MS)
        assert "read-only medium" in told(window)
        assert "not kept" in told(window)
        with qtbot.waitSignal(window.session.recordReady, timeout=MS):
            window.session.select(window.session.cases.case(0))
        assert not window.actions_["label-1"].isEnabled()
        assert not window.actions_["case-tags"].isEnabled()
        window.session.change_tags(list(window.session.cases), ["x"], [])
        assert window.session.current.tags == ()
        window.session.open_casebook()
        qtbot.waitUntil(lambda: window.session.casebook.name == "Casebook", timeout=MS)
        quiet(qtbot, window)
    finally:
        subprocess.run(["umount", str(mount)], check=True)


def test_a_full_disk_is_told_and_nothing_before_it_is_lost(
    qtbot: QtBot, begin: Callable[..., MainWindow], tmp_path: Path, pictures: Callable[[int], Path]
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
        window = begin(mount / "x.casebook")
        qtbot.waitUntil(lambda: len(window.session.cases) == 2, timeout=MS)
        quiet(qtbot, window)
        case = window.session.cases.case(0)
        kept = ""
        for i in range(200):
            text = f"{i} " + "x" * 20_000
            window.session.set_notes(case, text)
            quiet(qtbot, window)
            if window.messages.messages():
                break
            kept = text
        assert kept
        assert "can't take more" in told(window)
        assert "Free some space" in told(window)
        assert window.session.casebook.current.cases.get(case_id).notes == kept
        ballast.unlink()
        window.session.set_notes(case, "there is room again")
        quiet(qtbot, window)
        assert window.session.casebook.current.cases.get(case_id).notes == "there is room again"
        window.close()
        assert verify(mount / "x.casebook").ok
    finally:
        subprocess.run(["umount", str(mount)], check=True)


def test_an_older_casebook_is_brought_up_to_date_and_backed_up(
    qtbot: QtBot, begin: Callable[..., MainWindow], tmp_path: Path, kill: ModuleType
) -> None:
    path = kill.make_old(tmp_path / "old.casebook")
    window = begin(path)
    qtbot.waitUntil(lambda: len(window.session.cases) == 20, timeout=MS)
    quiet(qtbot, window)
    assert [c.label for c in window.session.cases] == [0, 1] * 10
    assert len(list((path / "backups").glob("*.sqlite"))) == 1
    window.session.set_review(Review.FLAGGED, [window.session.cases.case(0)])
    quiet(qtbot, window)
    assert window.session.casebook.current.cases.get(window.session.cases.case(0).id).review == "flagged"
    window.close()
    assert verify(path, originals=False).ok


def test_a_newer_casebook_is_refused_and_left_alone(
    qtbot: QtBot, begin: Callable[..., MainWindow], tmp_path: Path
) -> None:
    path = tmp_path / "future.casebook"
    Casebook.create(path).close()
    data = bytearray((path / "casebook.sqlite").read_bytes())
    data[60:64] = (999).to_bytes(4, "big")
    (path / "casebook.sqlite").write_bytes(data)
    window = begin(path)
    qtbot.waitUntil(lambda: bool(window.messages.messages()), timeout=MS)
    assert "newer version" in told(window)
    assert (path / "casebook.sqlite").read_bytes() == bytes(data)
    assert not window.session.casebook.writable
    window.session.open_casebook()
    service = window.session.casebook
    qtbot.waitUntil(lambda: service.writable and service.current is not None, timeout=MS)


def test_a_cut_off_database_is_refused_and_its_backup_restored(
    qtbot: QtBot, begin: Callable[..., MainWindow], tmp_path: Path, pictures: Callable[[int], Path]
) -> None:
    path = tmp_path / "cut.casebook"
    with Casebook.create(path) as book:
        ids = book.cases.add_all(sorted(pictures(3).iterdir()))
        book.cases.set_label(ids, 1)
        book.backup()
    file = path / "casebook.sqlite"
    file.write_bytes(file.read_bytes()[:5000])
    window = begin(path)
    qtbot.waitUntil(lambda: bool(window.messages.messages()), timeout=MS)
    assert "damaged" in told(window)
    press(qtbot, window, "Restore backup…")
    assert "set aside" in answer(qtbot, window, "Restore")
    qtbot.waitUntil(lambda: len(window.session.cases) == 3, timeout=MS)
    assert [c.label for c in window.session.cases] == [1, 1, 1]
    quiet(qtbot, window)
    assert window.session.casebook.writable
    assert list((path / "damaged").iterdir())


def test_a_missing_copy_of_an_image_is_told_and_the_others_work(
    qtbot: QtBot, begin: Callable[..., MainWindow], tmp_path: Path, pictures: Callable[[int], Path]
) -> None:
    path = tmp_path / "holes.casebook"
    files = sorted(pictures(3).iterdir())
    with Casebook.create(path) as book:
        ids = book.cases.add_all(files, copy=True)
        missing = book.originals.path(ids[1])
    missing.unlink()
    files[1].unlink()
    window = begin(path)
    qtbot.waitUntil(lambda: len(window.session.cases) == 3, timeout=MS)
    quiet(qtbot, window)
    bad, good = window.session.cases.case(1), window.session.cases.case(2)
    assert bad.file_state == "missing"
    window.session.select(bad)
    qtbot.waitUntil(lambda: bad.error is not None, timeout=MS)
    assert window.stack.currentWidget() is window.problem_page
    assert bad.name in window.problem_page.title.text()
    assert window.problem_page.way_out.isVisible(), "it can be looked for"
    with qtbot.waitSignal(window.session.recordReady, timeout=MS):
        window.session.select(good)
    window.session.set_label(1)
    quiet(qtbot, window)
    assert window.session.casebook.current.cases.get(ids[2]).label == 1
