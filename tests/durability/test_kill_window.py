"""A few kills of the real window and engine in every run of the tests; two hundred by ``kill_window.py``."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills processes the way of POSIX")
def test_a_killed_window_loses_nothing_that_was_acknowledged() -> None:
    seed = int.from_bytes(os.urandom(3), "big")
    print(f"seed {seed}")  # shown whenever the test fails: kill_window.py --seed takes it
    script = Path(__file__).with_name("kill_window.py")
    ended = subprocess.run(
        [sys.executable, script, "--kills", "8", "--lives", "8", "--seed", str(seed)],  # each kind of work once
        capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, f"seed {seed}\n{ended.stdout}\n{ended.stderr}"
    assert "failures: 0" in ended.stdout
    for scenario in ("painting", "batch", "import", "export", "training", "report", "migration"):
        assert f"\n{scenario} " in ended.stdout
