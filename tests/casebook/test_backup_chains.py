"""Backups against the casebook: a history that was written anew doesn't fit them."""

from __future__ import annotations

import shutil
from pathlib import Path

from divisive_desktop.casebook import Casebook
from divisive_desktop.casebook.verify import verify


def made(path: Path, notes: list[str], backup_after: int | None = None) -> Path:
    with Casebook.create(path) as book:
        for number, note in enumerate(notes):
            book.audit.record("note", text=note)
            if number == backup_after:
                book.backup()
    return path


def test_a_history_written_anew_is_told_by_a_backup(tmp_path: Path) -> None:
    """The forger remakes everything consistently, hashes, witness and seal; the backup still holds what was."""
    real = made(tmp_path / "A.casebook", ["one", "two", "three"], backup_after=1)
    assert verify(real).breaks == []
    forged = made(tmp_path / "B.casebook", ["one", "nothing", "three", "four", "five"])
    assert verify(forged).ok
    for name in ("casebook.sqlite", "chain.log", "seal.json"):
        shutil.copy(forged / name, real / name)
    found = verify(real)
    assert not found.ok
    assert "another history than the casebook: one of the two was rewritten" in str(found.breaks[0])


def test_a_history_that_was_cut_off_is_told_by_a_backup(tmp_path: Path) -> None:
    path = made(tmp_path / "A.casebook", ["one"])
    earlier = tmp_path / "earlier"
    shutil.copytree(path, earlier)
    with Casebook.open(path) as book:
        book.audit.record("note", text="inconvenient")
        book.backup()
    for name in ("casebook.sqlite", "chain.log", "seal.json"):
        shutil.copy(earlier / name, path / name)
    assert not verify(path).ok


def test_going_back_to_a_backup_explains_later_ones(tmp_path: Path) -> None:
    path = tmp_path / "A.casebook"
    with Casebook.create(path) as book:
        book.audit.record("note", text="one")
        first = book.backup()
        book.audit.record("note", text="two")
        book.backup()
    Casebook.restore_backup(path, first.name)
    found = verify(path)
    assert found.breaks == []
    assert any("went back to a backup by record" in str(remark) for remark in found.remarks)


def test_a_head_that_was_noted_pins_the_history(tmp_path: Path) -> None:
    path = made(tmp_path / "A.casebook", ["one", "two"])
    with Casebook.open(path, read_only=True) as book:
        head = book.head()[1]
    for noted in (head, head[:20]):
        assert verify(path, expected_head=noted).ok
        assert not verify(made(tmp_path / f"{len(noted)}.casebook", ["one", "three"]), expected_head=noted).ok
