"""Out of scope the engine gives no analysis, alone or in a batch, unless somebody asks anyway."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from divisive_desktop.engine import dispatch
from divisive_desktop.engine.messages import Analyse, AnalyseBatch
from divisive_desktop.engine.registry import Channel
from divisive_desktop.engine.worker import Worker
from divisive_desktop.errors import ModelIntegrityError, OutOfScopeError, UserFacingError
from divisive_desktop.explanation.analysis import Analysis
from divisive_desktop.library import store
from divisive_desktop.library.scope import Scope
from divisive_desktop.training.dataset import Example
from divisive_desktop.training.loading import load_network
from divisive_desktop.training.scope_fitting import add_scope, fit, look_at
from tests.conftest import dicom_sample
from tests.engine.conftest import TINY, picture

RULES = Scope("a frontal chest radiograph", ("CR", "DX", "RG"), body_parts=("CHEST",), smallest_size=64)


@pytest.fixture(scope="session")
def scoped_models(tiny_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small model again, with a scope: pictures of noise and discs."""
    folder = tmp_path_factory.mktemp("scoped")
    shutil.copytree(tiny_models / "models", folder / "models")
    images = tmp_path_factory.mktemp("images")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DIVISIVE_DESKTOP_HOME", str(folder))
        stored, network = store.find_model(TINY), load_network(TINY)[0]
        examples = [Example(picture(images / f"{i}.png", 500 + i, i % 2)[0], i % 2) for i in range(120)]
        seen = look_at(load_network(TINY)[0].fold(), examples, stored.card.preprocessing)
        references, limits = fit((seen[:70], seen[70:]))
        add_scope([stored], [network], RULES, "noise and discs", references, limits, 50)
    return folder


@pytest.fixture
def worker(home: Path, scoped_models: Path) -> Worker:
    shutil.copytree(scoped_models / "models", home / "models")
    return Worker("cpu")


def ask(worker: Worker, path: Path, **fields: Any) -> Analysis:
    found = dispatch.answer(worker, Analyse(str(path), model_id=TINY, **fields))
    assert isinstance(found, Analysis)
    return found


def saved(path: Path, pixels: np.ndarray[Any, Any]) -> Path:
    cv2.imwrite(str(path), pixels)
    return path


def test_pictures_of_the_own_kind_are_familiar(worker: Worker, tmp_path: Path) -> None:
    zones = [ask(worker, picture(tmp_path / f"{i}.png", i, i % 2)[0]).scope.zone for i in range(10)]
    assert "out_of_scope" not in zones
    assert zones.count("familiar") >= 8


def test_other_pictures_get_no_verdict(worker: Worker, tmp_path: Path) -> None:
    stripes = saved(tmp_path / "stripes.png", np.tile(np.arange(96, dtype=np.uint8) % 8 * 30, (96, 1)))
    with pytest.raises(OutOfScopeError, match="unlike every image"):
        ask(worker, stripes)
    answer = ask(worker, stripes, ask_anyway=True)
    assert answer.scope.insisted
    assert "unlike every image" in answer.scope.reasons[0]


def test_faces_are_looked_for_only_where_a_grey_picture_is_not_familiar(worker: Worker, tmp_path: Path) -> None:
    own = [picture(tmp_path / f"{i}.png", i, i % 2)[0] for i in range(10)]
    stripes = saved(tmp_path / "stripes.png", np.tile(np.arange(96, dtype=np.uint8) % 8 * 30, (96, 1)))
    version = (ask(worker, own[0]).model,)
    asked = tuple(Analyse(str(path), versions=version, ask_anyway=True) for path in (*own, stripes))
    seen: list[Analysis] = []
    dispatch.answer(worker, AnalyseBatch(asked), Channel(partial=lambda i, value, error: seen.append(value)))
    alone = [dispatch.answer(worker, request) for request in asked]
    for found in (seen, alone):
        assert [a.file for a in found] == [a.path for a in asked]
        assert [a.model.id for a in found] == [TINY] * 11
        for analysis in found:
            assert (analysis.timings_ms["faces"] == 0) == (analysis.scope.zone == "familiar")
        assert sum(analysis.scope.zone == "familiar" for analysis in found) >= 8
        assert found[-1].scope.insisted


def test_asking_anyway_changes_nothing_in_scope(worker: Worker, tmp_path: Path) -> None:
    path = picture(tmp_path / "own.png", 3, 1)[0]
    assert ask(worker, path, ask_anyway=True).scope == ask(worker, path).scope


def test_the_header_is_enough(worker: Worker) -> None:
    with pytest.raises(OutOfScopeError, match="CT, not a frontal chest radiograph"):
        ask(worker, dicom_sample("CT_small.dcm"))


def test_constant_grey_and_small_pictures(worker: Worker, tmp_path: Path) -> None:
    with pytest.raises(OutOfScopeError, match="same grey everywhere"):
        ask(worker, saved(tmp_path / "grey.png", np.full((96, 96), 100, np.uint8)))
    with pytest.raises(OutOfScopeError, match="20 x 30 pixels"):
        ask(worker, saved(tmp_path / "small.png", np.random.default_rng(0).integers(0, 255, (30, 20), np.uint8)))


def test_a_batch_tells_of_each_image(worker: Worker, tmp_path: Path) -> None:
    """One that is out of scope takes nothing from the others, and what was asked anyway is its own affair."""
    own = picture(tmp_path / "own.png", 3, 1)[0]
    stripes = saved(tmp_path / "stripes.png", np.tile(np.arange(96, dtype=np.uint8) % 8 * 30, (96, 1)))
    items = [
        Analyse(str(own), model_id=TINY), Analyse(str(stripes), model_id=TINY),
        Analyse(str(stripes), model_id=TINY, ask_anyway=True),
        Analyse(str(dicom_sample("MR_small.dcm")), model_id=TINY), Analyse(str(own), model_id=TINY),
    ]  # fmt: skip
    told = _batch(worker, items)
    assert [isinstance(told[i][1], OutOfScopeError) for i in range(5)] == [False, True, False, True, False]
    assert [told[i][0] is None for i in range(5)] == [False, True, False, True, False]
    answer = told[2][0]
    assert answer is not None
    assert answer.scope.insisted


def _batch(worker: Worker, items: Sequence[Analyse]) -> dict[int, tuple[Analysis | None, UserFacingError | None]]:
    told: dict[int, tuple[Analysis | None, UserFacingError | None]] = {}

    def partial(index: int, analysis: Analysis | None, error: UserFacingError | None) -> None:
        told[index] = (analysis, error)

    dispatch.answer(worker, AnalyseBatch(tuple(items)), Channel(lambda *_: None, partial))
    return told


def test_several_at_once_see_the_same(worker: Worker, tmp_path: Path) -> None:
    """The features of a pass are its own: a network serves several threads at a time."""
    from concurrent.futures import ThreadPoolExecutor

    runtime = worker.model(TINY).runtime
    rng = np.random.default_rng(0)
    inputs = [rng.normal(size=(2, 3, 96, 96)).astype(np.float32) for _ in range(8)]
    alone = [runtime.answer(x, with_features=True).features for x in inputs]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda x: runtime.answer(x, with_features=True).features, inputs))
    for one, other in zip(alone, together, strict=True):
        for a, b in zip(one, other, strict=True):
            np.testing.assert_allclose(a.grid, b.grid, rtol=1e-4, atol=1e-4)
            np.testing.assert_allclose(a.pooled, b.pooled, rtol=1e-4, atol=1e-4)


def test_features_do_not_change_the_answer(worker: Worker, tmp_path: Path) -> None:
    path = picture(tmp_path / "own.png", 5, 1)[0]
    with_scope = ask(worker, path)
    card = store.find_model(TINY).folder / store.CARD
    card.write_text(json.dumps({**json.loads(card.read_text()), "scope": None}))
    without = ask(Worker("cpu"), path)
    assert without.scope.zone == "not_checked"
    assert without.logits == with_scope.logits
    np.testing.assert_array_equal(without.cams, with_scope.cams)


def test_references_of_another_network_are_refused(worker: Worker) -> None:
    """Not met as a crash in the middle of an analysis."""
    stored = store.find_model(TINY)
    references = store.read_references(stored.card, stored.folder)
    assert references is not None
    assert stored.card.scope is not None
    shorter = replace(references, grid_mean=references.grid_mean[:16], grid_axes=references.grid_axes[:, :16])
    assert stored.card.scope.references is not None
    limits = stored.card.scope.references.limits
    add_scope([stored], [load_network(TINY)[0]], RULES, "other", shorter, limits, 50)
    with pytest.raises(ModelIntegrityError, match="scope"):
        Worker("cpu").model(TINY)
