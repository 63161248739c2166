"""The session without its window: what is chosen, what is shown, and what its parts tell each other."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pytestqt.qtbot import QtBot

from divisive_desktop.desktop.session import redaction
from divisive_desktop.desktop.session.case import Case, Review
from divisive_desktop.desktop.session.redaction import Redaction
from divisive_desktop.desktop.session.session import Session
from divisive_desktop.desktop.session.settings import Settings

MS = 20_000


def test_chosen_are_the_selected_cases_or_the_one_that_is_looked_at(
    session: Session, opened: Callable[[int], list[Case]]
) -> None:
    assert session.chosen() == []
    first, second, third = opened(3)
    assert session.chosen() == [first]
    session.selection = lambda: [second, third]
    assert session.chosen() == [second, third]
    frame = Case(first.path, 1)
    session.select(frame)
    assert session.chosen() == [frame], "the list doesn't show it"


def test_a_picture_is_shown_also_while_the_next_frame_is_on_its_way(
    qtbot: QtBot, session: Session, opened: Callable[[int], list[Case]]
) -> None:
    assert not session.picture_shown
    _, second = opened(2)
    assert session.picture_shown
    session.select(second)
    assert not session.picture_shown, "another file is being opened"
    qtbot.waitUntil(lambda: session.record is not None, timeout=MS)
    session.select(Case(second.path, 1))
    assert session.record is None
    assert session.picture_shown
    session.select(None)
    assert not session.picture_shown
    qtbot.waitUntil(lambda: session.runner.idle, timeout=MS)


def test_what_the_analyst_says_is_in_the_casebook_when_it_is_idle(
    qtbot: QtBot, session: Session, opened: Callable[[int], list[Case]]
) -> None:
    first, second = opened(2)
    session.edits.set_label(1)
    session.edits.set_review(Review.FLAGGED, [first, second])
    session.edits.set_notes(second, "left side")
    session.edits.change_tags([first, second], ["x"], [])
    qtbot.waitUntil(lambda: session.casebook.idle, timeout=MS)
    assert session.casebook.current is not None
    kept = {row.id: row for row in session.casebook.current.cases.rows()}
    assert [kept[c.id or 0].label for c in (first, second)] == [1, None]
    assert [kept[c.id or 0].review for c in (first, second)] == ["flagged", "flagged"]
    assert kept[second.id or 0].notes == "left side"
    assert all(row.tags == ("x",) for row in kept.values())


def test_names_are_hidden_with_identity_only_where_the_settings_say_so(home: Path) -> None:
    settings = Settings()
    switch = Redaction(settings)
    told: list[str] = []
    switch.changed.connect(lambda: told.append("identity"))
    switch.namesChanged.connect(lambda: told.append("names"))
    switch.set_visible(True)
    switch.set_visible(True)
    assert (switch.visible, settings.identity_visible, told) == (True, True, ["identity"])
    settings.names_identify = True
    switch.update()
    assert (told, redaction.names_hidden()) == (["identity"], False)
    switch.set_visible(False)
    assert (told[1:], redaction.names_hidden()) == (["identity", "names"], True)
    settings.names_identify = False
    switch.update()
    assert (told[3:], redaction.names_hidden()) == (["names"], False)
