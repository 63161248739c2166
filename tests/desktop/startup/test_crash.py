"""When the program itself fails: it ends instead of hanging, and its log names nobody."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from divisive_desktop import paths
from divisive_desktop.desktop.startup import crash


def test_an_exception_in_a_slot_ends_a_headless_run_with_an_exit_code(home: Path) -> None:
    script = (
        "from PySide6.QtCore import QTimer\n"
        "from divisive_desktop.desktop import application\n"
        "from divisive_desktop.desktop.startup import crash\n"
        "a = application.application()\n"
        "crash.install()\n"
        "QTimer.singleShot(0, lambda: 1 / 0)\n"
        "raise SystemExit(a.exec())\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 70
    assert "ZeroDivisionError" in done.stderr


@pytest.mark.parametrize(
    "line",
    [
        "can't read /home/ana/Patients/Miller, Jane/ct.dcm",
        r"can't read C:\Users\ana\Miller\ct.dcm",
        'File "/home/ana/Miller_Jane.dcm" is broken',
    ],
)
def test_the_log_keeps_no_paths_of_the_user(home: Path, tmp_path: Path, line: str) -> None:
    handler = crash.start_log()
    try:
        logging.getLogger("divisive_desktop.test").error(line)
    finally:
        crash.stop_log(handler)
    crash.write_log(tmp_path / "saved.log")
    text = (tmp_path / "saved.log").read_text()
    assert "Divisive Desktop" in text
    assert "ana" not in text
    assert "Miller" not in text
    assert "Jane" not in text
    assert "read <path>" in text or '"<path>" is broken' in text


def test_tracebacks_keep_the_place_in_the_code() -> None:
    text = 'File "/usr/lib/python3/site-packages/divisive_desktop/desktop/window.py", line 3'
    assert crash.without_paths(text) == 'File "desktop/window.py", line 3'
    assert crash.without_paths("ready after 3 s, 1/2 done, on/off") == "ready after 3 s, 1/2 done, on/off"


@pytest.mark.parametrize(
    "line",
    [
        "KeyError: 'Miller^Jane'",
        "/usr/lib/pydicom/valuerep.py:440: UserWarning: Invalid value for VR PN: 'Miller^Jane'",
        "UserWarning: Invalid value for VR PN: 'Miller^Jane'",
        "(0010,0010) Patient's Name                      PN: 'Miller^Jane'",
        "divisive_desktop.errors.TruncatedImageError: Miller Jane.dcm is cut off: 3 of 8 bytes are there.",
        "could not decode miller_JANE.DCM again",
        '  what: "Miller\\"s film"',
    ],
)
def test_a_saved_log_of_the_engine_names_nobody(home: Path, tmp_path: Path, line: str) -> None:
    log = paths.user_log_dir() / "engine.log"
    log.parent.mkdir(parents=True)
    log.write_text(f"Engine starts, torch 2.13\n{line}\n", encoding="utf-8")
    crash.write_log(tmp_path / "saved.log")
    text = (tmp_path / "saved.log").read_text(encoding="utf-8")
    assert "Engine starts, torch 2.13" in text
    assert "miller" not in text.lower()
    assert "jane" not in text.lower()


def test_a_saved_traceback_still_says_where_and_what() -> None:
    text = (
        "Traceback (most recent call last):\n"
        '  File "/opt/lib/divisive_desktop/desktop/window.py", line 3, in show\n'
        '    value = record["PatientName"]\n'
        "KeyError: 'PatientName'\n"
    )
    assert crash.for_others(text) == (
        "Traceback (most recent call last):\n"
        '  File "desktop/window.py", line 3, in show\n'
        '    value = record["PatientName"]\n'
        "KeyError: '<text>'\n"
    )


CRASHES = """
import ctypes
from divisive_desktop import paths
from divisive_desktop.desktop.startup import crash
paths.user_log_dir().mkdir(parents=True)
crash.start_traces()
ctypes.string_at(0)
"""


def test_a_crash_of_the_interpreter_leaves_a_trace_and_is_told_once(home: Path, tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", CRASHES], capture_output=True, timeout=60, check=False)
    assert done.returncode != 0
    told: list[tuple[object, ...]] = []
    crash.tell_of_last_time(lambda *message: told.append(message))
    crash.tell_of_last_time(lambda *message: told.append(message))
    assert len(told) == 1
    assert "crashed last time" in str(told[0])
    crash.write_log(tmp_path / "saved.log")
    text = (tmp_path / "saved.log").read_text(encoding="utf-8")
    assert "egmentation fault" in text or "access violation" in text
    assert "string_at" in text


def test_a_clean_end_leaves_no_trace_file_and_tells_nothing(home: Path) -> None:
    paths.user_log_dir().mkdir(parents=True)
    script = "from divisive_desktop.desktop.startup import crash; crash.start_traces()()"
    subprocess.run([sys.executable, "-c", script], timeout=60, check=True)
    assert not list(paths.user_log_dir().iterdir())
    crash.tell_of_last_time(lambda *message: pytest.fail("nothing crashed"))


def test_a_log_that_cannot_be_written_is_told(
    qtbot: QtBot, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(crash.QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "no" / "x.log"), ""))
    monkeypatch.setattr(crash.QMessageBox, "warning", lambda *words: told.append(str(words[-1])))
    crash.save_log()
    assert len(told) == 1
    assert "another folder" in told[0]
