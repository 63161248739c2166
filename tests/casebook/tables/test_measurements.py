"""Measurements are kept with their case, in the audit chain, and go with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from divisive_desktop.casebook import Casebook, verify
from divisive_desktop.errors import CasebookError

RULER = {"kind": "ruler", "points": [[1.5, 2.0], [30.25, 4.0]], "text": ["28.8 px", "no calibration"]}
ANGLE = {"kind": "angle", "points": [[0.0, 0.0], [5.0, 5.0], [9.0, 0.0]], "text": ["90.0°"]}


def test_they_come_back_exactly_after_reopening(book: Casebook, photos: list[Path]) -> None:
    case = book.cases.add(photos[0])
    assert book.measurements.load(case) == ()
    assert book.measurements.save(case, [RULER, ANGLE])
    assert not book.measurements.save(case, [RULER, ANGLE]), "the same again is no act"
    book.close()
    with Casebook.open(book.path) as again:
        assert again.measurements.load(case) == (RULER, ANGLE)
        assert [r.parameters for r in again.audit.trail() if r.act == "measure"] == [{"measurements": 2}]
        assert again.measurements.save(case, [])
        assert again.measurements.load(case) == ()
    assert verify(book.path).ok


def test_nothing_measured_is_no_act(book: Casebook, photos: list[Path]) -> None:
    case = book.cases.add(photos[0])
    head = book.head()
    assert not book.measurements.save(case, [])
    assert book.head() == head


def test_they_go_with_the_case(book: Casebook, photos: list[Path]) -> None:
    case = book.cases.add(photos[0])
    book.measurements.save(case, [RULER])
    book.trash.put([case])
    assert book.measurements.load(case) == (RULER,)
    assert book.trash.empty() == 1
    assert book.measurements.load(case) == ()
    book.close()
    assert verify(book.path).ok


def test_an_unknown_case_is_refused(book: Casebook) -> None:
    with pytest.raises(CasebookError):
        book.measurements.save(99, [RULER])
