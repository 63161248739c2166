"""A casebook that is dropped, chosen or handed over is opened; its own pictures never become cases."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from divisive_desktop.casebook import Casebook
from tests.desktop.pages import Page, Start, until


@pytest.fixture
def book(tmp_path: Path, pictures: Callable[[int], Path], start: Start) -> Path:
    """A casebook with three pictures and their thumbnails."""
    path = tmp_path / "Films.casebook"
    Casebook.create(path).close()
    page = start(path)
    page.open(pictures(3))
    page.wait_quiet()
    page.close()
    assert list((path / "blobs").rglob("*.png")), "thumbnails"
    return path


@pytest.mark.parametrize("inner", ["", "casebook.sqlite"])
def test_a_casebook_that_is_dropped_is_opened(start: Start, book: Path, inner: str) -> None:
    page: Page = start()
    page.drop(book / inner if inner else book)
    until(lambda: page.session.casebook.path == book, "the casebook")
    page.wait_quiet()
    assert page.case_names == ["picture0000.png", "picture0001.png", "picture0002.png"]
    page.drop(book)
    page.wait_quiet()
    assert page.case_names == ["picture0000.png", "picture0001.png", "picture0002.png"], "it was open already"
    page.close()
    with Casebook.open(book) as opened:
        assert len(opened.cases.rows()) == 3


def test_pictures_beside_a_casebook_are_opened_without_its_own(start: Start, book: Path) -> None:
    page = start()
    page.open(book.parent)
    page.wait_quiet()
    assert page.case_names == ["picture0000.png", "picture0001.png", "picture0002.png"]
    assert page.session.casebook.path != book


def test_two_casebooks_at_once_are_said_to_be_one_too_many(start: Start, book: Path, tmp_path: Path) -> None:
    other = tmp_path / "Other.casebook"
    Casebook.create(other).close()
    page = start()
    page.drop(book, other)
    until(lambda: page.session.casebook.path == book, "the first casebook")
    assert any("2 casebooks" in text for text in page.messages.texts)


def test_what_is_wrong_with_a_file_is_not_told_over_another_case(start: Start, pictures: Callable[[int], Path]) -> None:
    folder = pictures(2)
    (folder / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    page = start()
    page.begin_opening(folder)
    until(lambda: len(page.cases) == 3, "all files in the list")
    broken = page.case(0)
    assert broken.path.name == "a.png"
    page.select(broken)
    until(lambda: any("a.png" in text for text in page.messages.texts), "what is wrong with it")
    page.go_to(page.case(1))
    assert not any("a.png" in text for text in page.messages.texts)
    page.select(broken)
    assert "a.png" in page.feature("opening").problem_page.title.text(), "the middle says it again"
