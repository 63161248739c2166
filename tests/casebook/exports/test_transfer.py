from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from divisive_desktop.casebook import Casebook, import_zip, verify
from divisive_desktop.errors import CasebookError


def same(one: Casebook, two: Casebook) -> None:
    assert [row._replace(path="") for row in one.cases.rows()] == [row._replace(path="") for row in two.cases.rows()]
    for row in one.cases.rows():
        first, second = one.masks.load(row.id), two.masks.load(row.id)
        assert first is not None
        assert second is not None
        assert first.digest() == second.digest()
        assert row.analysis is not None
        assert (one.analyses.load(row.analysis).cams == two.analyses.load(row.analysis).cams).all()


def test_a_saved_copy_is_complete_and_sealed(filled: Casebook, tmp_path: Path) -> None:
    path = filled.transfer.save_copy(tmp_path / "copy")
    assert path.name == "copy.casebook"
    report = verify(path)
    assert report.ok, report.breaks
    assert report.sealed
    with Casebook.open(path) as copy:
        same(filled, copy)
        assert copy.head() == filled.head()
    with pytest.raises(CasebookError):
        filled.transfer.save_copy(tmp_path / "copy")


def test_a_reader_can_save_a_copy_and_write_in_it(filled: Casebook, tmp_path: Path) -> None:
    with Casebook.open(filled.path) as reader:
        assert reader.read_only
        path = reader.transfer.save_copy(tmp_path / "mine")
    with Casebook.open(path) as copy:
        copy.cases.set_label(1, 0)
    assert verify(path).ok


@pytest.mark.parametrize("originals", [True, False])
def test_export_and_import_bring_everything_along(
    filled: Casebook, photos: list[Path], tmp_path: Path, originals: bool
) -> None:
    progress: list[float] = []
    archive = filled.transfer.export_zip(tmp_path / "out.zip", originals=originals, progress=progress.append)
    assert progress[-1] == 1
    assert filled.audit.trail(limit=1)[0].act == "export"
    data = photos[2].read_bytes()
    photos[2].unlink()
    path = import_zip(archive, tmp_path / "in")
    with Casebook.open(path, accept_import=True) as imported:
        assert imported.warnings == ()
        rows = imported.cases.rows()
        assert [row.label for row in rows] == [1, 1, 1]
        if originals:
            assert imported.originals.path(rows[2].id, check=True).read_bytes() == data
            assert imported.originals.check() == []
        else:
            same(filled, imported)
            assert [check.case_id for check in imported.originals.check()] == [rows[2].id]
    assert verify(path).ok
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".")]


def test_a_damaged_or_strange_archive_leaves_nothing_behind(filled: Casebook, tmp_path: Path) -> None:
    archive = filled.transfer.export_zip(tmp_path / "out.zip")
    data = archive.read_bytes()
    for name, bad in (("cut", data[: len(data) // 2]), ("empty", b""), ("text", b"not a zip at all")):
        (tmp_path / name).write_bytes(bad)
        with pytest.raises(CasebookError):
            import_zip(tmp_path / name, tmp_path / "in")
    flipped = bytearray(data)
    flipped[len(data) // 3] ^= 1
    (tmp_path / "flipped").write_bytes(flipped)
    with pytest.raises(CasebookError):
        import_zip(tmp_path / "flipped", tmp_path / "in")
    assert not (tmp_path / "in.casebook").exists()
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".")]


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "blobs/../../evil", "blobs\\..\\evil", "C:evil", "extra.exe"])
def test_an_archive_cannot_write_outside_its_folder(filled: Casebook, tmp_path: Path, name: str) -> None:
    good = filled.transfer.export_zip(tmp_path / "out.zip")
    bad = tmp_path / "bad.zip"
    with zipfile.ZipFile(good) as source, zipfile.ZipFile(bad, "w") as target:
        manifest = json.loads(source.read("manifest.json"))
        manifest["files"][name] = "0" * 64
        for entry in source.namelist():
            if entry != "manifest.json":
                target.writestr(entry, source.read(entry))
        target.writestr(name, b"evil")
        target.writestr("manifest.json", json.dumps(manifest))
    with pytest.raises(CasebookError, match="strange name"):
        import_zip(bad, tmp_path / "in")
    assert not list(tmp_path.rglob("*evil*"))


def _repacked(archive: Path, target: Path, manifest: object | None = None) -> Path:
    with zipfile.ZipFile(archive) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            changed = manifest is not None and name == "manifest.json"
            new.writestr(name, json.dumps(manifest) if changed else old.read(name))
    return target


def _broken_stream(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        entry = archive.getinfo("casebook.sqlite")
    data = bytearray(path.read_bytes())
    start = entry.header_offset + 30 + len(entry.filename)
    data[start : start + 40] = b"\xff" * 40
    path.write_bytes(data)


def _marked_encrypted(path: Path) -> None:
    data = bytearray(path.read_bytes())
    at = data.find(b"PK\x01\x02")
    while at >= 0:
        data[at + 8] |= 1
        at = data.find(b"PK\x01\x02", at + 4)
    path.write_bytes(data)


@pytest.mark.parametrize("spoil", [_broken_stream, _marked_encrypted])
def test_archives_that_others_packed_are_refused_in_words(filled: Casebook, tmp_path: Path, spoil) -> None:
    bad = _repacked(filled.transfer.export_zip(tmp_path / "out.zip"), tmp_path / "bad.zip")
    assert import_zip(bad, tmp_path / "fine").is_dir()
    spoil(bad)
    with pytest.raises(CasebookError, match="not an intact exported casebook"):
        import_zip(bad, tmp_path / "in")
    assert not list(tmp_path.glob("*in.casebook*"))


@pytest.mark.parametrize("manifest", [[1], {"format": 1, "files": ["casebook.sqlite"]}, {"format": 1, "files": None}])
def test_a_manifest_of_another_form_is_refused_in_words(filled: Casebook, tmp_path: Path, manifest: object) -> None:
    bad = _repacked(filled.transfer.export_zip(tmp_path / "out.zip"), tmp_path / "bad.zip", manifest)
    with pytest.raises(CasebookError, match="not an intact exported casebook"):
        import_zip(bad, tmp_path / "in")
