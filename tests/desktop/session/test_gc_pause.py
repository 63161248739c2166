"""What is kept out of the search for garbage is searched again when another casebook is opened."""

from __future__ import annotations

import gc
import weakref
from pathlib import Path

import pytest

from divisive_desktop.casebook import Casebook
from divisive_desktop.desktop.session.gc_pause import gc_paused, thaw
from tests.desktop.pages import Page
from tests.desktop.pages.waiting import until


class Link:
    """Refers to itself."""

    def __init__(self) -> None:
        self.own = self


@pytest.mark.skipif(gc.get_freeze_count() > 0, reason="something was frozen before")
def test_a_cycle_that_stayed_goes_at_the_thaw() -> None:
    with gc_paused():
        link = Link()
    seen = weakref.ref(link)
    del link
    gc.collect()
    assert seen() is not None, "that is what the pause is for"
    thaw()
    assert seen() is None
    assert gc.get_freeze_count() == 0


def test_casebooks_that_were_left_are_freed(page: Page, tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.casebook" for number in range(5)]
    for path in paths:
        Casebook.create(path).close()
    books = []
    for path in paths:
        page.open_casebook(path)
        until(lambda path=path: page.casebook.path == path and page.book_open)
        page.wait_quiet()
        books.append(weakref.ref(page.casebook.current))
        cycle = Link()
        cycle.book = page.casebook.current  # type: ignore[attr-defined]  # as a dialog that was closed
        del cycle
    assert [book() is None for book in books[:3]] == [True] * 3
