"""A statement says what is answered, how sure, where that was measured and what speaks against it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from divisive_desktop.explanation.analysis import ModelRef
from divisive_desktop.explanation.decision import BEFORE, Decision, Experience, Pointing
from divisive_desktop.explanation.reasons import reason
from divisive_desktop.explanation.scope import FAMILIAR, ScopeCheck
from divisive_desktop.explanation.share import Share
from divisive_desktop.explanation.statement import Kept, Statement, chance, state, withheld

QUESTION = "Is this face synthetic?"
MODEL = ModelRef("face-focus-3", "2", "0" * 64, "focus", "face-synthetic", ("authentic", "synthetic"))
OUT = ScopeCheck("out_of_scope", ("MR ABDOMEN, not a photograph of a face in colour",))
UNFAMILIAR = ScopeCheck("unfamiliar", ("another camera",))
OWN = Experience(True, 1, Share.of(108, 114), Share.of(114, 126), "", None, Share.of(50, 60), Share.of(62, 66))
ELSEWHERE = Experience(False, 2, Share.of(60, 80), Share.of(80, 200), "south", Share.of(20, 40))
SURE = Decision("measured", (0.012, 0.7), (0.05, 0.1), 0.5, OWN)


def said(decision: Decision, scope: ScopeCheck = FAMILIAR, language: str = "en", preprocessing: Mapping[str, Any] = {},
         **asked: Any) -> Statement:  # fmt: skip
    return state(Kept(MODEL, 1, 0.36, preprocessing, scope, decision), QUESTION, language=language, **asked)


def test_a_decided_answer() -> None:
    found = said(SURE)
    assert found.answer == "positive"
    assert found.line == "synthetic, P(synthetic) .36, by face-focus-3 version 2"
    assert "1\u00a0% of “authentic” score this high" in found.how_sure
    assert "95\u00a0% [89–98] of 114" in found.measured[0]
    assert found.measured[-1] == "Its threshold lies at P(synthetic) .62."
    expected = said(replace(SURE, threshold=0.0))
    assert not any("threshold lies" in sentence for sentence in expected.measured), "P .5 is what everybody expects"
    assert found.full.startswith(f"{QUESTION} Synthetic, P(synthetic) .36, by face-focus-3 version 2. Familiar: ")
    assert found.scope == "Familiar: like the images that the model was made with."
    assert found.against == ()


@pytest.mark.parametrize(("language", "words"), [
    ("en", "1 % [0–9] of 60 “authentic” score this high and 70 % [55–81] of 43 “synthetic” this low; accepted are 5 %"),
    ("de", "1 % [0–9] von 60 „echt“ einen so hohen und 70 % [55–81] von 43 „synthetisch“ einen so niedrigen"),
])  # fmt: skip
def test_every_share_has_its_n_and_interval(language: str, words: str) -> None:
    decision = replace(SURE, calibrated_on=(60, 43))
    found = said(decision, language=language)
    assert words in found.how_sure.replace("\u00a0", " ")
    tiny = said(replace(decision, p=(0.003, 0.7), calibrated_on=(400, 43)), language=language)
    assert "< 1 % [0–1]" in tiny.how_sure.replace("\u00a0", " "), "an image is never the first of its kind"
    assert Decision.from_dict(json.loads(json.dumps(decision.as_dict()))) == decision
    decided = found.measured[0].replace("\u00a0", " ")
    assert "90 % [84–94]" in decided, "also that of the decided ones"


def test_an_unfamiliar_image_hears_how_often_the_truth_was_possible_elsewhere() -> None:
    for decision in (Decision("unmeasured", covered_elsewhere=Share.of(66, 100)),
                     Decision("measured", (0.012, 0.7), experience=ELSEWHERE, covered_elsewhere=Share.of(66, 100))):
        found = said(decision, UNFAMILIAR).measured
        assert any("in 66\u00a0% [56–75] of 100" in sentence for sentence in found), found
        german = said(decision, UNFAMILIAR, "de").measured
        assert any("66\u00a0% [56–75] von 100" in sentence for sentence in german), german
        assert not any("66" in sentence for sentence in said(decision).measured), "of a familiar one it speaks against"


def test_undecided_says_why() -> None:
    assert "both answers are possible" in said(Decision("measured", (0.3, 0.4))).how_sure
    assert "neither answer fits" in said(Decision("measured", (0.01, 0.02))).how_sure
    assert "other side" in said(Decision("measured", (0.7, 0.02))).how_sure
    for decision in (Decision("measured", (0.3, 0.4)), Decision("unmeasured"), BEFORE):
        assert said(decision).words == "undecided"


def test_figures_of_sources_that_look_familiar_are_told_with_the_own_ones() -> None:
    mixed = replace(ELSEWHERE, own=True, mixed=True)
    (first, *_) = said(replace(SURE, experience=mixed)).measured
    assert first.startswith("On 200 test images of its own and of other sources that look familiar (2 sets) it decided")
    assert "lowest on one set, south: 50\u00a0% [35–65] of 40" in first


def test_a_treated_picture_is_not_decided_and_says_why() -> None:
    treated = ScopeCheck("unfamiliar", (reason("treated"),))
    found = said(Decision("unmeasured"), treated)
    assert found.words == "undecided (unfamiliar)"
    assert "looks treated as a whole" in found.scope
    assert found.how_sure == "Not decided: no error rates were measured on such pictures."
    assert "auf solchen Bildern" in said(Decision("unmeasured"), treated, "de").how_sure


def test_the_analyst_s_rate_words_it_anew() -> None:
    assert said(SURE, rates=(0.01, 0.1)).answer == "undecided"
    assert "accepted are 1\u00a0% and 10\u00a0%" in said(SURE, rates=(0.01, 0.1)).how_sure


def test_figures_of_the_card_at_other_rates_are_said_to_be_of_the_card() -> None:
    decision = Decision("measured", (0.012, 0.7), (0.05, 0.1), 0.5, ELSEWHERE)
    changed = said(decision, UNFAMILIAR, rates=(0.01, 0.3)).measured
    assert changed[0] == (
        "The analyst chose these error rates; the figures that follow were measured at those on the card, 5\u00a0% and "
        "10\u00a0%."
    )
    assert said(decision, UNFAMILIAR).measured == changed[1:]


def test_the_threshold_is_said_where_nothing_was_measured_too() -> None:
    assert said(Decision("unmeasured", threshold=1.0), UNFAMILIAR).measured == (
        "Its threshold lies at P(synthetic) .73.",
    )


def test_nobody_measured() -> None:
    assert "the model's card sets no error rates." in said(Decision("unmeasured")).how_sure
    assert "sources other than its own" in said(Decision("unmeasured"), UNFAMILIAR).how_sure
    assert "nobody checked" in said(Decision("unmeasured"), ScopeCheck("not_checked", ("no references",))).how_sure
    assert "before error rates were kept" in said(BEFORE, ScopeCheck("not_checked")).how_sure


def test_unfamiliar_images_are_answered_by_what_was_measured_elsewhere() -> None:
    found = said(Decision("measured", (0.012, 0.7), (0.05, 0.1), 0.5, ELSEWHERE, persons_known=False), UNFAMILIAR)
    assert found.words == "synthetic (unfamiliar)"
    assert found.scope == "Unfamiliar: another camera."
    assert found.measured[0].startswith("From a source that the model was not measured on; on 200 images of 2 sources,")
    assert "75\u00a0% [65–83] of 80 of these; lowest on one source, south: 50\u00a0%" in found.measured[0]
    assert any("persons" in s or "same person" in s for s in found.against)
    assert "wrong" not in found.full


def test_out_of_scope_there_are_no_figures_and_asked_anyway_they_count_for_nothing() -> None:
    for found, by in ((said(SURE, OUT), " by face-focus-3 version 2"), (withheld(QUESTION, OUT), "")):
        assert found.answer is None
        assert found.full == f"{QUESTION} No verdict{by}: MR ABDOMEN, not a photograph of a face in colour."
        assert found.brief.chance == found.regions == ""
        assert "36" not in found.line
    insisted = said(Decision("unmeasured"), OUT.insisted_on())
    assert insisted.words == "undecided (asked although out of scope)"
    assert insisted.sentences[0].startswith("Asked although out of scope: MR ABDOMEN")
    assert "counts for nothing" in insisted.how_sure


@pytest.mark.parametrize(("measured", "told"), [((0.05, 100), True), ((0.051, 900), False), ((0.01, 99), False)])
def test_calibrated_is_said_where_it_was_measured_and_with_its_figure(measured: tuple[float, int], told: bool) -> None:
    decision = Decision("measured", (0.012, 0.7), (0.05, 0.1), 0.5, OWN, calibration=measured)
    assert ("calibrated:" in said(decision).full) is told
    assert ("5.0\u00a0% on 100 images" in said(decision).full) is told
    assert "calibrated:" not in said(decision, UNFAMILIAR).full


def test_what_does_not_hold_elsewhere_speaks_against_a_familiar_answer_too() -> None:
    low, high = Share.of(70, 100), Share.of(93, 100)
    for held, told in ((low, True), (high, False)):
        found = said(Decision("measured", (0.01, 0.7), experience=OWN, covered_elsewhere=held))
        assert ("only 70\u00a0%" in " ".join(found.against)) is told
    assert "Nobody tested" in said(Decision("measured", (0.01, 0.7))).against[0]


def test_each_answer_has_a_figure_of_its_own_and_the_given_one_comes_first() -> None:
    both = replace(OWN, right_as=(Share.of(61, 68), Share.of(40, 46)))
    measured = said(replace(SURE, experience=both)).measured
    assert measured[1] == (
        "Of those that it called “synthetic”, 87\u00a0% [74–94] of 46 were right; "
        "of those called “authentic”, 90\u00a0% [80–95] of 68."
    )
    other = said(replace(SURE, experience=both, p=(0.7, 0.012), threshold=-1.0))
    assert other.answer == "undecided", "on the wrong side"
    one = said(replace(SURE, experience=replace(OWN, right_as=(None, Share.of(40, 46))))).measured
    assert one[1] == "Of those that it called “synthetic”, 87\u00a0% [74–94] of 46 were right."
    assert not any("that it called" in sentence for sentence in said(SURE).measured), "nobody counted them apart"


def test_a_class_whose_truth_is_missed_more_often_than_was_accepted_is_named() -> None:
    for share, told in ((Share.of(40, 60), True), (Share.of(52, 60), False)):
        found = said(replace(SURE, experience=replace(OWN, covered=(None, share))))
        expected = "test images of the class “synthetic” the truth was among the possible answers in only 67\u00a0%"
        assert (expected in " ".join(found.against)) is told


def test_one_of_many_faces() -> None:
    face = {"box": [0, 0, 9, 9], "landmarks": [[1, 1]] * 5, "score": 0.99}
    many = {"framing": {"how": "detected", "crop": [0, 0, 9, 9], "faces": [face, face], "chosen": 0, "detector": None}}
    assert said(SURE, preprocessing=many).against == (
        "2 faces were found in the picture; the answer is about one of them.",
    )
    one = {"framing": {**many["framing"], "faces": [face]}}
    assert said(SURE, preprocessing=one).against == ()


def test_regions_are_findings_only_where_that_was_shown() -> None:
    above, near = Share.of(90, 100), Share.of(30, 100)
    assert said(SURE).region == "map region"
    for pointing in (Pointing("the lungs", False, above, 0.3), Pointing("the finding", True, near, 0.28)):
        found = said(Decision("measured", (0.01, 0.7), pointing=pointing))
        assert found.region == "map region"
        assert "not shown to point at findings" in found.regions
    pointing = Pointing("the finding", True, above, 0.28)
    found = said(Decision("measured", (0.01, 0.7), pointing=pointing))
    assert found.region == "finding"
    assert "90\u00a0% [83–94] of 100, by chance in 28\u00a0%" in found.regions
    kept = Kept(MODEL, 0, 0.1, {}, FAMILIAR, Decision("measured", (0.7, 0.01), pointing=pointing))
    assert state(kept, QUESTION).region == "map region", "of a negative answer nobody measured that"


def test_a_probability_is_of_a_named_class_and_never_certain() -> None:
    assert chance("synthetic", 0.364) == "P(synthetic) .36"
    assert chance("synthetic", 0.9999) == "P(synthetic) > .99"
    assert chance("synthetic", 1e-9) == "P(synthetic) < .01"
    assert chance("synthetic", 0.364, "de") == "P(synthetisch) 0,36"


def test_it_is_said_in_german_too() -> None:
    found = said(SURE, UNFAMILIAR, "de")
    assert found.question == "Ist dieses Gesicht synthetisch?"
    assert found.words == "synthetisch (fremde Herkunft)"
    assert found.how_sure.startswith("Entschieden: ")
    assert found.by == "von face-focus-3 Version 2"
