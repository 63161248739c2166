"""When the program itself fails: it ends instead of hanging, and its log names nobody."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

import pytest

from divisive_desktop.desktop import crash


def test_an_exception_in_a_slot_ends_a_headless_run_with_an_exit_code(home: Path) -> None:
    script = (
        "from PySide6.QtCore import QTimer\n"
        "from divisive_desktop.desktop import app, crash\n"
        "a = app.application()\n"
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
