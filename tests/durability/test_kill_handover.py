"""A few kills of export, copy, import and report in every run of the tests; more by ``kill_handover.py``."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills processes the way of POSIX")
def test_what_leaves_a_casebook_is_whole_or_not_there(tmp_path: Path) -> None:
    script = Path(__file__).with_name("kill_handover.py")
    ended = subprocess.run(
        [sys.executable, script, "--kills", "8"], capture_output=True, text=True, check=False,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )  # fmt: skip
    assert ended.returncode == 0, f"{ended.stdout}\n{ended.stderr}"
    assert "failures: 0" in ended.stdout
