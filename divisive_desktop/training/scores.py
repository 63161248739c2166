"""Figures of merit on plain numpy arrays: ranking, calibration, attack detection, and where the evidence lies."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from divisive_desktop.explanation.maps import otsu

Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.int64]


def auroc(labels: Ints, margins: Floats) -> float:
    """Area under the ROC curve, 0..1; NaN where only one class is present.

    By ranks (Mann-Whitney U): scikit-learn's figure in a twentieth of its time, which a bootstrap of 1000 needs.
    """
    positives = int(labels.sum())
    negatives = len(labels) - positives
    if not positives or not negatives:
        return float("nan")
    _, inverse, counts = np.unique(margins, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]  # from 1; equal margins share their mean rank
    return float((ranks[labels == 1].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def auprc(labels: Ints, margins: Floats) -> float:
    """Average precision, 0..1; NaN where only one class is present."""
    if len(np.unique(labels)) != 2:
        return float("nan")
    order = np.argsort(-margins, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(margins[order])), len(margins) - 1)  # equal margins count as one threshold
    hits = np.cumsum(labels[order] == 1)[ends]
    return float((np.diff(hits, prepend=0) * hits / (ends + 1)).sum() / hits[-1])


def energy_inside(divergence: Floats, mask: Floats) -> float:
    """Share of the divergence's energy inside the mask, 0..1: sum(H D^2) / sum(D^2); 0 for a flat zero map."""
    energy = np.square(divergence, dtype=np.float64)
    total = float(energy.sum())
    return float((mask * energy).sum() / total) if total > 0 else 0.0


def pointing(divergence: Floats, mask: Floats) -> float:
    """1 if the cell with the strongest evidence for the true class touches the mask, else 0 (pointing game)."""
    return float(mask.flat[int(np.argmax(divergence))] > 0)


def iou_at_otsu(divergence: Floats, mask: Floats) -> float:
    """Overlap of mask (>= 0.5, or its strongest cells where it is smaller than a cell) and D above Otsu's threshold."""
    found = divergence > max(otsu(np.abs(divergence)), 0.0)
    real = mask >= min(0.5, float(mask.max()) * 0.999) if mask.max() > 0 else np.zeros_like(found)
    union = int((found | real).sum())
    return float((found & real).sum() / union) if union else 0.0


def sigmoid(margins: Floats) -> Floats:
    """Probability of class 1 from the difference of the logits; no overflow."""
    return 0.5 * (1 + np.tanh(0.5 * np.asarray(margins, np.float64)))


def threshold_scores(labels: Ints, margins: Floats, threshold: float = 0.0) -> dict[str, float]:
    """Accuracy, sensitivity and specificity when a margin above the threshold means class 1."""
    called = margins > threshold
    positive, negative = labels == 1, labels == 0
    return {
        "accuracy": float((called == positive).mean()),
        "sensitivity": float(called[positive].mean()) if positive.any() else float("nan"),
        "specificity": float((~called[negative]).mean()) if negative.any() else float("nan"),
    }


def attack_scores(labels: Ints, margins: Floats, kinds: Sequence[str], threshold: float = 0.0) -> dict[str, object]:
    """Errors of presentation-attack detection, ISO/IEC 30107-3: class 1 is the attack.

    APCER is the share of attacks taken for bona fide, per kind and, as the standard wants it, the worst kind's;
    BPCER the share of bona fide taken for attacks; ACER their mean.
    """
    called = margins > threshold
    per_kind = {
        kind: float(1 - called[[k == kind and y == 1 for k, y in zip(kinds, labels, strict=True)]].mean())
        for kind in sorted({k for k, y in zip(kinds, labels, strict=True) if y == 1})
    }
    apcer = max(per_kind.values()) if per_kind else float("nan")
    bpcer = float(called[labels == 0].mean()) if (labels == 0).any() else float("nan")
    return {"apcer": apcer, "apcer_by_kind": per_kind, "bpcer": bpcer, "acer": (apcer + bpcer) / 2}


def reliability(labels: Ints, margins: Floats, bins: int = 10) -> tuple[float, list[dict[str, float]]]:
    """Expected calibration error of P(class 1), and its reliability curve over bins of equal width.

    Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, here for the positive class.

    Returns
    -------
    (float, list of dict)
        ECE in 0..1; for each bin that holds something: mean probability, share of class 1, count.
    """
    p = sigmoid(margins)
    which = np.minimum((p * bins).astype(int), bins - 1)
    curve = [
        {"probability": float(p[which == b].mean()), "observed": float(labels[which == b].mean()),
         "count": float((which == b).sum())}
        for b in range(bins) if (which == b).any()
    ]
    error = sum(c["count"] * abs(c["probability"] - c["observed"]) for c in curve) / len(labels)
    return float(error), curve


def fit_temperature(labels: Ints, margins: Floats) -> float:
    """Temperature T > 0 that minimises the cross-entropy of margins / T. For validation data only.

    A validation set that is separated perfectly would ask for T = 0 and says nothing about how sure to be: T = 1 then.
    """
    if margins[labels == 0].max(initial=-np.inf) < margins[labels == 1].min(initial=np.inf):
        return 1.0

    def cost(log_t: float) -> float:
        z = np.where(labels == 1, -1.0, 1.0) * margins / np.exp(log_t)
        return float(np.logaddexp(0, z).mean())

    low, high = np.log(0.25), np.log(10.0)
    ratio = (np.sqrt(5) - 1) / 2
    while high - low > 1e-6:  # golden section: the cost is convex in 1/T, so it has one minimum
        left, right = high - ratio * (high - low), low + ratio * (high - low)
        low, high = (low, right) if cost(left) <= cost(right) else (left, high)
    return float(np.exp((low + high) / 2))


def resamples(groups: Sequence[str], count: int = 1000, seed: int = 0) -> Iterator[Ints]:
    """Bootstrap samples as indices: whole groups (patients, persons) are drawn, with replacement."""
    members: dict[str, list[int]] = {}
    for i, g in enumerate(groups):
        members.setdefault(g, []).append(i)
    arrays = [np.array(m, np.int64) for m in members.values()]
    rng = np.random.default_rng(seed)
    for _ in range(count):
        yield np.concatenate([arrays[i] for i in rng.integers(len(arrays), size=len(arrays))])


def interval(
    score: Callable[[Ints], float], groups: Sequence[str], count: int = 1000, seed: int = 0
) -> tuple[float, float]:
    """95 % percentile bootstrap interval by group of a score of indices; samples without a value are left out."""
    values = np.array([score(i) for i in resamples(groups, count, seed)])
    values = values[np.isfinite(values)]
    if not len(values):
        return float("nan"), float("nan")
    low, high = np.percentile(values, (2.5, 97.5))
    return float(low), float(high)
