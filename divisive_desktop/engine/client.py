"""The window's end of the engine: starts it, queues work, watches over it. Torch-free and Qt-free."""

from __future__ import annotations

import contextlib
import itertools
import logging
import multiprocessing
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from queue import SimpleQueue
from typing import Any, Literal

from divisive_desktop.engine import entry
from divisive_desktop.engine.messages import (
    Cancel,
    Cancelled,
    Done,
    EngineDied,
    EngineReady,
    Event,
    Failed,
    Lane,
    Partial,
    Progress,
    Request,
    Shutdown,
    Submit,
    lane_of,
)
from divisive_desktop.errors import EngineDiedError

log = logging.getLogger(__name__)

State = Literal["starting", "ready", "busy", "restarting", "failed", "closed"]
Listener = Callable[[Event], None]

BACK_OFF_S = (0.0, 0.5, 2.0, 5.0)
"""Pause before the first, second, … restart in a row. One more death than there are pauses, and the client gives up."""

_LOST = EngineDiedError(
    "The engine stopped unexpectedly while working on this.",
    "Try again; if it happens again, choose a smaller image or the CPU, and look at the engine's log.",
)
_GAVE_UP = EngineDiedError(
    "The engine stopped several times in a row and was not started again.",
    "Restart the engine or the program; the engine's log says why it stopped.",
)


@dataclass
class _Job:
    number: int
    request: Request
    lane: Lane
    cancel_by: float | None = None
    """Monotonic time at which an unanswered Cancel ends in a kill."""


class _Sender(threading.Thread):
    """Writes to the engine's pipe: an engine that doesn't read must block neither the window nor the kill."""

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


class EngineClient:
    """One engine process and the work queued for it. Making the client starts the engine in the background.

    Work runs in two lanes, one job at a time in each: short requests that a person waits for, and long ones
    (batches, training), so that an image can be looked at while a run goes on. The process is started
    again with growing pauses when it dies, and killed when it doesn't answer a Cancel.
    Jobs that were running when it died fail; queued jobs survive.

    Parameters
    ----------
    listener : callable
        Gets every `Event`, always from the client's one thread. It must not block.
    device : str
        ``auto``, ``cpu``, ``cuda`` or ``mps``: where the engine computes; `restart` can change it.
    """

    def __init__(self, listener: Listener, device: str = "auto") -> None:
        self._device = device
        self._listener = listener
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._queued: dict[Lane, deque[_Job]] = {"quick": deque(), "long": deque()}
        self._running: dict[Lane, _Job | None] = {"quick": None, "long": None}
        self._cancelled: list[int] = []
        self._wake_read, self._wake_write = multiprocessing.Pipe(duplex=False)
        self._closing = False
        self._restart_asked = False
        self._state: State = "starting"
        self._deaths = 0
        self._start_at = 0.0
        self._ready: EngineReady | None = None
        self._process: BaseProcess | None = None
        self._connection: Connection | None = None
        self._sender: _Sender | None = None
        self._woken = False
        self._thread = threading.Thread(target=self._run, name="engine-client", daemon=True)
        self._thread.start()

    # ---- called from any thread -------------------------------------------------------------------------

    @property
    def state(self) -> State:
        """What the engine is doing; changes are announced by the events around them."""
        return self._state

    @property
    def ready(self) -> EngineReady | None:
        """What the running engine said of itself, None while there is none."""
        return self._ready

    @property
    def pid(self) -> int | None:
        """Process id of the engine, None while it isn't running."""
        process = self._process
        return process.pid if process is not None else None

    def submit(self, request: Request) -> int:
        """Queue a request; it runs when the engine is ready and what was queued before it in its lane is done.

        Returns
        -------
        int
            The job's number, which its events carry.
        """
        with self._lock:
            if self._closing:
                raise RuntimeError("the client is closed")
            job = _Job(next(self._numbers), request, lane_of(request))
            self._queued[job.lane].append(job)
        self._wake()
        return job.number

    def cancel(self, job: int, grace_s: float = 2.0) -> None:
        """Cancel a job; `Cancelled` follows unless it ended first. Unknown and finished jobs are ignored.

        A running job is asked to stop; when it hasn't within ``grace_s`` seconds, the engine is killed and
        started again.
        """
        with self._lock:
            for queue in self._queued.values():
                for waiting in queue:
                    if waiting.number == job:
                        queue.remove(waiting)
                        self._cancelled.append(job)
                        break
            for running in self._running.values():
                if running is not None and running.number == job and running.cancel_by is None:
                    running.cancel_by = time.monotonic() + grace_s
                    self._send(Cancel(job))
        self._wake()

    def restart(self, device: str | None = None) -> None:
        """Start the engine again, after it was given up or on another device; running jobs fail, queued ones stay."""
        with self._lock:
            self._device = device or self._device
            self._restart_asked = True
        self._wake()

    def close(self, timeout_s: float = 2.0) -> None:
        """Stop the engine, kill it when it doesn't within ``timeout_s``, and end the thread. No events follow."""
        with self._lock:
            self._closing = True
        self._wake()
        if self._thread is not threading.current_thread():
            self._thread.join(timeout_s + 5.0)
        self._end_process(timeout_s)
        self._state = "closed"

    def __enter__(self) -> EngineClient:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    # ---- the client's thread ----------------------------------------------------------------------------

    def _run(self) -> None:
        self._launch()
        while not self._closing:
            self._tell_refused()
            if self._restart_asked:
                self._restart_asked = False
                self._deaths = 0
                self._died(asked=True)
            now = time.monotonic()
            if self._state == "restarting" and now >= self._start_at:
                self._launch()
            overdue = [j for j in self._running.values() if j and j.cancel_by is not None and j.cancel_by <= now]
            if overdue:
                log.warning("engine did not answer Cancel; killing it")
                self._died(asked=True)
                continue
            self._hand_out()
            for source in wait(self._sources(), self._timeout(now)):
                if source is self._wake_read:
                    self._wake_read.recv_bytes()
                    self._woken = False
                elif source is self._connection:
                    self._receive()
                elif self._process is not None and source == self._process.sentinel:
                    self._drain()
                    self._died(asked=False)

    def _sources(self) -> list[Any]:
        sources: list[Any] = [self._wake_read]
        if self._process is not None and self._connection is not None:
            sources += [self._connection, self._process.sentinel]
        return sources

    def _timeout(self, now: float) -> float | None:
        moments = [j.cancel_by for j in self._running.values() if j is not None and j.cancel_by is not None]
        if self._state == "restarting":
            moments.append(self._start_at)
        return max(0.0, min(moments) - now) if moments else None

    def _launch(self) -> None:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=entry.run, args=(theirs, self._device), name="divisive-engine", daemon=True)
        try:
            process.start()
        except OSError:
            log.exception("engine could not be started")
            ours.close()
            self._died(asked=False)
            return
        finally:
            theirs.close()  # the engine sees the end of the pipe when this process dies
        self._process, self._connection, self._sender = process, ours, _Sender(ours)
        self._state = "starting"

    def _receive(self) -> None:
        connection = self._connection
        if connection is None:
            return
        try:
            event = connection.recv()
        except (EOFError, OSError):
            self._died(asked=False)
            return
        self._take(event)

    def _drain(self) -> None:
        """Take what the engine still said before it died."""
        with contextlib.suppress(EOFError, OSError):
            while self._connection is not None and self._connection.poll():
                self._take(self._connection.recv())

    def _take(self, event: Event) -> None:
        if isinstance(event, EngineReady):
            self._ready = event
            self._state = "ready"
        elif isinstance(event, Done | Failed | Cancelled):
            with self._lock:
                lane = next((name for name, j in self._running.items() if j and j.number == event.job), None)
                if lane is None:
                    return
                self._running[lane] = None
                self._deaths = 0
                self._state = "busy" if any(self._running.values()) else "ready"
        elif isinstance(event, Progress | Partial) and not self._is_running(event.job):
            return
        self._tell(event)

    def _is_running(self, number: int) -> bool:
        return any(j is not None and j.number == number for j in self._running.values())

    def _hand_out(self) -> None:
        with self._lock:
            if self._connection is None or self._ready is None:
                return
            for lane, queue in self._queued.items():
                if queue and self._running[lane] is None:
                    job = queue.popleft()
                    self._running[lane] = job
                    self._state = "busy"
                    self._send(Submit(job.number, job.request))

    def _died(self, *, asked: bool) -> None:
        """The process is gone or has to go: report what it was doing, and plan the next start."""
        if not asked and self._process is not None:
            self._process.join(1.0)
        exitcode = self._end_process(0.0)
        with self._lock:
            lost = [job for job in self._running.values() if job is not None]
            self._running = {"quick": None, "long": None}
            self._ready = None
            if not asked:
                self._deaths += 1
            gave_up = self._deaths > len(BACK_OFF_S)
            if gave_up:
                self._state = "failed"
            else:
                self._state = "restarting"
                self._start_at = time.monotonic() + (0.0 if asked else BACK_OFF_S[self._deaths - 1])
        self._tell(EngineDied(exitcode, tuple(j.number for j in lost if j.cancel_by is None), asked, not gave_up))
        for job in lost:
            if job.cancel_by is not None:
                self._tell(Cancelled(job.number))
            else:
                self._tell(Failed(job.number, _LOST.kind, _LOST.message, _LOST.remedy, f"exit code {exitcode}"))

    def _tell_refused(self) -> None:
        """Report the jobs that ended without reaching the engine."""
        with self._lock:
            cancelled, self._cancelled = self._cancelled, []
            refused: list[_Job] = []
            if self._state == "failed" and not self._restart_asked:
                for queue in self._queued.values():
                    refused += queue
                    queue.clear()
        for number in cancelled:
            self._tell(Cancelled(number))
        for job in refused:
            self._tell(Failed(job.number, _GAVE_UP.kind, _GAVE_UP.message, _GAVE_UP.remedy))

    def _tell(self, event: Event) -> None:
        if self._closing:
            return
        try:
            self._listener(event)
        except Exception:  # a fault in the listener must not end the thread that guards the engine
            log.exception("the listener failed on %s", type(event).__name__)

    def _send(self, message: Cancel | Submit) -> None:
        if self._sender is not None:
            self._sender.put(message)

    def _wake(self) -> None:
        if not self._woken:  # one byte is enough, and the pipe never fills
            self._woken = True
            with contextlib.suppress(OSError):
                self._wake_write.send_bytes(b".")

    def _end_process(self, patience_s: float) -> int | None:
        process, connection, sender = self._process, self._connection, self._sender
        self._process = self._connection = self._sender = self._ready = None
        if process is None or connection is None or sender is None:
            return None
        sender.put(Shutdown())
        if patience_s > 0:
            process.join(patience_s)
        if process.is_alive():
            process.kill()
        process.join()
        sender.put(None)
        sender.join()
        connection.close()
        exitcode = process.exitcode
        process.close()
        return exitcode
