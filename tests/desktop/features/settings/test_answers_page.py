"""The accepted error rate: what it costs is shown with its numbers, and a change words the list anew."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QScrollArea, QSpinBox
from pytestqt.qtbot import QtBot

from divisive_desktop.desktop.features.settings.answers_page import AnswersPage
from divisive_desktop.desktop.features.settings.dialog import SettingsDialog
from divisive_desktop.desktop.viewer import PaneKind
from divisive_desktop.explanation.analysis import Analysis
from divisive_desktop.explanation.decision import Decision
from divisive_desktop.explanation.scope import FAMILIAR
from divisive_desktop.explanation.share import Share
from divisive_desktop.library.card import Card, Preprocessing
from divisive_desktop.library.decision import DecisionRules, Margins, Outcome, Point, TestSet, Threshold
from tests.conftest import dicom_sample
from tests.desktop.pages import Page

NEGATIVE = (-9.0, -8.0, -7.0, -6.0, -5.0, -4.0, -3.0, -2.0, -1.0, 0.5)
POSITIVE = (-0.5, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0)
"""Of each class one is on the wrong side."""
HOSPITAL = "One hospital, 80 images (40 negative, 40 positive)."


@pytest.fixture
def card() -> Card:
    """A model that was measured on 80 images of its own source."""
    share = Share.of(72, 80)
    curve = tuple(Point(rate / 100, 1 - 3 * rate / 100, rate / 100) for rate in range(1, 31))
    outcome = Outcome(Share.of(72, 80), Share.of(40, 80), Share.of(4, 40), curve)
    rules = DecisionRules(
        Threshold(0.0, "a rule", "val", share, share), (0.1, 0.1),
        Margins(NEGATIVE, POSITIVE, "here", (40, 50), 2), None,
        (TestSet("test", "one hospital", True, (40, 40), 80, None, share, share, outcome),),
    )  # fmt: skip
    classes = ("no finding", "abnormal")
    return Card("m", "1", "chest-cardiomegaly", classes, "b", "none", "0" * 64, Preprocessing(), decision=rules)


def up(qtbot: QtBot, box: QSpinBox, steps: int) -> None:
    box.setFocus()
    for _ in range(steps):
        qtbot.keyClick(box, Qt.Key.Key_Up)


def test_the_page_says_what_the_rates_cost(qtbot: QtBot, card: Card) -> None:
    page = AnswersPage((0, 0), [card])
    qtbot.addWidget(page)
    page.show()
    negative, positive = page.rates
    assert negative.text() == positive.text() == "as each model's card states"
    assert page.tests.currentText() == "chest-cardiomegaly, own source, test: one hospital, 80 images"
    said = page.words.text().replace("\u00a0", " ")
    assert said.startswith(
        f"{HOSPITAL} At the card's rates, 10 % and 10 %: undecided 50 % ["
    )
    assert said.endswith(
        "On the calibration images, of 40 “no finding” 10 % [4–23] would be called “abnormal” and 0 % [0–9] stay "
        "undecided; of 50 “abnormal” 10 % [4–21] would be called “no finding” and 0 % [0–7] stay undecided."
    )
    up(qtbot, negative, 5)
    up(qtbot, positive, 5)
    assert page.chosen == (5, 5)
    said = page.words.text().replace("\u00a0", " ")
    assert said.startswith(
        f"{HOSPITAL} At 5 %: undecided 85 % [76–91] of 80, wrong among the decided 8 % [1–35] of 12. On the"
    )
    up(qtbot, positive, 15)
    assert page.chosen == (5, 20)
    said = page.words.text().replace("\u00a0", " ")
    assert said.startswith(
        f"{HOSPITAL} At 5 % for both classes: undecided 85 % [76–91] of 80, wrong among the decided 8 % "
        "[1–35] of 12. "
        "At 20 % for both classes: undecided 40 % [30–51] of 80, wrong among the decided 21 % [12–34] of 48. On the"
    )
    assert said.endswith(
        "of 40 “no finding” 0 % [0–9] would be called “abnormal” and 10 % [4–23] stay undecided; "
        "of 50 “abnormal” 10 % [4–21] would be called “no finding” and 90 % [79–96] stay undecided."
    )
    page.grab()


def test_where_nothing_was_decided_the_page_says_only_that(qtbot: QtBot, card: Card) -> None:
    assert card.decision is not None
    (test,) = card.decision.tests
    assert test.familiar is not None
    outcome = replace(test.familiar, curve=(Point(0.01, 1.0, None), *test.familiar.curve[1:]))
    rules = replace(card.decision, tests=(replace(test, familiar=outcome),))
    page = AnswersPage((1, 1), [replace(card, decision=rules)])
    qtbot.addWidget(page)
    said = page.words.text().replace("\u00a0", " ")
    assert said.startswith(f"{HOSPITAL} At 1 %: nothing was decided (of 80 images). On the calibration images,")
    assert said.endswith("of 40 “no finding” none would be decided; of 50 “abnormal” none would be decided.")
    assert "99" not in said


def test_every_test_set_is_shown_also_of_sources_without_error_rates(qtbot: QtBot, card: Card) -> None:
    assert card.decision is not None
    (own,) = card.decision.tests
    other = replace(own, name="open", source="another hospital", own=False, auroc=Share(1, 1, 1, 80))
    bare = replace(own, name="bare", source="a third one", own=False, familiar=None)
    page = AnswersPage((0, 0), [replace(card, decision=replace(card.decision, tests=(other, bare, own)))])
    qtbot.addWidget(page)
    assert page.tests.count() == 3
    assert [" own " in page.tests.itemText(i) for i in range(3)] == [True, False, False], "own sources first"
    page.tests.setCurrentIndex(1)
    said = page.words.text().replace("\u00a0", " ")
    assert said.startswith(
        "Another hospital, 80 images (40 negative, 40 positive): AUROC 1.00 (at least 0.93: exact 95 % bound from 40 "
        "images of the rarer class). The card sets no error rates for unfamiliar images, so those stay undecided. "
    )
    assert "the truth among the possible answers in 90 % [81–95] of 80. On the" in said
    assert page.plot.grab().toImage() != QImage()
    page.tests.setCurrentIndex(2)
    assert "How often its answers are right here, nobody measured." in page.words.text()


def test_in_a_low_window_the_words_are_scrolled_to_and_not_cut(qtbot: QtBot, card: Card) -> None:
    page = AnswersPage((0, 0), [card])
    qtbot.addWidget(page)
    page.resize(620, 380)
    page.show()
    wanted = page.words.heightForWidth(page.words.width())
    assert page.words.height() >= wanted
    (scroll,) = page.findChildren(QScrollArea)
    assert scroll.verticalScrollBar().maximum() > 0
    assert scroll.horizontalScrollBar().maximum() == 0


def test_no_two_test_sets_are_called_alike_in_a_narrow_box(qtbot: QtBot, card: Card) -> None:
    assert card.decision is not None
    (test,) = card.decision.tests
    long = "films of one large hospital in a far country, the marker on those of class 0"
    tests = (
        replace(test, name="test_closed", source=long), replace(test, name="test_reversed", source=long[:-1] + "1"),
        replace(test, name="test_closed", source=long, own=False, unfamiliar=test.familiar),
    )  # fmt: skip
    page = AnswersPage((0, 0), [replace(card, decision=replace(card.decision, tests=tests))])
    qtbot.addWidget(page)
    page.resize(560, 600)
    page.show()
    shown = set()
    for index in range(page.tests.count()):
        page.tests.setCurrentIndex(index)
        shown.add(page.tests.shown_text)
    assert len(shown) == 3


def test_without_figures_the_page_says_so(qtbot: QtBot, card: Card) -> None:
    page = AnswersPage((0, 0), [replace(card, decision=None)])
    qtbot.addWidget(page)
    assert page.words.text() == "The card of m version 1 sets no error rates: its answers are undecided."


def test_another_rate_words_list_and_inspector_anew(qtbot: QtBot, page: Page, analysis: Analysis) -> None:
    page.open(dicom_sample("RG1_UNCR.dcm"))
    decided = replace(analysis, scope=FAMILIAR, decision=Decision("measured", (0.07, 0.6)))
    page.take_analysis_of_this_size(decided)
    assert page.verdict.text == "Abnormal"
    assert page.viewer.panes[PaneKind.TRUE].header.title == "Predicted class: abnormal"
    page.trigger("settings")
    dialog = page.wait_for(SettingsDialog)
    dialog.show_page("Answers")
    up(qtbot, dialog.answers.rates[0], 5)
    dialog.accept()
    assert page.window.services.settings.error_rates == (5, 0)
    assert page.verdict.text == "Undecided"
    assert page.viewer.panes[PaneKind.TRUE].header.title == "Nearer class: abnormal"
    assert "accepted are 5\u00a0% and 10\u00a0%" in page.verdict.words
    assert page.current is not None
    assert page.current.answer == "undecided"
    page.worklist.show_state("undecided")
    assert len(page.worklist) == 1
