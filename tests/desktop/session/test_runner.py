"""Background functions come back on the GUI thread; nothing they throw is lost."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from pytestqt.qtbot import QtBot

from divisive_desktop.desktop.session.runner import BackgroundTask, Runner
from divisive_desktop.errors import InternalError, NotAnImageError, UserFacingError


@pytest.fixture
def tasks(qtbot: QtBot) -> Iterator[Runner]:
    runner = Runner()
    yield runner
    runner.close()


class Outcome:
    def __init__(self) -> None:
        self.done: list[Any] = []
        self.failed: list[UserFacingError] = []
        self.threads: list[int] = []

    def on_done(self, value: Any) -> None:
        self.done.append(value)
        self.threads.append(threading.get_ident())

    def on_failed(self, error: UserFacingError) -> None:
        self.failed.append(error)
        self.threads.append(threading.get_ident())


def test_the_result_arrives_on_the_gui_thread_and_the_work_ran_elsewhere(qtbot: QtBot, tasks: Runner) -> None:
    outcome = Outcome()
    tasks.run(lambda _: threading.get_ident(), outcome.on_done, outcome.on_failed)
    qtbot.waitUntil(lambda: bool(outcome.done))
    assert outcome.done[0] != threading.get_ident()
    assert outcome.threads == [threading.get_ident()]


def test_a_user_facing_error_arrives_as_it_is(qtbot: QtBot, tasks: Runner) -> None:
    def work(_: BackgroundTask) -> None:
        raise NotAnImageError("This is no image.", "Choose another.")

    outcome = Outcome()
    tasks.run(work, outcome.on_done, outcome.on_failed)
    qtbot.waitUntil(lambda: bool(outcome.failed))
    assert outcome.failed[0].kind == "not-an-image"
    assert not outcome.done


def test_a_bug_in_the_background_reaches_the_user_and_the_log(
    qtbot: QtBot, tasks: Runner, caplog: pytest.LogCaptureFixture
) -> None:
    outcome = Outcome()
    tasks.run(lambda _: 1 / 0, outcome.on_done, outcome.on_failed)
    qtbot.waitUntil(lambda: bool(outcome.failed))
    assert isinstance(outcome.failed[0], InternalError)
    assert "ZeroDivisionError" in outcome.failed[0].message
    assert "ZeroDivisionError" in caplog.text


def test_only_the_newest_task_of_a_key_delivers(qtbot: QtBot, tasks: Runner) -> None:
    gate = threading.Event()
    outcome = Outcome()

    def slow(_: BackgroundTask) -> str:
        gate.wait(10)
        return "old"

    tasks.run(slow, outcome.on_done, outcome.on_failed, key="features")
    tasks.run(lambda _: "new", outcome.on_done, outcome.on_failed, key="features")
    gate.set()
    qtbot.waitUntil(lambda: tasks.idle)
    assert outcome.done == ["new"]


def test_intermediate_results_arrive_in_order_before_the_result(qtbot: QtBot, tasks: Runner) -> None:
    seen: list[Any] = []

    def work(task: BackgroundTask) -> str:
        for i in range(50):
            tasks.stream(task, i)
        return "end"

    tasks.run(work, seen.append, seen.append, stream=seen.append)
    qtbot.waitUntil(lambda: "end" in seen)
    assert seen == [*range(50), "end"]


def test_a_cancelled_task_delivers_nothing(qtbot: QtBot, tasks: Runner) -> None:
    gate = threading.Event()
    outcome = Outcome()
    task = tasks.run(lambda _: gate.wait(10), outcome.on_done, outcome.on_failed)
    task.cancel()
    gate.set()
    qtbot.waitUntil(lambda: tasks.idle)
    assert not outcome.done
    assert not outcome.failed


def test_closing_waits_for_what_runs_and_drops_what_waits(qtbot: QtBot) -> None:
    runner = Runner(threads=1)
    started, ran = threading.Event(), []

    def first(task: BackgroundTask) -> None:
        started.set()
        while not task.cancelled:
            pass
        ran.append("first")

    for work in (first, lambda _: ran.append("second")):
        runner.run(work, lambda _: None, lambda _: None)
    assert started.wait(10)
    runner.close()
    assert ran == ["first"]


def test_nothing_is_begun_once_the_window_is_closing(qtbot: QtBot) -> None:
    runner, outcome, ran = Runner(), Outcome(), threading.Event()
    runner.close()
    task = runner.run(lambda _: ran.set(), outcome.on_done, outcome.on_failed, key="late")
    assert task.cancelled
    assert runner.idle
    assert not ran.wait(0.3)
    qtbot.wait(50)
    assert (outcome.done, outcome.failed) == ([], [])
