"""What a screen reader is told: every control that can be worked has a name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QAccessible
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QHeaderView,
    QLineEdit,
    QPlainTextEdit,
    QScrollBar,
    QTextEdit,
    QWidget,
)
from pytestqt.qtbot import QtBot

from divisive_desktop.desktop.features.reports.form import OptionsForm
from divisive_desktop.reporting.options import Options
from tests.desktop.pages import Page, until

CONTROLS = (
    QAbstractButton, QAbstractItemView, QAbstractSlider, QAbstractSpinBox, QComboBox, QLineEdit, QPlainTextEdit,
    QTextEdit,
)  # fmt: skip
DIALOGS = (
    "settings", "shortcuts", "finetune", "versions", "reading", "casebook-properties", "notes", "about",
    "tags",
)  # fmt: skip
"""Actions that show a dialog or a page of their own."""


def nameless(top: QWidget) -> Iterator[str]:
    """The controls in a widget of which a screen reader could only say the kind, with the way to each."""
    for control in top.findChildren(QWidget):
        if not isinstance(control, CONTROLS) or isinstance(control, (QScrollBar, QHeaderView)):
            continue
        inside = control.parentWidget()
        if isinstance(inside, QLineEdit) or (isinstance(control, QAbstractButton) and not control.isVisibleTo(top)):
            continue  # its own cross; a button that gets its words when it is shown
        if isinstance(inside, (QAbstractSpinBox, QComboBox, QAbstractItemView, QHeaderView)) or (
            inside is not None and isinstance(inside.parentWidget(), (QAbstractItemView, QComboBox))
        ):
            continue  # spoken as a part of it
        if control.objectName().startswith("qt_") or type(control).__name__ in ("QComboBoxListView", "QTabBar"):
            continue
        told = QAccessible.queryAccessibleInterface(control)
        if told is None or not told.text(QAccessible.Text.Name).strip():
            way = [type(control).__name__]
            above = control.parentWidget()
            while above is not None and above is not top:
                way.append(type(above).__name__)
                above = above.parentWidget()
            yield " < ".join(way)


def test_every_control_of_the_window_has_a_name(page: Page, pictures: Callable[[int], Path]) -> None:
    page.begin_opening(pictures(2))
    page.paint.wait_ready()
    found = sorted(set(nameless(page.window)))
    print("\n".join(found))
    assert found == []


def test_tab_goes_down_the_inspector(page: Page, pictures: Callable[[int], Path]) -> None:
    page.begin_opening(pictures(1))
    page.paint.wait_ready()
    page.wait_quiet()
    inspector = page.inspector_dock
    first = page.verdict.negative
    first.setFocus()
    way: list[QWidget] = []
    while (now := QApplication.focusWidget()) is not None and inspector.isAncestorOf(now) and now not in way:
        way.append(now)
        QTest.keyClick(now, Qt.Key.Key_Tab)
    heights = [part.mapTo(inspector.widget().widget(), QPoint(0, 0)).y() for part in way]
    assert len(way) > 10
    assert heights == sorted(heights)


def test_alt_opens_each_menu_without_a_mouse(page: Page) -> None:
    for menu in page.menus():
        letter = menu.title()[1]
        QTest.keyClick(page.window, letter, Qt.KeyboardModifier.AltModifier)
        until(menu.isVisible, f"the menu of Alt+{letter}")
        QTest.keyClick(menu, Qt.Key.Key_Escape)
        until(lambda menu=menu: not menu.isVisible(), "its end")


def test_the_menus_call_the_answers_what_the_question_calls_them(page: Page, pictures: Callable[[int], Path]) -> None:
    assert page.action("label-1").text() == "Label as positive"
    page.begin_opening(pictures(1))
    until(lambda: page.verdict.positive.text() not in ("", "Positive"), "the question")
    answers = page.verdict.negative.text(), page.verdict.positive.text()
    for label, answer in enumerate(answers):
        assert answer.casefold() in page.action(f"label-{label}").text().casefold()


def test_every_control_of_a_dialog_has_a_name(page: Page, pictures: Callable[[int], Path]) -> None:
    page.begin_opening(pictures(2))
    page.paint.wait_ready()
    page.wait_quiet()
    found: dict[str, list[str]] = {}
    before = {w for w in QApplication.topLevelWidgets() if w.isVisible()}
    for action in DIALOGS:
        page.trigger(action)
        until(lambda: shown(before), f"what “{action}” shows")
        page.wait_idle()
        for top in shown(before):
            found[action] = sorted(set(nameless(top)))
            top.close()
        until(lambda: not shown(before), f"the end of what “{action}” shows")
    assert {action: names for action, names in found.items() if names} == {}
    assert len(found) == len(DIALOGS)


def shown(before: set[QWidget]) -> list[QWidget]:
    """The windows that weren't there before."""
    return [w for w in QApplication.topLevelWidgets() if w not in before and w.isVisible() and w.isWindow()]


def test_every_choice_about_a_report_has_a_name(qtbot: QtBot) -> None:
    form = OptionsForm(Options(), several=True, dicom=True, photographs=True, conclusion="")
    qtbot.addWidget(form)
    form.show()
    assert sorted(set(nameless(form))) == []
