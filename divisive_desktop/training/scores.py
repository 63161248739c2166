"""Figures of merit on plain numpy arrays: ranking, calibration, attack detection, and where the evidence lies."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from sklearn.metrics import average_precision_score, roc_auc_score

Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.int64]


def auroc(labels: Ints, margins: Floats) -> float:
    """Area under the ROC curve, 0..1; NaN where only one class is present."""
    return float(roc_auc_score(labels, margins)) if len(np.unique(labels)) == 2 else float("nan")


def auprc(labels: Ints, margins: Floats) -> float:
    """Average precision, 0..1; NaN where only one class is present."""
    return float(average_precision_score(labels, margins)) if len(np.unique(labels)) == 2 else float("nan")


def energy_inside(divergence: Floats, mask: Floats) -> float:
    """Share of the divergence's energy inside the mask, 0..1: sum(H D^2) / sum(D^2); 0 for a flat zero map."""
    energy = np.square(divergence, dtype=np.float64)
    total = float(energy.sum())
    return float((mask * energy).sum() / total) if total > 0 else 0.0


def pointing(divergence: Floats, mask: Floats) -> float:
    """1 if the cell with the strongest evidence for the true class touches the mask, else 0 (pointing game)."""
    return float(mask.flat[int(np.argmax(divergence))] > 0)
