from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from divisive_desktop.casebook import Casebook
from divisive_desktop.imaging.correction import Correction
from divisive_desktop.reporting.audit import anchor, extract

from .conftest import Analysed

CLASSES = ("no finding", "abnormal")


@pytest.fixture
def book(analysed: Analysed, tmp_path: Path) -> Iterator[Casebook]:
    with Casebook.create(tmp_path / "A.casebook") as made:
        case = made.cases.add(analysed[0])
        made.analyses.add(case, analysed[1])
        made.cases.set_label(case, 1)
        made.cases.set_notes(case, "Mr Smith of Hamburg")
        made.cases.set_tags(case, ["Smith"])
        yield made


def test_acts_are_told_in_order_and_words(book: Casebook) -> None:
    rows = extract(book, 1, CLASSES, "en")
    assert [row["seq"] for row in rows] == sorted(row["seq"] for row in rows)
    said = [row["what"] for row in rows]
    assert any("abnormal" in what for what in said)
    german = [row["what"] for row in extract(book, 1, CLASSES, "de")]
    assert len(german) == len(said)
    assert german != said


def test_free_text_and_names_stay_out(book: Casebook, rg1: Path) -> None:
    text = str(extract(book, 1, CLASSES, "en"))
    for secret in ("Smith", "Hamburg", rg1.stem, str(rg1.parent)):
        assert secret not in text


def test_repeated_acts_are_one_row(book: Casebook) -> None:
    for number in range(5):
        book.cases.set_notes(1, f"Version {number}")
    last = extract(book, 1, CLASSES, "en")[-1]
    assert last["act"] == "notes"
    assert last["times"] == 5
    assert last["seq"] == book.head()[0]


def test_the_rows_and_the_end_are_those_of_the_chain(book: Casebook) -> None:
    known = {record.seq: record.hash for record in book.audit.trail(limit=1000)}
    assert all(known[row["seq"]] == row["hash"] for row in extract(book, 1, CLASSES, "en"))
    end = anchor(book, 1, 1)
    assert known[end["chain_length"]] == end["chain_head"]
    assert end["identity"] == book.settings.get("identity")


def test_an_earlier_report_is_no_act_on_the_answer(book: Casebook) -> None:
    before = extract(book, 1, CLASSES, "en")
    book.audit.record("report", case=1, files=["Smith.pdf"])
    assert extract(book, 1, CLASSES, "en") == before


def test_mending_a_picture_is_told(book: Casebook) -> None:
    book.corrections.set(1, Correction.parse("turn-over+invert"))
    book.corrections.set(1, Correction())
    said = [row["what"] for row in extract(book, 1, CLASSES, "en")]
    assert said[-2:] == ["picture mended: turned by 180°, greys inverted", "picture as in the file again"]
    assert "um 180° gedreht" in [row["what"] for row in extract(book, 1, CLASSES, "de")][-2]
