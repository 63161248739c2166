"""Many cases analysed in the window by a real engine: paused, cancelled, and gone on with after kill -9."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QPushButton
from pytestqt.qtbot import QtBot

from divisive_desktop.casebook import Casebook, NewImage
from divisive_desktop.desktop import application
from divisive_desktop.desktop.session.settings import Settings
from divisive_desktop.desktop.window import MainWindow
from divisive_desktop.engine.messages import EngineReady

MS = 90_000
FILMS = 32
TESTS = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def small_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two models that answer in a moment, made in a process of its own."""
    root = tmp_path_factory.mktemp("small")
    environment = {**os.environ, "DIVISIVE_DESKTOP_HOME": str(root)}
    script = TESTS / "desktop" / "features" / "finetuning" / "small_model.py"
    subprocess.run([sys.executable, script, root], env=environment, check=True)
    return root / "models"


@pytest.fixture
def films(home: Path, small_models: Path, tmp_path: Path) -> list[Path]:
    """Radiographs in the user's own casebook, the models installed."""
    (home / "models").symlink_to(small_models)
    folder = tmp_path / "films"
    folder.mkdir()
    paths = [folder / f"film{i:02}.png" for i in range(FILMS)]
    for i, path in enumerate(paths):
        values = np.random.default_rng(i).integers(0, 255, (96, 96)).astype(np.uint8)
        path.write_bytes(cv2.imencode(".png", values)[1].tobytes())
    with Casebook.open_default() as book:
        book.cases.add_all([NewImage(p, kind="radiograph", width=96, height=96) for p in paths], task="chest-xray")
    return paths


@pytest.fixture
def begin(qtbot: QtBot, settings: Settings, films: list[Path]) -> Iterator[Callable[[], MainWindow]]:
    settings.analyse_on_opening = False
    windows: list[MainWindow] = []

    def start() -> MainWindow:
        window = application.build(settings)
        windows.append(window)
        with qtbot.waitSignal(window.viewerReady, timeout=MS):
            window.show()
        window.runner.start_engine("cpu")
        qtbot.waitUntil(lambda: isinstance(window.runner.engine, EngineReady), timeout=MS)
        book = window.session.casebook
        qtbot.waitUntil(lambda: book.current is not None and book.idle, timeout=MS)
        return window

    yield start
    for window in windows:
        window.close()
        window.deleteLater()
    QApplication.processEvents()


def analysed(window: MainWindow) -> int:
    return sum(1 for case in window.session.cases if case.verdict is not None)


def times_done(book: Casebook) -> Counter[Any]:
    """How often each item of any batch was done, as the record of acts says."""
    acts = book.audit.trail(limit=10_000)
    return Counter(
        r.parameters["item"] for r in acts if r.act == "batch-item" and r.parameters["state"] == "done"
    )


def press(qtbot: QtBot, window: MainWindow, text: str) -> None:
    button = next(b for b in window.messages.messages()[0].findChildren(QPushButton) if b.text() == text)
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def test_a_batch_is_paused_taken_up_and_cancelled(qtbot: QtBot, begin: Callable[[], MainWindow]) -> None:
    window = begin()
    work, status = window.session, window.status
    window.actions_["analyse-all"].trigger()
    qtbot.waitUntil(lambda: analysed(window) >= 4, timeout=MS)
    qtbot.mouseClick(status.pause, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: work.batch.paused is not None, timeout=MS)
    so_far = analysed(window)
    assert so_far < FILMS
    assert f"Paused: {FILMS - so_far} images left" in status.title.text()
    assert window.actions_["pause"].isChecked()
    assert not window.actions_["analyse-all"].isEnabled(), "one at a time"

    qtbot.mouseClick(status.pause, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: analysed(window) > so_far, timeout=MS)
    qtbot.mouseClick(status.cancel, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not work.batch_running and work.casebook.idle, timeout=MS)
    kept = analysed(window)
    assert kept >= so_far, "what is done stays done"
    book = work.casebook.current
    assert book.batches.rows(unfinished=True) == [], "cancelled: not offered again"
    assert sum(row.analysis is not None for row in book.cases.rows()) == kept

    window.actions_["analyse-all"].trigger()
    qtbot.waitUntil(lambda: analysed(window) == FILMS and not work.batch_running, timeout=MS)
    qtbot.waitUntil(lambda: work.casebook.idle, timeout=MS)
    assert len(times_done(book)) == FILMS
    assert set(times_done(book).values()) == {1}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills processes the way of POSIX")
def test_after_kill_9_a_new_window_goes_on_and_repeats_nothing(
    qtbot: QtBot, begin: Callable[[], MainWindow], films: list[Path], tmp_path: Path
) -> None:
    path = Casebook.default_path()
    script = (
        "import sys; sys.path.insert(0, sys.argv[1]); from pathlib import Path; from window_life import live;"
        "live('batch', Path(sys.argv[2]), 1, 1)"
    )
    for _ in range(5):
        life = subprocess.Popen(
            [sys.executable, "-c", script, TESTS / "durability", path], stdout=subprocess.PIPE, text=True
        )
        acknowledged = set()
        for line in life.stdout:
            word, key, _ = json.loads(line)
            if word == "done":
                acknowledged.add(int(key.split()[1]))
                break
        life.kill()
        life.stdout.close()
        life.wait()
        with Casebook.open(path) as book:
            left = [b for b in book.batches.rows(unfinished=True) if b.pending]
            before = times_done(book)
        if left:
            break
    (status,) = left
    assert acknowledged <= set(before)

    window = begin()
    assert f"{status.pending} images left of {FILMS}" in window.messages.messages()[0].text
    # The analyst begins something else first: what was interrupted waits for it, and both come to their end.
    window.session.batch.start([window.session.cases.case(0)])
    assert window.session.batch.running
    press(qtbot, window, "Go on")
    book = window.session.casebook.current
    qtbot.waitUntil(lambda: window.session.casebook.idle and not book.batches.rows(unfinished=True), timeout=MS)
    qtbot.waitUntil(lambda: not window.session.batch_running, timeout=MS)
    done = times_done(book)
    assert set(done.values()) == {1}, "nothing is analysed twice"
    assert set(done) >= set(before)
    assert all(row.analysis is not None for row in book.cases.rows())
    assert analysed(window) == FILMS
