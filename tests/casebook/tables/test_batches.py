from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import pytest

from divisive_desktop import RESEARCH_USE
from divisive_desktop.casebook import Casebook, CaseFilter, NewImage
from divisive_desktop.casebook.tables.batches import parameters_of
from divisive_desktop.errors import EmptyFileError
from divisive_desktop.explanation.analysis import ModelRef
from divisive_desktop.explanation.scope import ScopeCheck
from divisive_desktop.library.scope_check import refusal


def test_a_batch_goes_on_where_it_stopped_and_repeats_nothing(book: Casebook, photos: list[Path], kill) -> None:
    ids = book.cases.add_all(photos[:5])
    batch = book.batches.start(ids, name="monday", parameters={"model": "kill-test"})
    taken = book.batches.next_items(batch, 3)
    assert [item.case_id for item in taken] == ids[:3]
    assert [item.case_id for item in book.batches.next_items(batch, 3, after=taken[-1].position)] == ids[3:]
    for item in taken[:2]:
        book.batches.finish_item(item.id, kill.make_analysis(book.cases.get(item.case_id).sha256, item.id))
    book.close()

    with Casebook.open(book.path) as again:
        (status,) = again.batches.rows(unfinished=True)
        assert (status.name, status.pending, status.done, status.parameters) == (
            "monday", 3, 2, {"model": "kill-test"},
        )  # fmt: skip
        left = again.batches.next_items(batch, 100)
        assert [item.case_id for item in left] == ids[2:]
        digests = {row.id: row.sha256 for row in again.cases.rows()}
        again.batches.finish_items([(i.id, kill.make_analysis(digests[i.case_id], i.id), None) for i in left])
        assert again.batches.rows(unfinished=True) == []
        assert again.batches.rows()[0].state == "done"
        assert all(len(again.analyses.rows(case)) == 1 for case in ids)


def test_a_batch_knows_the_versions_that_it_began_with(book: Casebook, photos: list[Path], kill) -> None:
    ids = book.cases.add_all(photos[:3])
    earlier, other = replace(kill.MODEL, version="0"), replace(kill.MODEL, task="chest-opacity")
    written = book.batches.start(ids, parameters=parameters_of([earlier, other]))
    assert book.batches.versions(written) == [earlier, other]
    before = book.batches.start(ids, name="of an earlier program")
    assert book.batches.versions(before) == []
    for batch in (written, before):
        for item, version in zip(book.batches.next_items(batch, 2), ("1", "2"), strict=True):
            made = kill.make_analysis(book.cases.get(item.case_id).sha256, item.id)
            model = replace(made.model, version=version, weights_sha256=version * 64)
            book.batches.finish_item(item.id, replace(made, model=model))
    assert book.batches.versions(written) == [earlier, other], "whatever answered since"
    assert [v.version for v in book.batches.versions(before)] == ["1"], "that of its first answer"
    odd = book.batches.start(ids, parameters={"versions": [{"id": "x"}, 5, None]})
    assert book.batches.versions(odd) == []


def test_failures_keep_their_remedy_and_can_be_tried_again(book: Casebook, photos: list[Path], kill) -> None:
    ids = book.cases.add_all(photos[:2])
    batch = book.batches.start(ids)
    first, second = book.batches.next_items(batch)
    book.batches.fail_item(first.id, EmptyFileError("The file is empty.", "Copy it again."))
    book.batches.finish_item(second.id, kill.make_analysis(book.cases.get(ids[1]).sha256, 1))
    (failed,) = book.batches.items(batch, "failed")
    assert failed.error == {"kind": "empty-file", "message": "The file is empty.", "remedy": "Copy it again."}
    assert book.batches.rows()[0].state == "done"
    assert book.batches.retry_failed(batch) == 1
    assert [item.id for item in book.batches.next_items(batch)] == [first.id]
    assert book.batches.rows(unfinished=True)[0].pending == 1


def test_files_become_cases_when_they_are_done(book: Casebook, photos: list[Path], kill) -> None:
    batch = book.batches.start([photos[0], (photos[1], 2)])
    items = book.batches.next_items(batch)
    assert [(Path(item.path), item.frame) for item in items] == [(photos[0], 0), (photos[1], 2)]
    case = book.cases.add(photos[0])
    analysis = kill.make_analysis(book.cases.get(case).sha256, 1)
    with pytest.raises(ValueError, match="case"):
        book.batches.finish_item(items[0].id, analysis)
    book.batches.finish_item(items[0].id, analysis, case)
    assert book.batches.items(batch, "done")[0].case_id == case


def test_a_cancelled_batch_is_not_offered_for_resuming(book: Casebook, photos: list[Path]) -> None:
    batch = book.batches.start(book.cases.add_all(photos[:2]))
    book.batches.cancel(batch)
    assert book.batches.rows(unfinished=True) == []
    assert book.batches.rows()[0].state == "cancelled"


def test_an_item_that_got_no_answer_says_what_was_asked_and_whom(
    book: Casebook, photos: list[Path], kill, tmp_path: Path
) -> None:
    (case,) = book.cases.add_all(photos[:1])
    book.analyses.add(case, kill.make_analysis(book.cases.get(case).sha256, 1))  # of another question, before
    batch = book.batches.start([case])
    model = ModelRef("ribs", "3", "a" * 64, "focus", "chest-opacity", ("no opacity", "opacity"))
    error = refusal(ScopeCheck("out_of_scope", ("MR ABDOMEN, not a frontal chest radiograph",)), model)
    book.batches.fail_item(book.batches.next_items(batch)[0].id, error)
    book.results.export(tmp_path / "r.json", batch=batch)
    (line,) = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))["results"]
    assert (line["question"], line["model"], line["model_version"]) == ("chest-opacity", "ribs", "3")
    assert (line["model_sha256"], line["method"], line["scope"]) == ("a" * 64, "focus", "out_of_scope")
    assert line["verdict"] == "no verdict (out of scope)"
    assert line["statement"] == (
        "Does this chest radiograph show a lung opacity? No verdict by ribs version 3: MR ABDOMEN, not a frontal chest "
        "radiograph."
    )
    for name in ("answer", "answer_class", "predicted", "nearer", "probability", "margin", "error_rate_negative"):
        assert line[name] is None, name


def test_results_leave_as_csv_and_json(book: Casebook, photos: list[Path], kill, tmp_path: Path) -> None:
    ids = book.cases.add_all([NewImage(photos[0], name="=HYPERLINK(evil)"), *photos[1:3]])
    batch = book.batches.start(ids)
    items = book.batches.next_items(batch)
    analysis = kill.make_analysis(book.cases.get(ids[0]).sha256, 1)
    book.batches.finish_item(items[0].id, analysis)
    book.batches.fail_item(items[1].id, EmptyFileError("The file is empty.", "Copy it again."))
    book.cases.set_tags(ids[0], ["a", "b"])

    assert book.results.export(tmp_path / "r.csv", batch=batch) == 3
    with open(tmp_path / "r.csv", encoding="utf-8-sig", newline="") as f:
        lines = list(csv.DictReader(f))
    assert lines[0]["name"] == "'=HYPERLINK(evil)", "a spreadsheet would run it"
    assert float(lines[0]["probability"]) == analysis.probability
    assert lines[0]["tags"] == "a; b"
    assert (lines[1]["error_kind"], lines[1]["remedy"]) == ("empty-file", "Copy it again.")
    assert lines[2]["error_kind"] == "pending"
    assert {line["notice"] for line in lines} == {RESEARCH_USE}

    assert book.results.export(tmp_path / "r.json", CaseFilter(verdict="any")) == 1
    content = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))
    assert content["results"][0]["probability"] == analysis.probability
    assert content["results"][0]["model_version"] == "1"
    assert content["notice"] == RESEARCH_USE
    assert [r.act for r in book.audit.trail(limit=2)] == ["export", "export"]
