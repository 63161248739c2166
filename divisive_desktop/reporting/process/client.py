"""The window's end of the process that makes reports."""

from __future__ import annotations

import contextlib
import importlib
import logging
import threading
import time
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from types import NoneType
from typing import Any

from divisive_desktop import errors
from divisive_desktop.errors import CancelledError, ReportError, UserFacingError
from divisive_desktop.geometry import Box
from divisive_desktop.imaging.correction import Correction
from divisive_desktop.processes.beginning import settle, spawning
from divisive_desktop.processes.messages import BadMessageError
from divisive_desktop.processes.receiver import Receiver
from divisive_desktop.reporting.process.messages import (
    FacesWanted,
    Failed,
    Look,
    Preview,
    Progressed,
    Source,
    Write,
    WrittenReport,
)

log = logging.getLogger(__name__)

_TICK_S = 0.1
_PATIENCE_S = 10.0
"""So long may it take to stop and to clean up (it looks after every case) before it is killed."""


def run(connection: Connection, stop: Any, sources: Sequence[Source], casebook: Path | None) -> None:
    """First code of the process."""
    settle()
    importlib.import_module("divisive_desktop.reporting.process.worker").serve(connection, stop, sources, casebook)


class ReportProcess:
    """One choice of cases; the process starts at the first ask. Asked from two threads, it answers one after the other.

    Parameters
    ----------
    casebook : Path, optional
        Where the cases with an id are.
    faces : callable
        Given a file, a frame, what was mended about it, and whether it is still wanted, gives boxes around
        faces; may raise.
    """

    def __init__(
        self, sources: Sequence[Source], casebook: Path | None,
        faces: Callable[[str, int, Correction, Callable[[], bool]], Sequence[Box]],
    ) -> None:  # fmt: skip
        self._sources, self._casebook, self._faces = tuple(sources), casebook, faces
        self._context = spawning()
        self._stop = self._context.Event()
        self._process: Any = None
        self._connection: Any = None
        self._receiver: Any = None
        self._turn = threading.Lock()
        self._beginning = threading.Lock()
        self._closed = False

    def ask(
        self,
        request: Look | Write,
        cancelled: Callable[[], bool],
        progress: Callable[[Progressed], None] = lambda news: None,
    ) -> Any:
        """Send a request and wait for what comes of it.

        Raises
        ------
        CancelledError
            ``cancelled`` said so. Nothing of the request is left.
        ReportError
            The process ended, or didn't stop when asked to.
        UserFacingError
            What the process said.
        """
        while not self._turn.acquire(timeout=_TICK_S):  # what was asked before is being stopped
            if cancelled():
                raise CancelledError
        try:
            return self._ask(request, cancelled, progress)
        finally:
            self._turn.release()

    def _ask(
        self, request: Look | Write, cancelled: Callable[[], bool], progress: Callable[[Progressed], None]
    ) -> Any:
        self._begin()
        self._stop.clear()
        deadline = None
        try:
            self._connection.send(request)
            while True:
                if deadline is None and cancelled():
                    self._stop.set()
                    deadline = time.monotonic() + _PATIENCE_S
                if deadline is not None and time.monotonic() > deadline:
                    self._process.kill()
                    self._end()
                    raise ReportError(
                        "The report didn't stop and was ended by force.",
                        "Files of it that had been written before may be left in the folder.",
                    )
                try:
                    answer = self._receiver.get(_TICK_S)
                except TimeoutError:
                    continue
                if isinstance(answer, Progressed):
                    progress(answer)
                elif isinstance(answer, FacesWanted):
                    self._connection.send(self._find(answer, cancelled))
                elif isinstance(answer, Failed):
                    raise errors.of(answer.kind, answer.message, answer.remedy)
                else:
                    return answer
        except (EOFError, OSError, BadMessageError) as e:
            if isinstance(e, BadMessageError):
                log.error("the process that makes reports sent %s", e)
                self._process.kill()
            code = self._end()
            raise ReportError(
                f"The process that makes reports ended unexpectedly (exit code {code}).",
                "Try again; if memory is short, with fewer cases at a time.",
            ) from e

    @property
    def pid(self) -> int | None:
        """Process id; None while there is none."""
        return self._process.pid if self._process is not None else None

    def close(self) -> None:
        """Let it stop and clean up; kill it where it doesn't. What is asked from now on is cancelled."""
        with self._beginning:
            self._closed = True
        self._stop.set()
        self._end()

    def _begin(self) -> None:
        with self._beginning:
            if self._closed:  # a question that waited for its turn: nobody would end the process that it begins
                raise CancelledError
            if self._process is None or not self._process.is_alive():
                self._start()

    def _start(self) -> None:
        ours, theirs = self._context.Pipe()
        self._process = self._context.Process(
            target=run, args=(theirs, self._stop, self._sources, self._casebook), name="divisive-reports", daemon=True
        )
        self._process.start()
        theirs.close()  # the process sees the end of the pipe when this one dies
        self._connection = ours
        self._receiver = Receiver(ours, (Preview, WrittenReport, Progressed, FacesWanted, Failed, NoneType))

    def _end(self) -> int | None:
        process, self._process = self._process, None
        if process is None:
            return None
        with contextlib.suppress(OSError):
            self._connection.send(None)
        process.join(_PATIENCE_S)
        if process.is_alive():
            process.kill()
            process.join()
        self._receiver.join(1.0)
        self._connection.close()
        code: int | None = process.exitcode
        process.close()
        return code

    def _find(self, wanted: FacesWanted, cancelled: Callable[[], bool]) -> Any:
        try:
            return tuple(self._faces(wanted.path, wanted.frame, wanted.correction, cancelled))
        except CancelledError:
            return None
        except UserFacingError as e:
            return Failed(e.kind, e.message, e.remedy)
