"""Pictures from ZIP archives stay as long as a casebook needs them, and no longer."""

from __future__ import annotations

import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from divisive_desktop.casebook import Casebook, NewImage
from divisive_desktop.desktop.session import importing, unpacked
from divisive_desktop.desktop.session.case import Case
from divisive_desktop.imaging import scan

LATER = time.time() + 2 * unpacked.KEPT_S


@pytest.fixture
def images(rg1: Path, tmp_path: Path) -> list[Path]:
    """A radiograph, which casebooks refer to and don't copy, from a ZIP."""
    archive = tmp_path / "film.zip"
    with zipfile.ZipFile(archive, "w") as z:
        z.write(rg1, "IM1")
    return list(scan([archive], unpack_to=unpacked.folder()))


@pytest.fixture
def new_book(tmp_path: Path) -> Iterator[Callable[[str], Casebook]]:
    made: list[Casebook] = []

    def make(name: str) -> Casebook:
        made.append(Casebook.create(tmp_path / name))
        return made[-1]

    yield make
    for book in made:
        book.close()


def test_what_a_case_refers_to_stays_until_the_case_is_gone(
    images: list[Path], new_book: Callable[[str], Casebook]
) -> None:
    book = new_book("a")
    ((_, row),) = importing.import_images(book, [Case(images[0])])
    unpacked.clean(book, LATER)
    assert images[0].is_file()
    book.trash.put(row.id)
    unpacked.clean(book, LATER)
    assert images[0].is_file()  # it can come back from the trash
    book.trash.empty()
    unpacked.clean(book, LATER)
    assert not images[0].exists()
    assert list(unpacked.folder().iterdir()) == []


def test_a_casebook_keeps_what_another_one_needs(images: list[Path], new_book: Callable[[str], Casebook]) -> None:
    importing.import_images(new_book("a"), [Case(images[0])])
    unpacked.clean(new_book("b"), LATER)
    assert images[0].is_file()


def test_what_was_just_unpacked_or_waits_to_be_taken_in_stays(
    images: list[Path], new_book: Callable[[str], Casebook]
) -> None:
    book = new_book("a")
    unpacked.clean(book)
    assert images[0].is_file()
    book.waiting.add([(images[0], 0)])
    unpacked.clean(book, LATER)
    assert images[0].is_file()
    book.waiting.replace([])
    unpacked.clean(book, LATER)
    assert not images[0].exists()


def test_an_image_that_is_copied_into_the_casebook_needs_no_archive(
    images: list[Path], new_book: Callable[[str], Casebook]
) -> None:
    book = new_book("a")
    book.cases.add_all([NewImage(images[0])], copy=True)
    unpacked.clean(book, LATER)
    assert not images[0].exists()


def test_folders_of_the_first_version_stay(new_book: Callable[[str], Casebook]) -> None:
    old = unpacked.folder() / "0123456789abcdef"
    old.mkdir(parents=True)
    unpacked.clean(new_book("a"), LATER)
    assert old.is_dir()
