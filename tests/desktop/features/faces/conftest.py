"""A window with models for faces and irises, pictures with two, one and no face, and a hand that drags."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest
from PySide6.QtCore import Qt

from divisive_desktop.desktop.features.opening.samples import sample_paths
from divisive_desktop.desktop.session.settings import Settings
from divisive_desktop.explanation.analysis import Analysis
from divisive_desktop.imaging.framing import Framing, framing_of
from tests.desktop.pages import ENGINE_MS, Page, Start, until
from tests.imaging.eyes import drawn_eye

Point = tuple[float, float]
NONE = Qt.KeyboardModifier.NoModifier


@pytest.fixture(scope="session")
def made_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One model for radiographs, one for faces, one for irises, made in a process of its own."""
    home = tmp_path_factory.mktemp("made-faces")
    script = Path(__file__).parents[2] / "seeded_model.py"
    environment = {**os.environ, "DIVISIVE_DESKTOP_HOME": str(home)}
    for name, task in (("seeded-chest", "chest-cardiomegaly"), ("seeded-face", "face-manipulation"),
                       ("seeded-iris", "iris-attack")):  # fmt: skip
        subprocess.run([sys.executable, script, home / "models" / name, task], env=environment, check=True)
    return home / "models"


@dataclass
class Program:
    """The running window, and a hand in its image pane (image coordinates)."""

    page: Page

    def quiet(self) -> None:
        """Wait until nothing runs or waits, and everything is written."""
        until(lambda: self.page.quiet and not self.page.faces.waiting, "quiet", ENGINE_MS)

    def open(self, file: Path) -> None:
        self.page.open(file)
        self.quiet()

    def choose(self, file: Path) -> None:
        """Make a case of the list the current one."""
        self.page.go_to(next(c for c in self.page.cases if c.path == file))
        self.quiet()

    @property
    def analysis(self) -> Analysis:
        assert self.page.current.analysis is not None
        return self.page.current.analysis

    @property
    def framing(self) -> Framing | None:
        return framing_of(self.analysis.preprocessing)

    def click(self, x: float, y: float) -> None:
        self.page.hand.click(x, y)

    def drag(self, start: Point, end: Point, modifiers: Qt.KeyboardModifier = NONE, release: bool = True) -> None:
        half = (start[0] + end[0]) / 2, (start[1] + end[1]) / 2
        self.page.hand.drag(start, half, end, modifiers=modifiers, release=release)

    def key(self, key: Qt.Key, modifiers: Qt.KeyboardModifier = NONE) -> None:
        self.page.viewer_key(key, modifiers)


@pytest.fixture
def begin(start: Start, settings: Settings, home: Path, made_models: Path) -> Callable[[], Program]:
    """Starts the program as often as wanted, each time with its engine; it analyses what is opened."""
    (home / "models").symlink_to(made_models)
    settings.analyse_on_opening = True

    def begun() -> Program:
        made = Program(start(engine=True))
        made.quiet()
        return made

    return begun


@pytest.fixture
def two_faces(tmp_path: Path) -> Path:
    """The same face twice, the left one half as large."""
    face = cv2.imdecode(np.fromfile(sample_paths()[-1], np.uint8), cv2.IMREAD_COLOR)
    scene = np.full((560, 1100, 3), 96, np.uint8)
    scene[100:356, 40:296] = cv2.resize(face, (256, 256), interpolation=cv2.INTER_AREA)
    scene[20:532, 560:1072] = face
    return saved(tmp_path / "two.png", scene)


@pytest.fixture
def eye(tmp_path: Path) -> Path:
    return saved(tmp_path / "eye.png", drawn_eye(640, 480, (350, 230), 105, 34))


@pytest.fixture
def grey_face(tmp_path: Path) -> Path:
    return saved(tmp_path / "grey.png", cv2.imread(str(sample_paths()[-1]), cv2.IMREAD_GRAYSCALE))


@pytest.fixture
def nobody(tmp_path: Path) -> Path:
    return saved(tmp_path / "nobody.png", np.random.default_rng(0).integers(0, 255, (300, 400, 3), np.uint8))


def saved(path: Path, pixels: np.ndarray) -> Path:
    path.write_bytes(cv2.imencode(path.suffix, pixels)[1].tobytes())
    return path
