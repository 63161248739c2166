"""The tree of versions: what is known, what is in use, where two differ; export, import, trash."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot

from divisive_desktop.desktop.features.finetuning.versions import VersionsDialog
from divisive_desktop.library import store, versions
from tests.desktop.pages import Page, Start

LEFT = Qt.MouseButton.LeftButton
Fill = Callable[..., list[int]]


def press(page: Page, dialog: VersionsDialog, name: str) -> None:
    """Click a button and wait for what it does."""
    button = getattr(dialog, name)
    assert button.isEnabled()
    QTest.mouseClick(button, LEFT)
    page.wait_idle()


def in_tree(dialog: VersionsDialog) -> dict[str, str]:
    """Name of each version and of what stands above it."""
    found = {}
    for item in dialog.tree.findItems("*", Qt.MatchFlag.MatchWildcard | Qt.MatchFlag.MatchRecursive):
        if item.parent() is not None:
            found[item.text(0)] = item.parent().text(0)
    return found


def test_a_child_stands_below_its_parent_with_what_made_it(start: Start, models: Path) -> None:
    dialog = start().tuning.open_versions()
    tree = in_tree(dialog)
    assert tree["small-2"] == "small-1"
    assert tree["small-1"] == "chest-cardiomegaly"
    dialog.choose("small-2")
    rows = dialog.form.text()
    assert dialog.title.text() == "small-2"
    assert rows["Parent"] == "small-1"
    assert rows["Method"] == "Difference"
    assert rows["Hold-out"] == "AUROC .75"
    assert rows["Author"] == "tests"


def test_use_and_roll_back_change_which_one_answers(qtbot: QtBot, start: Start, models: Path) -> None:
    page = start()
    dialog = page.tuning.open_versions()
    assert store.default_model("chest-cardiomegaly").card.id == "small-1"
    dialog.choose("small-2")
    assert not dialog.back.isEnabled()
    with qtbot.waitSignal(page.models_changed, timeout=10_000):
        press(page, dialog, "use")
    assert store.default_model("chest-cardiomegaly").card.id == "small-2"
    dialog.choose("small-2")
    assert "In use" in dialog.state.text()
    press(page, dialog, "back")
    assert store.default_model("chest-cardiomegaly").card.id == "small-1"


def test_two_are_compared_field_by_field(start: Start, models: Path) -> None:
    dialog = start().tuning.open_versions()
    dialog.choose("small-1", "small-2")
    table = dialog.differences
    assert dialog.pages.currentWidget() is table
    rows = {table.text(i, 0): (table.text(i, 1), table.text(i, 2)) for i in range(table.rowCount())}
    assert rows["method"] == ("cross_entropy", "difference")
    assert rows["parent"] == ("–", "small-1")
    assert rows["figures · hold-out · after · AUROC"] == ("–", "0.75")
    assert "task" not in rows


def test_trash_and_restore(start: Start, models: Path) -> None:
    page = start()
    dialog = page.tuning.open_versions()
    dialog.choose("small-2")
    press(page, dialog, "trash")
    assert in_tree(dialog)["small-2"] == "Trash"
    assert [m.card.id for m in versions.trashed()] == ["small-2"]
    dialog.choose("small-2")
    assert not dialog.use.isEnabled()
    press(page, dialog, "restore")
    assert in_tree(dialog)["small-2"] == "small-1"


def test_what_came_with_the_program_stays(start: Start, models: Path) -> None:
    dialog = start().tuning.open_versions()
    shipped = next(m.card.id for m in store.find_models() if m.shipped)
    dialog.choose(shipped)
    assert not dialog.trash.isEnabled()


def test_a_version_leaves_as_one_file_and_comes_back(
    start: Start, models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = start()
    dialog = page.tuning.open_versions()
    target = tmp_path / "sent.divmodel"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(target), ""))
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(target), ""))
    dialog.choose("small-2")
    before = store.find_model("small-2").card.weights_sha256
    press(page, dialog, "export")
    assert target.stat().st_size > 1_000_000
    press(page, dialog, "trash")
    versions.empty_trash()
    press(page, dialog, "import_")
    assert store.find_model("small-2").card.weights_sha256 == before
    assert in_tree(dialog)["small-2"] == "small-1"


def test_a_damaged_file_is_refused_in_words(
    start: Start, models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = start()
    dialog = page.tuning.open_versions()
    bad = tmp_path / "bad.divmodel"
    bad.write_bytes(b"PK\x03\x04 nothing else")
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(bad), ""))
    press(page, dialog, "import_")
    assert dialog.message.isVisible()
    assert "bad.divmodel" in dialog.message.text()


def test_a_model_chosen_beside_the_verdict_is_the_one_in_use(
    qtbot: QtBot, start: Start, fill: Fill, models: Path
) -> None:
    fill(2)
    page = start()
    page.select(next(iter(page.cases)))
    box = page.verdict.models
    qtbot.waitUntil(lambda: box.findData("small-2") >= 0, timeout=10_000)
    for chosen, answers in (("small-2", "small-2"), ("", "small-1")):
        page.verdict.choose_model(chosen)
        page.wait_idle()
        assert store.default_model("chest-cardiomegaly").card.id == answers
    dialog = page.tuning.open_versions()
    dialog.choose("small-2")
    press(page, dialog, "use")
    qtbot.waitUntil(lambda: box.currentData() == "small-2", timeout=10_000)
