"""Safe mode: whatever the settings say, the window opens as at the first start, and leaves the settings alone."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = "[appearance]\ntheme=dark\n[engine]\ndevice=cuda:7\n[privacy]\nidentity=true\n"


def test_safe_mode_uses_and_changes_no_setting_and_no_graphics_card(home: Path) -> None:
    (home / "settings.ini").write_text(SETTINGS)
    command = [sys.executable, "-m", "tests.desktop.safe_window"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["theme"] == "system"
    assert found["identity"] == [False, False], "screen and exports agree"
    assert (found["device"], found["gpus"]) == ("cpu", "")
    assert any("Safe mode" in text for text in found["message"])
    assert (home / "settings.ini").read_text() == SETTINGS
