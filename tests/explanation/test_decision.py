"""One class alone in the conformal set, on its own side of the threshold, is decided; everything else is not."""

from __future__ import annotations

import json

import pytest

from divisive_desktop.explanation.decision import BEFORE, Answer, Decision, Experience, Pointing, answer_of
from divisive_desktop.explanation.scope import FAMILIAR, ScopeCheck
from divisive_desktop.explanation.share import Share, wilson

SURE_POSITIVE, SURE_NEGATIVE = (0.02, 0.6), (0.6, 0.02)
OUT = ScopeCheck("out_of_scope", ("a shoe",))


@pytest.mark.parametrize(
    ("zone", "p", "predicted", "answer"),
    [
        ("familiar", SURE_POSITIVE, 1, "positive"),
        ("familiar", SURE_NEGATIVE, 0, "negative"),
        ("unfamiliar", SURE_POSITIVE, 1, "positive"),
        ("familiar", (0.3, 0.3), 1, "undecided"),  # both classes are possible
        ("familiar", (0.02, 0.02), 1, "undecided"),  # neither is
        ("familiar", SURE_POSITIVE, 0, "undecided"),  # possible, but on the other side of the threshold
        ("familiar", None, 1, "undecided"),
        ("not_checked", SURE_POSITIVE, 1, "undecided"),
    ],
)
def test_what_is_decided(zone: str, p: tuple[float, float] | None, predicted: int, answer: Answer) -> None:
    assert answer_of(zone, False, p, predicted, (0.1, 0.1)) == answer


def test_out_of_scope_there_is_no_answer_and_asked_anyway_none_that_is_decided() -> None:
    assert answer_of("out_of_scope", False, SURE_POSITIVE, 1, (0.1, 0.1)) is None
    assert answer_of("out_of_scope", True, SURE_POSITIVE, 1, (0.1, 0.1)) == "undecided"


def test_other_error_rates_word_a_kept_decision_again() -> None:
    kept = Decision("measured", (0.07, 0.6), rates=(0.05, 0.1))
    assert kept.answer(FAMILIAR, 1) == "undecided"
    assert kept.answer(FAMILIAR, 1, (0.1, 0.1)) == "positive"


def test_kept_with_an_analysis_and_read_again() -> None:
    share = Share.of(9, 10)
    made = Decision(
        "measured", (0.1, 0.2), (0.05, 0.1), 0.7, Experience(True, 1, share, share, "there", share, share, share),
        share, (0.03, 120), Pointing("the finding", True, share, 0.2), False,
    )  # fmt: skip
    assert Decision.from_dict(json.loads(json.dumps(made.as_dict()))) == made
    assert Decision.from_dict(None) == BEFORE


@pytest.mark.parametrize("damaged", [[], "x", {"state": "sure"}, {"p": 3}, {"of": "later"}, {"experience": {"own": 1}}])
def test_what_can_not_be_read_decides_nothing(damaged: object) -> None:
    assert Decision.from_dict(damaged).answer(FAMILIAR, 1) == "undecided"


def test_pointing_counts_on_masks_of_findings_and_above_chance() -> None:
    above, at_chance = Share.of(45, 50), Share.of(15, 50)
    assert Pointing("the finding", True, above, 0.3).shown
    assert not Pointing("the finding", True, at_chance, 0.3).shown
    assert not Pointing("the lungs", False, above, 0.3).shown
    assert not Pointing("the finding", True).shown


def test_a_share_holds_its_value_in_its_interval() -> None:
    assert Share.of(10, 10).high == 1.0
    assert Share.of(0, 10).low == 0.0
    assert wilson(8, 10) == pytest.approx((0.4902, 0.9433), abs=1e-4)
    rest = Share.of(8, 10).rest
    assert (rest.value, rest.low, rest.high) == pytest.approx((0.2, 0.0567, 0.5098), abs=1e-4)
    for wrong in ((0.5, 0.6, 0.7, 9), (0.5, 0.4, 0.6, 0), (float("nan"), 0.0, 1.0, 9), (0.5, -0.1, 0.6, 9)):
        with pytest.raises(ValueError, match="share"):
            Share(*wrong)


def test_wilson_matches_the_published_example() -> None:
    # Newcombe, Statistics in Medicine 17 (1998), table I: 81 of 263
    low, high = wilson(81, 263)
    assert (round(low, 4), round(high, 4)) == (0.2553, 0.3662)
