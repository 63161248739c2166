"""Figures against scikit-learn, closed forms and worked examples."""

from __future__ import annotations

import numpy as np
import pytest

from divisive_desktop.training import scores


def test_intervals_resample_whole_groups() -> None:
    groups = ["a"] * 50 + ["b"] * 2 + ["c"]
    for sample in scores.resamples(groups, 20):
        counts = np.bincount(sample, minlength=53)
        assert len(set(counts[:50])) == 1
        assert len(set(counts[50:52])) == 1
        assert counts[0] + counts[50] + counts[52] == 3


def test_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    hits = 0
    for trial in range(60):
        labels = (np.arange(80) % 2).astype(np.int64)
        margins = rng.normal(labels * 1.0, 1.0)
        low, high = scores.interval(
            lambda i, y=labels, m=margins: scores.auroc(y[i], m[i]), [str(i) for i in range(80)], 200, trial
        )
        hits += low <= 0.7602 <= high  # Phi(1 / sqrt 2)
    assert 50 <= hits <= 60


def test_attack_errors_are_the_worst_kinds() -> None:
    labels = np.array([0, 0, 0, 0, 1, 1, 1, 1])
    margins = np.array([-1.0, -1, -1, 1, 1, 1, 1, -1])
    found = scores.attack_scores(labels, margins, ["", "", "", "", "morph", "morph", "swap", "swap"])
    assert found["apcer_by_kind"] == {"morph": 0.0, "swap": 0.5}
    assert found["apcer"] == 0.5
    assert found["bpcer"] == 0.25
    assert found["acer"] == 0.375


@pytest.mark.parametrize("truth", [0.5, 1.0, 3.0])
def test_temperature_is_found_again(truth: float) -> None:
    rng = np.random.default_rng(1)
    margins = rng.normal(0, 2, 20_000)
    labels = (rng.random(20_000) < scores.sigmoid(margins)).astype(np.int64)
    assert scores.fit_temperature(labels, margins * truth) == pytest.approx(truth, rel=0.06)
    before, _ = scores.reliability(labels, margins * 3)
    after, curve = scores.reliability(labels, margins)
    assert after < 0.02 < before
    assert sum(c["count"] for c in curve) == 20_000


def test_perfect_separation_says_nothing_about_the_temperature() -> None:
    labels = np.array([0, 0, 1, 1])
    assert scores.fit_temperature(labels, np.array([-2.0, -1, 1, 2])) == 1.0
    assert np.isfinite(scores.sigmoid(np.array([-1e9, 1e9]))).all()


def test_agreement_figures_on_a_drawn_case() -> None:
    mask = np.zeros((8, 8), np.float32)
    mask[2:4, 2:4] = 1
    inside, outside = mask * 5, np.roll(mask, 4) * 5
    assert scores.energy_inside(inside, mask) == 1
    assert scores.energy_inside(outside, mask) == 0
    assert scores.energy_inside(np.zeros((8, 8)), mask) == 0
    assert scores.energy_inside(np.ones((8, 8)), mask) == pytest.approx(mask.mean())
    assert scores.pointing(inside, mask) == 1
    assert scores.pointing(outside, mask) == 0
    assert scores.iou_at_otsu(inside, mask) == 1
    assert scores.iou_at_otsu(outside, mask) == 0
    assert scores.iou_at_otsu(np.zeros((8, 8)), mask * 0) == 0


@pytest.mark.parametrize("seed", range(5))
def test_auroc_is_scikit_learns_with_and_without_ties(seed: int) -> None:
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, 60)
    for margins in (rng.normal(size=60), rng.integers(0, 4, 60).astype(float)):
        assert scores.auroc(labels, margins) == pytest.approx(roc_auc_score(labels, margins))


@pytest.mark.parametrize("seed", range(5))
def test_average_precision_is_scikit_learns_with_and_without_ties(seed: int) -> None:
    from sklearn.metrics import average_precision_score

    rng = np.random.default_rng(seed)
    labels = np.r_[0, 1, rng.integers(0, 2, 60)]
    margins = np.round(rng.normal(labels, 1.5), seed)
    assert scores.auprc(labels, margins) == pytest.approx(average_precision_score(labels, margins), abs=1e-12)


def test_one_class_has_no_auroc() -> None:
    assert np.isnan(scores.auroc(np.ones(3, np.int64), np.arange(3.0)))
    assert np.isnan(scores.auprc(np.ones(3, np.int64), np.arange(3.0)))
