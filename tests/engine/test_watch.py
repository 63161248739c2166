"""When an engine counts as hung; the clock is the test's."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import ClassVar

import pytest

from divisive_desktop.engine.messages import SILENT_S, Analyse, AnalyseBatch, Lane, silence_of
from divisive_desktop.engine.watch import STARTING_S, SURE_S, Watch


class Clock:
    now = 1000.0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(time, "monotonic", lambda: made.now)
    return made


def test_silence_is_noticed_and_made_sure_of(clock: Clock) -> None:
    watch = Watch(20)
    clock.now += 19
    assert not watch.hangs(True, ())
    clock.now += 2
    assert not watch.hangs(True, ()), "the machine may have slept: what was sent has to be read first"
    assert watch.look_by(True, ()) == clock.now + SURE_S
    clock.now += SURE_S
    assert watch.hangs(True, ())
    watch.hear()
    assert not watch.hangs(True, ())
    assert watch.look_by(True, ()) == clock.now + 20


def test_a_job_that_comes_to_no_end_is_noticed_though_the_heart_beats(clock: Clock) -> None:
    watch, begun = Watch(20), clock.now
    request = AnalyseBatch((Analyse("x"),))
    for _ in range(int(SILENT_S)):
        clock.now += 1
        watch.hear()
        assert not watch.hangs(True, [(request, begun)])
    clock.now += 1
    assert not watch.hangs(True, [(request, begun)])
    clock.now += SURE_S
    assert watch.hangs(True, [(request, begun)])
    assert not watch.hangs(True, [(request, clock.now)]), "it gets on"


def test_a_start_may_take_its_time(clock: Clock) -> None:
    watch = Watch(20)
    clock.now += STARTING_S - 1
    assert not watch.hangs(False, ())


def test_training_takes_what_it_takes() -> None:
    @dataclass(frozen=True)
    class Train:
        lane: ClassVar[Lane] = "long"

    assert silence_of(Train()) is None
    assert silence_of(Analyse("x")) == SILENT_S
