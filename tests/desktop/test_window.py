"""The window as a person uses it: dropping files, bad files, labels, searching. No engine runs here."""

from __future__ import annotations

import struct
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QGuiApplication
from PySide6.QtWidgets import QApplication, QFileDialog
from pytestqt.qtbot import QtBot

from divisive_desktop.desktop import application
from divisive_desktop.desktop.session import opening
from divisive_desktop.desktop.session.case import Case, Review
from divisive_desktop.desktop.session.settings import Settings
from divisive_desktop.desktop.window import BANNER, MainWindow


def drop(window: MainWindow, *files: Path) -> None:
    """Drop files on the window with the events that Qt sends."""
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(f)) for f in files])
    left, none = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    enter = QDragEnterEvent(QPoint(400, 300), Qt.DropAction.CopyAction, data, left, none)
    QApplication.sendEvent(window, enter)
    assert enter.isAccepted()
    QApplication.sendEvent(window, QDropEvent(QPointF(400, 300), Qt.DropAction.CopyAction, data, left, none))


def opened(qtbot: QtBot, window: MainWindow, *files: Path) -> None:
    with qtbot.waitSignal(window.session.recordReady, timeout=20_000):
        drop(window, *files)


def settled(qtbot: QtBot, window: MainWindow) -> None:
    qtbot.waitUntil(lambda: window.runner.idle, timeout=30_000)


def tall_png(width: int, height: int) -> bytes:
    """A PNG of zeros, written by hand so that its size costs nothing."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress((b"\0" + bytes(width)) * height)) + chunk(b"IEND", b"")
    )  # fmt: skip


# ---- opening --------------------------------------------------------------------------------------------


def test_an_empty_window_invites_and_says_what_it_is_for(window: MainWindow) -> None:
    assert window.banner.text() == BANNER
    assert window.banner.isVisible()
    assert window.stack.currentWidget() is window.empty_page
    assert "Drop" in window.empty_page.title.text()


def test_a_dropped_radiograph_is_shown(qtbot: QtBot, window: MainWindow, rg1: Path) -> None:
    opened(qtbot, window, rg1)
    assert window.stack.currentWidget() is window.viewer
    assert window.viewer.record.path == rg1
    assert window.session.current.review is Review.OPEN
    assert window.inspector.image.text()["Size"] == "1841 × 1955 px, 15 bit"
    assert window.inspector.image.text()["Greys"] == "MONOCHROME1"
    assert rg1.name in window.windowTitle()
    qtbot.waitUntil(lambda: window.session.current.thumbnail is not None)


def test_dropping_the_same_file_twice_lists_it_once(qtbot: QtBot, window: MainWindow, rg1: Path) -> None:
    opened(qtbot, window, rg1)
    drop(window, rg1)
    settled(qtbot, window)
    assert len(window.session.cases) == 1


def test_a_path_that_is_not_ascii_opens(qtbot: QtBot, window: MainWindow, pictures: Callable[[int], Path]) -> None:
    file = (pictures(1) / "picture0000.png").rename(pictures(0) / "Грудь 胸 é.png")
    opened(qtbot, window, file)
    assert window.session.current.name == "Грудь 胸 é.png"


def test_opening_by_dialog_remembers_file_and_folder(
    qtbot: QtBot, window: MainWindow, rg1: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(QFileDialog, "getOpenFileNames", lambda *a, **k: ([str(rg1)], ""))  # the dialog is the system's
    with qtbot.waitSignal(window.session.recordReady, timeout=20_000):
        qtbot.mouseClick(window.empty_page.buttons.itemAt(1).widget(), Qt.MouseButton.LeftButton)
    assert window.settings.recent == [str(rg1)]
    assert window.settings.folder("open") == str(rg1.parent)
    recent = next(a.menu() for a in window.actions_.menus["File"].actions() if a.text() == "Open recent")
    recent.aboutToShow.emit()
    assert recent.actions()[0].text().endswith("RG1_UNCR.dcm")


def test_the_samples_open_from_the_empty_window(qtbot: QtBot, window: MainWindow) -> None:
    with qtbot.waitSignal(window.session.recordReady, timeout=20_000):
        window.empty_page.samplesRequested.emit()
    assert [c.name for c in window.session.cases] == ["RG1_UNCR.dcm", "RG1_J2KR.dcm", "astronaut.png"]
    assert window.settings.recent == [], "samples are not the user's files"


def test_a_folder_of_many_mixed_files_lists_the_images_and_the_window_answers_meanwhile(
    qtbot: QtBot, window: MainWindow, pictures: Callable[[int], Path]
) -> None:
    folder = pictures(200)
    for i in range(400):
        (folder / f"note{i}.txt").write_text("text")
    opened(qtbot, window, folder)
    settled(qtbot, window)
    assert len(window.session.cases) == 200
    seen = sum(c.thumbnail is not None for c in window.session.cases)
    assert 0 < seen < 100, "thumbnails are made only for rows that were seen"


# ---- bad input ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("empty.dcm", b"", "empty-file"),
        ("text.dcm", b"This is a letter, not an image.\n" * 20, "not-an-image"),
        ("cut.png", tall_png(200, 200)[:90], None),
        ("noise.jpg", b"\xff\xd8\xff\xe0" + bytes(range(256)) * 4, None),
    ],
)
def test_a_bad_file_says_what_and_what_to_do_and_the_others_open(
    qtbot: QtBot, window: MainWindow, rg1: Path, tmp_path: Path, name: str, content: bytes, kind: str | None
) -> None:
    bad = tmp_path / name
    bad.write_bytes(content)
    with qtbot.waitSignal(window.session.problem, timeout=20_000):
        drop(window, bad, rg1)
    settled(qtbot, window)
    case = next(iter(window.session.cases))
    assert case.error is not None
    assert kind is None or case.error.kind == kind
    message = window.messages.messages()[0]
    assert case.error.message in message.text
    assert message.remedy == case.error.remedy
    assert message.isVisible()
    assert window.stack.currentWidget() is window.problem_page
    assert case.name in window.problem_page.title.text()
    assert window.problem_page.detail.text() == f"{case.error.message}\n\n{case.error.remedy}"
    with qtbot.waitSignal(window.session.recordReady, timeout=20_000):
        qtbot.keyClick(window, Qt.Key.Key_PageDown)
    assert window.stack.currentWidget() is window.viewer
    assert window.session.current.path == rg1


def test_a_file_that_vanished_is_told(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    with qtbot.waitSignal(window.session.problem, timeout=20_000):
        window.session.open_paths([tmp_path / "gone.dcm"])
    assert "gone.dcm" in window.messages.messages()[0].text
    assert window.isVisible()


def test_a_folder_without_images_is_told(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    with qtbot.waitSignal(window.session.problem, timeout=20_000):
        drop(window, tmp_path)
    assert "no images" in window.messages.messages()[0].text
    assert window.stack.currentWidget() is window.empty_page


@pytest.mark.parametrize(("width", "height"), [(1, 1), (30_000, 30), (30, 30_000)])
def test_extreme_shapes_are_shown(qtbot: QtBot, window: MainWindow, tmp_path: Path, width: int, height: int) -> None:
    file = tmp_path / "extreme.png"
    file.write_bytes(tall_png(width, height))
    opened(qtbot, window, file)
    assert window.viewer.record.width == width
    window.grab()


def test_many_messages_stay_few_on_the_screen(qtbot: QtBot, window: MainWindow) -> None:
    for i in range(30):
        window.notify(f"file{i}", "error", f"File {i} can't be opened.", "Copy it again.")
    assert sum(m.isVisible() for m in window.messages.messages()) == 3
    assert window.messages.messages()[0].text == "File 29 can't be opened."
    window.notify("file29", "error", "Still not.", "Copy it again.")
    assert len(window.messages.messages()) == 30, "a message about the same thing replaces the older one"
    window.messages.clear()
    assert not window.messages.isVisible()


# ---- working on cases -----------------------------------------------------------------------------------


def test_digits_label_in_the_worklist_and_choose_windows_elsewhere(qtbot: QtBot, window: MainWindow, rg1: Path) -> None:
    opened(qtbot, window, rg1)
    rows = window.worklist.list
    rows.setFocus()
    qtbot.keyClick(rows, Qt.Key.Key_1)
    assert window.session.current.label == 1
    qtbot.keyClick(rows, Qt.Key.Key_0)
    assert window.session.current.label == 0
    qtbot.keyClick(rows, Qt.Key.Key_Backspace)
    assert window.session.current.label is None
    window.viewer.setFocus()
    qtbot.keyClick(window.viewer, Qt.Key.Key_0)
    assert window.session.current.label is None
    assert window.viewer.voi.explanation == "Auto"
    qtbot.keyClick(window.viewer, Qt.Key.Key_1, Qt.KeyboardModifier.ControlModifier)
    assert window.session.current.label == 1


def test_label_buttons_name_the_classes(qtbot: QtBot, window: MainWindow, rg1: Path) -> None:
    opened(qtbot, window, rg1)
    settled(qtbot, window)
    verdict = window.inspector.verdict
    assert (verdict.negative.text(), verdict.positive.text()) == ("No finding", "Abnormal")
    qtbot.mouseClick(verdict.positive, Qt.MouseButton.LeftButton)
    assert window.session.current.label == 1
    assert verdict.positive.isChecked()
    assert not verdict.negative.isChecked()
    qtbot.mouseClick(verdict.clear, Qt.MouseButton.LeftButton)
    assert window.session.current.label is None
    assert not verdict.positive.isChecked()


def test_moving_and_reviewing_by_key(qtbot: QtBot, window: MainWindow, pictures: Callable[[int], Path]) -> None:
    opened(qtbot, window, pictures(4))
    settled(qtbot, window)
    names = []
    for key in (Qt.Key.Key_PageDown, Qt.Key.Key_PageDown, Qt.Key.Key_PageUp):
        qtbot.keyClick(window, key)
        names.append(window.session.current.name)
    assert names == ["picture0001.png", "picture0002.png", "picture0001.png"]
    window.session.set_label(1)
    qtbot.keyClick(window, Qt.Key.Key_D, Qt.KeyboardModifier.ControlModifier)
    assert window.session.current.review is Review.DONE
    settled(qtbot, window)
    window.actions_["next"].trigger()
    window.session.set_label(0)
    window.actions_["previous"].trigger()
    window.actions_["next-open"].trigger()
    assert window.session.current.name == "picture0003.png", "the labelled one is passed over"


def test_searching_narrows_the_list(qtbot: QtBot, window: MainWindow, pictures: Callable[[int], Path]) -> None:
    opened(qtbot, window, pictures(12))
    settled(qtbot, window)
    qtbot.keyClicks(window.worklist.search, "0011")
    assert window.worklist.filter.rowCount() == 1
    assert window.worklist.counts.text() == "1 of 12"
    window.worklist.search.clear()
    window.worklist.state.setCurrentIndex(window.worklist.state.findData("In review"))
    assert window.worklist.filter.rowCount() == 1


def test_removing_cases_leaves_the_files(qtbot: QtBot, window: MainWindow, pictures: Callable[[int], Path]) -> None:
    folder = pictures(3)
    opened(qtbot, window, folder)
    settled(qtbot, window)
    window.actions_["close-case"].trigger()
    assert len(window.session.cases) == 2
    settled(qtbot, window)
    window.worklist.list.selectAll()
    window.actions_["close-case"].trigger()
    assert len(window.session.cases) == 0
    assert window.stack.currentWidget() is window.empty_page
    assert window.viewer.record is None
    assert len(list(folder.iterdir())) == 3


def test_identity_is_hidden_until_asked_for(qtbot: QtBot, window: MainWindow, rg1: Path) -> None:
    opened(qtbot, window, rg1)
    identifying = {"Patient name", "Patient ID", "Study date"}
    assert not identifying & set(window.inspector.image.text())
    window.actions_["identity"].trigger()
    assert identifying & set(window.inspector.image.text())
    assert window.actions_["identity"].isChecked()
    assert window.viewer.stage.identity_visible


def test_the_pixel_probe_reads_what_is_under_the_pointer(qtbot: QtBot, window: MainWindow, rg1: Path) -> None:
    opened(qtbot, window, rg1)
    window.viewer.set_layout("image")
    window.viewer.fit()
    window.grab()
    canvas = next(p.canvas for p in window.viewer.panes.values() if p.isVisible())
    qtbot.mouseMove(canvas, canvas.rect().center() + QPoint(3, 3))
    qtbot.mouseMove(canvas, canvas.rect().center())
    qtbot.waitUntil(lambda: window.status.probe.text() != "")
    assert "stored" in window.status.probe.text()
    assert "x 9" in window.status.probe.text()


def test_copying_puts_the_view_on_the_clipboard(qtbot: QtBot, window: MainWindow, rg1: Path) -> None:
    opened(qtbot, window, rg1)
    window.actions_["copy-picture"].trigger()
    copied = QGuiApplication.clipboard().image()
    assert copied.width() >= window.viewer.width()
    window.actions_["copy-path"].trigger()
    assert QGuiApplication.clipboard().text() == str(rg1)


def test_saving_a_picture_where_it_can_not_be_written_is_told(
    qtbot: QtBot, window: MainWindow, rg1: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened(qtbot, window, rg1)
    for target in (tmp_path / "view", tmp_path / "no folder" / "view.png"):
        monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *a, t=target, **k: (str(t), ""))
        window.actions_["save-picture"].trigger()
        settled(qtbot, window)
    assert (tmp_path / "view.png").stat().st_size > 10_000
    assert [m.text for m in window.messages.messages()] == ["view.png could not be written.", "Saved view.png."]


def test_window_and_docks_come_back_where_they_were(qtbot: QtBot, window: MainWindow, settings: Settings) -> None:
    window.resize(900, 611)
    window.inspector_dock.hide()
    window.close()
    settings.sync()
    again = application.build(Settings())
    with qtbot.waitSignal(again.viewerReady, timeout=20_000):
        again.show()
    assert again.height() == 611
    assert not again.inspector_dock.isVisible()
    assert again.worklist_dock.isVisible()
    again.close()
    again.deleteLater()


def test_a_picture_that_is_opened_is_decoded_once_and_its_thumbnail_is_kept(
    qtbot: QtBot, window: MainWindow, pictures: Callable[[int], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded: list[Path] = []
    real = opening.open_case

    def slowly(case: Case, source: Path | None = None) -> object:
        decoded.append(case.path)
        time.sleep(0.2)  # long enough for the worklist to be painted meanwhile
        return real(case, source)

    monkeypatch.setattr(opening, "open_case", slowly)
    work = window.session
    with qtbot.waitSignal(work.recordReady, timeout=20_000):
        work.open_paths([pictures(3)])
    qtbot.waitUntil(lambda: all(c.thumbnail is not None for c in work.cases) and window.runner.idle, timeout=20_000)
    assert sorted(decoded) == sorted(c.path for c in work.cases)
    qtbot.waitUntil(lambda: all(row.thumbnail for row in work.casebook.current.cases.rows()), timeout=20_000)


def test_a_picture_that_is_passed_over_gets_its_thumbnail_all_the_same(
    qtbot: QtBot, window: MainWindow, pictures: Callable[[int], Path]
) -> None:
    work = window.session
    work.open_paths([pictures(3)])
    qtbot.waitUntil(lambda: work.current is not None, timeout=20_000)
    work.select(work.cases.case(2))
    work.select(work.cases.case(1))
    qtbot.waitUntil(lambda: all(c.thumbnail is not None for c in work.cases), timeout=20_000)
