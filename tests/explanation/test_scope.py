"""A check of scope survives being kept, and what can't be read never passes for familiar."""

from __future__ import annotations

import pytest

from divisive_desktop.explanation.scope import BEFORE, FAMILIAR, ScopeCheck

OUT = ScopeCheck("out_of_scope", ("MR ABDOMEN, not a frontal chest radiograph",))


@pytest.mark.parametrize("check", [FAMILIAR, BEFORE, OUT, OUT.insisted_on(), ScopeCheck("unfamiliar", ("a", "b"))])
def test_round_trip(check: ScopeCheck) -> None:
    assert ScopeCheck.from_dict(check.as_dict()) == check


def test_only_what_is_out_of_scope_is_withheld_until_somebody_insists() -> None:
    assert OUT.withheld
    assert not OUT.insisted_on().withheld
    assert OUT.insisted_on().insisted
    for zone in ("familiar", "unfamiliar", "not_checked"):
        check = ScopeCheck(zone)
        assert not check.withheld
        assert check.insisted_on() == check  # there was nothing to insist on


def test_analyses_of_earlier_versions_read_not_checked() -> None:
    assert ScopeCheck.from_dict(None) == BEFORE
    assert BEFORE.words.startswith("scope not checked")


@pytest.mark.parametrize("raw", [{}, [], "familiar", 3, {"zone": "splendid", "reasons": []}, {"zone": "familiar"}])
def test_what_cannot_be_read_is_not_familiar(raw: object) -> None:
    assert ScopeCheck.from_dict(raw).zone == "not_checked"


def test_unknown_zones_are_no_zones() -> None:
    with pytest.raises(ValueError, match="zone"):
        ScopeCheck("splendid")  # type: ignore[arg-type]


def test_words_name_the_zone_and_the_reasons() -> None:
    assert FAMILIAR.words == ""
    assert OUT.words == "out of scope: MR ABDOMEN, not a frontal chest radiograph"
    assert OUT.insisted_on().words.startswith("asked although out of scope: MR")
