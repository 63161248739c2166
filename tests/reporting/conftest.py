from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from divisive_desktop.engine.messages import Analyse
from divisive_desktop.engine.worker import Worker
from divisive_desktop.explanation.analysis import Analysis
from divisive_desktop.explanation.features import FeatureSet, important_features
from divisive_desktop.imaging import ImageRecord, open_image
from divisive_desktop.library import store
from divisive_desktop.library.card import Card
from divisive_desktop.reporting.build import build_case
from divisive_desktop.reporting.content import CaseContent

MODEL = "seeded-chest"
Analysed = tuple[ImageRecord, Analysis, FeatureSet, Card]


@pytest.fixture
def analysed(with_models: Path, rg1: Path) -> Analysed:
    """A real radiograph analysed by a real network."""
    record = open_image(rg1)
    analysis = Worker("cpu").handle(Analyse(str(rg1), model_id=MODEL))
    true_class, _ = analysis.true_class(None)
    features = important_features(analysis.divergence(true_class), analysis.image_size, analysis.region)
    return record, analysis, features, store.find_model(MODEL).card


@pytest.fixture
def case(analysed: Analysed) -> CaseContent:
    record, analysis, features, card = analysed
    mask = np.zeros((record.height, record.width), np.float32)
    mask[400:900, 300:800] = 1
    return build_case(
        record,
        analysis,
        features,
        card,
        label=1,
        mask=mask,
        agreement={"energy": 0.25, "pointing": True, "iou": 0.1},
        conclusion="Nothing to add. Γνώμη: <b>& done</b>",
        analyst="A. Nalyst",
        deidentify=True,
    )
