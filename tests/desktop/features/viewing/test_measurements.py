"""What was measured is there again: after another case, after a restart; deleting is kept too."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from divisive_desktop.casebook import Casebook
from divisive_desktop.desktop.session.settings import Settings
from divisive_desktop.desktop.viewer.measuring import Angle, Region, Ruler, from_items, to_items
from divisive_desktop.imaging import open_image
from tests.desktop.pages import Page


@pytest.fixture
def shown(qtbot: QtBot, page: Page, pictures: Callable[[int], Path]) -> Page:
    page.open(pictures(2))
    qtbot.waitUntil(lambda: all(c.id is not None for c in page.cases), timeout=20_000)
    return page


def draw(page: Page, tool: str, start: tuple[int, int], end: tuple[int, int]) -> None:
    page.trigger(f"tool-{tool}")
    page.hand.drag_on_screen(start, end)


def go(page: Page, step: str) -> None:
    with page.loading():
        page.trigger(step)


def test_they_are_there_again_after_another_case_and_after_a_restart(qtbot: QtBot, shown: Page) -> None:
    viewer = shown.viewer
    draw(shown, "ruler", (60, 60), (160, 120))
    draw(shown, "ellipse", (100, 100), (180, 160))
    drawn = viewer.state.measurements
    assert [type(m) for m in drawn] == [Ruler, Region]
    go(shown, "next")
    assert viewer.state.measurements == ()
    go(shown, "previous")
    assert viewer.state.measurements == drawn
    shown.wait_written()
    kept = shown.book.measurements.load(shown.current.id)
    assert [item["kind"] for item in kept] == ["ruler", "ellipse"]
    assert kept[0]["text"][1] == "no calibration"
    shown.close()
    settings = Settings()
    settings.analyse_on_opening = False
    again = Page.build(settings).show()
    qtbot.waitUntil(lambda: len(again.cases) == 2, timeout=20_000)
    again.select(again.case(0))
    qtbot.waitUntil(lambda: again.viewer.state.measurements == drawn, timeout=20_000)
    again.discard()


def test_deleting_the_last_one_is_kept(shown: Page) -> None:
    draw(shown, "ruler", (60, 60), (160, 120))
    shown.trigger("delete-measurement")
    assert shown.viewer.state.measurements == ()
    shown.wait_written()
    assert shown.book.measurements.load(shown.current.id) == ()
    assert isinstance(shown.book, Casebook)


def test_what_is_kept_reads_back_and_strangers_are_left_out(rg1: Path) -> None:
    record = open_image(rg1)
    made = [
        Ruler(((1.5, 2.0), (30.0, 40.0))), Angle(((0.0, 1.0), (2.0, 3.0), (4.0, 5.5))),
        Region(((5.0, 5.0), (50.0, 60.0)), "rectangle"), Region(((5.0, 5.0), (50.0, 60.0)), "ellipse"),
    ]  # fmt: skip
    items = to_items(made, record)
    assert from_items(items) == made
    assert items[2]["text"][0].startswith("mean ")
    assert from_items([{"kind": "spiral", "points": [[0, 0]]}, {"kind": "ruler", "points": [[0, 0]]}, {}]) == []
