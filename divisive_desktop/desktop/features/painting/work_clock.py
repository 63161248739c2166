"""Time that a person worked on a mask: gaps longer than a pause don't count."""

from __future__ import annotations

import time

PAUSE_S = 20.0
"""Looking without moving for this long is still work; what is longer counts as this."""


class WorkClock:
    """Adds up the time between signs of activity."""

    def __init__(self) -> None:
        self._last: float | None = None
        self._total = 0.0

    def tick(self) -> None:
        """The person did something."""
        now = time.monotonic()
        if self._last is not None:
            self._total += min(now - self._last, PAUSE_S)
        self._last = now

    @property
    def total(self) -> float:
        """Seconds since they were last taken."""
        return self._total

    def take(self) -> float:
        """Seconds since they were last taken."""
        taken, self._total = self._total, 0.0
        return taken

    def stop(self) -> None:
        """Another case: what lies between isn't work on either."""
        self._last = None
        self._total = 0.0
