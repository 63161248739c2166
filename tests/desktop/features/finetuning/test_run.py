"""A run in the real window with the real engine: click, watch, judge, keep; stop, kill, resume."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

from divisive_desktop.casebook import Casebook
from divisive_desktop.desktop.features.finetuning.dialog import FineTuneDialog
from divisive_desktop.desktop.window import MainWindow
from divisive_desktop.engine.finetuning.messages import METHODS
from divisive_desktop.library import store
from divisive_desktop.library.card import read_card

LEFT = Qt.MouseButton.LeftButton
LONG = 120_000
Show = Callable[..., MainWindow]


def opened(qtbot: QtBot, window: MainWindow, epochs: int) -> FineTuneDialog:
    """The fine-tuning window with everything chosen but the number of epochs as it comes."""
    window.actions_["finetune"].trigger()
    qtbot.waitUntil(lambda: window.finetuning.prepared is not None, timeout=LONG)
    dialog = window.finetuning.dialog
    assert dialog is not None
    before = window.finetuning.prepared
    dialog.setup.epochs.setValue(epochs)
    qtbot.waitUntil(lambda: window.finetuning.prepared is not before, timeout=10_000)
    return dialog


def wait(qtbot: QtBot, condition: Callable[[], bool]) -> None:
    qtbot.waitUntil(condition, timeout=LONG)


def stored_run(home: Path) -> tuple[str, str | None]:
    """State of the newest run in the casebook, and what was decided."""
    with Casebook.open(home / "Casebook.casebook", read_only=True) as book:
        row = book.runs.rows()[0]
        return row.state, row.decision


def test_from_click_to_a_version_that_analyses(
    qtbot: QtBot, show: Show, fill: Callable[..., list[int]], models: Path, home: Path
) -> None:
    fill(12)
    window = show(engine=True)
    case = next(iter(window.session.cases))
    window.session.select(case)
    wait(qtbot, lambda: window.session.record is not None)
    window.actions_["analyse"].trigger()
    wait(qtbot, lambda: case.analysis is not None)
    assert case.analysis.model.id == "small-1"
    dialog, run = opened(qtbot, window, 3), window.finetuning.run
    dialog.setup.name.setText("small-3")
    wait(qtbot, lambda: window.finetuning.prepared.request.new_id == "small-3" and bool(dialog.setup.time.text()))
    QTest.mouseClick(dialog.setup.start, LEFT)
    wait(qtbot, lambda: dialog.live.gallery.epoch >= 1)
    assert dialog.stack.currentWidget() is dialog.live
    wait(qtbot, lambda: run.state == "done")

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
    wait(qtbot, lambda: result.compare.shown is not None)
    before, after = result.compare.shown
    assert (before.model.id, after.model.weights_sha256) == ("small-1", run.result.model.weights_sha256)
    assert not np.array_equal(before.cams, after.cams)
    first = result.compare.case().id
    QTest.mouseClick(result.compare.next, LEFT)
    wait(qtbot, lambda: result.compare.case().id != first and result.compare.shown is not None)

    # Kept, in use, and older analyses name the version that made them
    QTest.mouseClick(result.keep, LEFT)
    wait(qtbot, lambda: bool(result.kept_words.text()) and window.runner.idle and window.session.casebook.idle)
    kept = store.default_model("chest-xray")
    assert kept.card.id == "small-3"
    assert kept.card.parent == "small-1"
    assert not result.keep.isVisible()
    assert case.analysis.model.id == "small-1"
    window.actions_["analyse"].trigger()
    wait(qtbot, lambda: case.analysis is not None and window.session.casebook.idle)
    assert case.analysis.model.weights_sha256 == run.result.model.weights_sha256
    window.close()
    assert stored_run(home) == ("done", "kept")
    with Casebook.open(home / "Casebook.casebook", read_only=True) as book:
        made_by = {row.model for row in book.analyses.rows(case.id)}
    assert made_by == {"small-1", "small-3"}


def test_cancel_keeps_what_was_learned_and_can_be_measured_or_resumed(
    qtbot: QtBot, show: Show, fill: Callable[..., list[int]], models: Path, home: Path
) -> None:
    fill(12)
    window = show(engine=True)
    dialog, run = opened(qtbot, window, 150), window.finetuning.run
    QTest.mouseClick(dialog.setup.start, LEFT)
    wait(qtbot, lambda: len(run.history) >= 2)
    QTest.mouseClick(dialog.live.pause, LEFT)
    assert run.state == "paused"
    qtbot.wait(1000)
    held = len(run.history)
    qtbot.wait(1000)
    assert len(run.history) == held < 150
    pid = window.runner.engine_pid
    QTest.mouseClick(dialog.live.cancel, LEFT)
    wait(qtbot, lambda: run.state == "cancelled" and window.session.casebook.idle)
    assert window.runner.engine_pid == pid  # it answered within the two seconds after which it would have been killed
    assert dialog.live.resume.isVisible()
    assert dialog.live.conclude.isVisible()
    QTest.mouseClick(dialog.live.conclude, LEFT)
    wait(qtbot, lambda: run.state == "done")
    assert held <= len(run.result.history) < 150
    assert dialog.stack.currentWidget() is dialog.result
    QTest.mouseClick(dialog.result.discard, LEFT)
    wait(qtbot, lambda: run.state == "idle" and window.session.casebook.idle)
    assert dialog.stack.currentWidget() is dialog.setup
    window.close()
    assert stored_run(home) == ("done", "discarded")
    assert {m.card.id for m in store.find_models("chest-xray") if not m.shipped} == {"small-1", "small-2"}


def test_a_killed_engine_leaves_a_run_that_a_new_window_resumes(
    qtbot: QtBot, show: Show, fill: Callable[..., list[int]], models: Path, home: Path
) -> None:
    fill(12)
    window = show(engine=True)
    dialog, run = opened(qtbot, window, 12), window.finetuning.run
    QTest.mouseClick(dialog.setup.start, LEFT)
    wait(qtbot, lambda: len(run.history) >= 2)
    pid = window.runner.engine_pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    wait(qtbot, lambda: run.state == "interrupted" and window.session.casebook.idle)
    assert dialog.live.resume.isVisible()
    assert dialog.live.notices.isVisible()
    folder = Path(run.request.folder)
    window.close()
    assert stored_run(home) == ("interrupted", None)

    second = show(engine=True)
    wait(qtbot, lambda: any("interrupted" in m.text for m in second.messages.messages()))
    message = next(m for m in second.messages.messages() if "interrupted" in m.text)
    buttons = {b.text(): b for b in message.findChildren(QPushButton)}
    assert set(buttons) == {"Resume", "Discard"}
    QTest.mouseClick(buttons["Resume"], LEFT)
    wait(qtbot, lambda: second.finetuning.run.state == "done")
    assert Path(second.finetuning.run.request.folder) == folder
    assert [e.epoch for e in second.finetuning.run.history] == list(range(1, 13))
    wait(qtbot, lambda: second.finetuning.dialog is not None)
    assert second.finetuning.dialog.stack.currentWidget() is second.finetuning.dialog.result
    assert read_card(Path(second.finetuning.run.result.folder) / "card.json").parent == "small-1"


def test_discarding_an_interrupted_run_is_remembered(
    qtbot: QtBot, show: Show, fill: Callable[..., list[int]], models: Path, home: Path
) -> None:
    ids = fill(12)
    with Casebook.open_default() as book:
        run = book.runs.start("difference", [(ids[0], "train")])
        book.runs.finish(run, "interrupted")
    window = show()
    wait(qtbot, lambda: any("interrupted" in m.text for m in window.messages.messages()))
    message = next(m for m in window.messages.messages() if "interrupted" in m.text)
    QTest.mouseClick(next(b for b in message.findChildren(QPushButton) if b.text() == "Discard"), LEFT)
    wait(qtbot, lambda: window.session.casebook.idle)
    window.close()
    assert stored_run(home) == ("interrupted", "discarded")
    again = show()
    qtbot.waitUntil(lambda: again.runner.idle, timeout=10_000)
    assert not any("interrupted" in m.text for m in again.messages.messages())


def test_methods_are_ranked_and_another_one_is_kept(
    qtbot: QtBot, show: Show, fill: Callable[..., list[int]], models: Path, home: Path
) -> None:
    fill(12)
    window = show(engine=True)
    dialog, run = opened(qtbot, window, 1), window.finetuning.run
    QTest.mouseClick(dialog.setup.start, LEFT)
    wait(qtbot, lambda: run.state == "done")
    own = run.result
    QTest.mouseClick(dialog.result.try_others, LEFT)
    wait(qtbot, lambda: run.state == "done" and len(run.results) == len(METHODS))
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
    wait(qtbot, lambda: bool(dialog.result.kept_words.text()) and window.session.casebook.idle and window.runner.idle)
    assert store.default_model("chest-xray").card.method == "cyborg"
    assert store.default_model("chest-xray").card.weights_sha256 != own.model.weights_sha256
    window.close()
    with Casebook.open(home / "Casebook.casebook", read_only=True) as book:
        kept = [(r.method, r.decision) for r in book.runs.rows()]
    assert kept[0] == ("cyborg", "kept")
