from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from divisive_desktop.casebook import Casebook
from divisive_desktop.masks.mask import Mask
from divisive_desktop.reporting.build import build_report
from divisive_desktop.reporting.confirm import Confirmer
from divisive_desktop.reporting.items import kept_case
from divisive_desktop.reporting.options import Options

from .conftest import Analysed


@pytest.fixture
def book(analysed: Analysed, tmp_path: Path) -> Iterator[Casebook]:
    with Casebook.create(tmp_path / "A.casebook") as made:
        case = made.cases.add(analysed[0])
        made.analyses.add(case, analysed[1])
        made.cases.set_label(case, 1)
        paint(made, case, 300)
        yield made


def paint(book: Casebook, case: int, top: int) -> None:
    row = book.cases.get(case)
    assert row.width is not None
    assert row.height is not None
    plane = np.zeros((row.height, row.width), np.uint8)
    plane[top : top + 200, 300:600] = 255
    book.masks.save(case, Mask.from_array(plane), tool="brush")


def stated(book: Casebook) -> dict[str, Any]:
    content = kept_case(book, 1, Options()).content(200, True)
    case: dict[str, Any] = build_report([content], Options()).as_dict()["cases"][0]
    return case


def states(book: Casebook, case: dict[str, Any]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {"holds": [], "broken": [], "unknown": []}
    for finding in Confirmer(book)(case):
        found[finding.state].append(finding.what)
    return found


def test_an_untouched_casebook_confirms_everything(book: Casebook) -> None:
    found = states(book, stated(book))
    assert not found["broken"]
    assert not found["unknown"]
    said = " ".join(found["holds"])
    for word in ("records of the extract", "original's SHA-256", "logits and class maps", "the mask", "the label"):
        assert word in said


def test_it_is_only_read(book: Casebook) -> None:
    case, before = stated(book), book.head()
    with Casebook.open(book.path, read_only=True) as second:
        assert not states(second, case)["broken"]
    assert book.head() == before


def test_later_work_is_no_contradiction(book: Casebook) -> None:
    case = stated(book)
    book.cases.set_label(1, 0)
    paint(book, 1, 900)
    found = states(book, case)
    assert not found["broken"]
    assert len(found["unknown"]) == 2
    assert "changed after the report" in found["unknown"][0]
    assert "more since then" in found["holds"][0]


def test_another_casebook_is_told(book: Casebook, tmp_path: Path) -> None:
    with Casebook.create(tmp_path / "B.casebook") as other:
        (said,) = states(other, stated(book))["broken"]
    assert "another casebook" in said


@pytest.mark.parametrize("what", ["audit", "chain_head", "logits", "cam", "mask", "label", "sha256", "analysis"])
def test_what_doesn_t_fit_is_told(book: Casebook, what: str) -> None:
    case = stated(book)
    case["audit"], case["casebook"] = [dict(row) for row in case["audit"]], dict(case["casebook"])
    if what == "audit":
        case["audit"][0]["hash"] = "0" * 64
    elif what == "chain_head":
        case["casebook"]["chain_head"] = "0" * 64
    elif what == "analysis":
        case["casebook"]["analysis"] = 77
    elif what == "logits":
        case["analysis"]["logits"] = [0.5, -0.5]
    elif what == "cam":
        case["analysis"]["cam"]["true"], case["analysis"]["cam"]["false"] = (
            case["analysis"]["cam"]["false"], case["analysis"]["cam"]["true"],
        )  # fmt: skip
    elif what == "mask":
        case["mask"]["sha256"] = "0" * 64
    elif what == "label":
        case["true_class"] = 0
    else:
        case["image"]["sha256"] = "0" * 64
    assert states(book, case)["broken"]


def test_a_casebook_that_was_tampered_with_confirms_nothing_quietly(book: Casebook, analysed: Analysed) -> None:
    case, path = stated(book), book.path
    book.close()
    with sqlite3.connect(path / "casebook.sqlite") as connection:
        connection.execute("UPDATE cases SET notes = 'Nothing to see.' WHERE id = 1")
    connection.close()
    with Casebook.open(path, read_only=True) as again:
        assert any("isn't as it was written" in said for said in states(again, case)["broken"])


def test_images_and_deleted_cases_are_told(book: Casebook) -> None:
    case = stated(book)
    (said,) = states(book, {**case, "casebook": None})["unknown"]
    assert "not from a casebook" in said
    book.trash.put([1])
    book.trash.empty()
    found = states(book, case)
    assert "not in the casebook any more" in found["unknown"][0]
    assert not found["broken"]
