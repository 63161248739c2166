from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from divisive_desktop import paths
from divisive_desktop.library import release as module
from divisive_desktop.library.archive import export_model, import_model
from divisive_desktop.library.card import Card, Preprocessing
from divisive_desktop.library.release import RELEASE, release, release_state
from divisive_desktop.library.store import CARD, StoredModel, save_model, verify, write_files

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))


@pytest.fixture(autouse=True)
def released_by_us(monkeypatch: pytest.MonkeyPatch) -> None:
    public = KEY.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex()
    monkeypatch.setattr(module, "_public_key", lambda: public)


@pytest.fixture
def model(home: Path) -> StoredModel:
    card = Card("m1", "1", "chest-xray", ("normal", "abnormal"), "tiny", "plain", "", Preprocessing(),
                metrics={"test": {"images": 100, "auroc": 0.81}}, limits=("Adults only.",))  # fmt: skip
    made = save_model(paths.user_models_dir() / "m1", card, {"x": np.ones(3, np.float32)})
    assert release_state(made.folder) == "unsigned"
    sign(made, KEY)
    return made


def sign(model: StoredModel, key: Ed25519PrivateKey | None) -> None:
    write_files(model.folder, {RELEASE: release((model.folder / CARD).read_bytes(), key)})


def edit(model: StoredModel, **fields: object) -> None:
    file = model.folder / CARD
    file.write_text(json.dumps({**json.loads(file.read_text()), **fields}))


def test_a_signed_card_is_as_released(model: StoredModel) -> None:
    assert release_state(model.folder) == "released"
    edit(model, default=True)  # its user's choice, and other spaces and line ends
    assert release_state(model.folder) == "released"


@pytest.mark.parametrize(
    "fields",
    [
        {"metrics": {"test": {"images": 99999, "auroc": 0.999}}}, {"limits": []}, {"intended_use": "Certified."},
        {"author": "Somebody"}, {"licence": "none"}, {"calibration": {"ece_after": 0}}, {"id": "m2"},
        {"scope": None, "more": 1},
    ],
)  # fmt: skip
def test_any_edit_is_told(model: StoredModel, fields: dict[str, object]) -> None:
    edit(model, **fields)
    assert release_state(model.folder) == "changed"
    verify(model.folder)  # the weights are still what they were
    write_files(model.folder, {RELEASE: release((model.folder / CARD).read_bytes(), OTHER)})
    assert release_state(model.folder) == "changed", "signed by somebody else"
    sign(model, None)
    assert release_state(model.folder) == "unsigned", "never as released"
    (model.folder / RELEASE).unlink()
    assert release_state(model.folder) == "unsigned"


def test_other_weights_under_a_signed_card_are_told(model: StoredModel) -> None:
    edit(model, weights_sha256="0" * 64)
    assert release_state(model.folder) == "changed"


@pytest.mark.parametrize("text", ["", "[]", "[" * 50000, '{"card": 1}', "null"])
def test_an_unreadable_release_is_told(model: StoredModel, text: str) -> None:
    (model.folder / RELEASE).write_text(text)
    assert release_state(model.folder) == "changed"


def test_a_card_that_the_program_rewrites_is_unsigned_until_signed_again(model: StoredModel) -> None:
    card = json.loads((model.folder / CARD).read_text())
    write_files(model.folder, {CARD: json.dumps({**card, "limits": ["Children, too."]}).encode()})
    assert release_state(model.folder) == "unsigned"
    sign(model, KEY)
    assert release_state(model.folder) == "released"


def test_a_signature_travels(model: StoredModel, tmp_path: Path) -> None:
    edit(model, default=True, of_a_later_version={"kept": True})
    sign(model, KEY)
    sent = export_model(model, tmp_path / "m1.divmodel")
    for file in model.folder.iterdir():
        file.unlink()
    model.folder.rmdir()
    back = import_model(sent)
    assert not back.card.default
    assert release_state(back.folder) == "released"


def test_no_card_that_comes_along_was_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether they are signed is asked before a release, by build/sign_models.py --check."""
    monkeypatch.undo()  # by the program's own key
    folders = [card.parent for card in paths.shipped_models_dir().glob("*/card.json")]
    for folder in folders:
        assert release_state(folder) != "changed", folder.name
