from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from divisive_desktop.casebook import Casebook
from divisive_desktop.errors import ImageAlteredError
from divisive_desktop.explanation.scope import BEFORE, FAMILIAR, ScopeCheck


def test_an_analysis_comes_back_bit_for_bit(book: Casebook, photos: list[Path], kill) -> None:
    case = book.cases.add(photos[0])
    given = replace(
        kill.make_analysis(book.cases.get(case).sha256, 5),
        region=(1, 2, 30, 20),
        preprocessing={"size": np.int64(448), "mean": (1.5, 2.0)},
        timings_ms={"forward": np.float32(12.5)},
        bias=(0.25, -0.5),
    )
    row = book.analyses.add(case, given)
    back = book.analyses.load(row)
    assert (back.cams == given.cams).all()
    assert back.cams.dtype == np.float32
    for name in ("sha256", "frame", "image_size", "region", "model", "device", "precision", "logits", "bias"):
        assert getattr(back, name) == getattr(given, name), name
    assert back.preprocessing == {"size": 448, "mean": [1.5, 2.0]}
    assert back.timings_ms == {"forward": 12.5}
    assert back.probability == given.probability


def test_the_worklist_shows_the_newest_analysis_and_older_ones_keep_their_model(
    book: Casebook, photos: list[Path], kill
) -> None:
    case = book.cases.add(photos[0])
    first = kill.make_analysis(book.cases.get(case).sha256, 1)
    newer = replace(first.model, version="2", weights_sha256="cd" * 32)
    second = replace(first, model=newer)
    one, two = book.analyses.add(case, first), book.analyses.add(case, second)
    assert book.cases.get(case).model_version == "2"
    assert [(row.id, row.model_version) for row in book.analyses.rows(case)] == [(one, "1"), (two, "2")]
    assert book.analyses.load(one).model == first.model


def test_other_bytes_than_the_imported_ones_are_refused(book: Casebook, photos: list[Path], kill) -> None:
    case = book.cases.add(photos[0])
    with pytest.raises(ImageAlteredError):
        book.analyses.add(case, kill.make_analysis("f" * 64, 1))
    assert book.analyses.rows(case) == []


def test_agreement_is_kept_with_the_analysis(book: Casebook, photos: list[Path], kill) -> None:
    case = book.cases.add(photos[0])
    row = book.analyses.add(case, kill.make_analysis(book.cases.get(case).sha256, 1))
    book.analyses.set_agreement(row, energy=0.75, iou=0.5, pointing=True)
    shown = book.cases.get(case)
    assert (shown.energy, shown.iou, shown.pointing) == (0.75, 0.5, 1)


def test_the_audit_record_names_the_model_and_what_it_said(book: Casebook, photos: list[Path], kill) -> None:
    case = book.cases.add(photos[0])
    analysis = kill.make_analysis(book.cases.get(case).sha256, 1)
    book.analyses.add(case, analysis)
    record = book.audit.trail(case)[0]
    assert record.act == "analysis"
    assert (record.model, record.model_version, record.model_sha256) == ("kill-test", "1", "ab" * 32)
    assert record.parameters["logits"] == list(analysis.logits)


def test_scope_is_kept_and_insisting_is_an_act_of_its_own(book: Casebook, photos: list[Path], kill) -> None:
    case = book.cases.add(photos[0])
    out = ScopeCheck("out_of_scope", ("CT, not a frontal chest radiograph",), asked_anyway=True)
    plain = kill.make_analysis(book.cases.get(case).sha256, 1)
    rows = [book.analyses.add(case, replace(plain, scope=scope)) for scope in (FAMILIAR, out)]
    assert [book.analyses.load(row).scope for row in rows] == [FAMILIAR, out]
    assert book.analyses.load(rows[1]).preprocessing == book.analyses.load(rows[0]).preprocessing
    assert book.cases.get(case).insisted
    acts = [(record.act, record.parameters) for record in book.audit.trail(case)]
    ((_, asked),) = [found for found in acts if found[0] == "asked-anyway"]
    assert asked["analysis"] == rows[1]
    assert asked["reasons"] == ["CT, not a frontal chest radiograph"]
    book.analyses.add(case, replace(plain, scope=FAMILIAR))  # the newest is the one that is shown
    assert not book.cases.get(case).insisted


def test_what_was_analysed_before_scope_existed_reads_not_checked(book: Casebook, photos: list[Path], kill) -> None:
    case = book.cases.add(photos[0])
    assert book.cases.get(case).insisted == 0  # without any analysis
    row = book.analyses.add(case, kill.make_analysis(book.cases.get(case).sha256, 1))
    with book._store.act() as act:  # as version 0.1.0 wrote it
        act.update("analyses", row, {"preprocessing": '{"size":448}'})
        act.record("test")
    assert book.analyses.load(row).scope == BEFORE
    assert book.analyses.load(row).preprocessing == {"size": 448}


def test_exports_say_what_was_insisted_on(book: Casebook, photos: list[Path], kill, tmp_path: Path) -> None:
    out = ScopeCheck("out_of_scope", ("tiny",), asked_anyway=True)
    for photo, scope in zip(photos, (out, FAMILIAR), strict=False):
        case = book.cases.add(photo)
        book.analyses.add(case, replace(kill.make_analysis(book.cases.get(case).sha256, 1), scope=scope))
    book.results.export(tmp_path / "out.json")
    first, second = json.loads((tmp_path / "out.json").read_text())["results"][:2]
    assert first["scope"] == "out_of_scope, asked although out of scope"
    assert second["scope"] == "familiar"
    assert "scope" not in first["preprocessing"]
