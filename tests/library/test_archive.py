"""Models leave and arrive as one file; a bad one changes nothing."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import zipfile
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from divisive_desktop import paths
from divisive_desktop.errors import ModelError, ModelIntegrityError
from divisive_desktop.library.archive import export_model, import_model
from divisive_desktop.library.card import Card, Preprocessing
from divisive_desktop.library.release import release_state
from divisive_desktop.library.store import StoredModel, find_model, find_models, save_model, scan_models, verify


@pytest.fixture
def model() -> StoredModel:
    card = Card(
        "m1", "1", "chest-xray", ("no", "yes"), "efficientnet-lite0", "difference", "", Preprocessing(), default=True
    )
    arrays = {"head.weight": np.arange(20, dtype=np.float16)}
    return save_model(paths.user_models_dir() / "m1", card, arrays, {"mean_cam.png": b"\x89PNG", "odd.bin": b"left"})


@pytest.fixture
def archive(model: StoredModel, tmp_path: Path) -> Path:
    """An exported model whose original is gone."""
    path = export_model(model, tmp_path / "Modèle ☂")
    shutil.rmtree(model.folder)
    return path


def rewrite(archive: Path, changes: dict[str, bytes | None], rename: dict[str, str] | None = None) -> Path:
    """The archive with files changed, added, removed (None) or renamed."""
    target = archive.with_name("changed.divmodel")
    with zipfile.ZipFile(archive) as old, zipfile.ZipFile(target, "w") as new:
        files = {name: old.read(name) for name in old.namelist()}
        files.update({n: d for n, d in changes.items() if d is not None})
        for name, data in files.items():
            if changes.get(name, data) is not None:
                new.writestr((rename or {}).get(name, name), data)
    return target


def user_models() -> list[str]:
    root = paths.user_models_dir()
    return sorted(p.name for p in root.iterdir()) if root.is_dir() else []


def test_round_trip(model: StoredModel, archive: Path) -> None:
    assert archive.name == "Modèle ☂.divmodel"
    back = import_model(archive)
    assert verify(back.folder).weights_sha256 == model.card.weights_sha256
    assert find_model("m1").folder == paths.user_models_dir() / "m1"
    assert sorted(p.name for p in back.folder.iterdir()) == ["card.json", "mean_cam.png", "weights.safetensors"]


def test_an_imported_model_is_not_made_the_default(archive: Path) -> None:
    assert not import_model(archive).card.default
    assert not find_model("m1").card.default


def test_the_same_model_gives_the_same_file(model: StoredModel, tmp_path: Path) -> None:
    a, b = export_model(model, tmp_path / "a.divmodel"), export_model(model, tmp_path / "b.divmodel")
    assert a.read_bytes() == b.read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.divmodel", "b.divmodel"]


def test_a_damaged_model_is_not_exported(model: StoredModel, tmp_path: Path) -> None:
    model.weights.write_bytes(model.weights.read_bytes()[:-1])
    with pytest.raises(ModelIntegrityError):
        export_model(model, tmp_path / "a.divmodel")
    assert list(tmp_path.iterdir()) == []


def test_export_to_where_nothing_can_be_written(model: StoredModel, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="can't be written"):
        export_model(model, tmp_path / "missing" / "a.divmodel")


def test_importing_twice_says_that_it_is_there(archive: Path) -> None:
    import_model(archive)
    with pytest.raises(ModelError, match="same one") as e:
        import_model(archive)
    assert not isinstance(e.value, ModelIntegrityError)
    assert user_models() == ["m1"]


def test_a_flipped_byte_anywhere_is_refused(model: StoredModel, archive: Path) -> None:
    data = archive.read_bytes()
    with zipfile.ZipFile(archive) as content:
        offsets = [e.header_offset + 60 for e in content.infolist()]  # inside each file's data
    refused = 0
    for where in (*offsets, *range(0, len(data), 5)):
        archive.write_bytes(data[:where] + bytes([data[where] ^ 4]) + data[where + 1 :])
        if imports(archive):  # the ZIP's own time stamps and attributes may change; the content may not
            assert verify(paths.user_models_dir() / "m1").weights_sha256 == model.card.weights_sha256
            shutil.rmtree(paths.user_models_dir() / "m1")
        else:
            refused += 1
            assert user_models() == []
    assert refused >= len(offsets)


def imports(archive: Path) -> bool:
    try:
        import_model(archive)
    except ModelIntegrityError:
        return False
    return True


@pytest.mark.parametrize(
    "name",
    [
        "../evil.png", "..\\evil.png", "/tmp/evil.png", "C:evil.png", "sub/evil.png",
        "evil.py", ".hidden.png", "evil", "x\0.png",
    ],
)
def test_nothing_leaves_the_folder(archive: Path, name: str) -> None:
    changed = rewrite(archive, {"mean_cam.png": b"x"}, {"mean_cam.png": name})
    with pytest.raises(ModelIntegrityError):
        import_model(changed)
    assert user_models() == []
    assert not (paths.user_data_dir() / "evil.png").exists()


@pytest.mark.parametrize("name", ["card.json", "weights.safetensors", "hashes.json"])
def test_missing_parts_are_refused(archive: Path, name: str) -> None:
    with pytest.raises(ModelIntegrityError, match="lacks"):
        import_model(rewrite(archive, {name: None}))


@pytest.mark.parametrize(
    "card", [b" " * (65 << 20), b"[" * 10**6, b'{"format": 1e999}'], ids=["long", "deep", "infinite"]
)
def test_cards_beyond_all_bounds_are_refused(archive: Path, card: bytes) -> None:
    with zipfile.ZipFile(archive) as content:
        hashes = json.loads(content.read("hashes.json"))
    hashes["card.json"] = hashlib.sha256(card).hexdigest()
    with pytest.raises(ModelIntegrityError):
        import_model(rewrite(archive, {"card.json": card, "hashes.json": json.dumps(hashes).encode()}))
    assert user_models() == []


def test_changed_files_and_unlisted_files_are_refused(archive: Path) -> None:
    with pytest.raises(ModelIntegrityError, match="changed after export"):
        import_model(rewrite(archive, {"mean_cam.png": b"other"}))
    with pytest.raises(ModelIntegrityError, match="incomplete"):
        import_model(rewrite(archive, {"extra.png": b"new"}))
    with pytest.raises(ModelIntegrityError, match="unreadable"):
        import_model(rewrite(archive, {"hashes.json": b"[]"}))
    assert user_models() == []


def test_a_card_with_a_dangerous_id_is_refused(archive: Path) -> None:
    import hashlib

    with zipfile.ZipFile(archive) as content:
        card = json.loads(content.read("card.json"))
        hashes = json.loads(content.read("hashes.json"))
    data = json.dumps({**card, "id": "../../evil"}).encode()
    hashes["card.json"] = hashlib.sha256(data).hexdigest()
    with pytest.raises(ModelIntegrityError, match="name"):
        import_model(rewrite(archive, {"card.json": data, "hashes.json": json.dumps(hashes).encode()}))
    assert user_models() == []


def test_files_that_are_no_archives(tmp_path: Path) -> None:
    for name, data in (("empty", b""), ("text", b"hello"), ("head", b"PK\x03\x04 and nothing")):
        path = tmp_path / f"{name}.divmodel"
        path.write_bytes(data)
        with pytest.raises(ModelIntegrityError, match="damaged or not"):
            import_model(path)
    with pytest.raises(ModelError, match="no file"):
        import_model(tmp_path / "gone.divmodel")
    with pytest.raises(ModelError):
        import_model(tmp_path)


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("divisive_desktop.library.archive._MOST_BYTES", 20 << 20)
    path = tmp_path / "bomb.divmodel"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out, out.open("weights.safetensors", "w") as entry:
        for _ in range(30):
            entry.write(bytes(1 << 20))
    with pytest.raises(ModelIntegrityError, match="larger"):
        import_model(path)
    assert find_models() == [m for m in find_models() if m.shipped]


@pytest.mark.skipif(not hasattr(os, "symlink") or os.name == "nt", reason="links of POSIX")
def test_links_in_a_model_s_folder_take_nobody_s_files_along(model: StoredModel, tmp_path: Path) -> None:
    secret = tmp_path / "id_ed25519"
    secret.write_bytes(b"my own words")
    (model.folder / "mean_cams.png").symlink_to(secret)
    (model.folder / "notes.md").symlink_to("/dev/zero")
    with zipfile.ZipFile(export_model(model, tmp_path / "m.divmodel")) as packed:
        assert b"my own words" not in b"".join(packed.read(name) for name in packed.namelist())


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes of POSIX")
@pytest.mark.parametrize("name", ["mean_cam.png", "weights.safetensors", "card.json", "scope.safetensors"])
def test_nothing_waits_for_a_pipe_in_a_model_s_folder(name: str, model: StoredModel, tmp_path: Path) -> None:
    (model.folder / name).unlink(missing_ok=True)
    os.mkfifo(model.folder / name)
    with suppress(ModelError):
        export_model(model, tmp_path / "m.divmodel")
    release_state(model.folder)
    scan_models()


def test_a_giant_beside_the_weights_is_refused_in_words(model: StoredModel, tmp_path: Path) -> None:
    with (model.folder / "mean_cam.png").open("wb") as file:
        file.truncate(1 << 36)
    with pytest.raises(ModelError, match="bytes, more than"):
        export_model(model, tmp_path / "m.divmodel")
