"""A casebook with labels and masks, small real models, and a window on them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from divisive_desktop.casebook import Casebook, NewImage
from divisive_desktop.masks.mask import Mask

SIDE = 96


@pytest.fixture(scope="session")
def made_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two small models, the second one trained from the first, made in a process of its own."""
    root = tmp_path_factory.mktemp("small")
    environment = {**os.environ, "DIVISIVE_DESKTOP_HOME": str(root)}
    subprocess.run([sys.executable, Path(__file__).with_name("small_model.py"), root], env=environment, check=True)
    return root / "models"


@pytest.fixture
def models(home: Path, made_models: Path) -> Path:
    """The models above, installed for this test's user."""
    shutil.copytree(made_models, home / "models")
    return home / "models"


def picture(index: int, label: int) -> np.ndarray:
    """Noise on a ramp; class 1 has a bright disc where the mask is."""
    rng = np.random.default_rng(index)
    values = np.add.outer(np.arange(SIDE), np.arange(SIDE)) * 0.4 + rng.normal(0, 12, (SIDE, SIDE)) + 40
    if label:
        cv2.circle(values, (40, 48), 18, float(rng.uniform(190, 230)), -1)
    return np.clip(values, 0, 255).astype(np.uint8)


@pytest.fixture
def fill(home: Path, tmp_path: Path) -> Callable[..., list[int]]:
    """Put labelled, masked cases into the user's casebook: every fourth one of a class is held out."""

    def make(per_class: int = 12, masks: bool = True, labels: tuple[int, ...] = (0, 1)) -> list[int]:
        folder = tmp_path / "films"
        folder.mkdir(exist_ok=True)
        marked = np.zeros((SIDE, SIDE), np.uint8)
        cv2.circle(marked, (40, 48), 22, 255, -1)
        ids = []
        with Casebook.open_default() as book:
            for label in labels:
                for i in range(per_class):
                    path = folder / f"film{label}{i:02d}.png"
                    path.write_bytes(cv2.imencode(".png", picture(100 * label + i, label))[1].tobytes())
                    (case,) = book.cases.add_all([NewImage(path, kind="radiograph", width=SIDE, height=SIDE)])
                    book.cases.set_label(case, label)
                    book.splits.set_side(case, "holdout" if i % 4 == 3 else "train")
                    if masks:
                        book.masks.save(case, Mask.from_array(marked))
                    ids.append(case)
        return ids

    return make
