"""Notices an engine that hangs: no heartbeat, or a job or a start that comes to no end."""

from __future__ import annotations

import time
from collections.abc import Iterable

from divisive_desktop.engine.messages import Request, silence_of

PATIENCE_S, STARTING_S = 20.0, 300.0
"""Without a heartbeat for so long, or without being ready so long after its start, the engine counts as hung."""
SURE_S = 2.0
"""After a pause of the whole machine (sleep) heartbeats have to be given the time to arrive."""


class Watch:
    """When the engine was heard of last, and whether that is too long ago. Times are monotonic, in seconds.

    Parameters
    ----------
    patience_s : float
        How long the engine may give no heartbeat.
    """

    def __init__(self, patience_s: float = PATIENCE_S) -> None:
        self._patience_s = patience_s
        self._heard = time.monotonic()
        self._suspected: float | None = None

    def hear(self) -> float:
        """The engine began, or said something; gives the time."""
        self._suspected = None
        self._heard = time.monotonic()
        return self._heard

    def look_by(self, ready: bool, jobs: Iterable[tuple[Request, float]]) -> float:
        """When to look again, unless something is heard before.

        Parameters
        ----------
        jobs : (request, time of its last sign of life) pairs
            Those that are running.
        """
        return self._limit(ready, jobs) if self._suspected is None else self._suspected + SURE_S

    def hangs(self, ready: bool, jobs: Iterable[tuple[Request, float]]) -> bool:
        """It was to be heard of by now, and still wasn't a while after that was noticed first."""
        now = time.monotonic()
        if now < self._limit(ready, jobs):
            self._suspected = None
            return False
        if self._suspected is None:
            self._suspected = now
        return now - self._suspected >= SURE_S

    def _limit(self, ready: bool, jobs: Iterable[tuple[Request, float]]) -> float:
        if not ready:
            return self._heard + STARTING_S
        ends = [heard + silent for request, heard in jobs if (silent := silence_of(request)) is not None]
        return min([self._heard + self._patience_s, *ends])
