"""The worklist by mouse and key: filters, orders, columns, and that a case painted blind gives nothing away."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QComboBox
from pytestqt.qtbot import QtBot

from divisive_desktop.desktop.features.worklist.columns import COLUMNS
from divisive_desktop.desktop.features.worklist.criteria import SORTS
from divisive_desktop.desktop.features.worklist.panel import STATES, Worklist
from divisive_desktop.desktop.session.case import Case, Review, Verdict
from divisive_desktop.desktop.session.case_model import CaseModel
from divisive_desktop.desktop.session.settings import Settings
from divisive_desktop.errors import EmptyFileError

CLASSES = ("no finding", "abnormal")


@pytest.fixture
def cases() -> list[Case]:
    """Six radiographs whose names say what they are; probability, margin and agreement in three different orders."""
    names = ("sure", "unsure", "against", "clear", "new", "bad")
    made = [Case(Path(f"/films/{name}.dcm"), sha256=name) for name in names]
    said = (
        ("sure", 0.99, 4.6, (0.01, 0.9)), ("unsure", 0.52, 0.1, (0.4, 0.5)), ("against", 0.9, 2.2, (0.03, 0.7)),
        ("clear", 0.05, 3.0, (0.8, 0.02)),
    )  # fmt: skip
    for case, (_, probability, margin, p) in zip(made, said, strict=False):
        case.stored_verdict = Verdict(
            int(probability > 0.5), probability, margin, CLASSES, "chest", "1", zone="familiar", p=p
        )
    made[0].label, made[2].label, made[3].label = 1, 0, 0
    made[0].energy, made[1].energy, made[2].energy = 0.2, 0.9, 0.5
    made[1].regions, made[2].regions = 1, 3
    made[1].tags, made[2].notes, made[3].review = ("hip",), "ask again", Review.DONE
    for day, case in enumerate(made):
        case.added = f"2020-01-0{day + 1}T10:00:00.000000+00:00"
    made[3].file_state = "altered"
    made[5].error = EmptyFileError("The file is empty.", "Copy it again.")
    return made


@pytest.fixture
def worklist(qtbot: QtBot, cases: list[Case], home: Path) -> Worklist:
    model = CaseModel()
    model.add(cases)
    made = Worklist(model, Settings())
    model.setParent(made)
    qtbot.addWidget(made)
    made.resize(420, 800)
    made.show()
    qtbot.waitExposed(made)
    return made


def shown(worklist: Worklist) -> list[str]:
    return [worklist.filter.case(i).path.stem for i in range(worklist.filter.rowCount())]


def pick(qtbot: QtBot, combo: QComboBox, text: str) -> None:
    """Choose an entry the way a hand does: by typing its beginning."""
    combo.setFocus()
    qtbot.keyClicks(combo, text.rstrip("…"))
    assert combo.currentText() == text


@pytest.mark.parametrize(
    ("field", "choice", "names"),
    [
        ("verdict", "Positive", ["sure", "against"]),
        ("verdict", "Undecided", ["unsure"]),
        ("verdict", "Negative", ["clear"]),
        ("verdict", "Not analysed", ["new", "bad"]),
        ("label", "Positive", ["sure"]),
        ("label", "Labelled", ["sure", "against", "clear"]),
        ("label", "Not labelled", ["unsure", "new", "bad"]),
        ("label", "As the model says", ["sure", "clear"]),
        ("label", "Against the model", ["against"]),
        ("mask", "Painted", ["unsure", "against"]),
        ("mask", "None", ["sure", "clear", "new", "bad"]),
        ("file", "Altered", ["clear"]),
        ("file", "Unreadable", ["bad"]),
        ("model", "chest version 1", ["sure", "unsure", "against", "clear"]),
        ("tag", "hip", ["unsure"]),
    ],
)
def test_a_filter_shows_what_it_says(
    qtbot: QtBot, worklist: Worklist, field: str, choice: str, names: list[str]
) -> None:
    qtbot.mouseClick(worklist.filters, Qt.MouseButton.LeftButton)
    assert worklist.panel.isVisible()
    pick(qtbot, worklist.panel.combos[field], choice)
    assert shown(worklist) == names
    assert worklist.filters.text() == "1"
    assert worklist.counts.text() == f"{len(names)} of 6"
    qtbot.mouseClick(worklist.panel.clear, Qt.MouseButton.LeftButton)
    assert len(shown(worklist)) == 6
    assert worklist.filters.text() == ""


def test_agreement_and_date_narrow_together(qtbot: QtBot, worklist: Worklist) -> None:
    qtbot.mouseClick(worklist.filters, Qt.MouseButton.LeftButton)
    worklist.panel.low.selectAll()
    qtbot.keyClicks(worklist.panel.low, "50")
    assert shown(worklist) == ["unsure", "against"]
    pick(qtbot, worklist.panel.when, "Between…")
    for edit, text in ((worklist.panel.since, "20200103"), (worklist.panel.until, "20200104")):
        edit.setSelectedSection(edit.Section.YearSection)
        qtbot.keyClicks(edit, text)
    assert shown(worklist) == ["against"]
    assert worklist.filters.text() == "2"
    worklist.panel.when.setCurrentIndex(1)
    assert shown(worklist) == []


@pytest.mark.parametrize(
    ("order", "names"),
    [
        ("disagreement", ["against", "unsure", "clear", "sure", "new", "bad"]),
        ("margin", ["unsure", "against", "clear", "sure", "new", "bad"]),
        ("probability", ["sure", "against", "unsure", "clear", "new", "bad"]),
        ("agreement", ["sure", "against", "unsure", "clear", "new", "bad"]),
        ("mask", ["against", "unsure", "sure", "clear", "new", "bad"]),
        ("name", ["against", "bad", "clear", "new", "sure", "unsure"]),
    ],
)
def test_orders_put_what_is_unknown_last(qtbot: QtBot, worklist: Worklist, order: str, names: list[str]) -> None:
    pick(qtbot, worklist.order, SORTS[order].title)
    assert shown(worklist) == names
    qtbot.mouseClick(worklist.direction, Qt.MouseButton.LeftButton)
    known = [n for n in names if SORTS[order].key(next(c for c in worklist.cases if c.path.stem == n)) is not None]
    assert shown(worklist) == known[::-1] + [n for n in names if n not in known]


def test_a_column_is_chosen_sorts_by_its_head_and_is_there_at_the_next_start(qtbot: QtBot, worklist: Worklist) -> None:
    worklist.columns.menu().aboutToShow.emit()
    entry = next(a for a in worklist.columns.menu().actions() if a.text() == "Margin")
    entry.trigger()
    header = worklist.list.horizontalHeader()
    assert header.isVisible()
    at = next(i for i, c in enumerate(COLUMNS) if c.name == "margin")
    inside = QPoint(header.sectionViewportPosition(at) + 5, header.height() // 2)
    qtbot.mouseClick(header.viewport(), Qt.MouseButton.LeftButton, pos=inside)
    assert shown(worklist)[0] == "unsure"
    qtbot.mouseClick(header.viewport(), Qt.MouseButton.LeftButton, pos=inside)
    assert shown(worklist)[0] == "sure"
    assert worklist.filter.index(0, at).data() == "4.60"
    qtbot.waitUntil(lambda: Settings().worklist()[0] == header.saveState())
    again = Worklist(CaseModel(worklist), Settings())
    qtbot.addWidget(again)
    assert again.list.shown() == ["case", "margin"]


# ---- what is hidden stays hidden ----------------------------------------------------------------------------


def hide(worklist: Worklist) -> None:
    for case in worklist.cases:
        case.hidden = True
    worklist.cases.all_changed()


@pytest.mark.parametrize("order", ["disagreement", "margin", "probability", "agreement", "model"])
def test_no_order_tells_what_is_hidden(qtbot: QtBot, worklist: Worklist, order: str) -> None:
    worklist.set_order(order)
    before = shown(worklist)
    hide(worklist)
    added = ["sure", "unsure", "against", "clear", "new", "bad"]
    assert before != added or order == "model"
    assert shown(worklist) == added, "nothing is left of the order that the model's opinion gave"
    worklist.set_order(order, not SORTS[order].descending)
    assert shown(worklist) == added


@pytest.mark.parametrize(
    ("field", "choice"),
    [("verdict", "1"), ("verdict", "0"), ("label", "agrees"), ("label", "differs"), ("model", "chest version 1")],
)
def test_no_filter_tells_what_is_hidden(qtbot: QtBot, worklist: Worklist, field: str, choice: str) -> None:
    worklist.filters.setChecked(True)
    combo = worklist.panel.combos[field]
    combo.setCurrentIndex(combo.findData(choice))
    assert shown(worklist)
    hide(worklist)
    assert shown(worklist) == []


def test_neither_search_nor_state_nor_agreement_nor_a_column_tells_what_is_hidden(
    qtbot: QtBot, worklist: Worklist
) -> None:
    hide(worklist)
    worklist.search.setText("abnormal")
    assert shown(worklist) == []
    worklist.search.setText("")
    worklist.state.setCurrentIndex([value for _, value in STATES].index("disagree"))
    assert shown(worklist) == []
    worklist.state.setCurrentIndex(0)
    worklist.panel.low.setValue(10)
    assert shown(worklist) == []
    worklist.panel.low.setValue(0)
    for at, column in enumerate(COLUMNS):
        if column.name in ("verdict", "probability", "margin", "agreement", "model"):
            assert {worklist.filter.index(row, at).data() for row in range(6)} == {""}, column.name


def test_what_arrives_while_painting_blind_is_hidden_at_once(
    qtbot: QtBot, worklist: Worklist, cases: list[Case]
) -> None:
    worklist.cases.hides = lambda case: case.review is not Review.DONE
    worklist.set_order("probability")
    late = [replace(c, path=Path("/late") / c.path.name, _judged=None, counted=()) for c in cases[:4]]
    worklist.cases.add(late)
    assert [c.hidden for c in late] == [True, True, True, False]
    assert shown(worklist)[-3:] == ["sure", "unsure", "against"], "in the order they came"


# ---- ten thousand -------------------------------------------------------------------------------------------


def test_of_ten_thousand_cases_only_those_in_view_ask_for_a_picture(qtbot: QtBot, home: Path) -> None:
    """What makes a long list quick; how quick it is, ``bench_worklist.py`` measures."""
    cases = [Case(Path(f"/films/film {i:05}.dcm")) for i in range(10_000)]
    for i, case in enumerate(cases):
        doubt = 0.001 * (1 + 88 - i % 89)  # the larger the margin, the smaller
        case.stored_verdict = Verdict(
            i % 2, (i % 97) / 97, (i % 89) / 20, CLASSES, f"chest-{i % 3}", "1", zone="familiar",
            p=(doubt, 0.5) if i % 2 else (0.5, doubt),
        )  # fmt: skip
        case.label, case.review = (None, 0, 1)[i % 3], Review.NEW if i % 10 else Review.DONE
    model = CaseModel()
    asked: list[Case] = []
    model.thumbnailWanted.connect(asked.append)
    model.add(cases)
    made = Worklist(model)
    model.setParent(made)
    qtbot.addWidget(made)
    made.resize(300, 700)
    made.show()
    qtbot.waitExposed(made)
    qtbot.waitUntil(lambda: cases[0] in asked)
    in_view = made.list.viewport().height() // made.list.rowHeight(0) + 2
    assert len(asked) <= in_view
    made.list.verticalScrollBar().setValue(made.list.verticalScrollBar().maximum())
    qtbot.waitUntil(lambda: cases[-1] in asked)
    assert len(asked) <= 2 * in_view

    made.set_order("disagreement")
    first = made.filter.case(0)
    assert first.disagrees
    assert first.verdict.margin == max(c.verdict.margin for c in cases if c.disagrees)
    made.search.setText("film 0999")  # 00999 and 09990 to 09999
    assert made.counts.text() == "11 of 10,000"
    made.search.setText("")
    made.list.setFocus()
    qtbot.keyClick(made.list, Qt.Key.Key_End)
    assert made.list.currentIndex().row() == 9_999
    qtbot.keyClick(made.list, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    assert len(made.selected()) == 10_000
    made.state.setCurrentIndex(3)
    assert shown(made) == [c.path.stem for c in sorted(
        (c for c in cases if c.review is Review.DONE),
        key=lambda c: -1e6 - c.verdict.margin if c.disagrees else c.verdict.margin,
    )]  # fmt: skip
