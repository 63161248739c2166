"""A real window for each test; the engine starts only where a test needs it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from PySide6.QtWidgets import QApplication

from divisive_desktop.desktop.session.settings import Settings
from divisive_desktop.explanation.analysis import Analysis, ModelRef
from divisive_desktop.explanation.decision import Decision
from divisive_desktop.explanation.scope import FAMILIAR
from tests.desktop.pages import Page, Start


@pytest.fixture
def settings(home: Path) -> Settings:
    return Settings()


@pytest.fixture
def quiet_settings(settings: Settings) -> Settings:
    """A window with these doesn't analyse on its own."""
    settings.analyse_on_opening = False
    return settings


@pytest.fixture
def page(qapp: QApplication, quiet_settings: Settings) -> Iterator[Page]:
    """A shown window whose viewer is ready; it doesn't analyse on its own, so that no engine starts."""
    made = Page.build(quiet_settings).show(active=True)
    yield made
    made.discard()


@pytest.fixture
def working_page(qapp: QApplication, settings: Settings, model: Path) -> Iterator[Page]:
    """A shown window with an installed model and an engine on its way."""
    made = Page.build(settings).show(active=True)
    made.start_engine()
    yield made
    made.discard()


@pytest.fixture
def start(qapp: QApplication, quiet_settings: Settings) -> Iterator[Start]:
    """Starts the program as often as wanted, one after the other or beside each other."""
    made: list[Page] = []

    def begin(casebook: Path | None = None, engine: bool = False) -> Page:
        page = Page.build(quiet_settings, casebook)
        made.append(page)
        page.show(active=True)
        if engine:
            page.start_engine()
        page.wait_quiet()
        return page

    yield begin
    for page in made:
        page.discard()


@pytest.fixture(scope="session")
def made_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder with ImageNet weights and a seeded head, made in a process of its own."""
    folder = tmp_path_factory.mktemp("made") / "models" / "seeded-test"
    environment = {**os.environ, "DIVISIVE_DESKTOP_HOME": str(folder.parent.parent)}
    subprocess.run([sys.executable, Path(__file__).with_name("seeded_model.py"), folder], env=environment, check=True)
    return folder


@pytest.fixture
def model(home: Path, made_model: Path) -> Path:
    """The model above, installed for this test's user."""
    (home / "models").mkdir()
    installed = home / "models" / made_model.name
    installed.symlink_to(made_model)
    return installed


@pytest.fixture
def analysis() -> Analysis:
    """A decided analysis with two regions that argue for class 1 and one that argues for class 0."""
    model = ModelRef("m", "1", "0" * 64, "difference", "chest-cardiomegaly", ("no finding", "abnormal"))
    cams = np.zeros((2, 14, 14), np.float32)
    cams[1, 2:5, 2:6], cams[1, 9:11, 9:12], cams[0, 10:13, 1:4] = 4.0, 3.0, 2.5
    logits = (float(cams[0].mean()), float(cams[1].mean()))
    region = (0, 0, 560, 420)
    return Analysis("f.png", "0" * 64, 0, (560, 420), region, model, "cpu", "float32", logits, (0.0, 0.0), cams, {},
                    scope=FAMILIAR, decision=Decision("measured", (0.02, 0.6)))  # fmt: skip


@pytest.fixture
def pictures(tmp_path: Path) -> Callable[[int], Path]:
    """Makes a folder with so many small grey pictures, no two alike."""

    def make(count: int) -> Path:
        folder = tmp_path / "pictures"
        folder.mkdir(exist_ok=True)
        ramp = np.add.outer(np.arange(40), np.arange(60)).astype(np.uint8)
        for i in range(count):
            ramp[0, 0], ramp[0, 1] = i % 256, i // 256
            (folder / f"picture{i:04d}.png").write_bytes(cv2.imencode(".png", ramp + np.uint8(i % 150))[1].tobytes())
        return folder

    return make
