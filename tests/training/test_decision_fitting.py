"""Thresholds and margins come from validation images; the errors that they promise hold on images of the same kind."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from divisive_desktop.errors import TrainingError
from divisive_desktop.explanation.decision import answer_of
from divisive_desktop.explanation.scope import FAMILIAR, ScopeCheck
from divisive_desktop.explanation.share import Share
from divisive_desktop.library.decision import MOST_MARGINS, DecisionRules
from divisive_desktop.training.decision_fitting import (
    Answers,
    Choices,
    Measured,
    OtherSource,
    choose_threshold,
    fit,
    margins_of,
    outcome,
    pointing,
)

SPECIFIC = Choices(rates=(0.05, 0.1), threshold="specific", by="kind", attack=True)


def answers(n: int, seed: int, apart: float = 2.0, *, name: str = "val", source: str = "here", shift: float = 0.0,
            own: bool = True, images_each: int = 1) -> Answers:  # fmt: skip
    """Margins of ``n`` persons of each class, normal around -apart/2 and +apart/2."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(2 * n) % 2, images_each)
    person = np.repeat(rng.normal(0, 0.7, 2 * n), images_each)
    margins = shift + apart * (labels - 0.5) + person + rng.normal(0, 0.7, len(labels))
    groups = tuple(f"p{i}" for i in np.repeat(np.arange(2 * n), images_each))
    return Answers(name, source, labels, margins, groups, tuple("a" if y else "" for y in labels), own)


def test_coverage_holds_on_exchangeable_images() -> None:
    """Over many draws the share of images whose set lacks the truth stays at the rates that were asked for."""
    rates, missed = (0.1, 0.05), np.zeros((300, 2))
    for draw in range(300):
        margins = margins_of([answers(60, draw)], "here")
        test = answers(100, 10_000 + draw, name="test")
        p = np.array([margins.p(m) for m in test.margins])
        for c in (0, 1):
            missed[draw, c] = (p[test.labels == c, c] <= rates[c]).mean()
    for c in (0, 1):
        error = missed[:, c].std() / np.sqrt(len(missed))
        exact = np.floor(rates[c] * 61) / 61  # p-values of 60 images come in steps of 1/61
        assert abs(missed[:, c].mean() - exact) <= 2.5 * error
        assert missed[:, c].mean() <= rates[c] + 2.5 * error


def test_the_balanced_threshold_is_the_largest_sum_and_the_specific_one_keeps_its_specificity() -> None:
    validation = answers(200, 1)
    balanced = choose_threshold(validation, Choices())
    specific = choose_threshold(validation, SPECIFIC)
    best = balanced.sensitivity.value + balanced.specificity.value
    for cut in np.linspace(-3, 3, 121):
        called = validation.margins > cut
        assert called[validation.labels == 1].mean() + (~called)[validation.labels == 0].mean() <= best + 1e-9
    assert specific.specificity.value >= 0.95
    sums = []
    for cut in np.linspace(-3, 3, 121):
        called = validation.margins > cut
        if (~called)[validation.labels == 0].mean() >= 0.95:
            sums.append(called[validation.labels == 1].mean() + (~called)[validation.labels == 0].mean())
    assert specific.sensitivity.value + specific.specificity.value >= max(sums) - 1e-9
    assert specific.margin > balanced.margin


def test_where_the_classes_lie_apart_the_threshold_is_in_the_middle() -> None:
    validation = replace(answers(200, 1), margins=np.where(answers(200, 1).labels == 1, 8.0, -8.0))
    for choices in (Choices(), SPECIFIC):
        assert choose_threshold(validation, choices).margin == pytest.approx(0)


def test_a_false_alarm_is_rarer_than_its_rate_on_test_images() -> None:
    test = answers(400, 3, name="test")
    found = fit(Measured(answers(200, 2), [test]), SPECIFIC)
    p = [found.familiar.p(m) for m in test.margins]
    called = [int(m > found.threshold.margin) for m in test.margins]
    given = [answer_of("familiar", False, pair, c, found.rates) for pair, c in zip(p, called, strict=True)]
    accused = np.mean([a == "positive" for a, y in zip(given, test.labels, strict=True) if y == 0])
    assert accused <= 0.05 + 0.035
    assert {"positive", "negative", "undecided"} == set(given)


def test_what_it_costs_is_measured_on_each_test_set() -> None:
    found = fit(Measured(answers(200, 2), [answers(100, 3, name="test"), answers(100, 4, 0.2, name="open", own=False)]),
                Choices())  # fmt: skip
    own, elsewhere = found.tests
    assert own.familiar is not None
    assert elsewhere.familiar is not None
    assert own.unfamiliar is elsewhere.unfamiliar is None
    assert own.familiar.coverage.value > elsewhere.familiar.coverage.value
    assert [p.rate for p in own.familiar.curve] == [round(0.01 * k, 2) for k in range(1, 31)]
    shares = [p.undecided for p in own.familiar.curve]
    assert shares[0] > shares[-1], "who accepts more errors has less left undecided"
    at = next(p for p in own.familiar.curve if p.rate == 0.1)
    assert at.undecided == pytest.approx(own.familiar.undecided.value, abs=1e-4)
    assert own.familiar.error is not None
    assert at.error == pytest.approx(own.familiar.error.value, abs=1e-4)
    assert found.covered_elsewhere == elsewhere.familiar.coverage
    assert counted_again(found, answers(100, 3, name="test")) == (own.familiar.right_as, own.familiar.covered)
    assert DecisionRules.from_json(as_json(found)) == found


def counted_again(found: DecisionRules, test: Answers) -> tuple[tuple[Share | None, ...], tuple[Share | None, ...]]:
    """Right by answer and covered by class, image by image; every image shows somebody else."""
    right, called, covered, members = ([0, 0] for _ in range(4))
    for margin, label in zip(test.margins, test.labels, strict=True):
        p = found.familiar.p(float(margin))
        held = [c for c in (0, 1) if p[c] > found.rates[c]]
        covered[label] += label in held
        members[label] += 1
        if held == [int(margin > found.threshold.margin)]:
            called[held[0]] += 1
            right[held[0]] += held[0] == label
    pairs = ((right, called), (covered, members))
    shares = [[Share.of(hits, n) for hits, n in zip(*pair, strict=True)] for pair in pairs]
    rounded = [tuple(Share(*(round(v, 5) for v in (s.value, s.low, s.high)), s.n) for s in pair) for pair in shares]
    return rounded[0], rounded[1]


def as_json(found: DecisionRules) -> object:
    return json.loads(json.dumps(asdict(found)))


def test_another_source_is_measured_with_margins_of_the_rest() -> None:
    north = OtherSource("north", answers(60, 5, 1.0, source="north", shift=1), answers(80, 6, 1.0, source="north",
                        shift=1, own=False, name="test"))  # fmt: skip
    south = OtherSource("south", answers(60, 7, 1.0, source="south", shift=-1), answers(80, 8, 1.0, source="south",
                        shift=-1, own=False, name="test"))  # fmt: skip
    found = fit(Measured(answers(100, 2), (), (north, south)), Choices())
    assert found.unfamiliar is not None
    assert (found.unfamiliar.sources, found.unfamiliar.images) == (2, (120, 120))
    by_source = {t.source: t for t in found.tests}
    assert by_source["north"].unfamiliar == outcome(
        north.test or south.calibration, margins_of([south.calibration], "south"), found.threshold.margin, (0.1, 0.1)
    )
    unfamiliar = found.decide(0.5, ScopeCheck("unfamiliar"))
    assert unfamiliar.experience is not None
    assert unfamiliar.experience.sources == 2
    assert unfamiliar.p != found.decide(0.5, FAMILIAR).p


def test_intervals_are_wider_where_persons_have_several_images() -> None:
    once, often = answers(60, 3, name="test"), answers(60, 3, name="test", images_each=8)
    validation = answers(100, 2)
    widths = []
    for test in (once, often):
        share = fit(Measured(validation, [test]), Choices()).tests[0].sensitivity
        assert share is not None
        widths.append((share.high - share.low) * np.sqrt(share.n))
    assert widths[1] > 1.4 * widths[0], "eight images of a person aren't eight persons"


def test_kinds_are_measured_each_against_all_genuine_images() -> None:
    part = next(p for p in fit(Measured(answers(100, 2), [answers(50, 3, name="test")]), SPECIFIC).tests[0].by
                if p.name == "a")  # fmt: skip
    assert part.images == 50
    assert part.auroc is not None
    assert part.auroc.n == 100
    assert part.sensitivity is not None
    assert part.error == part.sensitivity.rest


def test_many_margins_are_thinned_evenly() -> None:
    found = margins_of([answers(1500, 9)], "here")
    assert len(found.negative) == len(found.positive) == MOST_MARGINS
    assert found.images == (1500, 1500)
    assert found.groups == 3000
    full = answers(1500, 9).of(0)
    assert abs(np.quantile(found.negative, 0.9) - np.quantile(full, 0.9)) < 0.02


def test_where_persons_are_not_known_that_is_said() -> None:
    nobody = answers(50, 1)
    unknown = Answers("val", "here", nobody.labels, nobody.margins)
    assert margins_of([unknown], "here").groups is None
    assert not fit(Measured(unknown), Choices()).decide(0.0, FAMILIAR).persons_known


def test_pointing_is_compared_with_a_point_drawn_at_random() -> None:
    masks = np.zeros((20, 4, 4), np.float32)
    masks[:, 1, 1] = 1
    d = np.zeros((20, 4, 4), np.float32)
    d[:15, 1, 1] = 1
    d[15:, 3, 3] = 1
    found = pointing(d, masks, "the finding", True)
    assert found is not None
    assert found.hits is not None
    assert (found.hits.value, found.chance) == (0.75, 0.0625)
    assert found.shown
    assert pointing(d[:0], masks[:0], "the finding", True) is None


@pytest.mark.parametrize("few", [answers(4, 1), Answers("val", "here", np.ones(50, np.int64), np.arange(50.0))])
def test_too_few_images_make_no_error_rate(few: Answers) -> None:
    with pytest.raises(TrainingError, match="10 images of each class"):
        fit(Measured(few), Choices())


def test_rules_are_read_from_a_file_and_nonsense_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "rules.toml"
    file.write_text('rates = [0.05, 0.1]\nthreshold = "specific"\n[[tests]]\nsplit = "far"\nsource = "x"\nown=false')
    found = Choices.read(file)
    assert found.rates == (0.05, 0.1)
    assert not found.named("far").own
    assert found.named("test").own
    assert not found.named("test_open").own
    for text in ('threshold = "silent"', "rates = [0.1]", "rates = [0.6, 0.1]", "colour = 1", "[[tests]]\nsplit = 3"):
        file.write_text(text)
        with pytest.raises(TrainingError, match="rules"):
            Choices.read(file)


def test_all_rules_of_the_models_can_be_read() -> None:
    found = sorted(Path("models/decisions").glob("*.toml"))
    assert found
    for file in found:
        assert Choices.read(file).source


def test_where_other_sources_pass_as_familiar_the_worst_of_all_sources_decides() -> None:
    """Two sources whose positives score lower, each by another amount; each is tested as if it weren't known."""
    north = answers(60, 5, 1.0, source="north", shift=-2)
    south = answers(80, 7, 1.0, source="south", shift=-4)
    validation, tested = answers(100, 2), answers(100, 3, name="test")
    others = tuple(OtherSource(o.source, o, replace(o, own=False, name="open")) for o in (north, south))
    found = fit(Measured(validation, (tested,), others), replace(SPECIFIC, passing=True))
    alone = [margins_of([answers_], "x") for answers_ in (validation, north, south)]

    assert found.unfamiliar is None, "what is unfamiliar for other reasons stays undecided"
    assert found.decide(9.0, ScopeCheck("unfamiliar")).p is None
    assert found.familiar.sources == 3
    for margin in np.linspace(-6, 6, 49):
        p = found.familiar.p(float(margin))
        for c in (0, 1):
            largest = max(m.p(float(margin))[c] for m in alone)
            assert p[c] == pytest.approx(largest, abs=0.04), "as cautious as the worst of them"
    own, first, second = found.tests
    assert own.familiar == outcome(tested, found.familiar, found.threshold.margin, SPECIFIC.rates)
    assert (first.unfamiliar, second.unfamiliar) == (None, None)
    without_south = fit(Measured(validation, (), others[:1]), replace(SPECIFIC, passing=True)).familiar
    assert second.familiar == outcome(south, without_south, found.threshold.margin, SPECIFIC.rates)
    assert DecisionRules.from_json(as_json(found)) == found
