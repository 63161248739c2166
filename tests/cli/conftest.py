"""What the tests of the commands share: running one in this process or without a display, and its inputs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from jsonschema import Draft202012Validator
from PIL import Image

from divisive_desktop import paths
from divisive_desktop.cli.entry import main
from tests.training.conftest import small_data  # noqa: F401  # fixture

MODEL = ("--model", "seeded-chest", "--device", "cpu")
Capture = pytest.CaptureFixture[str]


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as left:
        main([str(a) for a in arguments])
    return int(left.value.code or 0)


def run_without_display(*arguments: object, folder: Path) -> subprocess.CompletedProcess[str]:
    without = {"DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"}
    return subprocess.run(
        [sys.executable, "-m", "divisive_desktop", *map(str, arguments)],
        cwd=folder, env={name: value for name, value in os.environ.items() if name not in without},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def photograph(path: Path, width: int = 80, height: int = 60, seed: int = 0) -> Path:
    pixels = np.random.default_rng(seed).integers(0, 255, (height // 4 + 1, width // 4 + 1, 3), np.uint8)
    data = cv2.imencode(".png", cv2.resize(pixels, (width, height)))[1]
    path.write_bytes(data.tobytes())
    return path


@pytest.fixture(scope="module")
def schema() -> Draft202012Validator:
    return Draft202012Validator(json.loads((paths.resources_dir() / "analysis.schema.json").read_text()))


@pytest.fixture
def astronaut(tmp_path: Path) -> Path:
    """A real face as a photograph that tells where it was taken and who is on it."""
    data = pytest.importorskip("skimage.data")
    exif = Image.Exif()
    exif[0x010E] = "Portrait of Eileen Collins"
    exif[0x013B] = "Photographer Smith"
    exif.get_ifd(0x8825).update({1: "N", 2: (52.0, 31.0, 12.0), 3: "E", 4: (13.0, 24.0, 36.0), 29: "1999:07:23"})
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><dc:creator>Eileen Collins</dc:creator></x:xmpmeta>'
    path = tmp_path / "Eileen Collins.jpg"
    Image.fromarray(data.astronaut()).save(path, exif=exif, xmp=xmp, comment=b"Eileen Collins, Houston")
    assert b"Eileen" in path.read_bytes()
    return path
