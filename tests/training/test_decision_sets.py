"""What a card's section is measured on: which sets are the model's own, who is shown, where the highest point lies."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from divisive_desktop.training.dataset import Example
from divisive_desktop.training.decision_fitting import Choices, NamedTest, fit
from divisive_desktop.training.decision_sets import answers_of, default_choices, enough, halves, measured
from divisive_desktop.training.evaluate import Predictions


def predictions(split: str, n: int = 40, named: bool = True, hits: float = 1.0) -> Predictions:
    """Margins of -3 and 3 with some noise; the map of class 1 is highest in its mask in a share of the images."""
    rng = np.random.default_rng(len(split))
    labels = np.arange(n) % 2
    examples = tuple(
        Example(Path(f"{split}{i}.png"), int(y), split, Path("m"), 1.0, f"p{i // 4}" if named else f"{split}{i}",
                {"kind": "morph" if y else "authentic"})
        for i, y in enumerate(labels)
    )  # fmt: skip
    masks = np.zeros((n, 4, 4), np.float32)
    masks[:, 1, 1] = 1
    cams = np.zeros((n, 2, 4, 4), np.float32)
    right = np.arange(n) < hits * n
    cams[np.arange(n), labels, np.where(right, 1, 3), 1] = 8
    logits = np.stack([-(6 * labels - 3) / 2, (6 * labels - 3) / 2], 1) + rng.normal(0, 0.5, (n, 2))
    return Predictions(logits.astype(np.float32), cams, masks, examples)


def test_a_model_just_trained_is_measured_on_its_own_splits() -> None:
    sets = {name: predictions(name) for name in ("val", "test", "test_open", "kermany")}
    choices = default_choices("face-manipulation")
    found = fit(measured(sets, choices, (), {"kermany"}), choices)
    assert [(t.name, t.own) for t in found.tests] == [("test", True), ("test_open", False), ("kermany", False)]
    assert found.rates == (0.05, 0.1)
    assert found.threshold.specificity.value >= 0.95
    assert {p.name for p in found.tests[0].by} == {"morph", "authentic"}
    assert found.familiar.groups == 10
    assert found.unfamiliar is None


def test_a_part_of_another_test_doesn_t_count_twice() -> None:
    sets = {name: predictions(name) for name in ("val", "test", "test_clear")}
    choices = Choices(tests=(NamedTest("test_clear", "the clear ones of test", part=True),))
    assert [t.name for t in fit(measured(sets, choices), choices).tests] == ["test"]


def test_findings_are_pointed_at_on_images_that_show_some() -> None:
    sets = {"val": predictions("val"), "test": predictions("test", hits=0.5), "test_open": predictions("test_open")}
    for finding, images in ((True, 20), (False, 40)):
        where = measured(sets, Choices(meaning="the finding", finding=finding)).localisation
        assert where is not None
        assert where.hits is not None
        assert (where.hits.value, where.hits.n, where.chance) == (0.5, images, 0.0625), "on its own test images alone"
        assert where.shown is finding


def test_files_that_name_nobody_are_persons_unknown() -> None:
    choices = Choices()
    unknown = answers_of(predictions("val", named=False), choices.named("val"), choices)
    assert unknown.groups is None
    assert answers_of(predictions("val"), choices.named("val"), choices).groups is not None


def test_halves_share_no_person() -> None:
    whole = answers_of(predictions("test", 80), Choices().named("test"), Choices())
    first, second = halves(whole)
    assert first.groups is not None
    assert second.groups is not None
    assert not set(first.groups) & set(second.groups)
    assert len(first.labels) + len(second.labels) == 80
    assert min(len(first.labels), len(second.labels)) >= 16


def test_a_few_images_are_not_enough() -> None:
    assert enough(predictions("val"))
    assert not enough(predictions("val", 18))
    one_class = predictions("val")
    assert not enough(replace(one_class, examples=tuple(replace(e, label=1) for e in one_class.examples)))
