"""A picture is corrected in one act: mask, measurements and shown analysis follow, and it can be taken back."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from divisive_desktop.casebook import Casebook, verify
from divisive_desktop.explanation.analysis import Analysis, ModelRef
from divisive_desktop.imaging import open_image
from divisive_desktop.imaging.correction import UNCORRECTED, Correction, named
from divisive_desktop.masks.mask import Mask

MODEL = ModelRef("m", "1", "a" * 64, "cross_entropy", "chest-xray", ("normal", "abnormal"))
LEFT, OVER = named("turn-left"), named("turn-over")


@pytest.fixture
def case(book: Casebook, photos: list[Path]) -> int:
    return book.cases.add(open_image(photos[0]))


def _painted() -> Mask:
    drawn = np.zeros((30, 40), np.uint8)
    drawn[3:9, 30:38] = 255
    return Mask.from_array(drawn)


def _analysis(file: Path, correction: str = "", chance: float = 1.0) -> Analysis:
    record = open_image(file, 0, Correction.parse(correction))
    recipe = {"correction": correction} if correction else {}
    return Analysis(
        str(file), record.sha256, 0, (record.width, record.height), (0, 0, record.width, record.height), MODEL, "cpu",
        "float32", (0.0, chance), (0.0, 0.0), np.ones((2, 3, 3), np.float32), recipe,
    )  # fmt: skip


def test_mask_and_measurements_turn_with_the_picture_and_back(book: Casebook, case: int) -> None:
    mask = _painted()
    book.masks.save(case, mask)
    book.measurements.save(case, [{"kind": "ruler", "points": [[40, 0], [30, 10]], "text": ["14 px"]}])
    assert book.corrections.set(case, LEFT)
    turned = book.masks.load(case)
    assert turned is not None
    assert np.array_equal(turned.union(), np.rot90(mask.union()))
    assert book.measurements.load(case)[0]["points"] == [[0, 0], [10, 10]]
    assert book.measurements.load(case)[0]["text"] == ["14 px"]
    row = book.cases.get(case)
    assert (row.width, row.height, row.correction) == (30, 40, "turn-left")
    assert not book.corrections.set(case, LEFT)  # it is like this already
    assert book.corrections.set(case, UNCORRECTED)
    back = book.masks.load(case)
    assert back is not None
    assert back.digest() == mask.digest()
    assert book.measurements.load(case)[0]["points"] == [[40, 0], [30, 10]]
    assert book.cases.get(case).correction is None


def test_the_act_is_in_the_chain_and_survives_reopening(book: Casebook, case: int) -> None:
    book.masks.save(case, _painted())
    book.corrections.set(case, Correction.parse("turn-over+invert"))
    path = book.path
    book.close()
    report = verify(path)
    assert report.ok, report.breaks
    with Casebook.open(path) as again:
        assert again.corrections.of(case) == Correction.parse("turn-over+invert")
        act = [r for r in again.audit.trail() if r.act == "correct"]
        assert len(act) == 1
        assert act[0].case_id == case
        assert act[0].parameters["words"] == "turned by 180 degrees and greys inverted by the analyst"
        assert act[0].parameters["before"] == ""


def test_an_analysis_of_the_picture_as_it_was_is_no_longer_shown(
    book: Casebook, case: int, photos: list[Path]
) -> None:
    first = book.analyses.add(case, _analysis(photos[0]))
    book.corrections.set(case, OVER)
    assert book.cases.get(case).analysis is None
    late = book.analyses.add(case, _analysis(photos[0], chance=3.0))  # was under way when the picture was turned
    assert book.cases.get(case).analysis is None
    mended = book.analyses.add(case, _analysis(photos[0], "turn-over"))
    assert book.cases.get(case).analysis == mended
    assert book.analyses.load(mended).correction == "turn-over"
    book.corrections.set(case, UNCORRECTED)
    assert book.cases.get(case).analysis == late
    assert {row.id for row in book.analyses.rows(case)} == {first, late, mended}


def test_what_was_drawn_on_the_picture_as_it_was_is_turned_when_it_arrives_late(book: Casebook, case: int) -> None:
    mask = _painted()
    book.corrections.set(case, LEFT)
    book.masks.save(case, mask, drawn_on=UNCORRECTED)
    kept = book.masks.load(case)
    assert kept is not None
    assert np.array_equal(kept.union(), np.rot90(mask.union()))
    asked = book.masks.load(case, drawn_on=OVER)
    assert asked is not None
    assert np.array_equal(asked.union(), np.rot90(mask.union(), 2))
    book.measurements.save(case, [{"kind": "ruler", "points": [[40, 0], [30, 10]]}], (UNCORRECTED, 40, 30))
    assert book.measurements.load(case)[0]["points"] == [[0, 0], [10, 10]]


def test_a_run_knows_how_its_pictures_were_corrected(book: Casebook, case: int) -> None:
    book.cases.set_label(case, 1)
    book.corrections.set(case, OVER)
    assert book.runs.training_cases()[0].correction == "turn-over"
    run = book.runs.start("cross_entropy", [(case, "holdout")])
    book.corrections.set(case, UNCORRECTED)
    assert book.runs.cases(run)[0].correction == "turn-over"
    assert book.runs.training_cases()[0].correction is None


def test_a_picture_without_known_size_is_turned_by_the_size_that_is_given(book: Casebook, photos: list[Path]) -> None:
    case = book.cases.add(photos[1])
    assert book.cases.get(case).width is None
    book.measurements.save(case, [{"kind": "ruler", "points": [[40, 0], [30, 10]]}])
    book.corrections.set(case, LEFT, (40, 30))
    assert book.measurements.load(case)[0]["points"] == [[0, 0], [10, 10]]
    assert (book.cases.get(case).width, book.cases.get(case).height) == (30, 40)


def test_results_say_what_was_mended(book: Casebook, case: int, photos: list[Path], tmp_path: Path) -> None:
    book.corrections.set(case, named("invert"))
    book.analyses.add(case, replace(_analysis(photos[0], "invert")))
    book.results.export(tmp_path / "r.json")
    line = json.loads((tmp_path / "r.json").read_text())["results"][0]
    assert line["correction"] == "greys inverted by the analyst"
