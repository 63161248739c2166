"""Reads from another process's pipe: one that sends half a message, or rubbish, must keep nobody waiting for it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from multiprocessing.connection import Connection
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

from divisive_desktop.processes.messages import BadMessageError, receive

T = TypeVar("T")


class Receiver(threading.Thread, Generic[T]):
    """A thread that reads messages until the other end is gone or sends what is none.

    Parameters
    ----------
    connection : Connection
        Read by nobody else; closed by its owner, once the other process has ended.
    kinds : tuple of types
        The messages that are expected.
    arrived : callable
        Called, in this thread, after something came or the end was met.
    """

    def __init__(
        self, connection: Connection, kinds: tuple[type, ...], arrived: Callable[[], None] = lambda: None
    ) -> None:
        super().__init__(name="receiver", daemon=True)
        self._connection, self._kinds, self._arrived = connection, kinds, arrived
        self._news: SimpleQueue[T | Exception] = SimpleQueue()
        self.start()

    def run(self) -> None:
        while True:
            try:
                self._news.put(receive(self._connection, self._kinds))
            except Exception as e:  # noqa: BLE001  whatever it is, nothing more can be read; `get` tells it
                self._news.put(e)
                self._arrived()
                return
            self._arrived()

    def get(self, timeout_s: float) -> T:
        """The next message.

        Raises
        ------
        TimeoutError
            None came in that time.
        EOFError
            The other end is gone, or can't be read any more.
        BadMessageError
            It sent what is no message.
        """
        try:
            news = self._news.get(timeout=timeout_s) if timeout_s > 0 else self._news.get_nowait()
        except Empty:
            raise TimeoutError from None
        if not isinstance(news, Exception):
            return news
        self._news.put(news)  # for whoever asks again
        if isinstance(news, BadMessageError):
            raise news
        raise EOFError(str(news)) from news
