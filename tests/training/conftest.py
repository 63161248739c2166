"""A small real data set: radiographs of the shared data at a small size, with their masks."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import pytest

from divisive_desktop.library.card import Preprocessing
from divisive_desktop.training.augment import Augmentation
from divisive_desktop.training.settings import Settings


@pytest.fixture
def small_data(tmp_path: Path, shared_data: Path) -> Path:
    """A folder with index.csv: 12 training, 6 validation and 4 test films of chest_planted, both classes."""
    source = shared_data / "chest_planted"
    wanted = {"train": 6, "val": 3, "test_open": 2}
    taken: Counter[tuple[str, str]] = Counter()
    rows = []
    with (source / "index.csv").open(newline="") as handle:
        for row in csv.DictReader(handle):
            key = (row["split"], row["label"])
            if taken[key] < wanted.get(row["split"], 0):
                taken[key] += 1
                rows.append(row)
    folder = tmp_path / "data"
    (folder / "images").mkdir(parents=True)
    (folder / "masks").mkdir()
    for row in rows:
        (folder / row["file"]).write_bytes((source / row["file"]).read_bytes())
        (folder / row["mask"]).write_bytes((source / row["mask"]).read_bytes())
    with (folder / "index.csv").open("w", newline="") as handle:
        writer = csv.DictWriter(handle, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return folder


@pytest.fixture
def small_settings() -> Settings:
    """Quick: 64 px (2 x 2 maps), the last blocks on cached features."""
    return Settings(
        task="chest-planted", method="focus", epochs=3, batch=4, copies=2, lr=1e-3, device="cpu",
        preprocessing=Preprocessing(size=96), augmentation=Augmentation(flip=False, texture=0.5),
    )
