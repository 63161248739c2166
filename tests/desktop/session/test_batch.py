"""Many cases analysed in the window by a real engine: paused, cancelled, and gone on with after kill -9."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from divisive_desktop.casebook import Casebook, NewImage
from tests.desktop.pages import Page, Start, until

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
def begin(start: Start, films: list[Path]) -> Callable[[], Page]:
    """Starts the program, with an engine that is ready, as often as wanted."""

    def begun() -> Page:
        page = start(engine=True)
        page.wait_engine()
        until(lambda: page.book_open and page.casebook.idle, "the casebook")
        return page

    return begun


def analysed(page: Page) -> int:
    return sum(1 for case in page.cases if case.verdict is not None)


def times_done(book: Casebook) -> Counter[Any]:
    """How often each item of any batch was done, as the record of acts says."""
    acts = book.audit.trail(limit=10_000)
    return Counter(
        r.parameters["item"] for r in acts if r.act == "batch-item" and r.parameters["state"] == "done"
    )


def test_a_batch_is_paused_taken_up_and_cancelled(qtbot: QtBot, begin: Callable[[], Page]) -> None:
    page = begin()
    status = page.status
    page.trigger("analyse-all")
    qtbot.waitUntil(lambda: analysed(page) >= 4, timeout=MS)
    qtbot.mouseClick(status.pause, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: page.batch.paused is not None, timeout=MS)
    so_far = analysed(page)
    assert so_far < FILMS
    assert f"Paused: {FILMS - so_far} images left" in status.title.text()
    assert page.checked("pause")
    assert not page.enabled("analyse-all"), "one at a time"

    qtbot.mouseClick(status.pause, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: analysed(page) > so_far, timeout=MS)
    qtbot.mouseClick(status.cancel, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not page.batch_running and page.casebook.idle, timeout=MS)
    kept = analysed(page)
    assert kept >= so_far, "what is done stays done"
    book = page.book
    assert book.batches.rows(unfinished=True) == [], "cancelled: not offered again"
    assert sum(row.analysis is not None for row in book.cases.rows()) == kept

    page.trigger("analyse-all")
    qtbot.waitUntil(lambda: analysed(page) == FILMS and not page.batch_running, timeout=MS)
    page.wait_written()
    assert len(times_done(book)) == FILMS
    assert set(times_done(book).values()) == {1}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills processes the way of POSIX")
def test_after_kill_9_a_new_window_goes_on_and_repeats_nothing(
    qtbot: QtBot, begin: Callable[[], Page], films: list[Path], tmp_path: Path
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

    page = begin()
    assert f"{status.pending} images left of {FILMS}" in page.messages[0].text
    # The analyst begins something else first: what was interrupted waits for it, and both come to their end.
    page.batch.start([page.case(0)])
    assert page.batch.running
    page.messages.press("Go on")
    book = page.book
    qtbot.waitUntil(lambda: page.casebook.idle and not book.batches.rows(unfinished=True), timeout=MS)
    qtbot.waitUntil(lambda: not page.batch_running, timeout=MS)
    done = times_done(book)
    assert set(done.values()) == {1}, "nothing is analysed twice"
    assert set(done) >= set(before)
    assert all(row.analysis is not None for row in book.cases.rows())
    assert analysed(page) == FILMS
