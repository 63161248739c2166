"""The engine processes of one window: one that answers, and one that teaches while something is taught. Qt-free."""

from __future__ import annotations

import itertools
import logging
import threading

from divisive_desktop.engine.client import EngineClient, Listener
from divisive_desktop.engine.messages import Cancelled, Done, EngineDied, EngineReady, Event, Failed, Request, role_of

log = logging.getLogger(__name__)

REST_S = 120.0
"""So long after the last request of fine-tuning its process ends, and gives back the memory that torch holds."""


class Engines:
    """Hands each request to the process that answers it; what both say comes to one listener.

    A verdict doesn't wait for training, and survives what training may die of (memory, a driver). The process that
    teaches begins with the first request of fine-tuning, and ends when it has had nothing to do
    for a while. Its own coming and going isn't told: whoever waits for a request hears how that ended.

    Parameters
    ----------
    listener : callable
        Gets every `Event` of the process that answers, and what becomes of requests of the other; from either's
        thread, never from both at once.
    device : str
        ``auto``, ``cpu``, ``cuda`` or ``mps``, for both.
    rest_s : float
        How long the process that teaches stays without work.
    """

    def __init__(self, listener: Listener, device: str = "auto", rest_s: float = REST_S) -> None:
        self._listener, self._device, self._rest_s = listener, device, rest_s
        self._numbers = itertools.count(1)
        self._telling = threading.Lock()
        self._lock = threading.Lock()
        self._teacher: EngineClient | None = None
        self._taught: set[int] = set()
        """Requests of fine-tuning that haven't ended."""
        self._rest: threading.Timer | None = None
        self._closed = False
        self._answers = EngineClient(self._tell, device, numbers=self._numbers)

    @property
    def pid(self) -> int | None:
        """Process id of the one that answers, None while it isn't running."""
        return self._answers.pid

    @property
    def training_pid(self) -> int | None:
        """Process id of the one that teaches, None while there is none."""
        teacher = self._teacher
        return teacher.pid if teacher is not None else None

    def submit(self, request: Request) -> int:
        """Queue a request where it is answered; returns its number, which its events carry."""
        if role_of(request) == "answers":
            return self._answers.submit(request)
        with self._lock:
            self._stay()
            if self._teacher is not None and self._teacher.state == "failed":
                self._teacher.restart()
            if self._teacher is None:
                self._teacher = EngineClient(self._heard, self._device, numbers=self._numbers, role="training")
            number = self._teacher.submit(request)
            self._taught.add(number)
            return number

    def cancel(self, job: int) -> None:
        """Cancel a request; see `EngineClient.cancel`."""
        with self._lock:
            client = self._teacher if job in self._taught else self._answers
        if client is not None:
            client.cancel(job)

    def restart(self, device: str | None = None) -> None:
        """Start the one that answers again; training that is under way goes on, on the device that it began on."""
        with self._lock:
            self._device = device or self._device
            if self._teacher is not None and not self._taught:
                self._teacher.restart(device)
        self._answers.restart(device)

    def close(self) -> None:
        """End both. No events follow."""
        with self._lock:
            self._closed = True
            self._stay()
            teacher, self._teacher = self._teacher, None
        if teacher is not None:  # not with the lock, which what it still says may wait for
            teacher.close()
        self._answers.close()

    # ---- on the clients' threads --------------------------------------------------------------------------

    def _heard(self, event: Event) -> None:
        """From the one that teaches."""
        if isinstance(event, EngineReady):
            return
        if isinstance(event, EngineDied):
            log.warning("the process that teaches ended with exit code %s", event.exitcode)
            return
        if isinstance(event, Done | Failed | Cancelled):
            with self._lock:
                self._taught.discard(event.job)
                if not self._taught and self._rest is None and not self._closed:
                    self._rest = threading.Timer(self._rest_s, self._rested)
                    self._rest.daemon = True
                    self._rest.start()
        self._tell(event)

    def _rested(self) -> None:
        with self._lock:
            if self._taught or self._closed:
                return
            self._rest = None
            teacher, self._teacher = self._teacher, None
        if teacher is not None:
            teacher.close()

    def _stay(self) -> None:
        if self._rest is not None:
            self._rest.cancel()
            self._rest = None

    def _tell(self, event: Event) -> None:
        with self._telling:
            self._listener(event)
