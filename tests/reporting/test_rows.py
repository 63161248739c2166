from __future__ import annotations

from dataclasses import replace

import pytest

from divisive_desktop.reporting.build import build_report
from divisive_desktop.reporting.content import CaseContent
from divisive_desktop.reporting.options import Options
from divisive_desktop.reporting.rows import SHOWN_ACTS, SHOWN_FEATURES, Wording

PLAIN, GERMAN = Options(), Options(language="de")


def wording(case: CaseContent, options: Options = PLAIN, signer: dict[str, str] | None = None) -> Wording:
    return Wording(build_report([case], options, signer=signer))


@pytest.mark.parametrize(
    ("calibration", "told"), [("patient", True), ("calibrated", True), ("detector", False), ("unknown", False)]
)
def test_square_millimetres_only_where_they_are_true(case: CaseContent, calibration: str, told: bool) -> None:
    spacing = {"row_mm": 0.2, "column_mm": 0.2, "calibration": calibration, "source": "Pixel Spacing"}
    features = [{**f, "area_mm2": 12.5} for f in case.analysis["features"]]
    measured = replace(
        case, image=replace(case.image, spacing=spacing), analysis={**case.analysis, "features": features}
    )
    rows = wording(measured).feature_rows(measured)
    assert rows
    assert all(("mm²" in row[3]) is told for row in rows)


def test_long_lists_are_cut_and_say_so(case: CaseContent) -> None:
    act = {"seq": 1, "time": "2026-01-02", "user": "A", "act": "label", "what": "labelled", "times": 2, "hash": ""}
    features = list(case.analysis["features"]) * 20
    full = replace(case, audit=(act,) * 30, analysis={**case.analysis, "features": features})
    words = wording(full)
    rows, more = words.audit_rows(full)
    assert len(rows) == SHOWN_ACTS
    assert str(30 - SHOWN_ACTS) in more
    assert "2" in rows[0][2]
    assert len(words.feature_rows(full)) == SHOWN_FEATURES


def test_decimals_are_written_as_the_language_does(case: CaseContent) -> None:
    changed = replace(case, before_after={"words": "", "rows": [("AUROC 1.5", "0.86", "0.88", "+0.02 (-0.1 to 0.1)")]})
    assert wording(changed).before_after_rows(changed)[0][1] == "0.86"
    german = wording(changed, GERMAN).before_after_rows(changed)[0]
    assert german == ("AUROC 1.5", "0,86", "0,88", "+0,02 (-0,1 to 0,1)")
    assert "," in wording(case, GERMAN).scale_note(case)


def test_a_card_s_words_are_translated_or_marked_as_its_own(case: CaseContent) -> None:
    limit = "Masks of negatives are the lungs as a machine found them."
    limited = replace(
        case, limitations=(limit, "Unknown here.", *case.cautions), model={**case.model, "intended_use": "For fun."},
    )  # fmt: skip
    assert wording(limited).limits(limited) == (limit, "Unknown here.")
    assert wording(limited, GERMAN).limits(limited) == (
        "Die Masken der Negativen sind die Lungen, wie eine Maschine sie fand.",
        "Unknown here. (Wortlaut der Modellkarte)",
    )
    purpose = "Vorgesehener Gebrauch", "For fun. (Wortlaut der Modellkarte)"
    assert wording(limited, GERMAN).model_rows(limited)[0] == purpose
    said = dict(wording(limited, GERMAN).provenance_rows(limited))["Vorverarbeitung"]
    assert "Größe 448" in said or "Größe 224" in said, said
    assert "size" not in said


def test_who_signs_and_what_is_left_out_is_said(case: CaseContent) -> None:
    assert "no signature" in wording(case).signature_note()
    signed = wording(case, signer={"name": "Ann", "public_key": "0" * 64})
    assert "Ann" in signed.signature_note()
    assert wording(case).left_out() == ""
    assert wording(case, Options(left_out=("audit",))).left_out()


def test_an_image_without_casebook_has_no_anchor(case: CaseContent) -> None:
    assert wording(case).anchor(case) == ""
    anchored = {"identity": "abc", "case": 3, "analysis": 1, "chain_length": 7, "chain_head": "f" * 64}
    assert "f" * 64 in wording(case).anchor(replace(case, casebook=anchored))
