"""A small model that can be fine-tuned in seconds, and a casebook with images, labels and masks for it."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from divisive_desktop.casebook import Casebook, NewImage
from divisive_desktop.library import store
from divisive_desktop.library.card import Card, Preprocessing
from divisive_desktop.masks.mask import Mask

TINY = "tiny-1"


@pytest.fixture(scope="session")
def tiny_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home folder with one chest model of 96 px input: ImageNet backbone, seeded head, and its guard set."""
    import torch

    from divisive_desktop.networks.pretrained import pretrained_network
    from divisive_desktop.networks.saving import save_network
    from divisive_desktop.training.dataset import Example
    from divisive_desktop.training.guard import add_guard, make_guard
    from divisive_desktop.training.loading import load_network

    folder = tmp_path_factory.mktemp("tiny")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DIVISIVE_DESKTOP_HOME", str(folder))
        network = pretrained_network(seed=3)
        torch.nn.init.normal_(network.head.weight, std=0.05, generator=torch.Generator().manual_seed(3))
        card = Card(
            TINY, "1", "chest-cardiomegaly", ("no finding", "abnormal"), "efficientnet-lite0", "cross_entropy", "",
            Preprocessing(size=96), default=True, intended_use="tests",
        )  # fmt: skip
        stored = save_network(folder / "models" / TINY, network, card)
        images = [picture(folder / f"guard{i}.png", i, i % 2) for i in range(12)]
        examples = [Example(path, i % 2, "val", mask, group=f"g{i}") for i, (path, mask) in enumerate(images)]
        add_guard(stored.folder, make_guard(load_network(TINY)[0], examples, card.preprocessing))
    return folder


@pytest.fixture
def with_tiny(home: Path, tiny_models: Path) -> Path:
    """The test's own home folder, with the small model in it."""
    import shutil

    shutil.copytree(tiny_models / "models", home / "models")
    return home


def picture(path: Path, seed: int, label: int) -> tuple[Path, Path]:
    """Noise; in class 1 with a bright disc in the left half, which the mask marks. Class 0: the mask's place only."""
    rng = np.random.default_rng(seed)
    image = rng.normal(90, 25, (96, 96)).clip(0, 255).astype(np.uint8)
    mask = np.zeros((96, 96), np.uint8)
    centre = (int(rng.integers(20, 40)), int(rng.integers(25, 70)))
    cv2.circle(mask, centre, 12, 255, -1)
    if label:
        cv2.circle(image, centre, 12, 235, -1)
    mask_path = path.with_suffix(".mask.png")
    cv2.imwrite(str(path), image)
    cv2.imwrite(str(mask_path), mask)
    return path, mask_path


@pytest.fixture
def book_path(with_tiny: Path, tmp_path: Path) -> Path:
    """A casebook with 24 labelled cases to learn from and 16 held out, all with masks; two images per patient."""
    folder = tmp_path / "images"
    folder.mkdir()
    assert store.default_model("chest-cardiomegaly").card.id == TINY
    with Casebook.create(tmp_path / "test.casebook") as book:
        for i in range(40):
            label = i // 2 % 2
            path, mask = picture(folder / f"image{i}.png", 1000 + i, label)
            new = NewImage(path, kind="radiograph", patient=f"p{i // 2}", task="chest-cardiomegaly")
            case = book.cases.add_all([new], copy=False)[0]
            book.cases.set_label(case, label)
            book.splits.set_side(case, "train" if i < 24 else "holdout")
            drawn = cv2.imread(str(mask), cv2.IMREAD_GRAYSCALE)
            book.masks.save(case, Mask.from_array(np.asarray(drawn) > 0).snapshot())
        return book.path
