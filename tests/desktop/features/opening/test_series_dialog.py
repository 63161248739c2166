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
from divisive_desktop.desktop.features.opening.series_dialog import SeriesDialog
from tests.desktop.pages import Page


@pytest.fixture
def medium() -> Path:
    """A DICOMDIR of two patients (pydicom's own)."""
    from pydicom.data import get_testdata_file

    return Path(str(get_testdata_file("dicomdirtests/DICOMDIR", download=False)))


@pytest.fixture
def dialog(qtbot: QtBot, page: Page, medium: Path) -> Iterator[SeriesDialog]:
    page.drop(medium)
    found = page.wait_for(SeriesDialog)
    qtbot.waitUntil(lambda: found.tree.topLevelItemCount() > 0, timeout=20_000)
    yield found
    for left in page.find_all(SeriesDialog):
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


def test_a_medium_is_grouped_and_names_nobody(dialog: SeriesDialog) -> None:
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


def test_only_what_is_ticked_is_opened(qtbot: QtBot, page: Page, dialog: SeriesDialog, medium: Path) -> None:
    tick(qtbot, dialog, dialog.tree.topLevelItem(0))
    qtbot.waitUntil(lambda: dialog.open_button.text() == "Open 24 images")
    chosen = dialog.chosen()
    assert len(chosen) == 24
    qtbot.mouseClick(dialog.open_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: len(page.cases) == 24, timeout=20_000)
    assert [c.path for c in page.cases] == chosen
    assert page.settings.recent == [str(medium)]
    page.wait_quiet()


def test_nothing_ticked_opens_nothing(qtbot: QtBot, dialog: SeriesDialog) -> None:
    for row in range(2):
        tick(qtbot, dialog, dialog.tree.topLevelItem(row))
    qtbot.waitUntil(lambda: not dialog.open_button.isEnabled())


def test_searching_hides_the_rest(qtbot: QtBot, dialog: SeriesDialog) -> None:
    qtbot.keyClicks(dialog.search, "series cspine")
    assert not dialog.tree.topLevelItem(0).isHidden()
    assert dialog.tree.topLevelItem(1).isHidden()


def test_a_folder_by_menu_with_a_broken_file(
    qtbot: QtBot, page: Page, rg1: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "study"
    folder.mkdir()
    shutil.copy(rg1, folder / "a.dcm")
    (folder / "bad.dcm").write_bytes(b"\0" * 128 + b"DICM" + b"\x08\x00\x05\x00CS\xff\xff" + b"x" * 40)
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *a, **k: str(folder))  # the dialog is the system's
    page.trigger("open-by-patient")
    dialog = page.wait_for(SeriesDialog)
    qtbot.waitUntil(lambda: dialog.tree.topLevelItemCount() == 1, timeout=20_000)
    assert dialog.open_button.text() == "Open 1 image"
    qtbot.mouseClick(dialog.buttons.button(QDialogButtonBox.StandardButton.Cancel), Qt.MouseButton.LeftButton)
    assert len(page.cases) == 0
