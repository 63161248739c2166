"""Real analyses of a real radiograph by a real network."""

from __future__ import annotations

from pathlib import Path

import pytest

from divisive_desktop.explanation.analysis import Analysis
from divisive_desktop.imaging import ImageRecord, open_image


@pytest.fixture(scope="session")
def radiograph(rg1: Path) -> ImageRecord:
    return open_image(rg1)


@pytest.fixture(scope="session")
def analysis(radiograph: ImageRecord, seeded_models: Path) -> Analysis:
    from divisive_desktop.networks.analyse import analyse, load_model

    return analyse(load_model(seeded_models / "models" / "seeded-chest", "cpu"), radiograph)
