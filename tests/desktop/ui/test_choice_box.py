"""A choice that is too long for its box ends in an ellipsis, and its tool tip says the whole of it."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QEvent, QPoint
from PySide6.QtGui import QHelpEvent
from PySide6.QtWidgets import QApplication, QToolTip
from pytestqt.qtbot import QtBot

from divisive_desktop.desktop.ui.choice_box import SHORT, ChoiceBox

LONG = "Is the heart wider than half of the chest (cardiothoracic ratio above 0.50)?"


@pytest.fixture
def box(qtbot: QtBot) -> ChoiceBox:
    made = ChoiceBox()
    made.addItems([LONG, "Short"])
    made.setToolTip("The question")
    qtbot.addWidget(made)
    made.show()
    return made


def told(box: ChoiceBox) -> str:
    QToolTip.hideText()
    at = QPoint(5, 5)
    QApplication.sendEvent(box, QHelpEvent(QEvent.Type.ToolTip, at, box.mapToGlobal(at)))
    return QToolTip.text()


def test_a_long_choice_ends_in_an_ellipsis(box: ChoiceBox) -> None:
    box.resize(240, 30)
    assert box.shown_text.endswith("…")
    assert LONG.startswith(box.shown_text[:-1])
    assert box.fontMetrics().horizontalAdvance(box.shown_text) < 240
    assert told(box) == f"{LONG}\nThe question"
    box.setCurrentIndex(1)
    assert box.shown_text == "Short"
    assert told(box) == "The question"
    box.setCurrentIndex(0)
    box.resize(1200, 30)
    assert box.shown_text == LONG


def test_a_short_text_stands_in_for_one_without_room(box: ChoiceBox) -> None:
    box.setItemData(0, "Heart too wide?", SHORT)
    box.resize(240, 30)
    assert box.shown_text == "Heart too wide?"
    assert told(box) == f"{LONG}\nThe question"
    box.resize(100, 30)
    assert box.shown_text.endswith("…")
    box.resize(1200, 30)
    assert box.shown_text == LONG


def test_the_ellipsis_is_painted(box: ChoiceBox) -> None:
    box.resize(240, 30)
    elided = box.grab().toImage()
    shown = box.shown_text
    box.setItemText(0, shown)
    assert box.grab().toImage() == elided, "the box paints what it says that it shows"


def test_the_list_shows_long_choices_whole(qtbot: QtBot, box: ChoiceBox) -> None:
    box.resize(120, 30)
    box.showPopup()
    assert box.view().width() >= min(box.view().sizeHintForColumn(0), box.screen().availableGeometry().width() - 60)
    box.hidePopup()
