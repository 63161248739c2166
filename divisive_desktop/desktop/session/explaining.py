"""The important features of an analysis, found off the GUI thread."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from divisive_desktop.explanation.analysis import Analysis
    from divisive_desktop.explanation.features import FeatureSet
    from divisive_desktop.imaging.record import Spacing


@dataclass(frozen=True)
class FoundFeatures:
    """Important features, and where their threshold lies among all values of |D|."""

    features: FeatureSet
    quantile: float
    """Part of the region where |D| is below the threshold, 0..1: the position of the slider."""


def find_features(
    analysis: Analysis, true_class: int, spacing: Spacing | None, quantile: float | None
) -> FoundFeatures:
    """Important features of an analysis with one class held true."""
    import numpy as np

    from divisive_desktop.explanation.features import WORKING_SIDE, important_features
    from divisive_desktop.explanation.maps import upsample

    d = analysis.divergence(true_class)
    features = important_features(d, analysis.image_size, analysis.region, quantile=quantile, spacing=spacing)
    if quantile is None:
        surface = np.abs(upsample(d, (WORKING_SIDE, WORKING_SIDE)))
        quantile = float(np.mean(surface <= features.threshold))
    return FoundFeatures(features, quantile)
