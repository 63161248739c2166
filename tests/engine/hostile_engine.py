"""An engine that does harm at its first start, and is the real one afterwards."""

from __future__ import annotations

import os
import pickle
import struct
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from divisive_desktop.engine import entry, messages

READY = messages.EngineReady(0, "cpu", "hostile", "0", 1.0)


class Harm:
    """Unpickled without care, it leaves a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.path),)


def harmful(kind: str, folder: Path) -> bytes:
    """Bytes as they are written into the pipe, the length that goes before them included."""
    if kind == "rubbish":
        body = bytes(range(256)) * 4
    elif kind == "code":
        body = pickle.dumps(messages.Done(1, Harm(folder / "harm")))
    elif kind == "another class":
        body = pickle.dumps({"job": 1})
    elif kind == "what only the client says":
        body = pickle.dumps(messages.EngineDied(0, (1,)))
    elif kind == "a length beyond all bounds":
        return struct.pack("!iQ", -1, 1 << 62) + b"x" * 100
    elif kind == "a negative length":
        return struct.pack("!i", -2) + b"x" * 100
    else:
        assert kind == "half a message"
        return struct.pack("!i", 1000) + b"x" * 10
    return struct.pack("!i", len(body)) + body


def run(kind: str, folder: str, connection: Connection, device: str, role: messages.Role) -> None:
    """As ``entry.run``."""
    met = Path(folder) / "met"
    if met.exists():
        entry.run(connection, device, role)
        return
    met.touch()
    connection.send(READY)
    if kind == "out of order":
        for event in (READY, messages.Done(99, "x"), messages.Progress(99, 2.0, "x"), messages.Cancelled(-1),
                      messages.Partial(99, 0), messages.Failed(0, "x", "x", "x")):  # fmt: skip
            connection.send(event)
        connection.recv()
        return
    connection.recv()  # the job
    os.write(connection.fileno(), harmful(kind, Path(folder)))
    time.sleep(600)
