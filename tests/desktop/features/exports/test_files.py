"""Files of one case that leave the window."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtGui import QImage

from divisive_desktop.desktop.features.exports.files import write_json
from divisive_desktop.desktop.session.explaining import find_features
from divisive_desktop.desktop.ui.pictures import save_png
from divisive_desktop.errors import ExportError
from divisive_desktop.explanation.analysis import Analysis


def test_json_appears_whole_or_not_at_all(tmp_path: Path, analysis: Analysis) -> None:
    found = find_features(analysis, 1, None, None)
    target = tmp_path / "case.json"
    write_json(target, analysis, 1, found.features)
    written = json.loads(target.read_text(encoding="utf-8"))
    assert written["true_class_source"] == "label"
    assert written["true_class"] == 1
    assert list(tmp_path.iterdir()) == [target]
    with pytest.raises(ExportError, match=r"x\.json"):
        write_json(tmp_path / "no such folder" / "x.json", analysis, 1, found.features)


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk that holds a file ``before`` and takes next to nothing more."""
    mount = tmp_path / "full"
    mount.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(mount)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("mounting isn't permitted here")
    try:
        (mount / "before").write_text("what was exported before")
        (mount / "ballast").write_bytes(bytes(52_000))
        yield mount
    finally:
        subprocess.run(["umount", str(mount)], check=True)


def test_a_full_disk_leaves_what_was_there_and_nothing_half(full_disk: Path, analysis: Analysis) -> None:
    big = replace(analysis, cams=np.random.default_rng(0).normal(size=(2, 56, 56)).astype(np.float32))
    found = find_features(big, 1, None, None)
    noise = np.random.default_rng(1).integers(0, 255, (200, 800), np.uint8)
    picture = QImage(noise.tobytes(), 800, 200, 800, QImage.Format.Format_Grayscale8)
    with pytest.raises(ExportError, match="No space left") as told:
        write_json(full_disk / "before", big, 1, found.features)
    assert "free some space" in told.value.remedy
    assert not save_png(picture, full_disk / "before")
    assert (full_disk / "before").read_text() == "what was exported before"
    assert {path.name for path in full_disk.iterdir()} == {"before", "ballast"}
    (full_disk / "ballast").unlink()
    assert save_png(picture.scaled(100, 20), full_disk / "before")
    assert (full_disk / "before").read_bytes().startswith(b"\x89PNG")
