"""A second start hands its files over: with real processes, a killed one, one that hangs, other users' folders."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from multiprocessing.connection import Client
from pathlib import Path

import psutil
import pytest
from PySide6.QtCore import QEvent, QUrl
from PySide6.QtGui import QFileOpenEvent
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from divisive_desktop import paths
from divisive_desktop.desktop.startup import single_instance as module
from divisive_desktop.desktop.startup.single_instance import FilesFromDesktop, Instance
from tests.desktop.pages import until

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="folders and signals of Unix")

HOLDS = """
import os, signal, sys, time
from pathlib import Path
from divisive_desktop.desktop.startup.single_instance import Instance
one = Instance(Path(sys.argv[1]))
print(one.claim(), flush=True)
os.kill(os.getpid(), signal.SIGSTOP)  # hangs: never answers
"""


@pytest.fixture
def runtime(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path_factory.mktemp("run")
    folder.chmod(0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder))
    return folder


@pytest.fixture
def holder(home: Path, runtime: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that has the claim, and hangs."""
    command = [sys.executable, "-c", HOLDS, str(runtime)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "True\n"
        until(lambda: psutil.Process(process.pid).status() == psutil.STATUS_STOPPED, "a process that hangs")
        yield process
        process.kill()


def start(arguments: list[object], **options: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options
    )  # type: ignore[call-overload, no-any-return]


def test_the_second_start_hands_its_files_to_the_first_window(home: Path, runtime: Path, rg1: Path) -> None:
    samples = paths.resources_dir() / "selftest"
    window = ["-m", "tests.desktop.startup.window_process", "rle.dcm", samples / "jpeg-ls.dcm"]
    with start(window, cwd=Path(__file__).resolve().parents[3]) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "opened jpeg-ls.dcm\n"
        begun = time.monotonic()
        # A relative path, from another folder: the window has a working directory of its own.
        second = start(["-m", "divisive_desktop", "rle.dcm"], cwd=samples)
        said, errors = second.communicate(timeout=60)
        took = time.monotonic() - begun
        assert second.returncode == 0, errors
        assert said == ""
        said, errors = first.communicate(timeout=60)
        assert first.returncode == 0, errors
        assert said == "opened rle.dcm\n"
        assert took < 60
    assert not list(runtime.glob("*.sock"))
    assert not list(runtime.glob("*.lock"))


def test_two_in_one_process_pass_paths_and_options(qtbot: QtBot, home: Path, runtime: Path) -> None:
    one, other = Instance(runtime), Instance(runtime)
    assert one.claim()
    try:
        assert not other.claim()
        names = ["/a/Müller, Jane.dcm", "--samples", *(f"/folder/{n}.dcm" for n in range(5000))]
        with qtbot.waitSignal(one.asked) as asked:
            assert other.hand_over(names)
        assert asked.args == [names]
    finally:
        one.release()
    assert other.claim(), "the claim is free again"
    other.release()


@pytest.mark.parametrize(
    "raw",
    [
        b"rubbish", b'{"open": [1]}', b'{"open": [], "tokens": {"LD_PRELOAD": "x"}}', b"", b"[" * 100_000, b"\xff\xfe",
        b'{"open": 1e999}', b'{"open": ["/a"], "tokens": [["XDG_ACTIVATION_TOKEN", 1]]}', b"\x80\x04N.", bytes(1 << 20),
    ],
)
def test_what_is_no_message_of_ours_changes_nothing(qtbot: QtBot, home: Path, runtime: Path, raw: bytes) -> None:
    before = dict(os.environ)
    one, other = Instance(runtime), Instance(runtime)
    heard: list[list[str]] = []
    one.asked.connect(lambda names: heard.append(names))
    assert one.claim()
    try:
        with Client(one.address) as connection:
            connection.send_bytes(raw)
            with pytest.raises(EOFError):
                connection.recv_bytes()
        Client(one.address).close()  # connects and says nothing
        with qtbot.waitSignal(one.asked):
            assert other.hand_over(["/x.dcm"])
    finally:
        one.release()
    assert heard == [["/x.dcm"]]
    assert dict(os.environ) == before


def test_a_killed_window_leaves_nothing_that_matters(holder: subprocess.Popen[str], runtime: Path) -> None:
    second = Instance(runtime)
    assert not second.claim()
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert list(runtime.glob("*.sock")), "the socket stays behind"
    assert second.claim()
    second.release()


def test_a_window_that_hangs_does_not_keep_the_second_from_opening(
    holder: subprocess.Popen[str], runtime: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_PATIENCE_S", 0.3)
    second = Instance(runtime)
    assert not second.claim()
    assert not second.hand_over(["/x.dcm"])


def test_another_data_folder_is_another_window(
    holder: subprocess.Popen[str], runtime: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIVISIVE_DESKTOP_HOME", str(tmp_path / "other"))
    other = Instance(runtime)
    assert other.claim()
    other.release()


def test_a_folder_that_others_can_write_to_is_not_used(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(shared))
    monkeypatch.setattr(module.tempfile, "gettempdir", lambda: str(tmp_path))
    chosen = module._private_folder()
    assert chosen.parent == tmp_path
    assert chosen.stat().st_mode & 0o777 == 0o700
    # Somebody else was there first, with a link to a folder of theirs.
    chosen.rmdir()
    chosen.symlink_to(shared)
    monkeypatch.setattr(module.tempfile, "tempdir", str(tmp_path))
    safe = module._private_folder()
    assert safe.resolve() != shared.resolve()
    assert safe.stat().st_mode & 0o777 == 0o700


def test_files_that_macos_asks_for_are_opened(qtbot: QtBot) -> None:
    app = QApplication.instance()
    assert app is not None
    files = FilesFromDesktop(app)
    heard: list[list[str]] = []
    files.asked.connect(lambda names: heard.append(names))
    try:
        QApplication.sendEvent(app, QFileOpenEvent(QUrl.fromLocalFile("/x/scan.dcm")))
        QApplication.sendEvent(app, QEvent(QEvent.Type.User))
    finally:
        app.removeEventFilter(files)
    assert heard == [["/x/scan.dcm"]]
