"""Casebooks that somebody made to do harm: no file of them decides which file of this computer is read."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import zipfile
from pathlib import Path

import pytest

from divisive_desktop.casebook import Casebook, import_zip, verify
from divisive_desktop.casebook.storage.blobs import is_blob_name
from divisive_desktop.errors import CasebookDamagedError, CasebookError, CasebookReadOnlyError, ImageMissingError


def forged(archive: Path, target: Path, statement: str, extra: dict[str, bytes] | None = None) -> Path:
    """An export whose database was changed, with a manifest that fits."""
    with zipfile.ZipFile(archive) as old:
        files = {name: old.read(name) for name in old.namelist() if name != "manifest.json"}
    database = target.with_suffix(".sqlite")
    database.write_bytes(files["casebook.sqlite"])
    connection = sqlite3.connect(database)
    for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchall():
        connection.execute(f"DROP TRIGGER {name}")
    connection.execute(statement)
    connection.commit()
    connection.execute("PRAGMA journal_mode = DELETE")
    connection.close()
    files["casebook.sqlite"] = database.read_bytes()
    files |= extra or {}
    sums = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new:
        for name, data in files.items():
            new.writestr(name, data)
        new.writestr("manifest.json", json.dumps({"format": 1, "app": "x", "head": [0, ""], "files": sums}))
    return target


@pytest.fixture
def archive(filled: Casebook, tmp_path: Path) -> Path:
    return filled.transfer.export_zip(tmp_path / "out.zip")


def test_an_imported_casebook_is_looked_at_and_becomes_ones_own_by_an_act(archive: Path, tmp_path: Path) -> None:
    path = import_zip(archive, tmp_path / "in")
    with Casebook.open(path) as book:
        assert book.read_only is not None
        assert "out.zip" in book.read_only
        assert book.imported is not None
        assert "nothing wrong" in book.imported.in_words()
        with pytest.raises(CasebookReadOnlyError):
            book.cases.set_label(1, 0)
        copy = book.transfer.save_copy(tmp_path / "copy")
    with Casebook.open(copy) as book:
        assert book.read_only is not None  # a copy of somebody else's is somebody else's
    with Casebook.open(path, accept_import=True) as book:
        assert book.read_only is None
        act = next(record for record in book.audit.trail() if record.act == "accept-import")
        assert act.parameters["source"] == "out.zip"
        book.cases.set_label(1, 0)
    with Casebook.open(path) as book:
        assert book.read_only is None
        assert book.imported is None
    assert verify(path).ok


@pytest.mark.parametrize("place", ["{secret}", "../../../{secret}", "ab/../../{secret}", "/dev/zero", "", "x" * 64])
@pytest.mark.parametrize("accepted", [False, True])
def test_a_thumbnail_that_is_another_file_never_travels(
    archive: Path, tmp_path: Path, place: str, accepted: bool
) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("the victim's secret")
    name = place.format(secret=secret).replace("'", "''")
    bad = forged(archive, tmp_path / "bad.zip", f"UPDATE cases SET thumbnail = '{name}' WHERE id = 1")
    path = import_zip(bad, tmp_path / "in")
    with Casebook.open(path, accept_import=accepted) as book:
        found = verify(path)
        assert any("can't be the casebook's" in str(broken) for broken in found.breaks)
        row = book.cases.get(1)
        with pytest.raises(CasebookDamagedError):
            book.cases.thumbnail(row.thumbnail)
        for leave in (book.transfer.export_zip, book.transfer.save_copy):
            with pytest.raises(CasebookDamagedError):
                leave(tmp_path / "leaves")
    assert not list(tmp_path.glob("leaves*"))


def test_what_the_check_finds_is_told(archive: Path, tmp_path: Path) -> None:
    bad = forged(archive, tmp_path / "bad.zip", "UPDATE cases SET path = '/etc/hosts', copy = NULL WHERE id = 2")
    with Casebook.open(import_zip(bad, tmp_path / "in")) as book:
        assert book.imported is not None
        words = book.imported.in_words()
    assert "cases 2" in words
    assert "outside" in words
    assert "/etc/hosts" in words or book.imported.outside > 1


ELSEWHERE = [r"\\evil.example\share\a.dcm", "//evil.example/share/a.dcm", "/dev/stdin", "/proc/self/mem"]


@pytest.mark.parametrize("place", ELSEWHERE)
def test_places_on_other_machines_and_devices_are_not_opened_unasked(archive: Path, tmp_path: Path, place: str) -> None:
    change = f"UPDATE cases SET path = '{place}', copy = NULL, relative = NULL WHERE id = 1"
    bad = forged(archive, tmp_path / "bad.zip", change)
    path = import_zip(bad, tmp_path / "in")
    with Casebook.open(path) as book, pytest.raises(ImageMissingError, match="unasked"):
        book.originals.path(1)
    assert verify(path).originals >= 0  # and it ends


def test_a_pipe_for_an_image_is_not_waited_for(archive: Path, tmp_path: Path) -> None:
    if not hasattr(os, "mkfifo"):
        pytest.skip("no pipes here")
    os.mkfifo(tmp_path / "pipe")
    change = f"UPDATE cases SET path = '{tmp_path / 'pipe'}', copy = NULL, relative = NULL WHERE id = 1"
    bad = forged(archive, tmp_path / "bad.zip", change)
    path = import_zip(bad, tmp_path / "in")
    with Casebook.open(path, accept_import=True) as book:
        with pytest.raises(ImageMissingError):
            book.originals.path(1, check=True)
        assert 1 in {check.case_id for check in book.originals.check()}
    verify(path)


def test_a_link_among_the_files_is_no_file(filled: Casebook, tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    digest = hashlib.sha256(b"secret").hexdigest()
    place = filled.blobs.path(digest)
    place.parent.mkdir(exist_ok=True)
    place.symlink_to(secret)
    assert not filled.blobs.holds(digest)
    assert any("plain file" in str(broken) for broken in verify(filled.path).breaks)


def test_a_file_that_nothing_refers_to_does_not_fill_the_disk(archive: Path, tmp_path: Path) -> None:
    bomb = bytes(50 << 20)
    name = f"blobs/{hashlib.sha256(bomb).hexdigest()[:2]}/{hashlib.sha256(bomb).hexdigest()}"
    bad = forged(archive, tmp_path / "bad.zip", "SELECT 1", {name: bomb})
    path = import_zip(bad, tmp_path / "in")
    assert not (path / name).exists()
    assert not any("nothing refers" in str(remark) for remark in verify(path).remarks)


@pytest.mark.parametrize(
    "name", [f"blobs/ab/{'a' * 300}", "originals/x", f"blobs/cd/{'ab' * 32}", "blobs/ab/..", "seal.json"]
)
def test_only_names_that_an_export_gives_are_unpacked(archive: Path, tmp_path: Path, name: str) -> None:
    bad = forged(archive, tmp_path / "bad.zip", "SELECT 1", {name: b"x"})
    with pytest.raises(CasebookError, match="strange name"):
        import_zip(bad, tmp_path / "in")


@pytest.mark.parametrize(
    "manifest",
    [
        b"[" * 200_000, b'{"format": 1e999}', b'{"format": 1, "files": {"casebook.sqlite": 1}}', b"\xff\xfe",
        bytes(70 << 20),
    ],
)
def test_manifests_beyond_all_bounds_are_refused(archive: Path, tmp_path: Path, manifest: bytes) -> None:
    bad = tmp_path / "bad.zip"
    with zipfile.ZipFile(archive) as old, zipfile.ZipFile(bad, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, manifest if name == "manifest.json" else old.read(name))
    with pytest.raises(CasebookError, match="not an intact exported casebook"):
        import_zip(bad, tmp_path / "in")


def test_names_of_files_in_a_casebook() -> None:
    good = "0123456789abcdef" * 4
    assert all(is_blob_name(name) for name in (good, f"{good}.dcm", f"{good}.1", f"{good}.jp2~"))
    bad = ["", good[:-1], good.upper(), f"{good}/x", f"{good}.a/b", f"{good}\\x", f"../{good}", None, 5]
    bad += [f"{good}.\0", f"{good}:s", f"{good}.x\n"]
    assert not any(is_blob_name(name) for name in bad)


@pytest.mark.parametrize("number", [-5, 0, -(1 << 31), 10_000])
def test_a_schema_that_never_was_is_refused_everywhere(number: int, archive: Path, tmp_path: Path) -> None:
    """Migrations would be taken from the end of their list, or none, and the tables be anything."""
    path = import_zip(archive, tmp_path / "in")
    connection = sqlite3.connect(path / "casebook.sqlite")
    connection.execute(f"PRAGMA user_version = {number}")
    connection.close()
    before = (path / "casebook.sqlite").read_bytes()
    with pytest.raises(CasebookError, match="newer version" if number > 0 else "never was"):
        Casebook.open(path, accept_import=True)
    assert not verify(path).ok
    assert (path / "casebook.sqlite").read_bytes() == before
    zipped = forged(archive, tmp_path / "bad.zip", f"PRAGMA user_version = {number}")
    with pytest.raises(CasebookError, match="newer version" if number > 0 else "never was"):
        import_zip(zipped, tmp_path / "again")
    assert not (tmp_path / "again.casebook").exists()


@pytest.mark.parametrize("column", ["copy", "thumbnail"])
def test_a_name_with_two_suffixes_is_none(column: str, archive: Path, tmp_path: Path) -> None:
    """What is a picture to this program is a script to the one that a click opens it with."""
    data = b"#!/bin/sh\necho hello"
    digest = hashlib.sha256(data).hexdigest()
    name = f"{digest}.png.sh"
    change = f"sha256 = '{digest}', copy = '.png.sh'" if column == "copy" else f"thumbnail = '{name}'"
    path = import_zip(forged(archive, tmp_path / "bad.zip", f"UPDATE cases SET {change} WHERE id = 1"), tmp_path / "in")
    with Casebook.open(path) as book:
        assert book.imported is not None
        assert book.imported.breaks
        assert any(".png.sh" in warning for warning in book.warnings)
        with pytest.raises(CasebookDamagedError):
            book.transfer.export_zip(tmp_path / "out2.zip")
    assert not verify(path).ok
    with pytest.raises(CasebookError, match="strange name"):
        import_zip(
            forged(archive, tmp_path / "worse.zip", "SELECT 1", {f"blobs/{name[:2]}/{name}": data}), tmp_path / "in2"
        )


def test_a_strange_file_that_nothing_refers_to_is_told(archive: Path, tmp_path: Path) -> None:
    path = import_zip(archive, tmp_path / "in")
    data = b"#!/bin/sh"
    digest = hashlib.sha256(data).hexdigest()
    place = path / "blobs" / digest[:2]
    place.mkdir(exist_ok=True)
    (place / f"{digest}.png.sh").write_bytes(data)
    assert ["no file of a casebook is called so" in str(found) for found in verify(path).breaks] == [True]


def test_a_file_whose_bytes_are_others_than_its_name_says_is_not_exported(filled: Casebook, tmp_path: Path) -> None:
    thumbnail = next(file for file in filled.path.glob("blobs/*/*"))
    thumbnail.write_bytes(thumbnail.read_bytes() + b"x")
    with pytest.raises(CasebookError, match="was changed, so it wasn't exported") as raised:
        filled.transfer.export_zip(tmp_path / "out.zip")
    assert "Save a copy" in raised.value.remedy
    assert not list(tmp_path.glob("*.zip"))
    assert not verify(filled.path).ok
