"""A figure that was measured, in words: with its interval, or with an exact bound where a bootstrap has no width."""

from __future__ import annotations

import math
from collections.abc import Sequence

from divisive_desktop.explanation.share import surely
from divisive_desktop.language import number, text


def figure(language: str, value: float, between: Sequence[float] | None, n: int | None) -> str:
    """A figure between 0 and 1, such as an AUROC: ``0.95 (0.92–0.98)``.

    Where every resample gave the same, as with a perfect order of few images, the interval would have no width and read
    as certainty: then an exact bound is said, and of how many images.

    Parameters
    ----------
    between : (float, float), optional
        The 95 % interval; None: there is none.
    n : int, optional
        Images that the figure is the mean of, at least: of an AUROC those of the rarer class; None: not known.
    """
    if between is None:
        return number(language, value)
    low, high = between
    if high - low > 1e-9:
        digits = 2 if number(language, low) != number(language, high) else 3
        low_shown, high_shown = number(language, low, digits), number(language, high, digits)
        return f"{number(language, value, digits)} ({low_shown}–{high_shown})"
    if n is None or not (math.isclose(value, 1) or math.isclose(value, 0)):
        return f"{number(language, value)} ({text(language, 'interval_none')})"
    bound = surely(n) if value > 0.5 else 1 - surely(n)
    key = "interval_least" if value > 0.5 else "interval_most"
    return f"{number(language, value)} ({text(language, key, bound=number(language, bound), n=n)})"


def rarer(images: object, positives: object) -> int | None:
    """Images of the rarer class; None where that isn't known."""
    if not isinstance(images, int) or not isinstance(positives, int) or not 0 < positives < images:
        return None
    return min(positives, images - positives)
