"""Versions: the tree, the active one, keeping a run's model, the trash, comparing."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from safetensors.numpy import save

from divisive_desktop import paths
from divisive_desktop.errors import ModelError, ModelIntegrityError, ModelNotFoundError
from divisive_desktop.library import versions
from divisive_desktop.library.archive import export_model, import_model
from divisive_desktop.library.card import Card, Preprocessing
from divisive_desktop.library.store import (
    GUARD,
    StoredModel,
    default_model,
    find_model,
    find_models,
    save_model,
    verify,
)
from tests.library.conftest import ARRAYS


@pytest.fixture
def shipped(shipped: Path) -> Path:
    """The folder of shipped models, with one default model of chest radiographs."""
    save_model(shipped / "base", card("base", default=True), ARRAYS)
    return shipped


def card(model_id: str, parent: str | None = None, **fields: object) -> Card:
    plain = Card(
        model_id, "1", "chest-xray", ("no", "yes"), "efficientnet-lite0", "difference", "", Preprocessing(),
        parent=parent, created=f"2026-01-0{len(model_id)}",
    )  # fmt: skip
    return replace(plain, **fields)  # type: ignore[arg-type]


def made(root: Path, model_id: str, parent: str | None = None, **fields: object) -> StoredModel:
    return save_model(root / model_id, card(model_id, parent, **fields), ARRAYS, {GUARD: save(ARRAYS)})


def user(model_id: str, parent: str | None = None, **fields: object) -> StoredModel:
    return made(paths.user_models_dir(), model_id, parent, **fields)


def places(task: str | None = "chest-xray") -> list[tuple[str, int, bool]]:
    return [(v.model.card.id, v.depth, v.active) for v in versions.tree(task)]


def test_tree_puts_children_under_parents(shipped: Path) -> None:
    user("a", "base")
    user("ab", "a")
    user("abc", "base")
    user("orphan", "gone")
    assert places() == [
        ("base", 0, True), ("a", 1, False), ("ab", 2, False), ("abc", 1, False), ("orphan", 0, False),
    ]  # fmt: skip
    assert [v.parent_missing for v in versions.tree()] == [False, False, False, False, True]
    assert places("face-synthetic") == []


def test_a_tree_that_bites_its_tail_is_still_listed(shipped: Path) -> None:
    user("a", "ab")
    user("ab", "a")
    assert {place[0] for place in places()} == {"base", "a", "ab"}


def test_active_and_back(shipped: Path) -> None:
    user("a", "base")
    assert default_model("chest-xray").card.id == "base"
    versions.activate("a")
    assert default_model("chest-xray").card.id == "a"
    assert places() == [("base", 0, False), ("a", 1, True)]
    assert versions.roll_back("a").card.id == "base"
    assert default_model("chest-xray").card.id == "base"
    with pytest.raises(ModelNotFoundError):
        versions.roll_back("base")
    (paths.user_models_dir() / "active.json").write_text("{broken")
    assert default_model("chest-xray").card.id == "base"


def test_keep_copies_a_run_s_model_and_refuses_a_changed_one(shipped: Path, tmp_path: Path) -> None:
    run = made(tmp_path, "chest-xray-difference-1", "base")
    kept = versions.keep(run.folder)
    assert verify(kept.folder).weights_sha256 == run.card.weights_sha256
    assert (kept.folder / GUARD).read_bytes() == (run.folder / GUARD).read_bytes()
    with pytest.raises(ModelError, match="already"):
        versions.keep(run.folder)
    other = versions.keep(run.folder, "my-lungs")
    assert find_model("my-lungs").card.weights_sha256 == run.card.weights_sha256
    assert verify(other.folder).id == "my-lungs"
    with pytest.raises(ModelError):
        versions.keep(run.folder, "../x")
    (run.folder / "weights.safetensors").write_bytes(b"x")
    with pytest.raises(ModelIntegrityError):
        versions.keep(run.folder, "other")
    assert not (paths.user_models_dir() / "other").exists()


def test_trash_and_restore(shipped: Path) -> None:
    user("a", "base")
    versions.activate("a")
    with pytest.raises(ModelError, match="came with the program"):
        versions.trash("base")
    thrown = versions.trash("a")
    assert default_model("chest-xray").card.id == "base"
    assert [m.card.id for m in find_models()] == ["base"]
    assert [m.card.id for m in versions.trashed()] == ["a"]
    assert versions.restore(thrown).card.id == "a"
    verify(find_model("a").folder)
    versions.trash("a")
    assert versions.empty_trash() == 1
    assert versions.trashed() == []


def test_ids_are_not_used_twice(shipped: Path) -> None:
    assert versions.next_id("chest-xray", "true_containment") == "chest-xray-true-containment-1"
    user("chest-xray-difference-1")
    versions.trash("chest-xray-difference-1")
    assert versions.next_id("chest-xray", "difference") == "chest-xray-difference-2"


def test_compare_names_what_differs(shipped: Path) -> None:
    a = user("a", "base", metrics={"holdout": {"auroc": 0.8}}, training={"settings": {"lr": 1e-3, "epochs": 4}})
    b = user("b", "a", metrics={"holdout": {"auroc": 0.9}}, training={"settings": {"lr": 1e-3, "epochs": 8}})
    rows = {name: (x, y) for name, x, y in versions.compare(a, b)}
    assert rows["metrics.holdout.auroc"] == (0.8, 0.9)
    assert rows["training.settings.epochs"] == (4, 8)
    assert "training.settings.lr" not in rows
    assert rows["parent"] == ("base", "a")


def test_the_guard_set_travels_with_the_model(shipped: Path, tmp_path: Path) -> None:
    a = user("a", "base")
    archive = export_model(a, tmp_path / "a.divmodel")
    guard = (a.folder / GUARD).read_bytes()
    versions.trash("a")
    versions.empty_trash()
    back = import_model(archive)
    assert (back.folder / GUARD).read_bytes() == guard
    assert json.loads((back.folder / "card.json").read_text())["parent"] == "base"
