"""Whose answer: verdicts name their version, others than the one in use are marked, notices say what is so now."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from divisive_desktop.casebook import Casebook
from divisive_desktop.explanation.analysis import Analysis
from divisive_desktop.library import store
from tests.desktop.pages import Page, Start, until

LEFT = Qt.MouseButton.LeftButton
MS = 60_000
Fill = Callable[..., list[int]]

QUESTION = "Is the heart wider than half of the chest (cardiothoracic ratio above 0.50)?"


@pytest.fixture
def answered(fill: Fill, models: Path) -> list[int]:
    """Four cases: small-1, which is in use, answered the first three of them."""
    ids = fill(2)
    model = store.find_model("small-1").card.ref
    with Casebook.open_default() as book:
        for number, case in enumerate(ids[:3]):
            row = book.cases.get(case)
            cams = np.full((2, 3, 3), float(number), np.float32)
            cams[1] += 1 + number
            logits = (float(cams[0].mean()), float(cams[1].mean()))
            book.analyses.add(case, Analysis(
                row.path, row.sha256, 0, (96, 96), (0, 0, 96, 96), model, "cpu", "float32", logits, (0.0, 0.0), cams, {}
            ))  # fmt: skip
    return ids


def use(qtbot: QtBot, page: Page, version: str, button: str) -> None:
    """Choose a version in the list of versions and press a button there."""
    dialog = page.tuning.open_versions()
    until(lambda: any(m.model.card.id == version for m in dialog._found.versions), "the versions")
    dialog.choose(version)
    with qtbot.waitSignal(page.models_changed, timeout=10_000):
        QTest.mouseClick(getattr(dialog, button), LEFT)
    page.wait_idle()


def marked(page: Page) -> list[str]:
    """The version in use as the rows name it, where their verdict is from another one."""
    return [case.in_use for case in page.cases]


def test_a_verdict_names_its_version_and_the_one_in_use(qtbot: QtBot, start: Start, answered: list[int]) -> None:
    page = start()
    page.select(0)
    page.wait_quiet()
    assert page.verdict.by == "By small-1 version 1"
    assert not page.verdict.ask_in_use.isVisible()
    assert page.worklist.answers_text == f"{QUESTION} Answers by small-1 version 1"
    assert marked(page) == ["", "", "", ""]

    use(qtbot, page, "small-2", "use")
    assert page.verdict.by == "By small-1 version 1 · small-2 version 2 is in use"
    assert page.verdict.ask_in_use.isVisible()
    assert page.verdict.ask_in_use.text() == "Ask small-2 version 2"
    assert marked(page) == ["small-2 version 2", "small-2 version 2", "small-2 version 2", ""]
    question, answer, other = page.worklist.tip(1).splitlines()[-3:]
    assert question == QUESTION
    assert (answer.split(", ")[0], answer.split(", ")[-1]) == ("Undecided (scope not checked)", "by small-1 version 1")
    assert other == "small-2 version 2 is in use"
    assert "by" not in page.worklist.tip(3).split()
    page.worklist.show_filters()
    page.worklist.filters.combos["version"].setCurrentIndex(2)
    assert len(page.worklist) == 3
    page.worklist.filters.combos["version"].setCurrentIndex(1)
    assert len(page.worklist) == 0

    use(qtbot, page, "small-2", "back")
    assert page.verdict.by == "By small-1 version 1"
    assert not page.verdict.ask_in_use.isVisible()
    assert marked(page) == ["", "", "", ""]
    assert len(page.worklist) == 3


def test_a_notice_of_the_version_in_use_goes_when_it_is_another(
    qtbot: QtBot, start: Start, answered: list[int]
) -> None:
    page = start()
    page.select(0)
    page.wait_quiet()
    assert not page.messages.texts, "nothing changed"
    use(qtbot, page, "small-2", "use")
    assert page.messages.texts == ["small-2 version 2 is in use from now on."]
    assert "Analyse this case" in page.messages.buttons
    use(qtbot, page, "small-2", "back")
    assert page.messages.texts == ["small-1 version 1 is in use from now on."]
    use(qtbot, page, "small-2", "use")
    use(qtbot, page, "small-2", "trash")
    assert page.messages.texts == ["small-1 version 1 is in use from now on."], "the default answers again"


def test_the_version_in_use_answers_when_asked(start: Start, qtbot: QtBot, answered: list[int]) -> None:
    page = start(engine=True)
    page.select(0)
    page.wait_quiet()
    use(qtbot, page, "small-2", "use")
    QTest.mouseClick(page.verdict.ask_in_use, LEFT)
    until(lambda: page.verdict.by == "By small-2 version 2", "its answer", MS)
    assert marked(page) == ["", "small-2 version 2", "small-2 version 2", ""]
    assert page.worklist.answers_text.endswith("Answers of 2 versions")
    # Doubt of another version can't be compared with its: it comes after, however small the margin is.
    page.worklist.panel.set_order("disagreement")
    other = "small-2 version 2"
    assert [page.worklist.panel.filter.case(i).in_use for i in range(4)] == ["", other, other, ""]
