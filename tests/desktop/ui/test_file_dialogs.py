"""Asking where a file goes: the folder is remembered for its purpose, a missing suffix is added."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtWidgets import QFileDialog, QWidget
from pytestqt.qtbot import QtBot

from divisive_desktop.desktop.session.settings import Settings
from divisive_desktop.desktop.ui.file_dialogs import ask_where


@pytest.fixture
def parent(qtbot: QtBot) -> QWidget:
    made = QWidget()
    qtbot.addWidget(made)
    return made


def answer(monkeypatch: pytest.MonkeyPatch, path: Path | None, kind: str = "") -> list[str]:
    """The system's own dialog can't be driven: answer for it. The list is filled with where it began."""
    began: list[str] = []

    def dialog(parent: QWidget, title: str, start: str, kinds: str) -> tuple[str, str]:
        began.append(start)
        return ("" if path is None else str(path)), kind

    monkeypatch.setattr(QFileDialog, "getSaveFileName", dialog)
    return began


def test_the_next_dialog_of_the_purpose_begins_in_the_folder_of_the_last(
    monkeypatch: pytest.MonkeyPatch, parent: QWidget, settings: Settings, tmp_path: Path
) -> None:
    began = answer(monkeypatch, tmp_path / "a.json")
    ask = lambda purpose: ask_where(parent, settings, purpose, "Export", "b.json", "JSON (*.json)")  # noqa: E731
    assert ask("export") == tmp_path / "a.json"
    ask("export")
    ask("casebook")
    assert began == [str(Path.home() / "b.json"), str(tmp_path / "b.json"), str(Path.home() / "b.json")]


@pytest.mark.parametrize(
    ("given", "kind", "suffix"),
    [
        ("results", "JSON (*.json)", ".json"),
        ("results", "CSV (*.csv)", ".csv"),
        ("results", "", ".csv"),
        ("results", "All files (*)", ".csv"),
        ("results.txt", "JSON (*.json)", ".txt"),
    ],
)
def test_a_name_without_suffix_gets_that_of_the_kind(
    monkeypatch: pytest.MonkeyPatch, parent: QWidget, settings: Settings, tmp_path: Path,
    given: str, kind: str, suffix: str,
) -> None:  # fmt: skip
    answer(monkeypatch, tmp_path / given, kind)
    found = ask_where(parent, settings, "export", "Export", "results.csv", "CSV (*.csv);;JSON (*.json);;All files (*)")
    assert found is not None
    assert found.suffix == suffix


def test_cancelled_or_refused_nothing_is_remembered(
    monkeypatch: pytest.MonkeyPatch, parent: QWidget, settings: Settings, tmp_path: Path
) -> None:
    answer(monkeypatch, None)
    assert ask_where(parent, settings, "export", "Export", "a.csv", "CSV (*.csv)") is None
    answer(monkeypatch, tmp_path / "taken")
    asked: list[Path] = []
    refused = ask_where(
        parent, settings, "export", "Export", "a.csv", "CSV (*.csv)", allowed=lambda path: bool(asked.append(path))
    )
    assert refused is None
    assert asked == [tmp_path / "taken.csv"], "the file as it would be written"
    assert settings.folder("export") == ""
