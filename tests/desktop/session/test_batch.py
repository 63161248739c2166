"""Many cases analysed in the window by a real engine: paused, cancelled, and gone on with after kill -9."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
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
from divisive_desktop.library import versions
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
        new = [NewImage(p, kind="radiograph", width=96, height=96) for p in paths]
        book.cases.add_all(new, task="chest-cardiomegaly")
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


POISON = """
import os, sys

def look(event, arguments):
    if event == "open" and any(name in str(arguments[0]) for name in os.environ["POISON"].split(",")):
        process = sys.modules.get("multiprocessing.process")
        if process is not None and process.current_process().name == "divisive-engine":
            os.kill(os.getpid(), 9)

sys.addaudithook(look)
"""
"""For an engine that stops whenever it opens certain files; `sitecustomize` is run by every new Python."""


@pytest.mark.timeout(600)
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="kills processes the way of POSIX")
def test_the_batch_goes_on_when_the_engine_stops_and_sets_aside_what_it_stops_on(
    qtbot: QtBot, begin: Callable[[], Page], films: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook = tmp_path / "hook"
    hook.mkdir()
    (hook / "sitecustomize.py").write_text(POISON)
    poison = films[9]
    monkeypatch.setenv("POISON", f"{poison.name},{hashlib.sha256(poison.read_bytes()).hexdigest()}")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(hook), os.environ.get("PYTHONPATH", "")]))
    page = begin()
    page.trigger("analyse-all")
    for done in (2, 14):  # and twice it is killed by chance
        qtbot.waitUntil(lambda done=done: analysed(page) >= done and page.runner.engine_pid is not None, timeout=4 * MS)
        os.kill(page.runner.engine_pid, signal.SIGKILL)
    qtbot.waitUntil(lambda: not page.batch_running, timeout=4 * MS)
    page.wait_written()
    book = page.book
    assert analysed(page) == FILMS - 1
    assert set(times_done(book).values()) == {1}, "nothing was analysed twice"
    (status,) = book.batches.rows()
    assert (status.done, status.failed, status.pending) == (FILMS - 1, 1, 0)
    (failed,) = book.batches.items(status.id, "failed")
    assert failed.error is not None
    assert failed.error["kind"] == "stops-engine"
    assert "was set aside" in failed.error["message"]
    assert any(f"1 of {FILMS} images could not be analysed" in text for text in page.messages.texts)


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


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills processes the way of POSIX")
@pytest.mark.parametrize("gone", [False, True], ids=["there", "gone"])
def test_a_resumed_batch_is_answered_by_the_version_that_it_began_with(
    qtbot: QtBot, begin: Callable[[], Page], home: Path, small_models: Path, gone: bool
) -> None:
    (home / "models").unlink()
    shutil.copytree(small_models, home / "models")
    page = begin()
    page.trigger("analyse-all")
    qtbot.waitUntil(lambda: analysed(page) >= 4, timeout=MS)
    qtbot.mouseClick(page.status.pause, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: page.batch.paused is not None, timeout=MS)
    page.wait_written()
    so_far = analysed(page)
    assert so_far < FILMS
    page.close()
    versions.activate("small-2")
    if gone:
        shutil.rmtree(home / "models" / "small-1")

    again = begin()
    again.messages.press("Go on")
    book = again.book
    qtbot.waitUntil(lambda: again.casebook.idle and not book.batches.rows(unfinished=True), timeout=MS)
    qtbot.waitUntil(lambda: not again.batch_running, timeout=MS)
    made_by = Counter((row.model, row.model_version) for row in book.cases.rows() if row.analysis is not None)
    assert made_by == {("small-1", "1"): so_far if gone else FILMS}
    (status,) = book.batches.rows()
    assert status.failed == (FILMS - so_far if gone else 0)
    for item in book.batches.items(status.id, "failed"):
        assert item.error is not None
        assert item.error["message"].startswith("The model small-1 version 1, which this work began with")
        assert "anew with the version in use" in item.error["remedy"]
