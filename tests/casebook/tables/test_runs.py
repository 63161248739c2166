from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from divisive_desktop.casebook import Casebook, CaseFilter, NewImage
from divisive_desktop.errors import CasebookError
from divisive_desktop.masks.mask import Mask

HERE = Path(__file__)


def image(number: int, patient: str | None) -> NewImage:
    return NewImage(HERE, f"{number:064x}", kind="radiograph", patient=patient, name=str(number))


def test_all_images_of_a_patient_are_on_one_side_in_any_order(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    with Casebook.create(tmp_path / "a") as book:
        for i in rng.permutation(300):
            book.cases.add(image(int(i), f"patient {i % 60}"), copy=False)
        sides: dict[str, set[str]] = {}
        for row in book.cases.rows():
            sides.setdefault(row.patient or "", set()).add(row.side)
        assert len(sides) == 60
        assert all(len(side) == 1 for side in sides.values())
        held = sum(side == {"holdout"} for side in sides.values())
        assert 5 <= held <= 25, "a quarter of sixty, more or less"
        before = {row.name: row.side for row in book.cases.rows()}
        book.cases.add_all([image(i, f"patient {i % 60}") for i in range(300, 400)], copy=False)
        rows = book.cases.rows()
    by_patient = {row.patient: row.side for row in rows if row.name in before}
    assert all(before.get(row.name, row.side) == row.side == by_patient[row.patient] for row in rows)


def test_the_share_is_a_choice_made_once(tmp_path: Path) -> None:
    with Casebook.create(tmp_path / "none", holdout_share=0) as book:
        book.cases.add_all([image(i, None) for i in range(50)], copy=False)
        assert book.cases.count(CaseFilter(side="holdout")) == 0
        with pytest.raises(CasebookError):
            book.settings.set("holdout_share", 0.5)


def test_a_held_out_case_cannot_be_trained_on(book: Casebook) -> None:
    case = book.cases.add(image(1, "p"), copy=False)
    book.cases.set_label(case, 1)
    book.splits.set_side(case, "holdout")
    with pytest.raises(CasebookError, match="held out"):
        book.runs.start("difference", [(case, "train")])
    assert book.runs.rows() == []
    book.runs.start("difference", [(case, "holdout")])


def test_what_was_trained_on_never_judges(book: Casebook) -> None:
    one, two, three = book.cases.add_all([image(1, "p"), image(2, "p"), image(3, "q")], copy=False)
    book.splits.set_side(one, "train")
    book.splits.set_side(three, "holdout")
    book.runs.start("difference", [(one, "train")])
    with pytest.raises(CasebookError, match="held out"):
        book.splits.set_side(two, "holdout")
    # It turns out that the trained-on image is of the held-out patient: the whole patient becomes training data.
    assert book.splits.set_patient(one, "q") == "train"
    assert book.cases.get(three).side == "train"
    assert book.cases.get(two).side == "train"


def test_training_cases_are_labelled_present_and_unaltered(book: Casebook, photos: list[Path]) -> None:
    ids = book.cases.add_all(photos[:5], copy=False)
    book.cases.set_label(ids[:4], 1)
    book.splits.set_side(ids[0], "train")
    book.trash.put(ids[1])
    photos[2].write_bytes(b"altered")
    book.originals.check()
    book.masks.save(ids[0], Mask.from_array(np.ones((30, 40), bool)))
    cases = book.runs.training_cases()
    assert [case.id for case in cases] == [ids[0], ids[3]]
    assert cases[0].path == photos[0]
    assert cases[0].mask is not None
    assert cases[1].mask is None
    assert [c.id for c in book.runs.training_cases("train")] == [c.id for c in cases if c.side == "train"]


def test_a_run_remembers_the_masks_it_was_given(book: Casebook, photos: list[Path], kill) -> None:
    case = book.cases.add(photos[0])
    book.cases.set_label(case, 1)
    book.splits.set_side(case, "train")
    then = Mask.from_array(np.full((30, 40), 90, np.uint8))
    book.masks.save(case, then)
    run = book.runs.start("difference", [(case, "train")], base=kill.MODEL, parameters={"epochs": 3})
    book.masks.save(case, Mask.from_array(np.full((30, 40), 10, np.uint8)))
    result = replace(kill.MODEL, version="2", weights_sha256="cd" * 32)
    book.runs.finish(run, "done", result=result, metrics={"auroc": 0.9})
    book.runs.decide(run, "kept")
    book.trash.collect_garbage()
    (row,) = book.runs.rows()
    assert (row.state, row.base, row.result, row.parameters, row.metrics, row.decision) == (
        "done", "ab" * 32, "cd" * 32, {"epochs": 3}, {"auroc": 0.9}, "kept",
    )  # fmt: skip
    (given,) = book.runs.cases(run)
    assert (given.label, given.role) == (1, "train")
    assert given.mask is not None
    assert book.masks.load_snapshot(given.mask).digest() == then.digest()


def test_a_run_that_was_going_when_the_program_ended_is_interrupted_and_can_go_on(book: Casebook) -> None:
    run = book.runs.start("difference", [])
    book.close()
    with Casebook.open(book.path) as again:
        assert again.runs.rows()[0].state == "interrupted"
        again.runs.resume(run)
        assert again.runs.rows()[0].state == "running"
        again.runs.finish(run, "cancelled")
