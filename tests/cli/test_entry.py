"""Where the program starts: the window or the command line, and how light that is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from divisive_desktop import __version__
from divisive_desktop.cli.app import app
from divisive_desktop.cli.entry import COMMANDS
from tests.cli.conftest import run_without_display


def test_version_and_help_are_light() -> None:
    code = (
        "import sys\n"
        "from divisive_desktop.cli.entry import main\n"
        "try:\n    main(sys.argv[1:])\n"
        "finally:\n    assert not {'torch', 'cv2', 'numpy', 'PySide6', 'pydicom'} & set(sys.modules)\n"
    )
    for argument in ("--version", "--help"):
        done = subprocess.run([sys.executable, "-c", code, argument], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert (__version__ if argument == "--version" else "analyze") in done.stdout


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere there always is a display")
def test_files_or_nothing_open_the_window(rg1: Path, tmp_path: Path) -> None:
    for arguments in ((), ("--samples",), ("--safe-mode",), (rg1,), (rg1, tmp_path), ("--safe-mode", rg1)):
        done = run_without_display(*arguments, folder=tmp_path)
        assert done.returncode == 1, arguments
        assert "no display" in done.stderr
        assert "analyze" in done.stderr
    (tmp_path / "models").mkdir()  # a folder of a command's name doesn't stand in the command's way
    assert run_without_display("models", folder=tmp_path).returncode == 0
    mistyped = run_without_display("nothing-of-this-name.dcm", folder=tmp_path)
    assert mistyped.returncode == 2
    assert "nothing-of-this-name.dcm" in mistyped.stderr


def test_the_start_knows_the_commands() -> None:
    assert {c.name or c.callback.__name__ for c in app.registered_commands if c.callback} == COMMANDS
