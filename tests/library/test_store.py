"""Models are found, verified and saved; nothing damaged is used and nothing of the user's is overwritten."""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from divisive_desktop import paths
from divisive_desktop.errors import ModelError, ModelIntegrityError, ModelNotFoundError
from divisive_desktop.library.card import Card, Preprocessing, read_card
from divisive_desktop.library.store import (
    StoredModel,
    default_model,
    default_task,
    find_model,
    find_models,
    save_model,
    scan_models,
    verify,
)
from divisive_desktop.library.tasks import TASKS, task
from tests.library.conftest import ARRAYS


def card(model_id: str = "m1", task_id: str = "chest-xray", **fields: object) -> Card:
    plain = Card(
        model_id, "1", task_id, ("no", "yes"), "efficientnet-lite0", "difference", "", Preprocessing(),
        metrics={"auroc": 0.9}, limits=("adults",), network={"dilate_last": False},
    )  # fmt: skip
    return replace(plain, **fields)  # type: ignore[arg-type]


def saved(model_id: str = "m1", task_id: str = "chest-xray", root: Path | None = None, **fields: object) -> StoredModel:
    return save_model((root or paths.user_models_dir()) / model_id, card(model_id, task_id, **fields), ARRAYS)


def edit_card(model: StoredModel, **changes: object) -> None:
    path = model.folder / "card.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_round_trip(shipped: Path) -> None:
    model = saved(attribution=("NIH",), parent="m0", reference={"logits": [0.5, -1.25]}, author="Ä. Œuvre")
    assert find_models() == [model]
    assert verify(model.folder) == model.card == read_card(model.folder / "card.json")
    tensors = load_file(model.weights)
    assert tensors.keys() == ARRAYS.keys()
    assert all(np.array_equal(tensors[k], v) and tensors[k].dtype == v.dtype for k, v in ARRAYS.items())
    assert sorted(p.name for p in model.folder.iterdir()) == ["card.json", "weights.safetensors"]
    assert model.size == model.weights.stat().st_size
    assert not model.shipped


@pytest.mark.parametrize(
    ("error", "numbers", "calibrated"), [(0.05, (60, 40), True), (0.051, (60, 40), False), (0.01, (60, 39), False)]
)
def test_a_card_is_calibrated_where_that_was_measured(error: float, numbers: tuple[int, int], calibrated: bool) -> None:
    measured = {"folded": True, "ece_after": error, "reliability": [{"n": n} for n in numbers]}
    assert card(calibration=measured).calibrated == calibrated
    assert not card(calibration={**measured, "folded": False}).calibrated
    assert not card(calibration={"folded": True, "temperature": 2.0}).calibrated


def test_the_same_model_has_the_same_hash() -> None:
    assert saved("a").card.weights_sha256 == saved("b").card.weights_sha256


def test_a_safetensors_file_can_be_saved_too(tmp_path: Path) -> None:
    save_file(ARRAYS, tmp_path / "trained.safetensors", metadata={"old": "notes"})
    model = save_model(paths.user_models_dir() / "m1", card(), tmp_path / "trained.safetensors", {"cam.png": b"png"})
    assert verify(model.folder)
    assert (model.folder / "cam.png").read_bytes() == b"png"
    (tmp_path / "trained.safetensors").write_bytes(b"no weights")
    with pytest.raises(ModelIntegrityError):
        save_model(paths.user_models_dir() / "m2", card("m2"), tmp_path / "trained.safetensors")


def test_any_flipped_bit_of_a_small_model_is_refused() -> None:
    model = saved()
    data = model.weights.read_bytes()
    for where in range(len(data)):
        model.weights.write_bytes(data[:where] + bytes([data[where] ^ (1 << where % 8)]) + data[where + 1 :])
        with pytest.raises(ModelIntegrityError):
            verify(model.folder)
    model.weights.write_bytes(data)
    assert verify(model.folder)


@pytest.mark.parametrize("change", ["cut", "longer", "empty", "gone"])
def test_damaged_weights_are_refused(change: str) -> None:
    model = saved()
    data = model.weights.read_bytes()
    if change == "gone":
        model.weights.unlink()
    else:
        model.weights.write_bytes({"cut": data[:-1], "longer": data + b"\0", "empty": b""}[change])
    with pytest.raises(ModelIntegrityError) as e:
        verify(model.folder)
    assert "m1" in e.value.message
    assert e.value.remedy


@pytest.mark.parametrize(
    "change",
    [
        {"task": "face-synthetic"},
        {"classes": ["yes", "no"]},
        {"backbone": "efficientnet-lite1"},
        {"network": {"dilate_last": True}},
        {"method": "cyborg"},
        {"preprocessing": {"size": 224}},
        {"preprocessing": {"size": 448, "mean": 0.0}},
    ],
)
def test_a_card_that_describes_another_computation_is_refused(change: dict[str, object]) -> None:
    model = saved()
    edit_card(model, **change)
    with pytest.raises(ModelIntegrityError, match="card"):
        verify(model.folder)


def test_notes_on_a_card_may_be_edited() -> None:
    model = saved()
    edit_card(model, default=True, intended_use="teaching", limits=[])
    assert verify(model.folder).default
    assert find_model("m1").card.intended_use == "teaching"


def test_weights_without_an_identity_are_refused() -> None:
    """The hash of a file from elsewhere, written into a card, doesn't make it a model of ours."""
    import hashlib

    model = saved()
    save_file(ARRAYS, model.weights)
    edit_card(model, weights_sha256=hashlib.sha256(model.weights.read_bytes()).hexdigest())
    with pytest.raises(ModelIntegrityError, match="card"):
        verify(model.folder)
    model.weights.write_bytes(b"\xff" * 40)
    edit_card(model, weights_sha256=hashlib.sha256(b"\xff" * 40).hexdigest())
    with pytest.raises(ModelIntegrityError):
        verify(model.folder)


def test_settings_younger_than_the_file_count_with_their_defaults() -> None:
    """A model saved before a setting existed stays valid, as long as its card doesn't change that setting."""
    model = saved()
    raw = model.weights.read_bytes()
    old = raw.replace(b'\\"resize\\":\\"area\\",', b"").replace(b'\\"resize\\":\\"area\\"', b"")
    assert old != raw
    length = int.from_bytes(raw[:8], "little") - (len(raw) - len(old))
    old = length.to_bytes(8, "little") + old[8:]
    model.weights.write_bytes(old)
    import hashlib

    edit_card(model, weights_sha256=hashlib.sha256(old).hexdigest())
    assert verify(model.folder)
    edit_card(model, preprocessing={"resize": "cubic"})
    with pytest.raises(ModelIntegrityError, match="card"):
        verify(model.folder)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        "{}",
        '{"id": "m1"}',
        b"\xff\xfe",
        '{"format": 99}',
        "[" * 100_000,
    ],
)
def test_one_broken_card_does_not_hide_the_other_models(text: str | bytes) -> None:
    good, bad = saved("good"), saved("bad")
    (bad.folder / "card.json").write_bytes(text.encode() if isinstance(text, str) else text)
    models, problems = scan_models()
    assert [m.card.id for m in models if not m.shipped] == ["good"]
    assert len(problems) == 1
    assert problems[0].remedy
    assert "bad" in problems[0].message
    assert find_model("good") == good


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("classes", ["one"]),
        ("classes", None),
        ("preprocessing", {"size": 0}),
        ("preprocessing", {"size": "big"}),
        ("preprocessing", {"colour": "sepia"}),
        ("preprocessing", {"scale": 0}),
        ("preprocessing", {"low_percentile": 60, "high_percentile": 40}),
        ("preprocessing", 7),
        ("id", 5),
        ("format", "new"),
        ("format", 1e999),
        ("parent", ["m1"]),
        ("parent", {"m1": 1}),
        ("metrics", "good"),
        ("calibration", {"ece_after": float("nan")}),
        ("calibration", {"reliability": [{"n": -5}]}),
        ("calibration", {"reliability": [{"n": 2.5}]}),
        ("calibration", {"reliability": [{"n": 10**12}]}),
        ("calibration", {"reliability": [{"n": True}]}),
        ("calibration", {"reliability": [{"n": "many"}]}),
        ("calibration", {"reliability": [{"n": 3, "positives": 4}]}),
        ("calibration", {"reliability": [{"n": 3, "observed": 1.5}]}),
        ("calibration", {"reliability": [5]}),
        ("calibration", {"reliability": {"n": 5}}),
        ("metrics", {"test": {"reliability": [{"count": -1.0}]}}),
        ("limits", [1, 2]),
        ("author", {"name": "x"}),
    ],
)
def test_cards_with_impossible_values_are_refused(field: str, value: object) -> None:
    model = saved()
    edit_card(model, **{field: value})
    with pytest.raises(ModelIntegrityError, match="m1"):
        read_card(model.folder / "card.json")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other permissions")
def test_models_of_the_user_are_nobody_else_s() -> None:
    model = saved()
    assert {path.stat().st_mode & 0o077 for path in (model.folder.parent, model.folder, *model.folder.iterdir())} == {0}


def test_unknown_fields_are_ignored() -> None:
    model = saved()
    raw = json.loads((model.folder / "card.json").read_text())
    edit_card(model, flavour="mint", preprocessing={**raw["preprocessing"], "sparkle": 3})
    assert verify(model.folder) == model.card


def test_user_models_are_never_overwritten() -> None:
    model = saved()
    before = model.weights.read_bytes()
    with pytest.raises(ModelError, match="exists"):
        save_model(model.folder, card(method="cyborg"), {"x": np.ones(3, np.float32)})
    assert model.weights.read_bytes() == before
    assert [p.name for p in paths.user_models_dir().iterdir()] == ["m1"]
    again = save_model(model.folder, card(), {"x": np.ones(3, np.float32)}, replace_existing=True)
    assert verify(again.folder).weights_sha256 != model.card.weights_sha256


def test_a_failed_save_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ModelError, match="No space left"):
        saved()
    assert list(paths.user_models_dir().iterdir()) == []


@pytest.mark.parametrize("name", ["", "..", "a/b", "Models", "é", "a b", "-x", ".hidden", "x" * 101])
def test_unusable_names(name: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError):
        save_model(tmp_path / "models" / "folder", card(name), ARRAYS)
    assert not (tmp_path / "models").exists()


def test_a_missing_model_names_those_there_are(shipped: Path) -> None:
    with pytest.raises(ModelNotFoundError, match="nope") as e:
        find_model("nope")
    assert "none" in e.value.remedy
    saved("m1")
    saved("m2")
    with pytest.raises(ModelNotFoundError) as e:
        find_model("nope")
    assert "m1, m2" in e.value.remedy


def test_default_model(shipped: Path) -> None:
    with pytest.raises(ModelNotFoundError, match="chest-xray"):
        default_model("chest-xray")
    mine = saved("mine")
    assert default_model("chest-xray") == mine
    plain = saved("plain", root=shipped)
    assert plain.shipped
    assert default_model("chest-xray").card.id == "plain", "shipped before the user's, where none is marked"
    saved("chosen", root=shipped, default=True)
    assert default_model("chest-xray").card.id == "chosen"
    saved("my-choice", default=True)
    assert default_model("chest-xray").card.id == "my-choice"
    saved("other", "face-synthetic", default=True)
    assert default_model("chest-xray").card.id == "my-choice"
    assert [m.card.id for m in find_models("face-synthetic")] == ["other"]


def test_a_user_model_does_not_replace_a_shipped_one_of_the_same_name(shipped: Path) -> None:
    saved("same", root=shipped)
    saved("same", method="cyborg")
    assert find_model("same").shipped
    assert len(find_models()) == 1


def test_default_task(shipped: Path) -> None:
    assert default_task("radiograph") == "chest-cardiomegaly"
    assert default_task("photograph") == "face-manipulation"
    saved("planted", "chest-planted")
    assert default_task("radiograph") == "chest-cardiomegaly", "an instrument answers no question about real images"
    saved("synthetic", "face-synthetic")
    assert default_task("photograph") == "face-synthetic"
    saved("manipulation", "face-manipulation")
    assert default_task("photograph") == "face-manipulation"


def test_tasks() -> None:
    assert [t.id for t in TASKS] == [
        "chest-cardiomegaly", "chest-opacity", "iris-attack", "face-manipulation", "face-synthetic", "chest-planted",
        "chest-xray",
    ]
    assert not task("chest-xray").flips_allowed
    assert task("face-synthetic").flips_allowed
    with pytest.raises(KeyError, match="chest-xray"):
        task("x")


def test_strange_things_in_the_models_folder_are_passed_over(shipped: Path) -> None:
    model = saved()
    root = paths.user_models_dir()
    (root / "notes.txt").write_text("x")
    (root / "empty").mkdir()
    shutil.copytree(model.folder, root / ".m2.part")
    (root / "folder-card" / "card.json").mkdir(parents=True)
    models, problems = scan_models()
    assert models == [model]
    assert len(problems) == 1  # a folder called card.json can't be read


def test_replacing_a_field_keeps_a_card_valid() -> None:
    with pytest.raises(ValueError, match="two classes"):
        replace(card(), classes=("a", "b", "c"))  # type: ignore[arg-type]
