"""What comes out of a pipe: messages that are expected, or an error that says so."""

from __future__ import annotations

import os
import pickle
import sys
import threading
import time
from collections.abc import Iterator
from datetime import datetime
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from divisive_desktop.errors import DamagedImageError
from divisive_desktop.imaging.correction import Correction
from divisive_desktop.processes.messages import BadMessageError, receive, unpickled
from divisive_desktop.processes.receiver import Receiver
from divisive_desktop.processes.transport import Inbox, Parcel
from tests.engine.hostile_engine import Harm, harmful

KINDS = ("rubbish", "code", "a length beyond all bounds", "a negative length")


@pytest.fixture
def pipe() -> Iterator[tuple[Connection, Connection]]:
    ours, theirs = Pipe()
    yield ours, theirs
    for end in (ours, theirs):
        if not end.closed:
            end.close()


@pytest.mark.parametrize(
    "value",
    [
        {"a": np.arange(5.0), "b": np.float32(3), "c": (np.ones((2, 3), np.uint8)[::2], np.dtype("u2"))},
        [Path("a"), datetime(2026, 1, 1), b"x", {1, 2}, frozenset({"y"}), None, slice(1, 2)],
        Correction(),
    ],
)
def test_data_come_through(value: object) -> None:
    assert repr(unpickled(pickle.dumps(value, 5))) == repr(value)


def test_errors_come_through() -> None:
    error = unpickled(pickle.dumps(DamagedImageError("It is broken.", "Ask again.")))
    assert (type(error), error.message, error.remedy) == (DamagedImageError, "It is broken.", "Ask again.")


class Names:
    """Pickles as a call of what it names."""

    def __init__(self, what: Any, *arguments: Any) -> None:
        self.call = what, arguments

    def __reduce__(self) -> Any:
        return self.call


@pytest.mark.parametrize(
    "what", [os.system, print, getattr, eval, pickle.loads, np.load, np.frombuffer, threading.Thread]
)
def test_nothing_is_called(what: Any, tmp_path: Path) -> None:
    with pytest.raises(BadMessageError):
        unpickled(pickle.dumps(Names(what, str(tmp_path))))


def test_what_a_module_of_the_program_has_imported_is_not_its_own() -> None:
    for name in ("threading.Thread", "os.system", "_call", "spawning"):
        data = b"\x80\x04\x8c" + bytes([len("divisive_desktop.processes.apart")]) + b"divisive_desktop.processes.apart"
        data += b"\x8c" + bytes([len(name)]) + name.encode() + b"\x93."
        with pytest.raises(BadMessageError):
            unpickled(data)


@pytest.mark.skipif(sys.platform == "win32", reason="bytes are written past the pipe's own framing")
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_message_is_said(kind: str, pipe: tuple[Connection, Connection], tmp_path: Path) -> None:
    ours, theirs = pipe
    os.write(theirs.fileno(), harmful(kind, tmp_path))
    with pytest.raises((BadMessageError, OSError)):
        receive(ours, dict)
    assert not (tmp_path / "harm").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="bytes are written past the pipe's own framing")
def test_half_a_message_keeps_nobody_waiting(pipe: tuple[Connection, Connection], tmp_path: Path) -> None:
    ours, theirs = pipe
    receiver = Receiver[dict[str, int]](ours, (dict,))
    theirs.send({"a": 1})
    os.write(theirs.fileno(), harmful("half a message", tmp_path))
    assert receiver.get(5.0) == {"a": 1}
    start = time.monotonic()
    with pytest.raises(TimeoutError):
        receiver.get(0.2)
    assert time.monotonic() - start < 5
    theirs.close()
    for _ in range(2):
        with pytest.raises(EOFError):
            receiver.get(5.0)
    receiver.join(5)
    assert not receiver.is_alive()


def test_a_parcel_is_data_too(pipe: tuple[Connection, Connection], tmp_path: Path) -> None:
    with pytest.raises(BadMessageError):
        Inbox(pipe[0]).unpack(Parcel(pickle.dumps(Harm(tmp_path / "harm")), (), 0))
    assert not (tmp_path / "harm").exists()
