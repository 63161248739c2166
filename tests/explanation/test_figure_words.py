"""A figure is said with its interval, and where that would have no width with an exact bound."""

from __future__ import annotations

import numpy as np
import pytest

from divisive_desktop.explanation.figure_words import figure, rarer
from divisive_desktop.explanation.share import surely


@pytest.mark.parametrize(("value", "between", "n", "said"), [
    (0.95, (0.92, 0.98), 40, "0.95 (0.92–0.98)"),
    (0.95, None, 40, "0.95"),
    (0.998, (0.996, 1.0), 400, "0.998 (0.996–1.000)"),  # two digits would give it no width
    (1.0, (1.0, 1.0), 100, "1.00 (at least 0.97: exact 95 % bound from 100 images of the rarer class)"),
    (1.0, (1.0, 1.0), 11, "1.00 (at least 0.76: exact 95 % bound from 11 images of the rarer class)"),
    (0.0, (0.0, 0.0), 11, "0.00 (at most 0.24: exact 95 % bound from 11 images of the rarer class)"),
    (1.0, (1.0, 1.0), None, "1.00 (too few images for an interval)"),
    (0.5, (0.5, 0.5), 2, "0.50 (too few images for an interval)"),
])  # fmt: skip
def test_no_interval_of_no_width_is_said(
    value: float, between: tuple[float, float] | None, n: int | None, said: str
) -> None:
    assert figure("en", value, between, n).replace("\u00a0", " ") == said


def test_the_bound_in_german() -> None:
    said = figure("de", 1.0, (1.0, 1.0), 100).replace("\u00a0", " ")
    assert said == "1,00 (mindestens 0,97: exakte 95-%-Schranke aus 100 Bildern der selteneren Klasse)"


def test_the_bound_holds_in_19_of_20_samples_at_its_worst() -> None:
    """Figures of 0 and 1 are the worst case: at a mean as low as the bound, all of n are 1 in 5 % of samples."""
    n, random = 30, np.random.default_rng(5)
    drawn = random.random((40_000, n)) < surely(n)
    assert drawn.all(1).mean() == pytest.approx(0.05, abs=0.005)
    assert surely(n) == pytest.approx(1 - 3 / n, abs=0.01), "the rule of three"


@pytest.mark.parametrize(("images", "positives", "found"), [
    (200, 100, 100), (65, 11, 11), (65, 60, 5), (65, 0, None), (None, 3, None), (9, None, None),
])  # fmt: skip
def test_the_rarer_class(images: object, positives: object, found: int | None) -> None:
    assert rarer(images, positives) == found
