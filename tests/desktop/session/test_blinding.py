"""Blind mode: of which cases the model's opinion is hidden, and that the session tells of the current one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from divisive_desktop.desktop.session.blinding import Blinding
from divisive_desktop.desktop.session.case import Case, Review
from divisive_desktop.desktop.session.case_model import CaseModel
from divisive_desktop.desktop.session.current import Current
from divisive_desktop.desktop.session.session import Session


@pytest.fixture
def cases() -> CaseModel:
    model = CaseModel()
    model.add([Case(Path("a.png")), Case(Path("b.png"), review=Review.DONE), Case(Path("c.png"))])
    return model


def test_what_is_done_or_revealed_is_never_hidden(cases: CaseModel) -> None:
    blinding = Blinding(cases, Current())
    a, b, c = cases
    blinding.set_on(True)
    assert [x.hidden for x in (a, b, c)] == [True, False, True]
    blinding.reveal(c)
    assert [x.hidden for x in (a, b, c)] == [True, False, False]
    blinding.set_on(False)
    blinding.set_on(True)
    assert c.hidden, "what was revealed counts until blind mode is switched off"


def test_it_tells_which_cases_are_hidden_or_shown_now(cases: CaseModel) -> None:
    looked_at = Case(Path("frames.dcm"), 3)  # not in the list
    blinding = Blinding(cases, Current(looked_at))
    a, _, c = cases
    told: list[list[Case]] = []
    blinding.changed.connect(told.append)
    blinding.set_on(True)
    blinding.set_on(True)
    assert told == [[a, c, looked_at]]
    a.review = Review.DONE
    blinding.update([a, c])
    assert told[1:] == [[a]]


def test_cases_that_arrive_are_hidden_from_the_start(cases: CaseModel) -> None:
    Blinding(cases, Current()).set_on(True)
    new = Case(Path("d.png"))
    cases.add([new])
    assert new.hidden


def test_the_session_tells_when_the_current_case_is_hidden_or_shown(
    qtbot: QtBot, session: Session, opened: Callable[[int], list[Case]]
) -> None:
    case, other = opened(2)
    with qtbot.waitSignal(session.analysisChanged) as told:
        session.blinding.set_on(True)
    assert told.args == [case]
    assert case.hidden
    with qtbot.waitSignals([session.analysisChanged, session.featuresReady]):
        session.edits.set_review(Review.DONE)
    assert not case.hidden
    with qtbot.assertNotEmitted(session.analysisChanged):
        session.blinding.reveal(other)
    qtbot.waitUntil(lambda: session.casebook.idle)
