"""Reasons are kept in English and said in German; no German statement has English in it, whatever the card."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from divisive_desktop import paths
from divisive_desktop.explanation.analysis import ModelRef
from divisive_desktop.explanation.decision import BEFORE, Decision
from divisive_desktop.explanation.reasons import in_language, reason
from divisive_desktop.explanation.scope import BEFORE as UNCHECKED
from divisive_desktop.explanation.scope import FAMILIAR, UNSTATED, ScopeCheck
from divisive_desktop.explanation.statement import Kept, Statement, state, withheld
from divisive_desktop.imaging.correction import LOOKS
from divisive_desktop.language import card_words, catalogue, text
from divisive_desktop.library.card import Card, read_card
from divisive_desktop.library.header_check import doubted_by_header, refused_by_header
from divisive_desktop.library.tasks import question_of
from divisive_desktop.training.scope_fitting import read_rules
from tests.conftest import ROOT
from tests.library.test_scope_check import film

ENGLISH = re.compile(
    r"\b(a|the|of|and|teeth|leg|with|without|from|not|is|are|by|its|to|than|for|other|another|only|one|it|on|at|as|made|taken|films?|"
    r"pictures?|images?|model|models|sources?|chest|face|faces|frontal|photographs?|colours?|hospital|behind|unlike|"
    r"undecided|decided|verdict|scope|unfamiliar|card|known|attack|iris of|highest|right|wrong|abnormal|finding|film's|"
    r"opacity|authentic|synthetic|manipulated|planted|measured|sensor|kinds|unseen|children's|studio|program)\b"
)  # fmt: skip
VALUES = {
    "width": 90, "height": 80, "least": 224, "times": "2.5", "percent": 40, "view": "LATERAL", "frames": 12,
    "most": 300, "age": 7, "youngest": 16, "field": "the device's processing",
}  # fmt: skip
HEADERS = (
    *({"BodyPartExamined": part} for part in ("KNEE", "Knie Müller")),
    *({"SeriesDescription": part} for part in ("ABDOMEN", "PELVIS", "HAND", "SHOULDER", "KNEE", "HEAD", "TEETH",
                                               "SPINE", "BREAST", "PHANTOM", "SCREEN SAVE", "DOG", "LATERAL", "OBLIQUE",
                                               "DECUBITUS", "AP")),
    *({"ConversionType": how} for how in ("SD", "SYN", "DRW", "DV")),
    {"ImageType": "ORIGINAL\\PRIMARY\\LOCALIZER"}, {"ProtocolName": "knee"}, {"StudyDescription": "knee"},
    {"AcquisitionDeviceProcessingDescription": "knee"}, {"AnatomicRegionSequence": "(72696002 SCT)"},
    {"ViewCodeSequence": "(R-10236 SRT)"}, {"ViewPosition": "LL"}, {"ViewPosition": "AP"}, {"Modality": "MR"},
    {"PatientSpeciesDescription": "Canis lupus"}, {"PatientBreedDescription": "Beagle"}, {"PatientAge": "001Y"},
    {"PatientAge": "009Y"}, {"AnatomicalOrientationType": "QUADRUPED"}, {"PatientSexNeutered": "ALTERED"},
    {"PresentationIntentType": "FOR PROCESSING"}, {"ImageType": "DERIVED\\PRIMARY\\SUBTRACT"},
    {"ViewPosition": "PA", "SeriesDescription": "lateral"}, {"SOPClassUID": "1.2.3"},
)  # fmt: skip
FACE = {"box": [0, 0, 9, 9], "landmarks": [[1, 1]] * 5, "score": 0.99}
MANY = {"framing": {"how": "detected", "crop": [0, 0, 9, 9], "faces": [FACE] * 3, "chosen": 0, "detector": None}}


def cards() -> list[Card]:
    folders = sorted(paths.shipped_models_dir().glob("*/card.json"))
    return [read_card(path) for path in folders]


def reasons(made_for: str) -> dict[str, str]:
    """Every reason that there can be, by its key."""
    keys = [key.removeprefix("reason_") for key in catalogue("en") if key.startswith("reason_")]
    return {
        f"{key} {shown}": reason(key, shown=shown, made_for=made_for, **VALUES)
        for key in keys for shown in ("MR ABDOMEN", "a DICOM image")
    }  # fmt: skip


def statements(card: Card) -> Iterator[Statement]:
    """Statements in German of every zone, on both sides of the threshold and in the middle."""
    made_for = card.scope.made_for if card.scope is not None else ""
    every = tuple(reasons(made_for).values())
    checks = [FAMILIAR, UNSTATED, UNCHECKED]
    checks += [ScopeCheck(zone, every) for zone in ("unfamiliar", "out_of_scope", "not_checked")]
    checks += [ScopeCheck("out_of_scope", every).insisted_on()]
    model = ModelRef(card.id, card.version, "0" * 64, card.method, card.task, card.classes)
    for check in checks:
        for margin in (-9.0, -1.0, 0.0, 1.0, 9.0):
            decision = Decision("unmeasured") if card.decision is None else card.decision.decide(margin, check)
            for one in (decision, replace(decision, experience=None, persons_known=False), BEFORE):
                kept = Kept(model, int(margin > one.threshold), 0.4, MANY, check, one)
                yield state(kept, question_of(card.task), language="de")
                yield state(kept, question_of(card.task), (0.001, 0.001), "de")
        yield withheld(question_of(card.task), check, language="de")


@pytest.mark.parametrize("folder", sorted((ROOT / "models").glob("*/card.json")), ids=lambda path: path.parent.name)
def test_what_a_shipped_card_says_for_people_is_said_in_german(folder: Path) -> None:
    card = read_card(folder)
    for said in (card.intended_use, card.training["data"], card.data_terms, *card.limits):
        if said:
            german = card_words("de", said)
            assert german != said
            assert not german.endswith("(Wortlaut der Modellkarte)")
            assert card_words("en", said) == said
    assert card_words("de", "Nobody knows me.") == "Nobody knows me. (Wortlaut der Modellkarte)"


@pytest.mark.parametrize("card", cards(), ids=lambda card: card.id)
def test_no_german_statement_has_english_in_it(card: Card) -> None:
    said = set()
    for statement in statements(card):
        words = f"{statement.full} {statement.regions} {statement.region}".replace(statement.version, "")
        found = ENGLISH.search(words)
        assert found is None, f"{found[0]!r} in: {words}"
        said.add(words)
    assert len(said) > 10, "all zones speak"


def test_every_reason_is_said_in_german_with_its_values() -> None:
    for key, said in reasons("a frontal chest radiograph").items():
        german = in_language(said, "de")
        assert german != said, key
        assert not ENGLISH.search(german), german
        for value in ("90", "80", "224", "2,5", "LATERAL", "12"):
            assert (value in german) is (value.replace(",", ".") in said), (key, german)
        assert in_language(said, "en") == said
    assert in_language("MR ABDOMEN, not a frontal chest radiograph", "de") == (
        "MR ABDOMEN, nicht eine Thoraxaufnahme von vorn oder hinten"
    )


def test_what_a_header_is_refused_for_is_said_in_german() -> None:
    rules = [read_rules(ROOT / "models" / "scopes" / name) for name in ("chest.toml", "chest-cardiomegaly.toml")]
    said = set()
    for scope in rules:
        for header in HEADERS:
            record = film({"Modality": "DX", "ViewPosition": "", **header})
            said |= {*refused_by_header(scope, record), *doubted_by_header(scope, record)}
        said |= set(refused_by_header(scope, film({"Modality": "DX"}, orientation=("A", "F"))))
    assert len(said) > 40, sorted(said)
    for words in said:
        german = in_language(words, "de")
        assert german != words
        assert not ENGLISH.search(german), german


def test_what_nobody_knows_stays_as_it_is() -> None:
    assert in_language("a reason of some later version", "de") == "a reason of some later version"
    assert in_language("x" * 5000 + ", not y", "de").startswith("xxx")


def test_reasons_that_are_worded_elsewhere_are_those_of_the_table() -> None:
    assert {name: reason(name) for name in LOOKS} == LOOKS
    assert [reason("before")] == list(UNCHECKED.reasons)
    assert [reason("unstated")] == list(UNSTATED.reasons)
    assert list(ScopeCheck.from_dict({"zone": "none of these"}).reasons) == [reason("unreadable")]


def test_no_line_ends_between_a_number_and_its_percent_sign() -> None:
    for language in ("en", "de"):
        assert text(language, "share_of", value=98, low=90, high=99, n=12).startswith("98\u00a0% [90")
        values = {"p0": "< 1 %", "p1": "3 %", "e0": "5 %", "e1": "10 %", "negative": "a", "positive": "b"}
        assert "<\u00a01\u00a0%" in text(language, "sure_both", **values)
    for card in cards():
        for statement in statements(card):
            assert " %" not in f"{statement.full} {statement.regions}"
