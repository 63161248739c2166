"""Measurements are kept with their case, in the audit chain, and go with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from divisive_desktop.casebook import Casebook, verify
from divisive_desktop.errors import CasebookError

RULER = {"kind": "ruler", "points": [[1.5, 2.0], [30.25, 4.0]], "text": ["28.8 px", "no calibration"]}
ANGLE = {"kind": "angle", "points": [[0.0, 0.0], [5.0, 5.0], [9.0, 0.0]], "text": ["90.0°"]}


def test_they_come_back_exactly_after_reopening(book: Casebook, photos: list[Path]) -> None:
    case = book.add_image(photos[0])
    assert book.measurements(case) == ()
    assert book.set_measurements(case, [RULER, ANGLE])
    assert not book.set_measurements(case, [RULER, ANGLE]), "the same again is no act"
    book.close()
    with Casebook.open(book.path) as again:
        assert again.measurements(case) == (RULER, ANGLE)
        assert [r.parameters for r in again.audit_trail() if r.act == "measure"] == [{"measurements": 2}]
        assert again.set_measurements(case, [])
        assert again.measurements(case) == ()
    assert verify(book.path).ok


def test_nothing_measured_is_no_act(book: Casebook, photos: list[Path]) -> None:
    case = book.add_image(photos[0])
    head = book.head()
    assert not book.set_measurements(case, [])
    assert book.head() == head


def test_they_go_with_the_case(book: Casebook, photos: list[Path]) -> None:
    case = book.add_image(photos[0])
    book.set_measurements(case, [RULER])
    book.trash([case])
    assert book.measurements(case) == (RULER,)
    assert book.empty_trash() == 1
    assert book.measurements(case) == ()
    book.close()
    assert verify(book.path).ok


def test_an_unknown_case_is_refused(book: Casebook) -> None:
    with pytest.raises(CasebookError):
        book.set_measurements(99, [RULER])
