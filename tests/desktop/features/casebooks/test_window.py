"""The window on its casebook: what was said is there at the next start, one writer, batches with bad files."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QItemSelectionModel, Qt
from PySide6.QtWidgets import QApplication, QFileDialog, QPushButton
from pytestqt.qtbot import QtBot

from divisive_desktop.casebook import Casebook, verify
from divisive_desktop.desktop import application
from divisive_desktop.desktop.features.analysis.failure_list import FailureList
from divisive_desktop.desktop.session.case import Review
from divisive_desktop.desktop.session.settings import Settings
from divisive_desktop.desktop.window import MainWindow
from divisive_desktop.engine.messages import EngineReady

ENGINE_MS = 90_000


@pytest.fixture
def start(qtbot: QtBot, settings: Settings) -> Iterator[Callable[..., MainWindow]]:
    """Starts the program as often as wanted; no engine unless asked for."""
    settings.analyse_on_opening = False
    windows: list[MainWindow] = []

    def begin(engine: bool = False) -> MainWindow:
        window = application.build(settings)
        windows.append(window)
        with qtbot.waitSignal(window.viewerReady, timeout=30_000):
            window.show()
        if engine:
            window.runner.start_engine("cpu")
        quiet(qtbot, window)
        return window

    yield begin
    for window in windows:
        window.close()
        window.deleteLater()
    QApplication.processEvents()


def quiet(qtbot: QtBot, window: MainWindow) -> None:
    """Nothing runs, everything is written."""
    qtbot.waitUntil(lambda: window.runner.idle and window.session.casebook.idle, timeout=ENGINE_MS)


def opened(qtbot: QtBot, window: MainWindow, *files: Path) -> None:
    with qtbot.waitSignal(window.session.recordReady, timeout=20_000):
        window.session.open_paths(list(files))
    quiet(qtbot, window)


def test_what_the_analyst_said_is_there_at_the_next_start(
    qtbot: QtBot, start: Callable[..., MainWindow], rg1: Path, pictures: Callable[[int], Path]
) -> None:
    first = start()
    opened(qtbot, first, rg1, pictures(3))
    first.session.set_label(1)
    first.session.set_review(Review.FLAGGED)
    first.session.set_notes(first.session.current, "ask about the left side")
    first.close()  # at once: nothing waits for the disk here

    book = Casebook.default_path()
    assert verify(book).ok
    second = start()
    assert len(second.session.cases) == 4
    case = second.session.cases.case(0)
    assert (case.path, case.label, case.review, case.notes) == (rg1, 1, Review.FLAGGED, "ask about the left side")
    assert second.session.cases.case(1).review is Review.NEW
    assert "Casebook" in second.windowTitle()
    with qtbot.waitSignal(second.session.recordReady, timeout=20_000):
        second.session.select(case)
    assert second.inspector.verdict.positive.isChecked()


def test_photographs_are_copied_in_and_radiographs_are_not(
    qtbot: QtBot, start: Callable[..., MainWindow], rg1: Path, pictures: Callable[[int], Path]
) -> None:
    first = start()
    picture = pictures(1) / "picture0000.png"
    opened(qtbot, first, rg1, picture)
    first.close()
    picture.unlink()
    second = start()
    with qtbot.waitSignal(second.session.recordReady, timeout=20_000):
        second.session.select(second.session.cases.case(1))
    assert second.session.record.path == picture, "shown under its own name"
    blobs = list((Casebook.default_path() / "blobs").rglob("*.*"))
    assert [b.suffix for b in blobs] == [".png"]


def test_a_second_window_reads_and_says_who_writes(
    qtbot: QtBot, start: Callable[..., MainWindow], rg1: Path
) -> None:
    first = start()
    opened(qtbot, first, rg1)
    second = start()
    assert len(second.session.cases) == 1
    message = second.messages.messages()[0]
    assert "held by" in message.text
    assert "not kept" in message.remedy
    assert "read-only" in second.windowTitle()
    with qtbot.waitSignal(second.session.recordReady, timeout=20_000):
        second.session.select(second.session.cases.case(0))
    for name in ("label-0", "label-1", "review-done", "close-case", "notes", "analyse-all", "trash-empty"):
        assert not second.actions_[name].isEnabled(), name
    second.worklist.list.setFocus()
    qtbot.keyClick(second.worklist.list, Qt.Key.Key_1)
    assert second.session.current.label is None
    said = second.inspector.verdict
    said.show_case(second.session.current, "", ("no finding", "abnormal"))
    for button in (said.negative, said.positive, said.clear):
        assert not button.isEnabled()
        assert "held by" in button.toolTip()
    qtbot.mouseClick(said.positive, Qt.MouseButton.LeftButton)
    assert second.session.current.label is None
    assert first.actions_["label-1"].isEnabled()
    first.close()
    qtbot.mouseClick(message.findChild(QPushButton), Qt.MouseButton.LeftButton)
    quiet(qtbot, second)
    assert second.session.casebook.writable
    assert second.messages.messages() == []
    second.session.select(second.session.cases.case(0))
    assert said.positive.isEnabled()
    assert "held by" not in said.positive.toolTip()


def test_an_altered_file_is_flagged_and_not_analysed(
    qtbot: QtBot, start: Callable[..., MainWindow], rg1: Path, tmp_path: Path
) -> None:
    file = tmp_path / "mine.dcm"
    file.write_bytes(rg1.read_bytes())
    first = start()
    opened(qtbot, first, file)
    first.close()
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    second = start()
    case = second.session.cases.case(0)
    qtbot.waitUntil(lambda: case.file_state == "altered", timeout=20_000)
    second.settings.analyse_on_opening = True
    with qtbot.waitSignal(second.session.recordReady, timeout=20_000):
        second.session.select(case)
    assert not case.analysing
    assert "altered" in second.messages.messages()[0].text
    second.actions_["analyse"].trigger()
    assert not case.analysing
    second.worklist.state.setCurrentIndex(second.worklist.state.findData("failed"))
    assert second.worklist.filter.rowCount() == 1


def test_several_cases_are_labelled_reviewed_and_thrown_away_together(
    qtbot: QtBot, start: Callable[..., MainWindow], pictures: Callable[[int], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    window = start()
    opened(qtbot, window, pictures(6))
    rows = window.worklist.list
    for row in (1, 3):
        rows.selectionModel().select(window.worklist.filter.index(row), QItemSelectionModel.SelectionFlag.Select)
    rows.setFocus()
    qtbot.keyClick(rows, Qt.Key.Key_1)
    qtbot.keyClick(window, Qt.Key.Key_D, Qt.KeyboardModifier.ControlModifier)
    assert [window.session.cases.case(i).label for i in range(6)] == [1, 1, None, 1, None, None]
    assert window.session.cases.case(3).review is Review.DONE
    window.actions_["next-new"].trigger()
    assert window.session.current.name == "picture0002.png"
    quiet(qtbot, window)

    window.worklist.show_current(window.session.cases.case(5))
    window.actions_["close-case"].trigger()
    quiet(qtbot, window)
    assert len(window.session.cases) == 5
    window.actions_["trash-restore"].trigger()
    qtbot.waitUntil(lambda: len(window.session.cases) == 6, timeout=20_000)

    target = pictures(0) / "results.csv"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *a, **k: (str(target), ""))
    window.actions_["results"].trigger()
    qtbot.waitUntil(target.exists, timeout=20_000)
    quiet(qtbot, window)
    with open(target, encoding="utf-8-sig", newline="") as file:
        assert [line["label"] for line in csv.DictReader(file)] == ["1", "1", "", "1", "", ""]


def test_the_same_image_under_two_names_is_one_case(
    qtbot: QtBot, start: Callable[..., MainWindow], rg1: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy.dcm"
    copy.write_bytes(rg1.read_bytes())
    window = start()
    opened(qtbot, window, rg1, copy)
    assert [c.path for c in window.session.cases] == [rg1]
    assert "copy.dcm is the same image" in window.messages.messages()[0].text


def test_a_new_casebook_begins_empty_and_the_old_one_is_among_the_recent(
    qtbot: QtBot, start: Callable[..., MainWindow], rg1: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    window = start()
    opened(qtbot, window, rg1)
    window.session.set_label(0)
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *a, **k: (str(tmp_path / "Knees.casebook"), ""))
    window.actions_["casebook-new"].trigger()
    qtbot.waitUntil(lambda: window.session.casebook.name == "Knees", timeout=20_000)
    assert len(window.session.cases) == 0
    assert window.windowTitle() == "Knees – Divisive Desktop"
    assert window.stack.currentWidget() is window.empty_page
    recent = next(a.menu() for a in window.actions_.menus["File"].actions() if a.text() == "Open recent casebook")
    recent.aboutToShow.emit()
    assert not recent.actions()[0].isEnabled(), "the one that is open"
    recent.actions()[1].trigger()
    qtbot.waitUntil(lambda: len(window.session.cases) == 1, timeout=20_000)
    assert window.session.cases.case(0).label == 0


def test_a_batch_keeps_what_it_did_and_lists_what_failed(
    qtbot: QtBot, start: Callable[..., MainWindow], model: Path, rg1: Path, tmp_path: Path
) -> None:
    files = [tmp_path / f"copy{i}.dcm" for i in range(3)]
    for i, file in enumerate(files):
        file.write_bytes(bytes([i]) + rg1.read_bytes()[1:])
    bad = tmp_path / "cut.dcm"
    bad.write_bytes(rg1.read_bytes()[:100_000])
    first = start(engine=True)
    qtbot.waitUntil(lambda: isinstance(first.runner.engine, EngineReady), timeout=ENGINE_MS)
    opened(qtbot, first, *files, bad)
    bad_case = next(c for c in first.session.cases if c.path == bad)
    bad_case.error = None  # as if nobody had seen it before the batch
    first.session.cases.changed(bad_case)
    first.actions_["analyse-all"].trigger()
    qtbot.waitUntil(lambda: not first.session.batch_running, timeout=ENGINE_MS)
    quiet(qtbot, first)
    message = first.messages.messages()[0]
    assert message.text == "1 of 4 images could not be analysed."
    qtbot.mouseClick(message.findChild(QPushButton), Qt.MouseButton.LeftButton)
    sheet = first.findChild(FailureList)
    assert [sheet.table.item(0, i).text() for i in range(3)] == [
        "cut.dcm", bad_case.analysis_error.message, bad_case.analysis_error.remedy,
    ]  # fmt: skip
    cut, whole = bad.read_bytes(), rg1.read_bytes()
    bad.write_bytes(whole)  # readable, but not what was imported
    with qtbot.waitSignal(first.session.batch.finished, timeout=ENGINE_MS):
        qtbot.mouseClick(sheet.again, Qt.MouseButton.LeftButton)
    quiet(qtbot, first)
    assert (bad_case.verdict, bad_case.file_state) == (None, "altered"), "never analysed in silence"
    assert "altered" in bad_case.analysis_error.message
    assert first.session.casebook.current.cases.get(bad_case.id).file_state == "altered"
    bad.write_bytes(cut)
    first.actions_["failures"].trigger()
    qtbot.waitUntil(lambda: first.findChild(FailureList) is not None and first.findChild(FailureList).isVisible())
    with qtbot.waitSignal(first.session.batch.finished, timeout=ENGINE_MS):
        qtbot.mouseClick(first.findChild(FailureList).again, Qt.MouseButton.LeftButton)
    quiet(qtbot, first)
    assert bad_case.file_state == "ok", "restored, and as unreadable as it was"
    assert bad_case.verdict is None
    said = [c.verdict for c in first.session.cases]
    maps = first.session.cases.case(1).analysis.cams
    first.close()

    second = start()
    assert [c.verdict for c in second.session.cases] == said
    assert second.messages.messages() == [], "the batch came to its end"
    case = second.session.cases.case(1)
    second.settings.analyse_on_opening = True
    with qtbot.waitSignal(second.session.recordReady, timeout=20_000):
        second.session.select(case)
    assert (case.analysis.cams == maps).all(), "shown again, not analysed again"
    assert not case.analysing


def test_closing_while_the_casebook_is_being_opened_ends(
    qtbot: QtBot, settings: Settings, rg1: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import threading

    real, go_on = Casebook.open_default, threading.Event()
    monkeypatch.setattr(Casebook, "open_default", lambda *a, **k: (go_on.wait(30), real(*a, **k))[1])  # a slow disk
    settings.analyse_on_opening = False
    window = application.build(settings)
    with qtbot.waitSignal(window.viewerReady, timeout=20_000):
        window.show()
    with qtbot.waitSignal(window.session.recordReady, timeout=20_000):
        window.session.open_paths([rg1])
    assert window.session.casebook.current is None
    threading.Timer(0.3, go_on.set).start()
    window.close()  # the mask of the radiograph waits for the casebook, and closing for whoever waits
    window.deleteLater()
    assert window.session.casebook.current is None
    with Casebook.open_default() as book:
        assert book.read_only is None, "it was let go of"
