"""A question that its box is too narrow for stands above it in full."""

from __future__ import annotations

from pytestqt.qtbot import QtBot

from divisive_desktop.desktop.features.inspection.verdict import VerdictPanel

LONG = "Is the heart wider than half of the chest (cardiothoracic ratio above 0.50)?"
CHOICES = (("chest-cardiomegaly", LONG), ("chest-opacity", "Does this chest radiograph show a lung opacity?"))


def test_a_long_question_is_read_in_full_and_a_short_one_once(qtbot: QtBot) -> None:
    panel = VerdictPanel()
    qtbot.addWidget(panel)
    panel.show_case(None, LONG)
    panel.set_questions(CHOICES, "chest-cardiomegaly")
    panel.resize(320, 700)
    panel.show()
    qtbot.waitUntil(lambda: panel.question.isVisible())
    assert panel.question.text() == LONG
    assert panel.questions.shown_text == "Heart wider than half the chest?", "short, not cut"
    panel.resize(1200, 700)
    qtbot.waitUntil(lambda: not panel.question.isVisible())
    assert panel.questions.shown_text == LONG
    panel.resize(320, 700)
    qtbot.waitUntil(lambda: panel.question.isVisible())
