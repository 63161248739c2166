"""A DICOM medium and a folder, grouped into patients, studies and series; what is ticked is opened."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QApplication, QDialogButtonBox, QFileDialog, QTreeWidgetItem
from pytestqt.qtbot import QtBot

from divisive_desktop import privacy
from divisive_desktop.desktop import commands
from divisive_desktop.desktop.features.opening.series_dialog import SeriesDialog
from divisive_desktop.desktop.window import MainWindow


@pytest.fixture
def medium() -> Path:
    """A DICOMDIR of two patients (pydicom's own)."""
    from pydicom.data import get_testdata_file

    return Path(str(get_testdata_file("dicomdirtests/DICOMDIR", download=False)))


@pytest.fixture
def dialog(qtbot: QtBot, window: MainWindow, medium: Path) -> Iterator[SeriesDialog]:
    commands.open_given(window, [medium])
    found = window.findChild(SeriesDialog)
    assert found is not None
    qtbot.waitUntil(lambda: found.tree.topLevelItemCount() > 0, timeout=20_000)
    yield found
    for left in window.findChildren(SeriesDialog):
        left.reject()
    QApplication.processEvents()


def texts(item: QTreeWidgetItem) -> str:
    below = " ".join(texts(item.child(row)) for row in range(item.childCount()))
    return " ".join([*(item.text(column) for column in range(3)), below])


def whole(dialog: SeriesDialog) -> str:
    return texts(dialog.tree.invisibleRootItem())


def tick(qtbot: QtBot, dialog: SeriesDialog, item: QTreeWidgetItem) -> None:
    """Click on the check box."""
    rect = dialog.tree.visualItemRect(item)
    qtbot.mouseClick(
        dialog.tree.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(rect.left() + 10, rect.center().y())
    )


def test_a_medium_is_grouped_and_names_nobody(qtbot: QtBot, dialog: SeriesDialog) -> None:
    tree = dialog.tree
    assert [tree.topLevelItem(i).text(0) for i in range(tree.topLevelItemCount())] == ["Patient 1", "Patient 2"]
    assert [int(tree.topLevelItem(i).text(1)) for i in range(2)] == [7, 24]
    assert dialog.open_button.text() == "Open 31 images"
    assert dialog.state.text().startswith("2 patients, ")
    said = whole(dialog)
    assert "Doe" not in said
    assert "98890234" not in said
    assert "CR" in said
    dialog.identity.click()
    assert privacy.identity_shown(), "one switch for everything"
    assert "Doe" in whole(dialog)
    assert "98890234" in whole(dialog)
    dialog.identity.click()
    assert "Doe" not in whole(dialog)


def test_only_what_is_ticked_is_opened(qtbot: QtBot, window: MainWindow, dialog: SeriesDialog, medium: Path) -> None:
    tick(qtbot, dialog, dialog.tree.topLevelItem(0))
    qtbot.waitUntil(lambda: dialog.open_button.text() == "Open 24 images")
    chosen = dialog.chosen()
    assert len(chosen) == 24
    qtbot.mouseClick(dialog.open_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: len(window.session.cases) == 24, timeout=20_000)
    assert [c.path for c in window.session.cases] == chosen
    assert window.settings.recent == [str(medium)]
    qtbot.waitUntil(lambda: window.runner.idle and window.session.casebook.idle, timeout=30_000)


def test_nothing_ticked_opens_nothing(qtbot: QtBot, dialog: SeriesDialog) -> None:
    for row in range(2):
        tick(qtbot, dialog, dialog.tree.topLevelItem(row))
    qtbot.waitUntil(lambda: not dialog.open_button.isEnabled())


def test_searching_hides_the_rest(qtbot: QtBot, dialog: SeriesDialog) -> None:
    qtbot.keyClicks(dialog.search, "series cspine")
    assert not dialog.tree.topLevelItem(0).isHidden()
    assert dialog.tree.topLevelItem(1).isHidden()


def test_a_folder_by_menu_with_a_broken_file(
    qtbot: QtBot, window: MainWindow, rg1: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "study"
    folder.mkdir()
    shutil.copy(rg1, folder / "a.dcm")
    (folder / "bad.dcm").write_bytes(b"\0" * 128 + b"DICM" + b"\x08\x00\x05\x00CS\xff\xff" + b"x" * 40)
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *a, **k: str(folder))  # the dialog is the system's
    window.actions_["open-by-patient"].trigger()
    dialog = window.findChild(SeriesDialog)
    qtbot.waitUntil(lambda: dialog.tree.topLevelItemCount() == 1, timeout=20_000)
    assert dialog.open_button.text() == "Open 1 image"
    qtbot.mouseClick(dialog.buttons.button(QDialogButtonBox.StandardButton.Cancel), Qt.MouseButton.LeftButton)
    assert len(window.session.cases) == 0
