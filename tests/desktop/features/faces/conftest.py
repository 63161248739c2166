"""A window with a model for faces, pictures with two, one and no face, and a hand that drags."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from divisive_desktop.desktop import application
from divisive_desktop.desktop.features.opening.samples import sample_paths
from divisive_desktop.desktop.session.settings import Settings
from divisive_desktop.desktop.viewer.canvas import Canvas
from divisive_desktop.desktop.viewer.maps import PaneKind
from divisive_desktop.desktop.window import MainWindow
from divisive_desktop.explanation.analysis import Analysis
from divisive_desktop.imaging.faces import Framing, framing_of

ENGINE_MS = 90_000
Point = tuple[float, float]
LEFT, NONE = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier


@pytest.fixture(scope="session")
def made_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One model for radiographs, one for faces, made in a process of its own."""
    home = tmp_path_factory.mktemp("made-faces")
    script = Path(__file__).parents[2] / "seeded_model.py"
    environment = {**os.environ, "DIVISIVE_DESKTOP_HOME": str(home)}
    for name, task in (("seeded-chest", "chest-xray"), ("seeded-face", "face-manipulation")):
        subprocess.run([sys.executable, script, home / "models" / name, task], env=environment, check=True)
    return home / "models"


@dataclass
class Program:
    """The running window, and a hand in its image pane (image coordinates)."""

    window: MainWindow
    qtbot: QtBot

    def quiet(self) -> None:
        """Wait until nothing runs or waits, and everything is written."""
        w = self.window
        self.qtbot.waitUntil(
            lambda: w.runner.idle and w.session.casebook.idle and not w.faces.waiting, timeout=ENGINE_MS
        )

    def open(self, file: Path) -> None:
        with self.qtbot.waitSignal(self.window.session.recordReady, timeout=20_000):
            self.window.session.opening.open_paths([file])
        self.quiet()

    def choose(self, file: Path) -> None:
        """Make a case of the list the current one."""
        with self.qtbot.waitSignal(self.window.session.recordReady, timeout=20_000):
            self.window.session.select(next(c for c in self.window.session.cases if c.path == file))
        self.quiet()

    @property
    def analysis(self) -> Analysis:
        assert self.window.session.current.analysis is not None
        return self.window.session.current.analysis

    @property
    def framing(self) -> Framing | None:
        return framing_of(self.analysis.preprocessing)

    @property
    def canvas(self) -> Canvas:
        return self.window.viewer.panes[PaneKind.IMAGE].canvas

    def at(self, x: float, y: float) -> QPointF:
        return self.canvas.transform().to_widget(x, y)

    def click(self, x: float, y: float) -> None:
        QTest.mouseClick(self.canvas, LEFT, NONE, self.at(x, y).toPoint())

    def drag(self, start: Point, end: Point, modifiers: Qt.KeyboardModifier = NONE, release: bool = True) -> None:
        self._send(QEvent.Type.MouseButtonPress, start, modifiers)
        for at in (((start[0] + end[0]) / 2, (start[1] + end[1]) / 2), end):
            self._send(QEvent.Type.MouseMove, at, modifiers)
        if release:
            self._send(QEvent.Type.MouseButtonRelease, end, modifiers)

    def key(self, key: Qt.Key, modifiers: Qt.KeyboardModifier = NONE) -> None:
        QTest.keyClick(self.window.viewer, key, modifiers)

    def _send(self, kind: QEvent.Type, at: Point, modifiers: Qt.KeyboardModifier) -> None:
        position = self.at(*at)
        button = Qt.MouseButton.NoButton if kind is QEvent.Type.MouseMove else LEFT
        held = Qt.MouseButton.NoButton if kind is QEvent.Type.MouseButtonRelease else LEFT
        event = QMouseEvent(kind, position, self.canvas.mapToGlobal(position), button, held, modifiers)
        QApplication.sendEvent(self.canvas, event)


@pytest.fixture
def start(qtbot: QtBot, settings: Settings, home: Path, made_models: Path) -> Iterator[Callable[[], Program]]:
    """Starts the program as often as wanted, each time with its engine."""
    (home / "models").symlink_to(made_models)
    windows: list[MainWindow] = []

    def begin() -> Program:
        window = application.build(settings)
        window.resize(1280, 800)
        windows.append(window)
        with qtbot.waitSignal(window.viewerReady, timeout=30_000):
            window.show()
        window.activateWindow()
        assert QTest.qWaitForWindowActive(window, 5000)
        window.runner.start_engine("cpu")
        made = Program(window, qtbot)
        made.quiet()
        return made

    yield begin
    for window in windows:
        window.close()
        window.deleteLater()
    QApplication.processEvents()


@pytest.fixture
def two_faces(tmp_path: Path) -> Path:
    """The same face twice, the left one half as large."""
    face = cv2.imdecode(np.fromfile(sample_paths()[-1], np.uint8), cv2.IMREAD_COLOR)
    scene = np.full((560, 1100, 3), 96, np.uint8)
    scene[100:356, 40:296] = cv2.resize(face, (256, 256), interpolation=cv2.INTER_AREA)
    scene[20:532, 560:1072] = face
    return saved(tmp_path / "two.png", scene)


@pytest.fixture
def grey_face(tmp_path: Path) -> Path:
    return saved(tmp_path / "grey.png", cv2.imread(str(sample_paths()[-1]), cv2.IMREAD_GRAYSCALE))


@pytest.fixture
def nobody(tmp_path: Path) -> Path:
    return saved(tmp_path / "nobody.png", np.random.default_rng(0).integers(0, 255, (300, 400, 3), np.uint8))


def saved(path: Path, pixels: np.ndarray) -> Path:
    path.write_bytes(cv2.imencode(path.suffix, pixels)[1].tobytes())
    return path
