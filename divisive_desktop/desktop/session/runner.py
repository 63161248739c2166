"""One runner between window and work: nothing slow runs on the GUI thread, and results come back on it.

Background functions run on a thread pool of their own, engine jobs in the engine process. Neither touches widgets:
success and failure arrive as callbacks on the GUI thread (the shape of Anki's ``QueryOp`` and ``CollectionOp``).
"""

from __future__ import annotations

import logging
import traceback
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any, TypeVar

from PySide6.QtCore import QObject, QRunnable, QThreadPool, QTimer, Signal

from divisive_desktop import errors
from divisive_desktop.engine import messages
from divisive_desktop.errors import InternalError, UserFacingError

if TYPE_CHECKING:
    from divisive_desktop.engine.engines import Engines

T = TypeVar("T")

log = logging.getLogger(__name__)

_SLICE_S = 0.008
"""Results are handed over for so long before the window may paint and answer again."""

Callback = Callable[[Any], None]
OnFailure = Callable[[UserFacingError], None]


class BackgroundTask:
    """A background function on its way. ``cancelled`` may be polled from the function itself."""

    def __init__(self, key: str | None) -> None:
        self.key = key
        self.cancelled = False

    def cancel(self) -> None:
        """Don't deliver the result; a function that looks at ``cancelled`` stops early."""
        self.cancelled = True


@dataclass
class EngineJob:
    """An engine job and who waits for it."""

    id: int
    done: Callback
    failed: OnFailure
    partial: Callable[[messages.Partial], None] | None
    title: str
    """Shown beside the progress bar; '' for jobs too short to show."""


class _Runnable(QRunnable):
    def __init__(
        self, work: Callable[[BackgroundTask], Any], task: BackgroundTask,
        report: Callable[[BackgroundTask, bool, Any], None],
    ) -> None:
        super().__init__()
        self._work, self._task, self._report = work, task, report

    def run(self) -> None:
        if self._task.cancelled:
            self._report(self._task, False, None)
            return
        try:
            result, ok = self._work(self._task), True
        except UserFacingError as e:
            result, ok = e, False
        except Exception as e:  # noqa: BLE001 - a bug in the background must reach the user, not vanish with its thread
            log.error("background task failed\n%s", traceback.format_exc())
            result, ok = InternalError.met(e), False
        self._report(self._task, ok, result)


class Runner(QObject):
    """Runs work off the GUI thread.

    Signals
    -------
    engineChanged(object)
        The last ``EngineReady`` or ``EngineDied``; None while the engine starts.
    progressed(Progress)
        How far an engine job is.
    jobsChanged()
        A titled engine job began or ended.
    """

    engineChanged = Signal(object)
    progressed = Signal(messages.Progress)
    jobsChanged = Signal()
    _finished = Signal(BackgroundTask, bool, object)
    _streamed = Signal(BackgroundTask, object)
    _event = Signal(object)

    def __init__(self, parent: QObject | None = None, threads: int = 2) -> None:
        super().__init__(parent)
        self._pool = QThreadPool(self)
        self._pool.setMaxThreadCount(threads)
        self._latest: dict[str, BackgroundTask] = {}
        self._waiting: dict[BackgroundTask, tuple[Callback, OnFailure, Callback | None]] = {}
        self._jobs: dict[int, EngineJob] = {}
        self._engines: Engines | None = None
        self._closed = False
        self.engine: messages.EngineReady | None = None
        self.gave_up = False
        """The engine stopped too often in a row and isn't started again before somebody asks for it."""
        self._news: deque[Callable[[], None]] = deque()
        self._deliver = QTimer(self, interval=0)
        self._deliver.timeout.connect(self._hand_over)
        # Methods, not lambdas: a method's object decides on which thread it is called.
        self._finished.connect(self._finished_arrived)
        self._streamed.connect(self._streamed_arrived)
        self._event.connect(self._event_arrived)

    # -- background functions -------------------------------------------------------------------------------

    def run(
        self,
        work: Callable[[BackgroundTask], T],
        done: Callable[[T], None],
        failed: OnFailure,
        *,
        key: str | None = None,
        stream: Callback | None = None,
        priority: int = 0,
    ) -> BackgroundTask:
        """Run ``work(task)`` in the background; once the window is closing, nothing is begun any more.

        Parameters
        ----------
        done, failed : callable
            Called on the GUI thread with the result, or with a ``UserFacingError``.
        key : str, optional
            A newer task with the same key makes the older one's result unwanted.
        stream : callable, optional
            Receives on the GUI thread what ``work`` hands to :meth:`stream` on its way.
        priority : int
            Higher runs earlier among those that wait.
        """
        task = BackgroundTask(key)
        if self._closed:  # a timer, or a casebook that was just opened: its answer would come to a window that is gone
            task.cancel()
            return task
        if key is not None:
            if older := self._latest.get(key):
                older.cancel()
            self._latest[key] = task
        self._waiting[task] = (done, failed, stream)
        self._pool.start(_Runnable(work, task, self._finished.emit), priority)
        return task

    def stream(self, task: BackgroundTask, item: Any) -> None:
        """Called by a background function: hand an intermediate result to the task's ``stream``."""
        if not task.cancelled:
            self._streamed.emit(task, item)

    @property
    def idle(self) -> bool:
        """Nothing runs or waits, here or in the engine."""
        return not self._waiting and not self._jobs

    @property
    def closed(self) -> bool:
        """The window is closing: nothing will be answered any more."""
        return self._closed

    # -- engine jobs ----------------------------------------------------------------------------------------

    def start_engine(self, device: str = "auto") -> None:
        """Start the engine process; returns at once, ``engineChanged`` tells when it is ready."""
        if self._engines is None and not self._closed:
            from divisive_desktop.engine.engines import Engines

            self._engines = Engines(self._event.emit, device)

    def restart_engine(self, device: str | None = None) -> None:
        """Start the engine again, after it gave up or on another device."""
        if self._engines is not None:
            self.engine = None
            self._engines.restart(device)
            self.engineChanged.emit(None)

    @property
    def engine_pid(self) -> int | None:
        """Process id of the engine, None while it isn't running."""
        return self._engines.pid if self._engines is not None else None

    @property
    def training_pid(self) -> int | None:
        """Process id of what teaches, None while nothing was taught lately."""
        return self._engines.training_pid if self._engines is not None else None

    def submit(
        self,
        request: messages.Request,
        done: Callback,
        failed: OnFailure,
        *,
        partial: Callable[[messages.Partial], None] | None = None,
        title: str = "",
    ) -> EngineJob:
        """Send a request to the engine; the callbacks run on the GUI thread."""
        self.start_engine()
        assert self._engines is not None, "the window is closed"
        job = EngineJob(self._engines.submit(request), done, failed, partial, title)
        self._jobs[job.id] = job
        if title:
            self.jobsChanged.emit()
        return job

    def cancel(self, job: EngineJob) -> None:
        """Ask the engine to stop a job; it ends as ``failed(CancelledError)``."""
        if self._engines is not None and job.id in self._jobs:
            self._engines.cancel(job.id)

    def shown_jobs(self) -> list[EngineJob]:
        """Jobs that have a title, oldest first."""
        return [j for j in self._jobs.values() if j.title]

    # -- end ------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Cancel what waits, wait for what runs, stop the engine. Leaves no thread and no process."""
        self._closed = True
        for task in self._waiting:
            task.cancel()
        self._waiting.clear()
        self._jobs.clear()
        self._news.clear()
        self._deliver.stop()
        self._pool.clear()
        self._pool.waitForDone()
        if self._engines is not None:
            self._engines.close()
            self._engines = None

    # -- on the GUI thread ----------------------------------------------------------------------------------

    def _finished_arrived(self, task: BackgroundTask, ok: bool, result: Any) -> None:
        self._arrived(lambda: self._on_finished(task, ok, result))

    def _streamed_arrived(self, task: BackgroundTask, item: Any) -> None:
        self._arrived(lambda: self._on_streamed(task, item))

    def _event_arrived(self, event: messages.Event) -> None:
        self._arrived(lambda: self._on_event(event))

    def _arrived(self, receive: Callable[[], None]) -> None:
        self._news.append(receive)
        if not self._deliver.isActive():
            self._deliver.start()

    def _hand_over(self) -> None:
        """Hand over news in the order it came, for a moment; then the window gets its turn to paint and answer.

        Qt would handle everything that has piled up before it looks at the mouse again.
        """
        end = perf_counter() + _SLICE_S
        while self._news:
            self._news.popleft()()
            if perf_counter() > end:
                break
        if not self._news:
            self._deliver.stop()

    def _on_finished(self, task: BackgroundTask, ok: bool, result: Any) -> None:
        if task.key is not None and self._latest.get(task.key) is task:
            del self._latest[task.key]
        callbacks = self._waiting.pop(task, None)
        if callbacks is not None and not task.cancelled:
            done, failed, _ = callbacks
            (done if ok else failed)(result)

    def _on_streamed(self, task: BackgroundTask, item: Any) -> None:
        callbacks = self._waiting.get(task)
        if callbacks is not None and callbacks[2] is not None and not task.cancelled:
            callbacks[2](item)

    def _on_event(self, event: messages.Event) -> None:
        if self._closed:
            return
        if isinstance(event, messages.EngineReady):
            self.engine = event
            self.gave_up = False
            self.engineChanged.emit(event)
        elif isinstance(event, messages.Heartbeat):
            return  # the client keeps it to itself
        elif isinstance(event, messages.EngineDied):
            self.engine = None
            self.gave_up = not event.restarting
            log.warning("engine ended with exit code %s", event.exitcode)
            self.engineChanged.emit(event)
        elif isinstance(event, messages.Progress):
            self.progressed.emit(event)
        elif isinstance(event, messages.Partial):
            job = self._jobs.get(event.job)
            if job is not None and job.partial is not None:
                job.partial(event)
        else:
            self._end(event)

    def _end(self, event: messages.Done | messages.Failed | messages.Cancelled) -> None:
        job = self._jobs.pop(event.job, None)
        if job is None:
            return
        if isinstance(event, messages.Done):
            job.done(event.value)
        elif isinstance(event, messages.Cancelled):
            from divisive_desktop.errors import CancelledError

            job.failed(CancelledError())
        else:
            if event.details:
                log.error("engine job failed: %s\n%s", event.message, event.details)
            job.failed(errors.of(event.kind, event.message, event.remedy, **event.asked))
        if job.title:
            self.jobsChanged.emit()
