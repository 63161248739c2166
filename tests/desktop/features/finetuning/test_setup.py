"""The page before the start: what the casebook offers, what stands against it, and what can be chosen."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from divisive_desktop.desktop.features.finetuning.dialog import FineTuneDialog
from tests.desktop.pages import Page, Start

LEFT = Qt.MouseButton.LeftButton


def opened(page: Page) -> FineTuneDialog:
    """The fine-tuning window, opened with its shortcut, when it has looked at the casebook."""
    page.key(Qt.Key.Key_T, Qt.KeyboardModifier.ControlModifier)
    return page.tuning.opened()


def wait_checked(qtbot: QtBot, page: Page, dialog: FineTuneDialog) -> None:
    """Until the page shows what the last choice led to."""
    before = page.tuning.prepared
    qtbot.waitUntil(lambda: page.tuning.prepared is not before, timeout=10_000)


def test_counts_defaults_and_the_model_in_use(start: Start, fill: Callable[..., list[int]], models: Path) -> None:
    fill(12)
    dialog = opened(start())
    setup = dialog.setup
    assert setup.table.numbers() == [["9", "9", "3", "3"], ["9", "9", "3", "3"]]
    assert setup.base.currentText().startswith("small-1")
    assert setup.method_id() == "focus"
    assert setup.start.isEnabled()
    assert "small-holdout" in [p.code for p in setup.problems.problems]


def test_without_masks_labels_alone_teach_and_a_guided_method_is_blocked(
    qtbot: QtBot, start: Start, fill: Callable[..., list[int]], models: Path
) -> None:
    fill(12, masks=False)
    page = start()
    dialog = opened(page)
    setup = dialog.setup
    assert setup.method_id() == "cross_entropy"
    assert setup.start.isEnabled()
    assert not setup.alpha.isEnabled()
    QTest.mouseClick(setup.cards["evidence"], LEFT)
    wait_checked(qtbot, page, dialog)
    assert setup.method_id() == "evidence"
    assert not setup.start.isEnabled()
    assert setup.problems.problems[0].code == "no-masks"
    QTest.mouseClick(setup.cards["cross_entropy"].radio, LEFT)
    wait_checked(qtbot, page, dialog)
    assert setup.start.isEnabled()


@pytest.mark.parametrize(("per_class", "labels", "code"), [(0, (0, 1), "no-cases"), (12, (1,), "one-class")])
def test_nothing_to_learn_from_blocks_the_start(
    start: Start, fill: Callable[..., list[int]], models: Path, per_class: int, labels: tuple[int, ...], code: str
) -> None:
    fill(per_class, labels=labels)
    setup = opened(start()).setup
    assert not setup.start.isEnabled()
    assert code in [p.code for p in setup.problems.problems]
    shown = setup.problems.problems[0]
    assert shown.severity == "blocks"
    assert shown.remedy


def test_few_cases_are_warned_of_and_not_blocked(start: Start, fill: Callable[..., list[int]], models: Path) -> None:
    fill(4)
    setup = opened(start()).setup
    assert setup.start.isEnabled()
    assert "too-few" in [p.code for p in setup.problems.problems]


def test_masks_painted_meanwhile_are_seen_when_the_window_is_looked_at_again(
    qtbot: QtBot, start: Start, fill: Callable[..., list[int]], models: Path
) -> None:
    import numpy as np

    from divisive_desktop.masks.mask import Mask

    ids = fill(12, masks=False)
    page = start()
    dialog = opened(page)
    assert dialog.setup.table.numbers()[0][1] == "0"
    mask = Mask.from_array(np.full((96, 96), 255, np.uint8))
    with qtbot.waitSignal(dialog.activated, timeout=5000):
        page.activate()
        qtbot.waitUntil(page.window.isActiveWindow, timeout=5000)
        page.casebook.write(lambda book: book.masks.save(ids[0], mask))
        page.wait_written()
        dialog.activateWindow()
    qtbot.waitUntil(lambda: dialog.setup.table.numbers()[0][1] == "1", timeout=10_000)


def test_what_is_chosen_is_what_is_asked_of_the_engine(
    qtbot: QtBot, start: Start, fill: Callable[..., list[int]], models: Path
) -> None:
    fill(12)
    page = start()
    dialog = opened(page)
    setup = dialog.setup
    QTest.mouseClick(setup.cards["containment"], LEFT)
    setup.stages.setCurrentIndex(setup.stages.findData("head"))
    setup.epochs.setValue(3)
    setup.alpha.setValue(30)
    setup.seed.setValue(7)
    setup.batch.setValue(4)
    wait_checked(qtbot, page, dialog)
    request = page.tuning.prepared.request
    asked = (request.base, request.method, request.stages, request.epochs, request.alpha, request.seed)
    assert asked == ("small-1", "containment", "head", 3, 0.3, 7)
    assert request.advanced == {"batch": 4}
    assert len(request.cases) == 24


def test_another_base_model_is_looked_at_anew(
    qtbot: QtBot, start: Start, fill: Callable[..., list[int]], models: Path
) -> None:
    fill(12)
    page = start()
    dialog = opened(page)
    index = next(i for i in range(dialog.setup.base.count()) if dialog.setup.base.itemText(i).startswith("face-"))
    dialog.setup.base.setCurrentIndex(index)
    qtbot.waitUntil(lambda: page.tuning.prepared.request.base.startswith("face-"), timeout=10_000)
    assert dialog.setup.table.numbers() == [["0", "0", "0", "0"]] * 2
    assert not dialog.setup.start.isEnabled()


def test_a_casebook_that_cannot_be_written_says_so(
    qtbot: QtBot, start: Start, fill: Callable[..., list[int]], models: Path
) -> None:
    fill(12)
    first = start()
    assert first.casebook.writable
    second = start()
    assert not second.casebook.writable
    dialog = opened(second)
    QTest.mouseClick(dialog.setup.start, LEFT)
    qtbot.waitUntil(lambda: second.tuning.run.state == "failed", timeout=10_000)
    assert dialog.stack.currentIndex() == 0
    assert dialog.setup.blocked_words.text()
