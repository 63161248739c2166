"""Where things lie, and names that file systems take."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from divisive_desktop.paths import casebook_at, name_within_limits


@pytest.mark.parametrize("stem", ["film", "x" * 300, "胸" * 120, "🩻" * 90, "a" + "ü" * 200])
@pytest.mark.parametrize("ending", ["", ".png", ".0123abcd.png"])
def test_made_names_fit_whatever_they_are_made_from(tmp_path: Path, stem: str, ending: str) -> None:
    name = name_within_limits(stem, ending)
    assert name.endswith(ending)
    assert stem.startswith(name.removesuffix(ending) if ending else name)
    (tmp_path / f".{name}.0123456789.part").write_bytes(b"")
    (tmp_path / name).write_bytes(b"")
    if len(os.fsencode(stem)) < 200:
        assert name == stem + ending


def test_a_casebook_is_known_by_its_database(tmp_path: Path) -> None:
    book = tmp_path / "Films.casebook"
    book.mkdir()
    assert casebook_at(book) is None
    (book / "casebook.sqlite").write_bytes(b"")
    assert casebook_at(book) == casebook_at(book / "casebook.sqlite") == book
    assert casebook_at(book / "other") is None
    assert casebook_at(tmp_path / ("x" * 400)) is None
