from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from typing import Literal

import pytest

from divisive_desktop import paths
from divisive_desktop.library.card import Card, Preprocessing, read_card
from divisive_desktop.reporting.build import _error_rates, build_report
from divisive_desktop.reporting.content import CaseContent
from divisive_desktop.reporting.html import write_html
from divisive_desktop.reporting.options import Options
from divisive_desktop.reporting.pdf import write_pdf
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


@pytest.mark.parametrize(("zone", "first"), [("familiar", "own source: "), ("unfamiliar", "another source: ")])
def test_every_test_set_is_in_the_rows_and_named_by_its_source(
    case: CaseContent, zone: Literal["familiar", "unfamiliar"], first: str
) -> None:
    card = read_card(paths.shipped_models_dir() / "iris-attack-true-correlation-1" / "card.json")
    assert card.decision is not None
    shown = replace(case, error_rates=tuple(_error_rates(card, zone)))
    rows = wording(shown).error_rows(shown)
    assert rows[0][0].startswith(first), zone
    texts = {name: text.replace("\u00a0", " ") for name, text in rows}
    assert sum("source: " in name for name in texts) == len(card.decision.tests)
    own = next(text for name, text in texts.items() if name.startswith("own source: irises of the same two sensors"))
    other = next(text for name, text in texts.items() if name.startswith("another source: unseen kinds of attack"))
    assert "AUROC 1.00 (at least 0.97: exact 95 % bound from 100 images of the rarer class)" in own
    kinds = next(test for test in card.decision.tests if test.source.startswith("unseen kinds of attack"))
    assert kinds.familiar is not None
    assert kinds.sensitivity is not None
    coverage, sensitivity = (s.percent.replace("\u00a0", " ") for s in (kinds.familiar.coverage, kinds.sensitivity))
    assert f"truth among the possible answers {coverage}" in other
    assert f"sensitivity {sensitivity}" in other
    assert not any("1.00–1.00" in text for text in texts.values())
    german = dict(wording(shown, GERMAN).error_rows(shown))
    assert any(name.startswith("andere Herkunft: ") for name in german)


def test_the_threshold_has_a_named_tick(case: CaseContent) -> None:
    at = replace(case, analysis={**case.analysis, "decision": {"state": "measured", "threshold": -0.6796}})
    place, name = wording(at).threshold(at) or (0.0, "")
    assert (round(place, 3), name) == (0.336, "threshold .34")
    assert (wording(at, GERMAN).threshold(at) or (0.0, ""))[1] == "Schwelle 0,34"
    page = write_html(build_report([at], PLAIN)).decode()
    assert '<i style="left:33.63' in page
    assert "threshold .34</small>" in page
    if shutil.which("pdftotext"):
        pdf = write_pdf(build_report([at], PLAIN))
        assert b"threshold .34" in subprocess.run(["pdftotext", "-", "-"], input=pdf, stdout=-1, check=True).stdout
    for state, threshold in (("unmeasured", 0.0), ("before", 0.0)):
        none = replace(case, analysis={**case.analysis, "decision": {"state": state, "threshold": threshold}})
        assert wording(none).threshold(none) is None, "the card of a fine-tuned version names none"
    before = replace(case, analysis={k: v for k, v in case.analysis.items() if k != "decision"})
    assert wording(before).threshold(before) is None, "reports of earlier versions"
    page = write_html(build_report([before], PLAIN)).decode()
    assert "threshold" not in page.partition('class="scale')[2].partition("<h3>")[0]


def test_a_fine_tuned_version_s_shares_have_their_n_and_the_place_of_its_threshold(case: CaseContent) -> None:
    holdout = {"images": 24, "positives": 12, "auroc": 0.94, "auroc_95": [0.83, 1.0], "sensitivity": 11 / 12,
               "specificity": 0.75}  # fmt: skip
    tuned = replace(case, error_rates=tuple(_error_rates(Card(
        "tuned", "2", "chest-xray", ("no finding", "abnormal"), "", "", "1" * 64, Preprocessing(), parent="m",
        metrics={"holdout": holdout},
    ), "familiar")))  # fmt: skip
    ((name, figures),) = wording(tuned).error_rows(tuned)
    assert name == "hold-out of the fine-tuning (24 images)"
    assert figures.replace("\u00a0", " ") == (
        "sensitivity at P .50 92 % [65–99] of 12, specificity at P .50 75 % [47–91] of 12, AUROC 0.94 (0.83–1.00)"
    )
