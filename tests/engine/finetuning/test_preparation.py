"""From casebook to run: who learns, who judges, what would make the result worthless, and back from the casebook."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from divisive_desktop.casebook import Casebook, NewImage
from divisive_desktop.engine.finetuning import preparation as data
from divisive_desktop.engine.finetuning.clock import Clock
from divisive_desktop.engine.finetuning.messages import TrainingCase
from divisive_desktop.errors import CasebookError, TrainingError
from divisive_desktop.explanation.analysis import Analysis, ModelRef
from divisive_desktop.imaging.framing import Framing
from divisive_desktop.masks.mask import Mask
from tests.engine.conftest import picture


def case(number: int, label: int, side: str = "train", mask: bool = True, **fields: object) -> TrainingCase:
    made = TrainingCase(
        number, f"/x/{number}.png", 0, f"{number:064x}", label, side, f"p{number}",  # type: ignore[arg-type]
        "/x/mask" if mask else None, "0" * 64 if mask else None,
    )  # fmt: skip
    return replace(made, **fields)  # type: ignore[arg-type]


def cases(train: int = 40, held: int = 20) -> list[TrainingCase]:
    return [case(i, i % 2) for i in range(train)] + [case(1000 + i, i % 2, "holdout") for i in range(held)]


def codes(given: list[TrainingCase], method: str = "difference") -> dict[str, str]:
    return {p.code: p.severity for p in data.check_data(given, method).problems}


def test_good_data_have_no_problems() -> None:
    check = data.check_data(cases())
    assert (check.train, check.masks, check.holdout, check.holdout_masks) == ((20, 20), (20, 20), (10, 10), (10, 10))
    assert check.problems == ()
    assert not check.blocked


def test_what_blocks() -> None:
    assert codes([])["no-cases"] == "blocks"
    assert codes([c for c in cases() if c.label == 1])["one-class"] == "blocks"
    bare = [replace(c, mask=None) for c in cases()]
    assert codes(bare)["no-masks"] == "blocks"
    assert "no-masks" not in codes(bare, "cross_entropy")


def test_what_makes_the_result_worthless() -> None:
    assert codes(cases(6))["too-few"] == "worthless"
    same = cases()
    same[-1] = replace(same[-1], sha256=same[0].sha256)
    assert codes(same)["duplicate-image"] == "worthless"
    shared = cases()
    shared[-1] = replace(shared[-1], group=shared[0].group)
    check = data.check_data(shared)
    assert [(p.code, p.cases) for p in check.problems] == [("shared-patient", (shared[0].id, shared[-1].id))]
    assert codes(cases(40, 0))["no-holdout"] == "worthless"
    assert codes([c for c in cases() if c.side == "train" or c.label])["holdout-one-class"] == "worthless"
    assert not data.check_data(shared).blocked


def test_labels_without_masks_are_a_note() -> None:
    given = [replace(c, mask=None) if c.id < 5 else c for c in cases()]
    problem = data.check_data(given).problems[0]
    assert (problem.code, problem.severity, problem.cases) == ("labels-without-masks", "note", (0, 1, 2, 3, 4))


def test_roles_are_stable_and_never_divide_a_patient() -> None:
    few = cases(60)
    more = cases(120)
    before, after = data.roles(few), data.roles(more)
    assert all(after[i] == role for i, role in before.items())
    assert sum(role == "validation" for role in after.values()) in range(8, 32)
    paired = [replace(c, group=f"p{c.id // 4}") for c in cases(80, 0)]
    found = data.roles(paired)
    for c in paired:
        assert {found[o.id] for o in paired if o.group == c.group} == {found[c.id]}
    assert {c.label for c in paired if found[c.id] == "validation"} == {0, 1}
    assert all(data.roles(cases())[c.id] == "holdout" for c in cases() if c.side == "holdout")


def test_nobody_is_set_apart_where_a_class_would_be_left_with_nothing() -> None:
    assert set(data.roles([case(1, 0), case(2, 1), case(3, 1)]).values()) == {"train"}


def test_defaults_suit_the_masks() -> None:
    assert data.defaults(cases())["method"] == "focus"
    assert data.defaults([replace(c, mask=None) for c in cases()])["method"] == "cross_entropy"
    assert data.defaults(cases(4))["stages"] == "head"
    assert data.defaults(cases(16))["epochs"] > data.defaults(cases(400))["epochs"]


def test_the_gallery_takes_held_out_cases_of_both_classes() -> None:
    found = data.gallery(cases())
    assert len(found) == 3
    assert all(i >= 1000 for i in found)
    assert data.gallery(cases(1, 0)) == (0,)


def test_a_run_in_the_casebook_gives_its_request_back(book_path: Path) -> None:
    with Casebook.open(book_path) as book:
        request = data.fine_tune_request(book, "tiny-1", epochs=2, advanced={"lr": 1e-3})
        assert len(request.cases) == 40
        run = data.start(book, request)
        assert {c.role for c in book.runs.cases(run)} == {"train", "validation", "holdout"}
        first = request.cases[0]
        book.masks.save(first.id, Mask(96, 96).snapshot())  # painted over since
        again = data.request_of_run(book, run)
        assert again.cases == request.cases
        assert again == request
        book.cases.set_label(first.id, None)
        with pytest.raises(CasebookError, match="isn't there any more"):
            data.request_of_run(book, run)
        assert data.request_of_run  # the run itself stays listed
    with Casebook.open(book_path) as book:
        assert book.runs.rows()[0].state == "interrupted"


def test_a_run_that_can_learn_nothing_is_not_written_down(book_path: Path) -> None:
    with Casebook.open(book_path) as book:
        for c in data.training_data(book, "chest-cardiomegaly"):
            if c.label == 0:
                book.cases.set_label(c.id, None)
        with pytest.raises(TrainingError, match="one class"):
            data.start(book, data.fine_tune_request(book, "tiny-1"))
        assert book.runs.rows() == []


def test_cases_of_other_questions_stay_out(book_path: Path) -> None:
    with Casebook.open(book_path) as book:
        ids = [c.id for c in data.training_data(book, "chest-cardiomegaly")]
        book.cases.set_task(ids[:3], "chest-planted")
        book.cases.set_task(ids[3:5], None)  # a radiograph all the same
        book.trash.put([ids[5]])
        assert [c.id for c in data.training_data(book, "chest-cardiomegaly")] == [*ids[3:5], *ids[6:]]
        assert data.training_data(book, "face-synthetic") == ()


def test_of_a_photograph_the_part_is_learned_from_that_a_person_chose(book_path: Path, tmp_path: Path) -> None:
    framings = (Framing("manual", (5, 6, 40, 50)), Framing("whole"), Framing("detected", (1, 2, 30, 30)), None)
    with Casebook.open(book_path) as book:
        ids = []
        for i, framing in enumerate(framings):
            path, _ = picture(tmp_path / f"face{i}.png", i, i % 2)
            new = NewImage(path, kind="photograph", task="face-manipulation", width=96, height=96)
            (case,) = book.cases.add_all([new], copy=False)
            book.cases.set_label(case, i % 2)
            region = framing.crop if framing is not None and framing.crop is not None else (0, 0, 96, 96)
            preprocessing = {"framing": framing.as_dict()} if framing is not None else {}
            book.analyses.add(case, analysis_of(path, region, preprocessing))
            ids.append(case)
        found = {c.id: c.crop for c in data.training_data(book, "face-manipulation")}
        assert [found[i] for i in ids] == [(5, 6, 40, 50), (0, 0, 96, 96), None, None]
        run = book.runs.start("difference", [(i, "holdout") for i in ids], parameters={"base": "tiny-1", "folder": "x"})
        assert {c.id: c.crop for c in data.request_of_run(book, run).cases} == found


def analysis_of(path: Path, region: tuple[int, int, int, int], preprocessing: dict[str, object]) -> Analysis:
    return Analysis(
        str(path), hashlib.sha256(path.read_bytes()).hexdigest(), 0, (96, 96), region,
        ModelRef("m", "1", "0" * 64, "difference", "face-manipulation", ("authentic", "manipulated")), "cpu", "float32",
        (0.0, 0.0), (0.0, 0.0), np.zeros((2, 3, 3), np.float32), preprocessing, {},
    )  # fmt: skip


def test_time_left_comes_from_what_was_measured() -> None:
    now = [0.0]
    clock = Clock({"features": (10, 1.0), "training": (10, 1.0)}, lambda: now[0])
    assert clock.remaining == 20
    clock.at("features", 0)
    now[0] = 10.0
    assert clock.at("features", 5) == (0.25, 5 * 2.0 + 10)  # half as quick as expected
    now[0] = 110.0
    clock.hold(100.0)
    assert clock.at("features", 5)[1] == 20.0  # a pause says nothing about the rate
    clock.finish("features")
    assert clock.at("training", 4)[0] == pytest.approx(0.7)
    now[0] = 111.0
    assert clock.at("training", 8)[1] == pytest.approx(2 * 0.25)  # the first four were there before
