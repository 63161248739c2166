"""Commands where no torch is installed: what answers answers, and what teaches says what it lacks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from divisive_desktop import version
from divisive_desktop.cli.app import TEACHING
from divisive_desktop.engine import dispatch
from divisive_desktop.engine.finetuning.messages import SetPaused
from divisive_desktop.engine.worker import Worker
from divisive_desktop.errors import TeachingMissingError

WITHOUT = """
import sys
class Nothing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "lightning", "lightning_fabric"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Nothing())
from divisive_desktop.cli.entry import main
main()
"""


def command(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A command of the program, in a process whose Python finds no torch."""
    environment = {**os.environ, "DIVISIVE_DESKTOP_HOME": str(home)}
    return subprocess.run(
        [sys.executable, "-c", WITHOUT, *arguments], env=environment, capture_output=True, text=True, timeout=170
    )


def test_it_analyses_and_verifies_its_models(home: Path, rg1: Path, tmp_path: Path) -> None:
    done = command(home, "analyze", str(rg1), "--json", str(tmp_path / "out.json"))
    assert done.returncode == 0, done.stderr
    (answer,) = json.loads((tmp_path / "out.json").read_text())
    assert answer["answer"] in ("negative", "positive", "undecided")
    said = command(home, "--version").stdout
    assert "Viewer: without training" in said


@pytest.mark.parametrize("name", sorted(TEACHING))
def test_commands_that_teach_say_what_is_missing(home: Path, name: str, tmp_path: Path) -> None:
    done = command(home, name, *(["x"] * 2))
    assert done.returncode == 1, (done.stdout, done.stderr)
    assert "comes without" in done.stderr
    assert "divisive-desktop[training]" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_request_of_fine_tuning_is_refused_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(version, "can_teach", lambda: False)
    with pytest.raises(TeachingMissingError, match="Viewer"):
        dispatch.answer(Worker("cpu"), SetPaused("nowhere", True))
