from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import keyring
import numpy as np
import numpy.typing as npt
import pytest
from keyring.backend import KeyringBackend
from keyring.backends import fail

from divisive_desktop.engine import dispatch
from divisive_desktop.engine.messages import Analyse
from divisive_desktop.engine.worker import Worker
from divisive_desktop.explanation.analysis import Analysis
from divisive_desktop.explanation.features import FeatureSet, important_features
from divisive_desktop.imaging import ImageRecord, open_image
from divisive_desktop.library import store
from divisive_desktop.library.card import Card
from divisive_desktop.reporting.build import build_case
from divisive_desktop.reporting.content import CaseContent
from divisive_desktop.reporting.options import Options
from divisive_desktop.reporting.reread import features_of

MODEL = "seeded-chest"
_made: list[Analysis] = []
Analysed = tuple[ImageRecord, Analysis, FeatureSet, Card]


@pytest.fixture
def analysed(with_models: Path, rg1: Path) -> Analysed:
    """A real radiograph analysed by a real network."""
    record = open_image(rg1)
    if not _made:  # the same in every test: the models are the session's
        _made.append(dispatch.answer(Worker("cpu"), Analyse(str(rg1), model_id=MODEL)))
    analysis = _made[0]
    true_class = analysis.true_class(None)
    features = important_features(
        analysis.divergence(true_class), analysis.image_size, analysis.region, spacing=record.spacing
    )
    return record, analysis, features, store.find_model(MODEL).card


@pytest.fixture
def case(analysed: Analysed) -> CaseContent:
    return case_in(analysed, Options())


def case_in(analysed: Analysed, options: Options) -> CaseContent:
    """The case as a report in the options' language has it."""
    record, analysis, features, card = analysed
    features = features_of(analysis, 1)
    mask = painted(record)
    return build_case(
        record,
        analysis,
        features,
        card,
        options,
        label=1,
        mask=mask,
        agreement={"energy": 0.25, "pointing": True, "iou": 0.1},
        conclusion="Nothing to add. Γνώμη: <b>& done</b>",
        analyst="A. Nalyst",
    )


def painted(record: ImageRecord) -> npt.NDArray[np.float32]:
    """The analyst's mask of the case."""
    mask = np.zeros((record.height, record.width), np.float32)
    mask[400:900, 300:800] = 1
    return mask


class MemoryKeyring(KeyringBackend):
    """A keyring that holds its entries as long as a test runs."""

    priority = 1  # type: ignore[assignment]

    def __init__(self) -> None:
        self.entries: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.entries.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.entries[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.entries[service, username]


@pytest.fixture
def keyring_in_memory() -> Iterator[MemoryKeyring]:
    before = keyring.get_keyring()
    backend = MemoryKeyring()
    keyring.set_keyring(backend)
    yield backend
    keyring.set_keyring(before)


@pytest.fixture
def no_keyring() -> Iterator[None]:
    """As on a server without a desktop."""
    before = keyring.get_keyring()
    keyring.set_keyring(fail.Keyring())
    yield
    keyring.set_keyring(before)
