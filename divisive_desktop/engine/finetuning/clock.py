"""How far a run is and how long it will take: stages with units of work, rates measured while they go on."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass
class _Stage:
    units: float
    rate: float
    """Seconds per unit: expected, then measured."""
    done: float = 0.0
    began: float | None = None
    first: float = 0.0
    """Units that were done when it was first heard of: cached, or from before an interruption."""
    held: float = 0.0


class Clock:
    """Progress of a run made of stages.

    Parameters
    ----------
    stages : dict
        Name -> (units of work, expected seconds per unit), in order.
    now : callable
        A monotonic clock in seconds.
    """

    def __init__(self, stages: dict[str, tuple[float, float]], now: Callable[[], float] = time.monotonic) -> None:
        self._stages = {name: _Stage(max(units, 1e-9), rate) for name, (units, rate) in stages.items()}
        self._now = now
        self._total = sum(s.units * s.rate for s in self._stages.values()) or 1.0
        self._weights = {name: s.units * s.rate / self._total for name, s in self._stages.items()}
        self._current: _Stage | None = None

    def at(self, name: str, done: float) -> tuple[float, float]:
        """Note that ``done`` units of a stage are done; returns the fraction done of all (0..1) and seconds left."""
        stage, now = self._stages[name], self._now()
        if stage.began is None:
            stage.began, stage.first = now, done
        stage.done = min(done, stage.units)
        self._current = stage
        fresh = stage.done - stage.first
        if fresh > 0:
            stage.rate = max(now - stage.began - stage.held, 0.0) / fresh
        return self.fraction, self.remaining

    def units(self, name: str) -> float:
        """All units of a stage."""
        return self._stages[name].units

    def finish(self, name: str) -> None:
        """A stage is over, whatever its units say."""
        self._stages[name].done = self._stages[name].units

    def hold(self, seconds: float) -> None:
        """Time that passed in a pause: it says nothing about the rate."""
        if self._current is not None:
            self._current.held += seconds

    @property
    def fraction(self) -> float:
        return min(1.0, sum(self._weights[name] * s.done / s.units for name, s in self._stages.items()))

    @property
    def remaining(self) -> float:
        return sum((s.units - s.done) * s.rate for s in self._stages.values())
