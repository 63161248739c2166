"""Before and after on the same images: figures with intervals, and what may be said of their differences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from divisive_desktop.engine.finetuning.messages import FIGURES, CaseChange, Comparison, Difference, Figure
from divisive_desktop.engine.finetuning.verdict import change_of
from divisive_desktop.training import scores
from divisive_desktop.training.evaluate import Predictions

SAMPLES = 2000
Index = npt.NDArray[np.int64]


def compare(
    name: Literal["holdout", "guard"], before: Predictions, after: Predictions, *,
    border_before: Predictions | None = None, border_after: Predictions | None = None, cases: Sequence[int] = (),
    check: Callable[[], None] = lambda: None,
) -> Comparison:  # fmt: skip
    """All figures of two models on the same images, with paired bootstrap intervals by patient.

    Parameters
    ----------
    before, after : Predictions
        On the same examples in the same order.
    border_before, border_after : Predictions, optional
        On the same images with all but the border blanked.
    cases : sequence of int
        Case ids of the images.
    check : callable
        Called often; raises to cancel.
    """
    masked = np.array([e.weight > 0 for e in before.examples])
    pairs = (_scorer(before, border_before, masked), _scorer(after, border_after, masked))
    everything = np.arange(len(before.examples))
    points = np.array([score(everything) for score in pairs])
    samples = np.full((SAMPLES, 2, len(FIGURES)), np.nan)
    for i, index in enumerate(scores.resamples(before.groups, SAMPLES)):
        if i % 20 == 0:
            check()
        samples[i] = [score(index) for score in pairs]
    groups = len(set(before.groups))
    masked_groups = len({g for g, m in zip(before.groups, masked, strict=True) if m})
    tables = [{n: _figure(points[side, k], samples[:, side, k]) for k, n in enumerate(FIGURES)} for side in (0, 1)]
    differences = {}
    for k, figure in enumerate(FIGURES):
        rests_on = masked_groups if figure in ("energy", "pointing") else groups
        differences[figure] = _difference(figure, points[:, k], samples[:, :, k], rests_on)
    return Comparison(
        name, len(before.examples), int(before.labels.sum()), groups, int(masked.sum()), tables[0], tables[1],
        differences, _changes(before, after, masked, cases),
    )  # fmt: skip


def _scorer(
    p: Predictions, border: Predictions | None, masked: npt.NDArray[np.bool_]
) -> Callable[[Index], list[float]]:
    """All of ``FIGURES`` for a sample of the images."""
    labels, margins, d = p.labels, p.margins, p.divergence
    blanked = border.margins if border is not None else None
    energy = np.array([scores.energy_inside(a, m) for a, m in zip(d, p.masks, strict=True)])
    hits = np.array([scores.pointing(a, m) for a, m in zip(d, p.masks, strict=True)])

    def score(index: Index) -> list[float]:
        y, z = labels[index], margins[index]
        seen = index[masked[index]]
        at = scores.threshold_scores(y, z)
        return [
            scores.auroc(y, z), at["accuracy"], at["sensitivity"], at["specificity"], scores.reliability(y, z)[0],
            float(energy[seen].mean()) if len(seen) else float("nan"),
            float(hits[seen].mean()) if len(seen) else float("nan"),
            scores.auroc(y, blanked[index]) if blanked is not None else float("nan"),
        ]  # fmt: skip

    return score


def _figure(value: float, samples: npt.NDArray[np.float64]) -> Figure:
    low, high = _percentiles(samples)
    return Figure(float(value), low, high)


def _difference(
    name: str, points: npt.NDArray[np.float64], samples: npt.NDArray[np.float64], groups: int
) -> Difference:
    found = samples[:, 1] - samples[:, 0]
    value = float(points[1] - points[0])
    low, high = _percentiles(found)
    finite = found[np.isfinite(found)]
    if not len(finite):
        return Difference(value, low, high, float("nan"), "not measured")
    p = min(1.0, 2 * (min((finite <= 0).sum(), (finite >= 0).sum()) + 1) / (len(finite) + 1))
    judged = (value, low, high)
    if name == "border_auroc":  # 0.5 is what is wanted: a model that turns the border's clue round still uses it
        far = np.abs(samples - 0.5)
        judged = (float(abs(points[1] - 0.5) - abs(points[0] - 0.5)), *_percentiles(far[:, 1] - far[:, 0]))
    return Difference(value, low, high, float(p), change_of(name, *judged, groups))


def _percentiles(samples: npt.NDArray[np.float64]) -> tuple[float, float]:
    finite = samples[np.isfinite(samples)]
    if not len(finite):
        return float("nan"), float("nan")
    low, high = np.percentile(finite, (2.5, 97.5))
    return float(low), float(high)


def _changes(
    before: Predictions, after: Predictions, masked: npt.NDArray[np.bool_], cases: Sequence[int]
) -> tuple[CaseChange, ...]:
    first, second = scores.sigmoid(before.margins), scores.sigmoid(after.margins)
    d0, d1 = before.divergence, after.divergence

    def energy(d: npt.NDArray[np.float32], i: int) -> float | None:
        return scores.energy_inside(d[i], before.masks[i]) if masked[i] else None

    return tuple(
        CaseChange(case, int(before.labels[i]), float(first[i]), float(second[i]), energy(d0, i), energy(d1, i))
        for i, case in enumerate(cases)
    )
