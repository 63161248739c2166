"""Important features of an analysis, as the window asks for them."""

from __future__ import annotations

import pytest

from divisive_desktop.desktop.session import explaining
from divisive_desktop.explanation.analysis import Analysis


def test_the_sliders_position_is_where_the_automatic_threshold_lies(analysis: Analysis) -> None:
    auto = explaining.find_features(analysis, 1, None, None)
    same = explaining.find_features(analysis, 1, None, auto.quantile)
    assert same.features.threshold == pytest.approx(auto.features.threshold, rel=0.15)
    assert len(same.features.features) == len(auto.features.features)
