"""Work that may end its process, such as decoding what somebody else made, done in a process that may end.

The processes stay for the next call. They keep a crash, a run-away and a hunger for memory away from the window; they
are no cage for code that has taken one of them over.
"""

from __future__ import annotations

import importlib
import logging
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from typing import Any, TypeVar

from divisive_desktop.processes.beginning import settle, spawning
from divisive_desktop.processes.messages import BadMessageError, receive
from divisive_desktop.processes.transport import Inbox, Parcel
from divisive_desktop.processes.worker import PREFIX, Answer, Call, NoMemory, Refusal

log = logging.getLogger(__name__)

T = TypeVar("T")


class DiedError(Exception):
    """The process ended by itself; ``code`` is how."""

    def __init__(self, code: int | None) -> None:
        super().__init__(f"exit code {code}")
        self.code = code


class OverdueError(Exception):
    """The call took too long, and the process was ended."""


def begin(connection: Connection, modules: Sequence[str]) -> None:
    """First code of the process."""
    settle()
    importlib.import_module("divisive_desktop.processes.worker").serve(connection, modules)


class _Process:
    """One process; calls one at a time."""

    def __init__(self, modules: Sequence[str]) -> None:
        context = spawning()
        self._connection, theirs = context.Pipe()
        self._inbox = Inbox(self._connection)
        self._process: SpawnProcess = context.Process(
            target=begin, args=(theirs, tuple(modules)), name="divisive-apart", daemon=True
        )
        self._process.start()
        theirs.close()  # the process sees the end of the pipe when this one dies
        self.subject: object = None
        """What its last call was about."""

    @property
    def pid(self) -> int | None:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.is_alive()

    def ask(self, call: Call, patience_s: float) -> Any:
        """The function's result.

        Raises
        ------
        DiedError, OverdueError
            The process is gone.
        MemoryError
            It may not have as much memory as that takes.
        UserFacingError
            What the function raised.
        """
        try:
            self._connection.send(call)
            if not self._connection.poll(patience_s):
                self.end()
                raise OverdueError
            # It may have begun to answer, and stop in the middle.
            watch = threading.Timer(patience_s, self._process.kill)
            watch.start()
            try:
                answer: Answer = receive(self._connection, (Parcel, Refusal, NoMemory))
                if isinstance(answer, Parcel):
                    self._inbox.take(answer)
            finally:
                watch.cancel()
        except (EOFError, OSError, BadMessageError, ValueError) as e:
            raise DiedError(self.end()) from e
        if isinstance(answer, Refusal):
            raise answer.error
        if isinstance(answer, NoMemory):
            raise MemoryError
        try:
            return self._inbox.unpack(answer)
        except (BadMessageError, AssertionError, TypeError, ValueError) as e:  # a parcel that was made to do harm
            log.error("a process sent a damaged result: %s", e)
            raise DiedError(self.end()) from e

    def end(self) -> int | None:
        """Kill it where it still runs; its exit code."""
        self._connection.close()
        self._process.join(0.2)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self._inbox.close()
        return self._process.exitcode


class Apart:
    """A few processes, begun when they are needed; safe to use from any thread.

    Parameters
    ----------
    most : int
        Processes at a time.
    modules : sequence of str
        What they load while nobody waits for them.
    """

    def __init__(self, most: int = 2, modules: Sequence[str] = ()) -> None:
        self._most, self._modules = most, tuple(modules)
        self._free: list[_Process] = []
        self._count = 0
        self._changed = threading.Condition()

    def warm(self) -> None:
        """Have one process ready before it is asked."""
        process = self._take(None)
        self._release(process)

    def call(
        self, function: Callable[..., T], *arguments: Any, subject: object = None, patience_s: float = 120.0,
        memory: int = 8 << 30, **named: Any,
    ) -> T:  # fmt: skip
        """Call a function in one of the processes and wait for what it returns.

        Parameters
        ----------
        function : callable
            At the top of a module.
        subject : object
            What the call is about: the process that had the last call about it is preferred, for what it still knows.
        patience_s : float
            After so many seconds the process is ended.
        memory : int
            Bytes of address space that the process may take, where the system keeps such a limit (Linux).

        Raises
        ------
        DiedError, OverdueError
            The process ended, or had to be.
        MemoryError
            The limit was reached.
        UserFacingError
            What the function raised.
        """
        environment: Mapping[str, str] = {k: v for k, v in os.environ.items() if k.startswith(PREFIX)}
        request = Call(function, arguments, named, environment, memory)
        process = self._take(subject)
        try:
            result: T = process.ask(request, patience_s)
        except (DiedError, OverdueError):
            self._release(None)
            raise
        except BaseException:
            self._release(process)
            raise
        self._release(process)
        return result

    def pids(self) -> list[int]:
        """Of the processes that wait for work."""
        with self._changed:
            return [process.pid for process in self._free if process.pid is not None]

    def close(self) -> None:
        """End the processes that wait for work; the next call begins new ones."""
        with self._changed:
            for process in self._free:
                process.end()
            self._count -= len(self._free)
            self._free.clear()

    def _take(self, subject: object) -> _Process:
        with self._changed:
            while not self._free and self._count >= self._most:
                self._changed.wait()
            for process in [process for process in self._free if not process.alive]:  # it ended while nobody asked
                self._free.remove(process)
                self._count -= 1
                process.end()
            known = [process for process in self._free if subject is not None and process.subject == subject]
            if self._free:
                process = known[-1] if known else self._free[-1]
                self._free.remove(process)
                process.subject = subject
                return process
            self._count += 1
        try:
            process = _Process(self._modules)
        except BaseException:
            self._release(None)
            raise
        process.subject = subject
        return process

    def _release(self, process: _Process | None) -> None:
        with self._changed:
            if process is None:
                self._count -= 1
            else:
                self._free.append(process)
            self._changed.notify()
