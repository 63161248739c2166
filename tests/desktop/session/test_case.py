"""The worklist's model: each file once, found again by what is known about it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pytestqt.modeltest import ModelTester
from pytestqt.qtbot import QtBot

from divisive_desktop.desktop.features.worklist.criteria import Criteria
from divisive_desktop.desktop.features.worklist.filter_model import FilterModel
from divisive_desktop.desktop.session.case import Case, Review, verdict_line
from divisive_desktop.desktop.session.case_model import CaseModel, CaseRole
from divisive_desktop.errors import EmptyFileError
from divisive_desktop.explanation.analysis import Analysis, ModelRef
from divisive_desktop.explanation.decision import Decision
from divisive_desktop.explanation.scope import FAMILIAR


def analysis(logits: tuple[float, float]) -> Analysis:
    model = ModelRef("m", "1", "0" * 64, "difference", "chest-xray", ("no finding", "abnormal"))
    cams = np.stack([np.full((2, 2), logits[0]), np.full((2, 2), logits[1])]).astype(np.float32)
    return Analysis("f", "0" * 64, 0, (8, 8), (0, 0, 8, 8), model, "cpu", "float32", logits, (0.0, 0.0), cams, {},
                    scope=FAMILIAR, decision=Decision("measured", (0.02, 0.8)))  # fmt: skip


@pytest.fixture
def cases() -> list[Case]:
    made = [Case(Path("/a/one.dcm")), Case(Path("/a/two.dcm")), Case(Path("/b/three.png")), Case(Path("/b/four.png"))]
    made[1].error = EmptyFileError("The file is empty.", "Copy it again.")
    made[2].analysis, made[2].label = analysis((0.0, 3.0)), 0
    made[3].review = Review.FLAGGED
    return made


@pytest.fixture
def model(qtbot: QtBot, cases: list[Case]) -> CaseModel:
    made = CaseModel()
    made.add(cases)
    return made


def visible(proxy: FilterModel) -> list[str]:
    return [proxy.index(row, 0).data() for row in range(proxy.rowCount())]


def test_the_model_keeps_qts_rules(qtmodeltester: ModelTester, model: CaseModel) -> None:
    qtmodeltester.check(model)
    model.add([Case(Path("/c/five.png"))])
    model.remove([next(iter(model))])
    assert len(model) == 4


def test_a_file_that_is_in_the_list_is_not_added_again(model: CaseModel, cases: list[Case]) -> None:
    again = model.add([Case(Path("/a/one.dcm")), Case(Path("/new.png"))])
    assert again[0] is cases[0]
    assert len(model) == 5
    assert model.add([Case(Path("/a/one.dcm"), frame=1)])[0].name == "one.dcm [2]"


def test_removing_keeps_rows_and_cases_together(model: CaseModel, cases: list[Case]) -> None:
    model.remove([cases[0], cases[2]])
    assert [model.index(i).data(CaseRole.CASE) for i in range(len(model))] == [cases[1], cases[3]]
    assert model.index_of(cases[3]).row() == 1
    assert not model.index_of(cases[0]).isValid()


def test_news_of_a_case_that_is_not_listed_changes_no_count(model: CaseModel, cases: list[Case]) -> None:
    before = dict(model.counts())
    stranger = Case(cases[0].path, cases[0].frame)  # of the same file
    model.changed(stranger)
    assert dict(model.counts()) == before


def test_a_long_list_is_worded_anew_in_parts_and_counts_right(qtbot: QtBot) -> None:
    model = CaseModel()
    cases = [Case(Path(f"/films/{i}.png"), analysis=analysis((0.0, 3.0))) for i in range(6_000)]
    model.add(cases)
    model.set_rates((0.01, 0.01))
    assert verdict_line(cases[-1]) == "Undecided", "what is seen is right at once"
    model.remove(cases[-10:])
    qtbot.waitUntil(lambda: model.counts()["undecided"] == 5_990)
    assert model.counts()["all"] == 5_990


@pytest.mark.parametrize(
    ("state", "names"),
    [
        ("all", ["one.dcm", "two.dcm", "three.png", "four.png"]),
        ("failed", ["two.dcm"]),
        ("unlabelled", ["one.dcm", "four.png"]),
        ("disagree", ["three.png"]),
        ("Flagged", ["four.png"]),
        ("New", ["one.dcm", "two.dcm", "three.png"]),
    ],
)
def test_filtering_by_state(model: CaseModel, state: str, names: list[str]) -> None:
    proxy = FilterModel()
    proxy.setSourceModel(model)
    proxy.set_criteria(Criteria(state=state))
    assert visible(proxy) == names


@pytest.mark.parametrize(
    ("text", "names"),
    [("THREE", ["three.png"]), ("a dcm", ["one.dcm", "two.dcm"]), ("abnormal differs", ["three.png"]), ("zzz", []),
     ("empty", ["two.dcm"])],
)  # fmt: skip
def test_searching_takes_all_words_in_name_folder_and_verdict(model: CaseModel, text: str, names: list[str]) -> None:
    proxy = FilterModel()
    proxy.setSourceModel(model)
    proxy.set_criteria(Criteria(text=text))
    assert visible(proxy) == names


def test_a_thumbnail_is_asked_for_once_and_only_when_a_row_is_looked_at(qtbot: QtBot, model: CaseModel) -> None:
    asked: list[Case] = []
    model.thumbnailWanted.connect(asked.append)
    from PySide6.QtCore import Qt

    for _ in range(2):
        for row in (0, 1):
            model.index(row).data(Qt.ItemDataRole.DecorationRole)
    assert [c.name for c in asked] == ["one.dcm"], "the failed file is not tried again"


def test_the_second_line_says_verdict_or_failure(cases: list[Case]) -> None:
    assert verdict_line(cases[0]) == "Not analysed"
    assert verdict_line(cases[1]) == "The file is empty."
    assert verdict_line(cases[2]) == "Abnormal · label differs"


def test_another_error_rate_words_all_answers_anew(qtbot: QtBot, model: CaseModel, cases: list[Case]) -> None:
    proxy = FilterModel()
    proxy.setSourceModel(model)
    proxy.set_criteria(Criteria(verdict="undecided"))
    assert visible(proxy) == []
    assert model.counts()["undecided"] == 0
    model.set_rates((0.01, 0.01))
    assert visible(proxy) == ["three.png"]
    assert model.counts()["undecided"] == 1
    assert verdict_line(cases[2]) == "Undecided", "what is undecided contradicts no label"
    model.set_rates(None)
    assert visible(proxy) == []
    assert verdict_line(cases[2]) == "Abnormal · label differs"
