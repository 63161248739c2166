"""A batch or report is answered by the versions that it began with, or says that they are gone."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from divisive_desktop.engine import dispatch
from divisive_desktop.engine.messages import Analyse, AnalyseBatch
from divisive_desktop.engine.registry import Channel
from divisive_desktop.engine.worker import Worker
from divisive_desktop.errors import UserFacingError, VersionGoneError
from divisive_desktop.explanation.analysis import Analysis, ModelRef
from divisive_desktop.library import store, versions
from divisive_desktop.training.loading import load_network
from tests.engine.conftest import TINY, picture

NEW = "tiny-2"


@pytest.fixture
def film(tmp_path: Path) -> Path:
    return picture(tmp_path / "film.png", 3, 1)[0]


@pytest.fixture
def worker(home: Path, tiny_models: Path) -> Worker:
    """Two versions of one question; the second is the one in use."""
    from divisive_desktop.networks.saving import save_network

    shutil.copytree(tiny_models / "models", home / "models")
    network, card = load_network(TINY)[0], store.find_model(TINY).card
    network.head.weight.data.mul_(1.5)
    save_network(home / "models" / NEW, network, replace(card, id=NEW, version="2", parent=TINY, default=False))
    versions.activate(NEW)
    return Worker("cpu")


@pytest.fixture
def first(worker: Worker) -> ModelRef:
    return store.find_model(TINY).card.ref


def ask(worker: Worker, path: Path, *fixed: ModelRef) -> Analysis:
    found = dispatch.answer(worker, Analyse(str(path), task="chest-cardiomegaly", versions=fixed))
    assert isinstance(found, Analysis)
    return found


def batch(worker: Worker, path: Path, *fixed: ModelRef) -> list[Analysis | UserFacingError]:
    got: list[Analysis | UserFacingError] = []

    def partial(index: int, analysis: Analysis | None, error: UserFacingError | None) -> None:
        got.append(analysis or error)  # type: ignore[arg-type]  # one of them is there

    items = tuple(Analyse(str(path), versions=fixed) for _ in range(3))
    dispatch.answer(worker, AnalyseBatch(items), replace(Channel(), partial=partial))
    return got


def test_the_version_that_it_began_with_answers(worker: Worker, first: ModelRef, film: Path) -> None:
    assert ask(worker, film).model.id == NEW
    before = ask(worker, film, first)
    assert before.model == first
    assert not np.allclose(before.logits, ask(worker, film).logits)
    found = batch(worker, film, first)
    assert [a.model for a in found if isinstance(a, Analysis)] == [first] * 3


def test_it_is_known_by_its_weights(worker: Worker, first: ModelRef, film: Path, home: Path) -> None:
    """A copy under another name answers; a model that took its name doesn't."""
    from divisive_desktop.networks.saving import save_network

    network, card = load_network(TINY)[0], store.find_model(TINY).card
    shutil.move(home / "models" / TINY, home / "models" / "aside")
    network.head.weight.data.mul_(3)
    save_network(home / "models" / TINY, network, replace(card, version="9"))
    assert ask(worker, film, first).model.weights_sha256 == first.weights_sha256


def test_what_is_gone_is_said_with_a_remedy(worker: Worker, first: ModelRef, film: Path, home: Path) -> None:
    shutil.rmtree(home / "models" / TINY)
    for error in batch(worker, film, first):
        assert isinstance(error, VersionGoneError)
        assert f"{TINY} version {first.version}" in error.message
        assert "Install it again" in error.remedy
    with pytest.raises(VersionGoneError):
        ask(Worker("cpu"), film, first)
    assert ask(worker, film).model.id == NEW, "what is in use is asked where nothing was fixed"
