"""The card's section on decisions is checked when it is read; by it each zone is decided with margins of its own."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from divisive_desktop.errors import ModelIntegrityError
from divisive_desktop.explanation.decision import Pointing
from divisive_desktop.explanation.reasons import reason
from divisive_desktop.explanation.scope import FAMILIAR, ScopeCheck
from divisive_desktop.explanation.share import Share
from divisive_desktop.library.card import read_card
from divisive_desktop.library.decision import DecisionRules, Margins, Outcome, Part, Point, TestSet, Threshold
from divisive_desktop.library.store import CARD, scan_models
from tests.library.test_store import edit_card, saved

UNFAMILIAR = ScopeCheck("unfamiliar", ("another device",))


def margins(negative: list[float], positive: list[float], groups: int | None = 9, sources: int = 1) -> Margins:
    images = (len(negative), len(positive))
    return Margins(tuple(negative), tuple(positive), "somewhere", images, groups, sources)


def outcome(right: int = 18, decided: int = 20, n: int = 25, covered: int = 23) -> Outcome:
    error = Share.of(decided - right, decided)
    return Outcome(
        Share.of(covered, n), Share.of(n - decided, n), error, (Point(0.1, 0.2, 0.1),),
        right_as=(Share.of(right - 6, decided - 6), Share.of(6, 6)), covered=(None, Share.of(covered - 9, n - 9)),
    )  # fmt: skip


def made_test_set(name: str, own: bool, **outcomes: Outcome) -> TestSet:
    some = Share.of(9, 10)
    found: dict[str, Outcome | None] = {"familiar": None, **outcomes}
    parts = (Part("a", 3, some),)
    return TestSet(name, f"{name} films", own, (12, 13), 20, some, some, some, ece=0.04, by=parts, **found)


def rules(**changes: Any) -> DecisionRules:
    nine = [float(v) for v in range(-9, 0)]
    made = DecisionRules(
        threshold=Threshold(0.5, "the largest sum", "val", Share.of(9, 10), Share.of(8, 10)),
        rates=(0.15, 0.15),
        familiar=margins(nine, [-v for v in reversed(nine)]),
        unfamiliar=margins([v + 5 for v in nine], [5 - v for v in reversed(nine)], None, 2),
        tests=(
            made_test_set("own", True, familiar=outcome()),
            made_test_set("north", False, familiar=outcome(covered=18), unfamiliar=outcome(19)),
            made_test_set("south", False, familiar=outcome(covered=15), unfamiliar=outcome(12)),
        ),
        localisation=Pointing("the finding", True, Share.of(9, 10), 0.3),
    )
    return replace(made, **changes)


def section(**changes: Any) -> dict[str, Any]:
    raw: dict[str, Any] = json.loads(json.dumps(asdict(rules())))
    return {**raw, **changes}


def test_round_trip_through_a_card(shipped: Path) -> None:
    found = saved(decision=rules())
    assert read_card(found.folder / CARD).decision == rules()


def test_p_values_count_the_image_itself() -> None:
    m = margins([-2.0, -1.0, 0.0], [1.0, 2.0])
    assert m.p(-5) == (1.0, 1 / 3)
    assert m.p(5) == (1 / 4, 1.0)
    assert m.p(0.0) == (2 / 4, 1 / 3), "as unlike as a calibration image counts"


def test_each_zone_is_decided_by_its_own_margins() -> None:
    familiar, unfamiliar = rules().decide(2.0, FAMILIAR), rules().decide(2.0, UNFAMILIAR)
    assert familiar.answer(FAMILIAR, 1) == "positive"
    assert unfamiliar.answer(UNFAMILIAR, 1) == "undecided", "negatives of other sources score as high"
    assert (familiar.threshold, familiar.persons_known, unfamiliar.persons_known) == (0.5, True, False)
    assert familiar.calibrated_on == rules().familiar.images, "so that shares can be said with their n"
    for check in (ScopeCheck("not_checked"), ScopeCheck("out_of_scope", ("x",), True)):
        assert rules().decide(9.0, check).answer(check, 1) == "undecided"


def test_a_treated_picture_is_decided_by_no_source_s_figures() -> None:
    assert rules().decide(50.0, UNFAMILIAR).answer(UNFAMILIAR, 1) == "positive"
    for said in (
        reason("treated"), reason("young", age=4, youngest=18), reason("infant", youngest=18), reason("raw"),
        reason("contradicted", shown="taken from the front (AP)", field="its series description"),
    ):  # fmt: skip
        check = ScopeCheck("unfamiliar", (reason("unlike"), said))
        found = rules().decide(50.0, check)
        assert (found.p, found.experience) == (None, None)
        assert found.answer(check, 1) == "undecided"
    assert rules().decide(50.0, ScopeCheck("unfamiliar", (reason("enlarged", times="2.0"),))).p is not None


def test_where_other_sources_pass_as_familiar_their_figures_are_told_of_familiar_images() -> None:
    passing = replace(rules(), familiar=replace(rules().familiar, sources=3), unfamiliar=None, tests=(
        made_test_set("own", True, familiar=outcome()),
        replace(made_test_set("north", False, familiar=outcome(12)), ece=0.09),
    ))  # fmt: skip
    found = passing.decide(1.0, FAMILIAR)
    assert found.experience is not None
    assert found.experience.mixed
    assert found.experience.right == Share.of(30, 40)
    assert (found.experience.sources, found.experience.worst) == (2, "north films")
    assert found.calibration == (0.09, 25), "the worst of the sources that an image may be of"
    assert rules().calibration == (0.04, 25)


def test_without_figures_of_other_sources_nothing_unfamiliar_is_decided() -> None:
    found = rules(unfamiliar=None).decide(50.0, UNFAMILIAR)
    assert found.p is None
    assert found.answer(UNFAMILIAR, 1) == "undecided"


def test_experience_of_several_sources_names_the_worst() -> None:
    own, elsewhere = rules().decide(1.0, FAMILIAR).experience, rules().decide(1.0, UNFAMILIAR).experience
    assert own is not None
    assert (own.own, own.sources, own.right) == (True, 1, outcome().right)
    assert elsewhere is not None
    assert elsewhere.right is not None
    assert elsewhere.right.value == pytest.approx(31 / 40)
    assert (elsewhere.sources, elsewhere.worst, elsewhere.worst_right) == (2, "south films", outcome(12).right)
    assert rules().covered_elsewhere == Share.of(15, 25)
    assert own.right_as == outcome().right_as
    assert own.covered == outcome().covered
    assert elsewhere.right_as == (Share.of(13 + 6, 28), Share.of(12, 12))
    assert elsewhere.covered == (None, Share.of(28, 32))


def test_a_card_of_before_the_answers_were_counted_apart_is_read(shipped: Path) -> None:
    found = saved(decision=rules())
    raw = section(schema=1)
    for test in raw["tests"]:
        for name in ("familiar", "unfamiliar"):
            for added in ("right_as", "covered") if test[name] else ():
                del test[name][added]
    edit_card(found, decision=raw)
    read = read_card(found.folder / CARD).decision
    assert read is not None
    known = read.decide(1.0, FAMILIAR).experience
    assert known is not None
    assert known.right == outcome().right
    assert (known.right_as, known.covered) == ((None, None), (None, None))


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        ({"schema": 3}, "schema"),
        ({"later": 1}, "unknown entry"),
        ({"rates": [0.1]}, "rates"),
        ({"rates": [0.1, 0.9]}, "rates"),
        ({"threshold": {**section()["threshold"], "margin": "high"}}, "margin"),
        ({"threshold": {**section()["threshold"], "sensitivity": {"value": 1, "low": 0, "high": 2, "n": 9}}}, "share"),
        ({"familiar": {**section()["familiar"], "negative": [2.0, 1.0]}}, "rise"),
        ({"familiar": {**section()["familiar"], "positive": []}}, "1 to 200"),
        ({"familiar": {**section()["familiar"], "positive": [float(v) for v in range(201)]}}, "1 to 200"),
        ({"unfamiliar": {**section()["unfamiliar"], "images": [1]}}, "images"),
        ({"familiar": None}, "familiar"),
        ({"tests": [{**section()["tests"][0], "images": [0, -1]}]}, "images"),
        ({"tests": 3}, "tests"),
        ({"tests": [{**section()["tests"][0], "familiar": {**section()["tests"][0]["familiar"], "right_as": [None]}}]},
         "pair"),
        ({"localisation": {**section()["localisation"], "chance": 2}}, "chance"),
    ],
)  # fmt: skip
def test_a_broken_section_is_refused_with_a_remedy(shipped: Path, broken: dict[str, Any], says: str) -> None:
    found = saved(decision=rules())
    edit_card(found, decision=section(**broken))
    with pytest.raises(ModelIntegrityError, match=says) as error:
        read_card(found.folder / CARD)
    assert error.value.remedy
    models, problems = scan_models()
    assert models == []
    assert len(problems) == 1, "the model is named among those that can't be used"


def test_a_card_without_the_section_is_as_it_was(shipped: Path) -> None:
    found = saved()
    assert read_card(found.folder / CARD).decision is None
