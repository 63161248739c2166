from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from divisive_desktop.casebook import Casebook, verify
from divisive_desktop.errors import ImageAlteredError, ImageMissingError


def test_a_moved_file_is_found_by_its_content(book: Casebook, photos: list[Path], tmp_path: Path) -> None:
    ids = book.cases.add_all(photos[:3], copy=False)
    moved = tmp_path / "archive" / "2025"
    moved.mkdir(parents=True)
    (moved / "decoy.png").write_bytes(b"x" * photos[0].stat().st_size)
    photos[0].rename(moved / "renamed.png")
    photos[1].unlink()
    with pytest.raises(ImageMissingError):
        book.originals.path(ids[0])
    assert {check.case_id: check.state for check in book.originals.check()} == {ids[0]: "missing", ids[1]: "missing"}
    assert book.cases.get(ids[0]).file_state == "missing"
    assert book.originals.relink(tmp_path / "archive") == {ids[0]: moved / "renamed.png"}
    assert book.originals.path(ids[0], check=True) == moved / "renamed.png"
    assert book.cases.get(ids[0]).file_state == "ok"
    assert book.cases.get(ids[1]).file_state == "missing"
    assert book.audit.trail(ids[0])[0].act == "relink"


@pytest.mark.parametrize("same_size", [True, False])
def test_a_changed_file_is_flagged_altered(book: Casebook, photos: list[Path], same_size: bool) -> None:
    case = book.cases.add(photos[0], copy=False)
    data = photos[0].read_bytes()
    photos[0].write_bytes(data[:-1] + b"?" if same_size else data + b"?")
    os.utime(photos[0], (1, 1))
    (check,) = book.originals.check()
    assert (check.case_id, check.state) == (case, "altered")
    assert book.cases.get(case).file_state == "altered"
    with pytest.raises(ImageAlteredError):
        book.originals.path(case, check=True)
    photos[0].write_bytes(data)
    assert book.originals.check() == []
    assert book.cases.get(case).file_state == "ok"


def test_a_change_that_keeps_size_and_time_is_found_by_the_thorough_check(book: Casebook, photos: list[Path]) -> None:
    case = book.cases.add(photos[0], copy=False)
    data, stat = photos[0].read_bytes(), photos[0].stat()
    photos[0].write_bytes(data[:-1] + b"?")
    os.utime(photos[0], ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert book.originals.check() == []
    assert [check.case_id for check in book.originals.check(thorough=True)] == [case]


def test_casebook_and_images_moved_together_stay_together(tmp_path: Path, photos: list[Path]) -> None:
    stick = tmp_path / "stick"
    shutil.copytree(photos[0].parent, stick / "images")
    with Casebook.create(stick / "a.casebook") as book:
        case = book.cases.add(stick / "images" / photos[0].name, copy=False)
    stick.rename(tmp_path / "elsewhere")
    with Casebook.open(tmp_path / "elsewhere" / "a.casebook") as book:
        assert book.originals.path(case, check=True) == tmp_path / "elsewhere" / "images" / photos[0].name
        assert book.originals.check() == []
    assert not verify(tmp_path / "elsewhere" / "a.casebook").remarks


def test_a_missing_imported_copy_is_reported_and_the_rest_works(book: Casebook, photos: list[Path]) -> None:
    one, two = book.cases.add_all(photos[:2])
    book.originals.path(one).unlink()
    assert [check.case_id for check in book.originals.check()] == [one]
    with pytest.raises(ImageMissingError):
        book.originals.path(one)
    assert book.originals.path(two, check=True).exists()
