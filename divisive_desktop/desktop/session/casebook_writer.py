"""One thread that writes into the casebook, in order: what the analyst said before images that wait to be taken in."""

from __future__ import annotations

import itertools
import logging
import queue
import threading
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from PySide6.QtCore import QObject, Signal

from divisive_desktop.errors import InternalError, UserFacingError

if TYPE_CHECKING:
    from divisive_desktop.casebook import Casebook

T = TypeVar("T")

log = logging.getLogger(__name__)

ACT, IMPORT, _STOP = 0, 1, 2
"""Lower is written earlier."""


class _Job(NamedTuple):
    """Compared by priority, then by number, which is unique."""

    priority: int
    number: int
    work: Callable[[Casebook], Any] | None = None
    done: Callable[[Any], None] | None = None


class CasebookWriter(QObject):
    """Takes jobs from the start, and writes them once there is a casebook to write to.

    Signals
    -------
    problem(UserFacingError)
        A job failed; the next one is written all the same.
    """

    problem = Signal(UserFacingError)
    _written = Signal(object, object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._numbers = itertools.count()
        self._thread: threading.Thread | None = None
        self._renew()
        self._written.connect(self._on_written)

    @property
    def idle(self) -> bool:
        """Every job was written and its ``done`` called."""
        return self._unwritten == 0

    def put(
        self, work: Callable[[Casebook], T], done: Callable[[T], None] | None = None, priority: int = ACT
    ) -> None:
        """Run ``work(casebook)`` on the writer's thread, after all jobs of this priority that were put before.

        Parameters
        ----------
        done : callable, optional
            Called on the GUI thread with the result.
        priority : int
            ``ACT`` or ``IMPORT``. Jobs of the latter are dropped when the casebook is closed.
        """
        self._unwritten += 1
        self._jobs.put(_Job(priority, next(self._numbers), work, done))

    def start(self, book: Casebook) -> None:
        """Write what waits, and all that comes from now on, to this casebook."""
        self._thread = threading.Thread(
            target=self._write, args=(book, self._jobs, self._closing), name="casebook", daemon=False
        )
        self._thread.start()

    def drop(self) -> None:
        """Forget what waits: there is no casebook to write it to."""
        self._renew()

    def detach(self) -> Callable[[], None]:
        """Let go of the casebook; jobs from now on wait for the next one.

        Returns
        -------
        callable
            Returns when all acts that waited are written. Images that wait to be taken in are left out.
        """
        jobs, thread, closing = self._jobs, self._thread, self._closing
        jobs.put(_Job(_STOP, next(self._numbers)))
        self._renew()

        def finish() -> None:
            if thread is not None:
                closing.set()
                thread.join()

        return finish

    def _renew(self) -> None:
        self._jobs: queue.PriorityQueue[_Job] = queue.PriorityQueue()
        self._closing = threading.Event()
        self._thread = None
        self._unwritten = 0

    def _write(self, book: Casebook, jobs: queue.PriorityQueue[_Job], closing: threading.Event) -> None:
        """Runs on the thread."""
        while True:
            job = jobs.get()
            if job.work is None:
                return
            if job.priority == IMPORT and closing.is_set():
                continue
            try:
                self._written.emit(job.done, job.work(book))
            except UserFacingError as e:
                self._written.emit(self.problem.emit, e)
            except Exception as e:  # noqa: BLE001 - a bug must reach the user, not vanish with the thread
                log.error("casebook\n%s", traceback.format_exc())
                self._written.emit(self.problem.emit, InternalError.met(e))

    def _on_written(self, done: Callable[[Any], None] | None, result: Any) -> None:
        self._unwritten = max(0, self._unwritten - 1)
        if done is not None:
            done(result)
