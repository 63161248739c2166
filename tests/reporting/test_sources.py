from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Literal

import pytest

from divisive_desktop.casebook import Casebook
from divisive_desktop.casebook.storage.lock import account
from divisive_desktop.engine.finetuning.messages import Comparison, Difference, Figure, RunVerdict
from divisive_desktop.engine.finetuning.preparation import figures
from divisive_desktop.errors import ImageMissingError, ReportError
from divisive_desktop.imaging import open_image
from divisive_desktop.library.card import Card, Preprocessing
from divisive_desktop.reporting.options import Options
from divisive_desktop.reporting.sources import before_after, card_of, casebook_case

from .conftest import MODEL, Analysed


@pytest.fixture
def film(rg1: Path, tmp_path: Path) -> Path:
    copy = tmp_path / "Smith^John.dcm"
    shutil.copy(rg1, copy)
    return copy


@pytest.fixture
def book(analysed: Analysed, film: Path, tmp_path: Path) -> Iterator[Casebook]:
    with Casebook.create(tmp_path / "A.casebook") as made:
        case = made.cases.add(open_image(film))
        made.analyses.add(case, analysed[1])
        made.cases.set_label(case, 1)
        made.cases.set_notes(case, "Seen by me.")
        made.set_user("Ann", "reader")
        yield made


def test_a_case_brings_all_that_is_kept(book: Casebook, analysed: Analysed) -> None:
    content = casebook_case(book, 1, Options())
    assert (content.true_class, content.true_class_source) == (1, "label")
    assert (content.conclusion, content.analyst) == ("Seen by me.", "Ann")
    assert content.image.sha256 == analysed[0].sha256
    assert content.casebook is not None
    assert content.mask is None
    assert "Smith" not in content.title
    assert "Smith" in casebook_case(book, 1, Options(deidentify=False)).title
    assert casebook_case(book, 1, Options(), conclusion="").conclusion == ""


def test_an_account_s_name_is_nobody_s_signature(book: Casebook) -> None:
    book.set_user(account())
    assert casebook_case(book, 1, Options()).analyst == ""
    assert casebook_case(book, 1, Options(analyst="Dr. B.")).analyst == "Dr. B."


def test_a_missing_original_blocks_the_report(book: Casebook, film: Path) -> None:
    film.unlink()
    with pytest.raises(ImageMissingError) as raised:
        casebook_case(book, 1, Options())
    assert raised.value.remedy


def test_a_changed_original_blocks_the_report(book: Casebook, film: Path) -> None:
    data = bytearray(film.read_bytes())
    data[-100] ^= 1
    film.write_bytes(data)
    with pytest.raises(ReportError, match="has changed"):
        casebook_case(book, 1, Options())


def test_what_was_not_analysed_is_said(book: Casebook, rg1: Path) -> None:
    from pydicom import dcmread

    d = dcmread(rg1)
    d.InstanceNumber = 77
    other = book.path.parent / "other.dcm"
    d.save_as(other)
    case = book.cases.add(open_image(other))
    with pytest.raises(ReportError, match="not been analysed"):
        casebook_case(book, case, Options())


def test_the_card_is_that_of_the_weights(analysed: Analysed, with_models: Path) -> None:
    ref = analysed[1].model
    assert card_of(ref, "en").id == MODEL
    # the same weights under another name, with another card: the name decides
    copy = with_models / "models" / "a-copy"
    shutil.copytree(with_models / "models" / MODEL, copy)
    card = json.loads((copy / "card.json").read_text(encoding="utf-8"))
    card["id"], card["default"] = "a-copy", False
    (copy / "card.json").write_text(json.dumps(card), encoding="utf-8")
    assert card_of(ref, "en").id == MODEL
    assert card_of(replace(ref, id="a-copy"), "en").id == "a-copy"
    gone = card_of(replace(ref, weights_sha256="0" * 64), "en")
    assert gone.metrics == {}
    assert gone.limits[0]


def measured() -> dict[str, Any]:
    """The tables of a fine-tuning as its version's card holds them, written by what writes them."""

    def comparison(name: Literal["holdout", "guard"], images: int, rows: dict[str, tuple[float, ...]]) -> Comparison:
        nan = float("nan")
        return Comparison(
            name, images, images // 2, 12, 8,
            {k: Figure(r[0], nan, nan) for k, r in rows.items()}, {k: Figure(r[1], nan, nan) for k, r in rows.items()},
            {k: Difference(r[2], r[3], r[4], 0.5, "unclear") for k, r in rows.items()},
        )  # fmt: skip

    nan = float("nan")
    holdout = comparison("holdout", 24, {
        "auroc": (0.8, 0.9, 0.1, 0.02, 0.18), "ece": (nan, nan, nan, nan, nan), "energy": (0.25, 0.61, nan, nan, nan),
    })  # fmt: skip
    guard = comparison("guard", 96, {"auroc": (0.94, 0.93, -0.01, -0.02, 0.0), "energy": (0.4, 0.5, 0.1, 0.0, 0.2)})
    verdict = RunVerdict("Better on the hold-out.", ("It looks elsewhere.",), "better", "unclear", "unclear")
    return {"before_and_after": figures(holdout), "guard": figures(guard), "verdict": asdict(verdict)}


def test_before_and_after_fine_tuning(book: Casebook, analysed: Analysed) -> None:
    analysis = analysed[1]
    tuned = replace(
        analysis, logits=(analysis.logits[0] - 1, analysis.logits[1]),
        model=replace(analysis.model, id="tuned", weights_sha256="1" * 64),
        bias=(analysis.bias[0] - 1, analysis.bias[1]),
    )  # fmt: skip
    card = Card("tuned", "2", "chest-xray", ("no finding", "abnormal"), "", "", "1" * 64, Preprocessing(), parent=MODEL,
                metrics=measured())  # fmt: skip
    book.analyses.add(1, tuned)
    found = before_after(tuned, card, book.analyses.rows(1), "en")
    assert found is not None
    assert found["words"] == "Better on the hold-out. It looks elsewhere."
    assert found["rows"][:3] == [
        ("Hold-out, 24 images: AUROC", "0.80", "0.90", "+0.10 (+0.02 – +0.18)"),
        ("Hold-out, 24 images: Divergence energy inside the mask", "0.25", "0.61", "–"),  # no interval
        ("What the model knew before, 96 images: AUROC", "0.94", "0.93", "-0.01 (-0.02 – 0.00)"),
    ]
    name, before, after, difference = found["rows"][3]
    assert "abnormal" in name
    german = before_after(tuned, card, (), "de") or {}
    assert german["words"] == "Better on the hold-out. It looks elsewhere. (Wortlaut der Modellkarte)"
    assert float(before) == pytest.approx(analysis.probability, abs=0.006)
    assert float(after) == pytest.approx(tuned.probability, abs=0.006)
    assert difference.startswith("+")
    assert before_after(analysis, replace(card, parent=None), book.analyses.rows(1), "en") is None
    assert before_after(tuned, replace(card, parent="nobody", metrics={}), book.analyses.rows(1), "en") is None
