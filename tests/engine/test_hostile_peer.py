"""Whoever sits at the other end of the engine's pipe and doesn't keep to the rules ends alone."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from divisive_desktop.engine import client as client_module
from divisive_desktop.engine import entry, messages
from divisive_desktop.engine.client import EngineClient
from divisive_desktop.engine.messages import LoadModel
from divisive_desktop.processes.beginning import spawning
from tests.engine import hostile_engine
from tests.engine.test_client import MODEL, Listener

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="bytes are written past the pipe's own framing")
KINDS = ("rubbish", "code", "another class", "what only the client says", "a length beyond all bounds",
         "a negative length", "half a message")  # fmt: skip


@pytest.fixture
def listener() -> Listener:
    return Listener()


@pytest.mark.parametrize("kind", [*KINDS, "out of order"])
def test_the_window_s_end_survives_any_engine_and_starts_another(
    kind: str, with_models: Path, listener: Listener, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module.entry, "run", functools.partial(hostile_engine.run, kind, str(tmp_path)))
    with EngineClient(listener, "cpu", patience_s=3.0) as client:
        job = client.submit(LoadModel(MODEL))
        died = listener.wait(lambda e: isinstance(e, messages.EngineDied))
        assert died.restarting
        assert isinstance(listener.end_of(job), messages.Done)  # asked again, of the real engine
        assert listener.count(messages.EngineDied) == 1
        assert not (tmp_path / "harm").exists()


@pytest.fixture
def engine(with_models: Path) -> Iterator[tuple[Connection, object]]:
    """The real engine's process, and our end of its pipe."""
    context = spawning()
    ours, theirs = context.Pipe()
    process = context.Process(target=entry.run, args=(theirs, "cpu"), daemon=True)
    process.start()
    theirs.close()
    assert isinstance(ours.recv(), messages.EngineReady)
    yield ours, process
    process.kill()
    process.join()
    ours.close()


@pytest.mark.parametrize("kind", ["rubbish", "code", "a length beyond all bounds", "half a message"])
def test_the_engine_ends_cleanly_whatever_it_is_sent(
    kind: str, engine: tuple[Connection, object], tmp_path: Path
) -> None:
    connection, process = engine
    os.write(connection.fileno(), hostile_engine.harmful(kind, tmp_path))
    if kind == "half a message":
        connection.close()
    process.join(30)
    assert process.exitcode == 0
    assert not (tmp_path / "harm").exists()


def test_an_unknown_request_fails_alone(engine: tuple[Connection, object]) -> None:
    connection, process = engine
    connection.send(messages.Submit(1, "what is this?"))
    connection.send(messages.Cancel(77))
    connection.send(messages.Submit(2, LoadModel(MODEL)))
    answers: dict[int, object] = {}
    while len(answers) < 2:
        event = connection.recv()
        if isinstance(event, messages.Done | messages.Failed):
            answers[event.job] = event
    assert isinstance(answers[1], messages.Failed)
    assert isinstance(answers[2], messages.Done)
    connection.send(messages.Submit("three", LoadModel(MODEL)))
    process.join(30)
    assert process.exitcode == 0
