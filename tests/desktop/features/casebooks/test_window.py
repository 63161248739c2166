"""The window on its casebook: what was said is there at the next start, one writer, batches with bad files."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot

from divisive_desktop.casebook import Casebook, verify
from divisive_desktop.desktop.features.analysis.failure_list import FailureList
from divisive_desktop.desktop.session.case import Review
from divisive_desktop.desktop.session.settings import Settings
from tests.desktop.pages import Page, Start

ENGINE_MS = 90_000


def opened(page: Page, *files: Path) -> None:
    """Open files and wait until they are in the casebook."""
    page.open(*files)
    page.wait_quiet()


def test_what_the_analyst_said_is_there_at_the_next_start(
    start: Start, rg1: Path, pictures: Callable[[int], Path]
) -> None:
    first = start()
    opened(first, rg1, pictures(3))
    first.label(1)
    first.review(Review.FLAGGED)
    first.note("ask about the left side")
    first.close()  # at once: nothing waits for the disk here

    book = Casebook.default_path()
    assert verify(book).ok
    second = start()
    assert len(second.cases) == 4
    case = second.case(0)
    assert (case.path, case.label, case.review, case.notes) == (rg1, 1, Review.FLAGGED, "ask about the left side")
    assert second.case(1).review is Review.NEW
    assert "Casebook" in second.title
    second.go_to(case)
    assert second.verdict.positive.isChecked()


def test_photographs_are_copied_in_and_radiographs_are_not(
    start: Start, rg1: Path, pictures: Callable[[int], Path]
) -> None:
    first = start()
    picture = pictures(1) / "picture0000.png"
    opened(first, rg1, picture)
    first.close()
    picture.unlink()
    second = start()
    second.go_to(1)
    assert second.record.path == picture, "shown under its own name"
    blobs = list((Casebook.default_path() / "blobs").rglob("*.*"))
    assert [b.suffix for b in blobs] == [".png"]


def test_a_second_window_reads_and_says_who_writes(
    qtbot: QtBot, start: Start, rg1: Path
) -> None:
    first = start()
    opened(first, rg1)
    second = start()
    assert len(second.cases) == 1
    message = second.messages[0]
    assert "held by" in message.text
    assert "not kept" in message.remedy
    assert "read-only" in second.title
    second.go_to(0)
    for name in ("label-0", "label-1", "review-done", "close-case", "notes", "analyse-all", "trash-empty"):
        assert not second.enabled(name), name
    second.worklist.focus()
    second.worklist.key(Qt.Key.Key_1)
    assert second.current.label is None
    said = second.verdict
    said.panel.show_case(second.current, "", ("no finding", "abnormal"))
    for button in (said.negative, said.positive, said.clear):
        assert not button.isEnabled()
        assert "held by" in button.toolTip()
    qtbot.mouseClick(said.positive, Qt.MouseButton.LeftButton)
    assert second.current.label is None
    assert first.enabled("label-1")
    first.close()
    second.messages.press(message=message)
    second.wait_quiet()
    assert second.casebook.writable
    assert second.messages.texts == []
    second.select(second.case(0))
    assert said.positive.isEnabled()
    assert "held by" not in said.positive.toolTip()


def test_an_altered_file_is_flagged_and_not_analysed(
    qtbot: QtBot, start: Start, rg1: Path, tmp_path: Path
) -> None:
    file = tmp_path / "mine.dcm"
    file.write_bytes(rg1.read_bytes())
    first = start()
    opened(first, file)
    first.close()
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    second = start()
    case = second.case(0)
    qtbot.waitUntil(lambda: case.file_state == "altered", timeout=20_000)
    second.settings.analyse_on_opening = True
    second.go_to(case)
    assert not case.analysing
    assert "altered" in second.messages[0].text
    second.trigger("analyse")
    assert not case.analysing
    second.worklist.show_state("failed")
    assert len(second.worklist) == 1


def test_several_cases_are_labelled_reviewed_and_thrown_away_together(
    qtbot: QtBot, start: Start, pictures: Callable[[int], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    page = start()
    opened(page, pictures(6))
    page.worklist.add_to_selection(1, 3)
    page.worklist.focus()
    page.worklist.key(Qt.Key.Key_1)
    page.key(Qt.Key.Key_D, Qt.KeyboardModifier.ControlModifier)
    assert [page.case(i).label for i in range(6)] == [1, 1, None, 1, None, None]
    assert page.case(3).review is Review.DONE
    page.trigger("next-new")
    assert page.current.name == "picture0002.png"
    page.wait_quiet()

    page.worklist.go_to(page.case(5))
    page.trigger("close-case")
    page.wait_quiet()
    assert len(page.cases) == 5
    page.trigger("trash-restore")
    qtbot.waitUntil(lambda: len(page.cases) == 6, timeout=20_000)

    target = pictures(0) / "results.csv"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *a, **k: (str(target), ""))
    page.trigger("results")
    qtbot.waitUntil(target.exists, timeout=20_000)
    page.wait_quiet()
    with open(target, encoding="utf-8-sig", newline="") as file:
        assert [line["label"] for line in csv.DictReader(file)] == ["1", "1", "", "1", "", ""]


def test_the_same_image_under_two_names_is_one_case(start: Start, rg1: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.dcm"
    copy.write_bytes(rg1.read_bytes())
    page = start()
    opened(page, rg1, copy)
    assert [c.path for c in page.cases] == [rg1]
    assert "copy.dcm is the same image" in page.messages[0].text


def test_a_new_casebook_begins_empty_and_the_old_one_is_among_the_recent(
    qtbot: QtBot, start: Start, rg1: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = start()
    opened(page, rg1)
    page.label(0)
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *a, **k: (str(tmp_path / "Knees.casebook"), ""))
    page.trigger("casebook-new")
    qtbot.waitUntil(lambda: page.casebook.name == "Knees", timeout=20_000)
    assert len(page.cases) == 0
    assert page.title == "Knees – Divisive Desktop"
    assert page.showing == "empty"
    recent = page.menu("Open recent casebook").actions()
    assert not recent[0].isEnabled(), "the one that is open"
    recent[1].trigger()
    qtbot.waitUntil(lambda: len(page.cases) == 1, timeout=20_000)
    assert page.case(0).label == 0


def test_a_batch_keeps_what_it_did_and_lists_what_failed(
    qtbot: QtBot, start: Start, model: Path, rg1: Path, tmp_path: Path
) -> None:
    files = [tmp_path / f"copy{i}.dcm" for i in range(3)]
    for i, file in enumerate(files):
        file.write_bytes(bytes([i]) + rg1.read_bytes()[1:])
    bad = tmp_path / "cut.dcm"
    bad.write_bytes(rg1.read_bytes()[:100_000])
    first = start(engine=True)
    first.wait_engine()
    opened(first, *files, bad)
    bad_case = next(c for c in first.cases if c.path == bad)
    bad_case.error = None  # as if nobody had seen it before the batch
    first.cases.changed(bad_case)
    first.trigger("analyse-all")
    qtbot.waitUntil(lambda: not first.batch_running, timeout=ENGINE_MS)
    first.wait_quiet()
    message = first.messages[0]
    assert message.text == "1 of 4 images could not be analysed."
    first.messages.press(message=message)
    sheet = first.find(FailureList)
    assert [sheet.table.item(0, i).text() for i in range(3)] == [
        "cut.dcm", bad_case.analysis_error.message, bad_case.analysis_error.remedy,
    ]  # fmt: skip
    cut, whole = bad.read_bytes(), rg1.read_bytes()
    bad.write_bytes(whole)  # readable, but not what was imported
    with qtbot.waitSignal(first.batch.finished, timeout=ENGINE_MS):
        qtbot.mouseClick(sheet.again, Qt.MouseButton.LeftButton)
    first.wait_quiet()
    assert (bad_case.verdict, bad_case.file_state) == (None, "altered"), "never analysed in silence"
    assert "altered" in bad_case.analysis_error.message
    assert first.book.cases.get(bad_case.id).file_state == "altered"
    bad.write_bytes(cut)
    first.trigger("failures")
    qtbot.waitUntil(lambda: first.find(FailureList) is not None and first.find(FailureList).isVisible())
    with qtbot.waitSignal(first.batch.finished, timeout=ENGINE_MS):
        qtbot.mouseClick(first.find(FailureList).again, Qt.MouseButton.LeftButton)
    first.wait_quiet()
    assert bad_case.file_state == "ok", "restored, and as unreadable as it was"
    assert bad_case.verdict is None
    said = [c.verdict for c in first.cases]
    maps = first.case(1).analysis.cams
    first.close()

    second = start()
    assert [c.verdict for c in second.cases] == said
    assert second.messages.texts == [], "the batch came to its end"
    case = second.case(1)
    second.settings.analyse_on_opening = True
    second.go_to(case)
    assert (case.analysis.cams == maps).all(), "shown again, not analysed again"
    assert not case.analysing


def test_closing_while_the_casebook_is_being_opened_ends(
    quiet_settings: Settings, rg1: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import threading

    real, go_on = Casebook.open_default, threading.Event()
    monkeypatch.setattr(Casebook, "open_default", lambda *a, **k: (go_on.wait(30), real(*a, **k))[1])  # a slow disk
    page = Page.build(quiet_settings).show()
    page.open(rg1)
    assert not page.book_open
    threading.Timer(0.3, go_on.set).start()
    page.close()  # the mask of the radiograph waits for the casebook, and closing for whoever waits
    page.discard()
    assert not page.book_open
    with Casebook.open_default() as book:
        assert book.read_only is None, "it was let go of"
