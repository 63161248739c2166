"""A sample of the fuzzing run; ``FUZZ_CASES=2000`` makes it the whole (or run tests/benchmarks/fuzz_imaging.py)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[1] / "benchmarks" / "fuzz_imaging.py"
CASES = int(os.environ.get("FUZZ_CASES", "200"))


@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited with RLIMIT_AS and /proc")
@pytest.mark.timeout(30 + CASES)
def test_damaged_files_give_a_picture_or_a_typed_error() -> None:
    command = [sys.executable, str(SCRIPT), "--cases", str(CASES), "--seed", "11", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    figures = json.loads(done.stdout)
    assert figures["cases"] == CASES
    assert figures["bad"] == []
    assert figures["memory_mb"] < 2048
    # Most wounds must bite, and some must not, or the run proves little.
    assert 0.1 < figures["outcomes"]["ok"] / CASES < 0.9
    assert len(figures["outcomes"]) >= 5
