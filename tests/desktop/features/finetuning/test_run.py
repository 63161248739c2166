"""A run in the real window with the real engine: click, watch, judge, keep; stop, kill, resume."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

from divisive_desktop.casebook import Casebook
from divisive_desktop.desktop.features.finetuning.dialog import FineTuneDialog
from divisive_desktop.engine.finetuning.messages import METHODS
from divisive_desktop.library import store
from divisive_desktop.library.card import read_card
from tests.desktop.pages import Page, Start, until

LEFT = Qt.MouseButton.LeftButton
LONG = 120_000


def opened(qtbot: QtBot, page: Page, epochs: int) -> FineTuneDialog:
    """The fine-tuning window with everything chosen but the number of epochs as it comes."""
    dialog = page.tuning.open()
    before = page.tuning.prepared
    dialog.setup.epochs.setValue(epochs)
    qtbot.waitUntil(lambda: page.tuning.prepared is not before, timeout=10_000)
    return dialog


def stored_run(home: Path) -> tuple[str, str | None]:
    """State of the newest run in the casebook, and what was decided."""
    with Casebook.open(home / "Casebook.casebook", read_only=True) as book:
        row = book.runs.rows()[0]
        return row.state, row.decision


def test_from_click_to_a_version_that_analyses(
    qtbot: QtBot, start: Start, fill: Callable[..., list[int]], models: Path, home: Path
) -> None:
    fill(12)
    page = start(engine=True)
    case = next(iter(page.cases))
    page.select(case)
    until(lambda: page.record is not None, ms=LONG)
    page.trigger("analyse")
    until(lambda: case.analysis is not None, ms=LONG)
    assert case.analysis.model.id == "small-1"
    dialog, run = opened(qtbot, page, 3), page.tuning.run
    dialog.setup.name.setText("small-3")
    until(lambda: page.tuning.prepared.request.new_id == "small-3" and bool(dialog.setup.time.text()), ms=LONG)
    QTest.mouseClick(dialog.setup.start, LEFT)
    until(lambda: dialog.live.gallery.epoch >= 1, ms=LONG)
    assert dialog.stack.currentWidget() is dialog.live
    until(lambda: run.state == "done", ms=LONG)

    # What was watched
    assert len(dialog.live.losses.values("loss")) == len(dialog.live.scores.values("val_auroc")) == 3
    rows = dialog.live.gallery.rows
    assert all(tile.image is not None for row in rows for tile in (row.image, row.true, row.false, row.d))

    # What came of it
    result = dialog.result
    assert dialog.stack.currentWidget() is result
    assert result.headline.text() == run.result.verdict.headline
    assert result.holdout.text(0, 0) == "AUROC"
    assert result.cases.rowCount() == 6
    until(lambda: result.compare.shown is not None, ms=LONG)
    before, after = result.compare.shown
    assert (before.model.id, after.model.weights_sha256) == ("small-1", run.result.model.weights_sha256)
    assert not np.array_equal(before.cams, after.cams)
    first = result.compare.case().id
    QTest.mouseClick(result.compare.next, LEFT)
    until(lambda: result.compare.case().id != first and result.compare.shown is not None, ms=LONG)

    # Kept, in use, and older analyses name the version that made them
    QTest.mouseClick(result.keep, LEFT)
    until(lambda: bool(result.kept_words.text()) and page.idle and page.casebook.idle, ms=LONG)
    kept = store.default_model("chest-cardiomegaly")
    assert kept.card.id == "small-3"
    assert kept.card.parent == "small-1"
    assert not result.keep.isVisible()
    assert case.analysis.model.id == "small-1"
    until(lambda: page.messages.texts == ["small-3 version 1 is in use from now on."], ms=LONG)
    assert page.verdict.by == "By small-1 version 1 · small-3 version 1 is in use"
    page.trigger("analyse")
    until(lambda: case.analysis is not None and page.casebook.idle, ms=LONG)
    assert case.analysis.model.weights_sha256 == run.result.model.weights_sha256
    page.close()
    assert stored_run(home) == ("done", "kept")
    with Casebook.open(home / "Casebook.casebook", read_only=True) as book:
        made_by = {row.model for row in book.analyses.rows(case.id)}
    assert made_by == {"small-1", "small-3"}


def test_cancel_keeps_what_was_learned_and_can_be_measured_or_resumed(
    qtbot: QtBot, start: Start, fill: Callable[..., list[int]], models: Path, home: Path
) -> None:
    fill(12)
    page = start(engine=True)
    dialog, run = opened(qtbot, page, 150), page.tuning.run
    QTest.mouseClick(dialog.setup.start, LEFT)
    until(lambda: len(run.history) >= 2, ms=LONG)
    paused: list[bool] = []
    page.runner.progressed.connect(lambda event: paused.append(event.details.get("paused", False)))
    QTest.mouseClick(dialog.live.pause, LEFT)
    assert run.state == "paused"
    until(lambda: any(paused), "the engine to say that it has paused")
    held = len(run.history)
    pid = page.runner.training_pid
    assert pid is not None
    engine = psutil.Process(pid)
    until(lambda: engine.cpu_percent(interval=0.3) < 20, "an engine that computes nothing")
    assert len(run.history) == held < 150
    QTest.mouseClick(dialog.live.cancel, LEFT)
    until(lambda: run.state == "cancelled" and page.casebook.idle, ms=LONG)
    assert page.runner.training_pid == pid  # it answered within the two seconds after which it would have been killed
    assert dialog.live.resume.isVisible()
    assert dialog.live.conclude.isVisible()
    QTest.mouseClick(dialog.live.conclude, LEFT)
    until(lambda: run.state == "done", ms=LONG)
    assert held <= len(run.result.history) < 150
    assert dialog.stack.currentWidget() is dialog.result
    QTest.mouseClick(dialog.result.discard, LEFT)
    until(lambda: run.state == "idle" and page.casebook.idle, ms=LONG)
    assert dialog.stack.currentWidget() is dialog.setup
    page.close()
    assert stored_run(home) == ("done", "discarded")
    assert {m.card.id for m in store.find_models("chest-cardiomegaly") if not m.shipped} == {"small-1", "small-2"}


def test_a_killed_engine_leaves_a_run_that_a_new_window_resumes(
    qtbot: QtBot, start: Start, fill: Callable[..., list[int]], models: Path, home: Path
) -> None:
    fill(12)
    page = start(engine=True)
    dialog, run = opened(qtbot, page, 12), page.tuning.run
    QTest.mouseClick(dialog.setup.start, LEFT)
    until(lambda: len(run.history) >= 2, ms=LONG)
    pid = page.runner.training_pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    until(lambda: run.state == "interrupted" and page.casebook.idle, ms=LONG)
    assert dialog.live.resume.isVisible()
    assert dialog.live.notices.isVisible()
    folder = Path(run.request.folder)
    page.close()
    assert stored_run(home) == ("interrupted", None)

    second = start(engine=True)
    until(lambda: second.messages.find("interrupted"), ms=LONG)
    message = second.messages.find("interrupted")
    buttons = {b.text(): b for b in message.findChildren(QPushButton)}
    assert set(buttons) == {"Resume", "Discard"}
    QTest.mouseClick(buttons["Resume"], LEFT)
    until(lambda: second.tuning.run.state == "done", ms=LONG)
    assert Path(second.tuning.run.request.folder) == folder
    assert [e.epoch for e in second.tuning.run.history] == list(range(1, 13))
    until(lambda: second.tuning.dialog is not None, ms=LONG)
    assert second.tuning.dialog.stack.currentWidget() is second.tuning.dialog.result
    assert read_card(Path(second.tuning.run.result.folder) / "card.json").parent == "small-1"


def test_discarding_an_interrupted_run_is_remembered(
    start: Start, fill: Callable[..., list[int]], models: Path, home: Path
) -> None:
    ids = fill(12)
    with Casebook.open_default() as book:
        run = book.runs.start("difference", [(ids[0], "train")])
        book.runs.finish(run, "interrupted")
    page = start()
    until(lambda: page.messages.find("interrupted"), ms=LONG)
    page.messages.press("Discard", page.messages.find("interrupted"))
    until(lambda: page.casebook.idle, ms=LONG)
    page.close()
    assert stored_run(home) == ("interrupted", "discarded")
    again = start()
    again.wait_idle()
    assert again.messages.find("interrupted") is None


def test_methods_are_ranked_and_another_one_is_kept(
    qtbot: QtBot, start: Start, fill: Callable[..., list[int]], models: Path, home: Path
) -> None:
    fill(12)
    page = start(engine=True)
    dialog, run = opened(qtbot, page, 1), page.tuning.run
    QTest.mouseClick(dialog.setup.start, LEFT)
    until(lambda: run.state == "done", ms=LONG)
    own = run.result
    QTest.mouseClick(dialog.result.try_others, LEFT)
    until(lambda: run.state == "done" and len(run.results) == len(METHODS), ms=LONG)
    table = dialog.result.methods
    assert table.rowCount() == len(METHODS)
    assert {r.method for r in run.results} == set(METHODS)
    ranks = [r.validation["val_agreement"] for r in run.results]
    assert ranks == sorted(ranks, reverse=True)
    index = next(i for i, r in enumerate(run.results) if r.method == "cyborg")
    table.selectRow(index)
    assert dialog.result.result is run.results[index]
    assert dialog.result.headline.text() == run.results[index].verdict.headline
    QTest.mouseClick(dialog.result.keep, LEFT)
    until(lambda: bool(dialog.result.kept_words.text()) and page.casebook.idle and page.idle, ms=LONG)
    assert store.default_model("chest-cardiomegaly").card.method == "cyborg"
    assert store.default_model("chest-cardiomegaly").card.weights_sha256 != own.model.weights_sha256
    page.close()
    with Casebook.open(home / "Casebook.casebook", read_only=True) as book:
        kept = [(r.method, r.decision) for r in book.runs.rows()]
    assert kept[0] == ("cyborg", "kept")
