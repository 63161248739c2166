"""Writes to the engine's pipe: an engine that doesn't read must block neither the window nor the kill."""

from __future__ import annotations

import contextlib
import threading
from multiprocessing.connection import Connection
from queue import SimpleQueue

from divisive_desktop.engine.messages import Cancel, Shutdown, Submit


class Sender(threading.Thread):
    """A thread that sends what is `put`, in that order; None ends it."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(name="engine-sender", daemon=True)
        self._connection = connection
        self._messages: SimpleQueue[Cancel | Submit | Shutdown | None] = SimpleQueue()
        self.put = self._messages.put
        self.start()

    def run(self) -> None:
        with contextlib.suppress(OSError):  # a dead engine is noticed by the client's thread, which reports the job
            while (message := self._messages.get()) is not None:
                self._connection.send(message)
