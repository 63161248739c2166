"""The system ends the program while somebody paints and types: everything is kept, and nothing is left behind."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from PySide6.QtWidgets import QApplication

from divisive_desktop.casebook import Casebook, verify
from divisive_desktop.desktop.features.casebooks.notes_dialog import NotesDialog
from divisive_desktop.desktop.startup.ending import Ending
from tests.desktop.pages import Page, until

ROOT = Path(__file__).resolve().parents[3]


def _heard() -> None:
    """As a user's shell starts programs; what ``nohup`` or a script's background begins ignores these, and may."""
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)


@pytest.mark.skipif(sys.platform == "win32", reason="signals of Unix")
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGINT"])
def test_a_signal_closes_the_window_in_order(home: Path, pictures: Callable[[int], Path], name: str) -> None:
    command = [sys.executable, "-m", "tests.desktop.startup.ending_process", str(pictures(1))]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, cwd=ROOT, preexec_fn=_heard) as window:
        assert window.stdout is not None
        said: list[str] = []
        while "typed" not in said or len(said) < 6:
            line = window.stdout.readline().strip()
            assert line, window.communicate()[1]
            said.append(line)
        children = psutil.Process(window.pid).children(recursive=True)
        window.send_signal(getattr(signal, name))  # while it saves: a stroke is kept some 150 ms after it was made
        rest, errors = window.communicate(timeout=60)
    said += rest.split("\n")
    assert window.returncode == 0, errors
    assert "ended" in said, "in order, and not by the signal"
    assert "Traceback" not in errors
    assert "leaked" not in errors
    strokes = [line.removeprefix("stroke ") for line in said if line.startswith("stroke ")]
    with Casebook.open_default() as book:
        assert book.read_only is None, "the lock was given back"
        (row,) = book.cases.rows()
        mask = book.masks.load(row.id)
        assert mask is not None
        assert mask.digest() == strokes[-1], "the stroke that wasn't saved yet, too"
        assert row.notes == "half a senten"
    assert verify(Casebook.default_path()).ok
    _, alive = psutil.wait_procs(children, timeout=20)
    assert not alive


def test_what_was_done_is_kept_when_the_session_ends(page: Page, pictures: Callable[[int], Path]) -> None:
    """The window stays: another program may have kept the user from logging out."""
    page.begin_opening(pictures(1))
    page.paint.wait_ready()
    page.wait_quiet()
    page.trigger("notes")
    dialog = page.wait_for(NotesDialog)
    dialog.text.setPlainText("half a senten")
    page.paint.brush((10, 10), (30, 20))
    page.label(1)
    assert not page.paint.nothing_to_save
    app = QApplication.instance()
    assert isinstance(app, QApplication)
    ending = Ending(app)
    try:
        ending.sessionEnds.connect(page.window.keep)
        ending.sessionEnds.emit()
    finally:
        ending.release()
    with Casebook.open(Casebook.default_path(), read_only=True) as book:  # as it is on the disk at this moment
        (row,) = book.cases.rows()
        mask = book.masks.load(row.id)
        assert mask is not None
        assert mask.digest() == page.paint.mask.digest()
        assert (row.label, row.notes) == (1, "half a senten")
    assert page.window.isVisible()
    assert dialog.isVisible()
    dialog.reject()
    until(lambda: page.find(NotesDialog) is None, "no question about what is kept already")


@pytest.mark.skipif(sys.platform == "win32", reason="signals of Unix")
def test_signals_are_handled_as_before_afterwards(qapp: QApplication) -> None:
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)]
    ending = Ending(qapp)
    asked: list[float] = []
    ending.asked.connect(lambda: asked.append(time.monotonic()))
    signal.raise_signal(signal.SIGTERM)
    until(lambda: asked, "the signal")
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)] == before
    ending.release()
    assert len(asked) == 1
