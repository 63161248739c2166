"""The window's end of the engine: starts it, queues work, watches over it. Torch-free and Qt-free."""

from __future__ import annotations

import contextlib
import itertools
import logging
import multiprocessing
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, Literal

from divisive_desktop.engine import entry
from divisive_desktop.engine.messages import (
    SAID,
    Cancel,
    Cancelled,
    Done,
    EngineDied,
    EngineReady,
    Event,
    Failed,
    Heartbeat,
    Lane,
    Partial,
    Progress,
    Request,
    Role,
    Shutdown,
    Submit,
    lane_of,
)
from divisive_desktop.engine.sender import Sender
from divisive_desktop.engine.watch import PATIENCE_S, Watch
from divisive_desktop.errors import EngineDiedBesideError, EngineDiedError
from divisive_desktop.processes.beginning import spawning
from divisive_desktop.processes.messages import BadMessageError
from divisive_desktop.processes.receiver import Receiver

log = logging.getLogger(__name__)

State = Literal["starting", "ready", "busy", "restarting", "failed", "closed"]
Listener = Callable[[Event], None]

BACK_OFF_S = (0.0, 0.5, 2.0, 5.0)
"""Pause before the first, second, … restart in a row. One more death than there are pauses, and the client gives up."""

_LOST = EngineDiedError(
    "The engine stopped unexpectedly while working on this.",
    "Try again; if it happens again, choose a smaller image or the CPU, and look at the engine's log.",
)
_TWICE = EngineDiedError(
    "The engine stopped twice while working on this.",
    "Set this image aside, or choose a smaller one or the CPU; the engine's log says why it stopped.",
)
_BESIDE = EngineDiedBesideError(
    "The engine stopped while working on this and on something else, or was started again.", "Try again."
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
    again: bool = False
    """It was lost with an engine once and is asked a second time."""
    heard: float = 0.0
    """Monotonic time of its last sign of life, or of its start."""


class EngineClient:
    """One engine process and the work queued for it. Making the client starts the engine in the background.

    Work runs in two lanes, one job at a time in each: short requests that a person waits for, and long ones
    (batches, training), so that an image can be looked at while a run goes on. The process is started
    again with growing pauses when it dies, and killed when it doesn't answer a Cancel or hangs: gives no heartbeat, or
    comes to no end. What a person waits for is then asked once more, alone; longer jobs that were running fail, and
    queued jobs survive.

    Parameters
    ----------
    listener : callable
        Gets every `Event`, always from the client's one thread. It must not block.
    device : str
        ``auto``, ``cpu``, ``cuda`` or ``mps``: where the engine computes; `restart` can change it.
    patience_s : float
        How long the engine may give no heartbeat.
    numbers : iterator of int, optional
        Where jobs get their numbers from, for clients that have one listener.
    role : Role
        What its process is for.
    """

    def __init__(
        self, listener: Listener, device: str = "auto", patience_s: float = PATIENCE_S,
        numbers: Iterator[int] | None = None, role: Role = "answers",
    ) -> None:  # fmt: skip
        self._device = device
        self._role = role
        self._watch = Watch(patience_s)
        self._listener = listener
        self._numbers = numbers or itertools.count(1)
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
        self._sender: Sender | None = None
        self._receiver: Receiver[Event] | None = None
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
            if self._overdue(now):
                self._take_news()  # the answer may have come while this thread waited for its turn
                if self._overdue(now):
                    log.info("a cancelled job was still at work after its time; the engine is begun anew, as designed")
                    self._died(asked=True)
                continue
            if self._process is not None and self._watch.hangs(self._ready is not None, self._watched()):
                log.warning("engine hangs; killing it")
                self._died(asked=False, hung=True)
                continue
            self._hand_out()
            for source in wait(self._sources(), self._timeout(now)):
                if source is self._wake_read:
                    self._wake_read.recv_bytes()
                    self._woken = False
                elif self._process is not None and source == self._process.sentinel:
                    self._take_news(1.0)
                    if self._process is not None:
                        self._died(asked=False)
            self._take_news()

    def _overdue(self, now: float) -> bool:
        """A job that was cancelled goes on for longer than it may."""
        return any(j is not None and j.cancel_by is not None and j.cancel_by <= now for j in self._running.values())

    def _watched(self) -> list[tuple[Request, float]]:
        return [(job.request, job.heard) for job in self._running.values() if job is not None]

    def _sources(self) -> list[Any]:
        sources: list[Any] = [self._wake_read]
        if self._process is not None:
            sources.append(self._process.sentinel)
        return sources

    def _timeout(self, now: float) -> float | None:
        moments = [j.cancel_by for j in self._running.values() if j is not None and j.cancel_by is not None]
        if self._state == "restarting":
            moments.append(self._start_at)
        if self._process is not None:
            moments.append(self._watch.look_by(self._ready is not None, self._watched()))
        return max(0.0, min(moments) - now) if moments else None

    def _launch(self) -> None:
        context = spawning()
        ours, theirs = context.Pipe()
        given = (theirs, self._device, self._role)
        name = "divisive-engine" if self._role == "answers" else "divisive-training"
        process = context.Process(target=entry.run, args=given, name=name, daemon=True)
        try:
            process.start()
        except OSError:
            log.exception("engine could not be started")
            ours.close()
            self._died(asked=False)
            return
        finally:
            theirs.close()  # the engine sees the end of the pipe when this process dies
        self._process, self._connection, self._sender = process, ours, Sender(ours)
        self._receiver = Receiver(ours, SAID, self._wake)
        self._watch.hear()
        self._state = "starting"

    def _take_news(self, patience_s: float = 0.0) -> None:
        """Take what the engine has said; what it said before it died may still be on the way, for so many seconds."""
        receiver = self._receiver
        while receiver is not None and receiver is self._receiver:
            try:
                self._take(receiver.get(patience_s))
            except TimeoutError:
                return
            except EOFError:
                if not patience_s:
                    self._died(asked=False)
                return
            except BadMessageError as e:
                log.error("the engine sent %s; killing it", e)
                self._died(asked=False, hung=True)
                return

    def _take(self, event: Event) -> None:
        now = self._watch.hear()
        if isinstance(event, Heartbeat):
            return
        if isinstance(event, EngineReady):
            if self._ready is not None:
                return
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
        elif isinstance(event, Progress | Partial):
            job = next((j for j in self._running.values() if j is not None and j.number == event.job), None)
            if job is None:
                return
            job.heard = now
            self._deaths = 0  # it gets on, so it isn't dying in a row
        self._tell(event)

    def _hand_out(self) -> None:
        with self._lock:
            if self._connection is None or self._ready is None:
                return
            for lane, queue in self._queued.items():
                if lane == "long" and self._alone():
                    continue
                if queue and self._running[lane] is None:
                    job = queue.popleft()
                    job.heard = time.monotonic()
                    self._running[lane] = job
                    self._state = "busy"
                    self._send(Submit(job.number, job.request))

    def _alone(self) -> bool:
        """A job is asked a second time: if the engine dies of it again, nothing else is lost or blamed."""
        quick = self._running["quick"] or next(iter(self._queued["quick"]), None)
        return quick is not None and quick.again

    def _died(self, *, asked: bool, hung: bool = False) -> None:
        """The process is gone or has to go: report what it was doing, and plan the next start."""
        if not asked and not hung and self._process is not None:
            self._process.join(1.0)
        exitcode = self._end_process(0.0)
        with self._lock:
            lost = [job for job in self._running.values() if job is not None]
            self._running = {"quick": None, "long": None}
            self._ready = None
            if not asked:
                self._deaths += 1
            gave_up = self._deaths > len(BACK_OFF_S)
            several = asked or len(lost) > 1
            if not asked and not gave_up:
                for job in [job for job in lost if job.lane == "quick" and not job.again and job.cancel_by is None]:
                    job.again = True
                    self._queued["quick"].appendleft(job)
                    lost.remove(job)
            if gave_up:
                self._state = "failed"
            else:
                self._state = "restarting"
                self._start_at = time.monotonic() + (0.0 if asked else BACK_OFF_S[self._deaths - 1])
        died = tuple(j.number for j in lost if j.cancel_by is None)
        self._tell(EngineDied(exitcode, died, asked, not gave_up, hung))
        for job in lost:
            if job.cancel_by is not None:
                self._tell(Cancelled(job.number))
            else:
                why = _GAVE_UP if gave_up else _TWICE if job.again else _BESIDE if several else _LOST
                self._tell(Failed(job.number, why.kind, why.message, why.remedy, f"exit code {exitcode}"))

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
        process, connection, sender, receiver = self._process, self._connection, self._sender, self._receiver
        self._process = self._connection = self._sender = self._receiver = self._ready = None
        if process is None or connection is None or sender is None or receiver is None:
            return None
        sender.put(Shutdown())
        if patience_s > 0:
            process.join(patience_s)
        if process.is_alive():
            process.kill()
        process.join()
        sender.put(None)
        sender.join()
        receiver.join(1.0)  # it has met the end of the pipe
        connection.close()
        exitcode = process.exitcode
        process.close()
        return exitcode
