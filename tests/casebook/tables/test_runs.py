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
            book.add_image(image(int(i), f"patient {i % 60}"), copy=False)
        sides: dict[str, set[str]] = {}
        for row in book.cases():
            sides.setdefault(row.patient or "", set()).add(row.side)
        assert len(sides) == 60
        assert all(len(side) == 1 for side in sides.values())
        held = sum(side == {"holdout"} for side in sides.values())
        assert 5 <= held <= 25, "a quarter of sixty, more or less"
        before = {row.name: row.side for row in book.cases()}
        book.add_images([image(i, f"patient {i % 60}") for i in range(300, 400)], copy=False)
        rows = book.cases()
    by_patient = {row.patient: row.side for row in rows if row.name in before}
    assert all(before.get(row.name, row.side) == row.side == by_patient[row.patient] for row in rows)


def test_the_share_is_a_choice_made_once(tmp_path: Path) -> None:
    with Casebook.create(tmp_path / "none", holdout_share=0) as book:
        book.add_images([image(i, None) for i in range(50)], copy=False)
        assert book.count(CaseFilter(side="holdout")) == 0
        with pytest.raises(CasebookError):
            book.set_setting("holdout_share", 0.5)


def test_a_held_out_case_cannot_be_trained_on(book: Casebook) -> None:
    case = book.add_image(image(1, "p"), copy=False)
    book.set_label(case, 1)
    book.set_side(case, "holdout")
    with pytest.raises(CasebookError, match="held out"):
        book.start_run("difference", [(case, "train")])
    assert book.runs() == []
    book.start_run("difference", [(case, "holdout")])


def test_what_was_trained_on_never_judges(book: Casebook) -> None:
    one, two, three = book.add_images([image(1, "p"), image(2, "p"), image(3, "q")], copy=False)
    book.set_side(one, "train")
    book.set_side(three, "holdout")
    book.start_run("difference", [(one, "train")])
    with pytest.raises(CasebookError, match="held out"):
        book.set_side(two, "holdout")
    # It turns out that the trained-on image is of the held-out patient: the whole patient becomes training data.
    assert book.set_patient(one, "q") == "train"
    assert book.case(three).side == "train"
    assert book.case(two).side == "train"


def test_training_cases_are_labelled_present_and_unaltered(book: Casebook, photos: list[Path]) -> None:
    ids = book.add_images(photos[:5], copy=False)
    book.set_label(ids[:4], 1)
    book.set_side(ids[0], "train")
    book.trash(ids[1])
    photos[2].write_bytes(b"altered")
    book.check_files()
    book.save_mask(ids[0], Mask.from_array(np.ones((30, 40), bool)))
    cases = book.training_cases()
    assert [case.id for case in cases] == [ids[0], ids[3]]
    assert cases[0].path == photos[0]
    assert cases[0].mask is not None
    assert cases[1].mask is None
    assert [c.id for c in book.training_cases("train")] == [c.id for c in cases if c.side == "train"]


def test_a_run_remembers_the_masks_it_was_given(book: Casebook, photos: list[Path], kill) -> None:
    case = book.add_image(photos[0])
    book.set_label(case, 1)
    book.set_side(case, "train")
    then = Mask.from_array(np.full((30, 40), 90, np.uint8))
    book.save_mask(case, then)
    run = book.start_run("difference", [(case, "train")], base=kill.MODEL, parameters={"epochs": 3})
    book.save_mask(case, Mask.from_array(np.full((30, 40), 10, np.uint8)))
    result = replace(kill.MODEL, version="2", weights_sha256="cd" * 32)
    book.finish_run(run, "done", result=result, metrics={"auroc": 0.9})
    book.decide_run(run, "kept")
    book.collect_garbage()
    (row,) = book.runs()
    assert (row.state, row.base, row.result, row.parameters, row.metrics, row.decision) == (
        "done", "ab" * 32, "cd" * 32, {"epochs": 3}, {"auroc": 0.9}, "kept",
    )  # fmt: skip
    (given,) = book.run_cases(run)
    assert (given.label, given.role) == (1, "train")
    assert given.mask is not None
    assert book.load_snapshot(given.mask).digest() == then.digest()


def test_a_run_that_was_going_when_the_program_ended_is_interrupted_and_can_go_on(book: Casebook) -> None:
    run = book.start_run("difference", [])
    book.close()
    with Casebook.open(book.path) as again:
        assert again.runs()[0].state == "interrupted"
        again.resume_run(run)
        assert again.runs()[0].state == "running"
        again.finish_run(run, "cancelled")
