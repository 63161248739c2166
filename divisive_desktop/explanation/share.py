"""A measured share with its 95 % interval and the number of cases that it rests on."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from divisive_desktop.language import NBSP


@dataclass(frozen=True)
class Share:
    """A share of cases, or a figure between 0 and 1 such as an AUROC."""

    value: float
    """0..1, within the interval."""
    low: float
    high: float
    n: int
    """Cases that it was measured on."""

    def __post_init__(self) -> None:
        for value in (self.value, self.low, self.high):
            if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
                raise ValueError("a share must be a number")
        if isinstance(self.n, bool) or not isinstance(self.n, int) or self.n < 1:
            raise ValueError("a share must say on how many cases it was measured")
        if not 0 <= self.low <= self.value <= self.high <= 1:
            raise ValueError("a share must be in 0..1 and in its own interval")

    @classmethod
    def of(cls, hits: int, n: int) -> Share:
        """``hits`` of ``n`` cases that don't belong together, with Wilson's interval."""
        low, high = wilson(hits, n)
        value = hits / n
        return cls(value, min(low, value), max(high, value), n)

    @classmethod
    def from_json(cls, raw: object) -> Share:
        """Inverse of ``dataclasses.asdict``.

        Raises
        ------
        ValueError, KeyError
            It is no share.
        """
        if not isinstance(raw, Mapping) or set(raw) != {"value", "low", "high", "n"}:
            raise ValueError("a share needs value, low, high and n")
        return cls(raw["value"], raw["low"], raw["high"], raw["n"])

    @property
    def rest(self) -> Share:
        """The share of the others: 1 - this."""
        return Share(round(1 - self.value, 5), round(1 - self.high, 5), round(1 - self.low, 5), self.n)

    @property
    def percent(self) -> str:
        """``95 % [91-98] of 126``, without false precision."""
        return f"{100 * self.value:.0f}{NBSP}% [{100 * self.low:.0f}–{100 * self.high:.0f}] of {self.n}"


def wilson(hits: int, n: int, z: float = 1.959964) -> tuple[float, float]:
    """Wilson score interval of a proportion, 95 % by default (Wilson, JASA 1927)."""
    p, zz = hits / n, z * z
    centre = (p + zz / (2 * n)) / (1 + zz / n)
    half = z * ((p * (1 - p) + zz / (4 * n)) / n) ** 0.5 / (1 + zz / n)
    return max(0.0, centre - half), min(1.0, centre + half)


def surely(n: int, confidence: float = 0.95) -> float:
    """What the mean of figures between 0 and 1 is at least, where all ``n`` of them were 1.

    If the mean were m, each would be 1 with a probability of at most m, and all of them with m^n at most. So m is at
    least the n-th root of what is left to chance: near 1 - 3 / n, the rule of three (Hanley & Lippman-Hand, JAMA 1983).
    An AUROC is such a mean over the images of the rarer class: the share of the others that each is ranked beyond.
    """
    return float((1 - confidence) ** (1 / n))
