"""Two processes and one listener: a verdict doesn't wait for training, and outlives it."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from divisive_desktop.casebook import Casebook
from divisive_desktop.engine import messages
from divisive_desktop.engine.engines import Engines
from divisive_desktop.engine.finetuning import preparation
from divisive_desktop.engine.finetuning.messages import FineTune, SetPaused
from divisive_desktop.engine.messages import Analyse
from tests.engine.test_client import PATIENCE, Listener

MODEL = "tiny-1"


@pytest.fixture
def engines(with_tiny: Path, listener: Listener) -> Iterator[Engines]:
    made = Engines(listener, "cpu", rest_s=0.5)
    yield made
    made.close()


@pytest.fixture
def listener() -> Listener:
    return Listener()


@pytest.fixture
def endless(book_path: Path) -> FineTune:
    with Casebook.open(book_path) as book:
        return preparation.fine_tune_request(book, "tiny-1", epochs=500)


def begun(engines: Engines, request: Any) -> int:
    """The process that a request is answered in, as soon as it begins."""
    engines.submit(request)
    end = time.monotonic() + PATIENCE
    while engines.training_pid is None:
        assert time.monotonic() < end
        time.sleep(0.005)
    return engines.training_pid


def test_a_verdict_is_had_while_a_model_is_taught(
    engines: Engines, listener: Listener, endless: FineTune, rg1: Path
) -> None:
    listener.end_of(engines.submit(Analyse(str(rg1), model_id=MODEL)))
    assert engines.training_pid is None, "nothing was taught yet"
    taught = engines.submit(endless)
    listener.wait(lambda e: isinstance(e, messages.Progress) and e.job == taught)
    assert engines.training_pid not in (None, engines.pid)
    analysed = engines.submit(Analyse(str(rg1), model_id=MODEL))
    assert analysed > taught
    assert isinstance(listener.end_of(analysed), messages.Done)
    assert not any(isinstance(e, messages.Done) and e.job == taught for e in listener.events)
    paused = listener.end_of(engines.submit(SetPaused(endless.folder, True)))
    assert paused.value is True, "it reaches the process that teaches"
    engines.cancel(taught)
    assert isinstance(listener.end_of(taught), messages.Cancelled)
    assert listener.count(messages.EngineReady) == 1, "only the one that answers tells of itself"


def test_training_may_die_and_verdicts_go_on(
    engines: Engines, listener: Listener, endless: FineTune, rg1: Path
) -> None:
    taught = engines.submit(endless)
    listener.wait(lambda e: isinstance(e, messages.Progress) and e.job == taught)
    pid = engines.pid
    os.kill(engines.training_pid or 0, signal.SIGKILL)
    failed = listener.end_of(taught)
    assert isinstance(failed, messages.Failed)
    assert isinstance(listener.end_of(engines.submit(Analyse(str(rg1), model_id=MODEL))), messages.Done)
    assert engines.pid == pid
    assert listener.count(messages.EngineDied) == 0
    again = listener.end_of(engines.submit(SetPaused(endless.folder, True)))
    assert again.value is False, "there is a new one, in which nothing runs"


def test_what_teaches_ends_when_nothing_is_taught(
    engines: Engines, listener: Listener, endless: FineTune
) -> None:
    pid = begun(engines, SetPaused(endless.folder, True))
    end = time.monotonic() + PATIENCE
    while psutil.pid_exists(pid):
        assert time.monotonic() < end
        time.sleep(0.05)
    assert engines.training_pid is None
    assert begun(engines, SetPaused(endless.folder, True)) != pid


def test_another_device_leaves_training_where_it_is(
    engines: Engines, listener: Listener, endless: FineTune, rg1: Path
) -> None:
    taught = engines.submit(endless)
    listener.wait(lambda e: isinstance(e, messages.Progress) and e.job == taught)
    pid = engines.training_pid
    engines.restart("cpu")
    listener.wait(lambda e: listener.count(messages.EngineReady) == 2)
    assert isinstance(listener.end_of(engines.submit(Analyse(str(rg1), model_id=MODEL))), messages.Done)
    assert engines.training_pid == pid
    assert not any(isinstance(e, messages.Failed) for e in listener.events)
    engines.cancel(taught)
    listener.end_of(taught)
