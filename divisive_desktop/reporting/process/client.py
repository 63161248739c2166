"""The window's end of the process that makes reports."""

from __future__ import annotations

import importlib
import multiprocessing
import time
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from divisive_desktop import errors
from divisive_desktop.errors import CancelledError, ReportError, UserFacingError
from divisive_desktop.geometry import Box
from divisive_desktop.reporting.process.messages import FacesWanted, Failed, Look, Progressed, Source, Write

_TICK_S = 0.1
_PATIENCE_S = 10.0
"""So long may it take to stop and to clean up (it looks after every case) before it is killed."""


def run(connection: Connection, stop: Any, sources: Sequence[Source], casebook: Path | None) -> None:
    """First code of the process."""
    importlib.import_module("divisive_desktop.reporting.process.worker").serve(connection, stop, sources, casebook)


class ReportProcess:
    """One choice of cases. Every method but `close` is for one background thread; the process starts at the first ask.

    Parameters
    ----------
    casebook : Path, optional
        Where the cases with an id are.
    faces : callable
        Given a file, a frame, and whether it is still wanted, gives boxes around faces; may raise.
    """

    def __init__(
        self, sources: Sequence[Source], casebook: Path | None,
        faces: Callable[[str, int, Callable[[], bool]], Sequence[Box]],
    ) -> None:  # fmt: skip
        self._sources, self._casebook, self._faces = tuple(sources), casebook, faces
        self._context = multiprocessing.get_context("spawn")
        self._stop = self._context.Event()
        self._process: Any = None
        self._connection: Any = None

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
                if not self._connection.poll(_TICK_S):
                    continue
                answer = self._connection.recv()
                if isinstance(answer, Progressed):
                    progress(answer)
                elif isinstance(answer, FacesWanted):
                    self._connection.send(self._find(answer, cancelled))
                elif isinstance(answer, Failed):
                    raise errors.of(answer.kind, answer.message, answer.remedy)
                else:
                    return answer
        except (EOFError, OSError) as e:
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
        """Let it stop and clean up; kill it where it doesn't."""
        self._stop.set()
        self._end()

    def _begin(self) -> None:
        if self._process is not None and self._process.is_alive():
            return
        ours, theirs = self._context.Pipe()
        self._process = self._context.Process(
            target=run, args=(theirs, self._stop, self._sources, self._casebook), name="divisive-reports", daemon=True
        )
        self._process.start()
        theirs.close()  # the process sees the end of the pipe when this one dies
        self._connection = ours

    def _end(self) -> int | None:
        process, self._process = self._process, None
        if self._connection is not None:
            self._connection.close()
        if process is None:
            return None
        process.join(_PATIENCE_S)
        if process.is_alive():
            process.kill()
            process.join()
        code: int | None = process.exitcode
        process.close()
        return code

    def _find(self, wanted: FacesWanted, cancelled: Callable[[], bool]) -> Any:
        try:
            return tuple(self._faces(wanted.path, wanted.frame, cancelled))
        except CancelledError:
            return None
        except UserFacingError as e:
            return Failed(e.kind, e.message, e.remedy)
