"""The window as a person uses it: dropping files, bad files, labels, searching. No engine runs here."""

from __future__ import annotations

import struct
import threading
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot

from divisive_desktop import RESEARCH_USE
from divisive_desktop.desktop.session import opening
from divisive_desktop.desktop.session.case import Case, Review
from divisive_desktop.desktop.session.settings import Settings
from tests.desktop.pages import Page


def opened(page: Page, *files: Path) -> None:
    """Drop files and wait for the first picture."""
    with page.loading():
        page.drop(*files)


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


def test_an_empty_window_invites_and_says_what_it_is_for(page: Page) -> None:
    assert page.banner.text() == RESEARCH_USE
    assert page.banner.isVisible()
    assert page.showing == "empty"
    assert "Drop" in page.empty_page.title.text()


def test_a_dropped_radiograph_is_shown(qtbot: QtBot, page: Page, rg1: Path) -> None:
    opened(page, rg1)
    assert page.showing == "viewer"
    assert page.viewer.state.record.path == rg1
    assert page.current.review is Review.OPEN
    assert page.inspector.image["Size"] == "1841 × 1955 px, 15 bit"
    assert page.inspector.image["Greys"] == "MONOCHROME1"
    assert rg1.name in page.title
    qtbot.waitUntil(lambda: page.current.thumbnail is not None)


def test_dropping_the_same_file_twice_lists_it_once(page: Page, rg1: Path) -> None:
    opened(page, rg1)
    page.drop(rg1)
    page.wait_idle()
    assert len(page.cases) == 1


def test_a_path_that_is_not_ascii_opens(page: Page, pictures: Callable[[int], Path]) -> None:
    file = (pictures(1) / "picture0000.png").rename(pictures(0) / "Грудь 胸 é.png")
    opened(page, file)
    assert page.current.name == "Грудь 胸 é.png"


def test_opening_by_dialog_remembers_file_and_folder(
    qtbot: QtBot, page: Page, rg1: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(QFileDialog, "getOpenFileNames", lambda *a, **k: ([str(rg1)], ""))  # the dialog is the system's
    with page.loading():
        qtbot.mouseClick(page.empty_page.buttons.itemAt(1).widget(), Qt.MouseButton.LeftButton)
    assert page.settings.recent == [str(rg1)]
    assert page.settings.folder("open") == str(rg1.parent)
    assert page.menu("Open recent").actions()[0].text().endswith("RG1_UNCR.dcm")


def test_the_samples_open_from_the_empty_window(page: Page) -> None:
    with page.loading():
        page.empty_page.samplesRequested.emit()
    assert page.case_names == ["RG1_UNCR.dcm", "RG1_J2KR.dcm", "astronaut.png"]
    assert page.settings.recent == [], "samples are not the user's files"


def test_a_folder_of_many_mixed_files_lists_the_images_and_the_window_answers_meanwhile(
    page: Page, pictures: Callable[[int], Path]
) -> None:
    folder = pictures(200)
    for i in range(400):
        (folder / f"note{i}.txt").write_text("text")
    opened(page, folder)
    page.wait_idle()
    assert len(page.cases) == 200
    seen = sum(c.thumbnail is not None for c in page.cases)
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
    qtbot: QtBot, page: Page, rg1: Path, tmp_path: Path, name: str, content: bytes, kind: str | None
) -> None:
    bad = tmp_path / name
    bad.write_bytes(content)
    with qtbot.waitSignal(page.problem_told, timeout=20_000):
        page.drop(bad, rg1)
    page.wait_idle()
    case = next(iter(page.cases))
    assert case.error is not None
    assert kind is None or case.error.kind == kind
    message = page.messages[0]
    assert case.error.message in message.text
    assert message.remedy == case.error.remedy
    assert message.isVisible()
    assert page.showing == "problem"
    assert case.name in page.problem_page.title.text()
    assert page.problem_page.detail.text() == f"{case.error.message}\n\n{case.error.remedy}"
    with page.loading():
        page.key(Qt.Key.Key_PageDown)
    assert page.showing == "viewer"
    assert page.current.path == rg1


def test_a_file_that_vanished_is_told(qtbot: QtBot, page: Page, tmp_path: Path) -> None:
    with qtbot.waitSignal(page.problem_told, timeout=20_000):
        page.begin_opening(tmp_path / "gone.dcm")
    assert "gone.dcm" in page.messages[0].text
    assert page.window.isVisible()


def test_a_folder_without_images_is_told(qtbot: QtBot, page: Page, tmp_path: Path) -> None:
    with qtbot.waitSignal(page.problem_told, timeout=20_000):
        page.drop(tmp_path)
    assert "no images" in page.messages[0].text
    assert page.showing == "empty"


@pytest.mark.parametrize(("width", "height"), [(1, 1), (30_000, 30), (30, 30_000)])
def test_extreme_shapes_are_shown(page: Page, tmp_path: Path, width: int, height: int) -> None:
    file = tmp_path / "extreme.png"
    file.write_bytes(tall_png(width, height))
    opened(page, file)
    assert page.viewer.state.record.width == width
    page.grab()


def test_an_error_about_a_case_leaves_with_its_casebook(qtbot: QtBot, page: Page, tmp_path: Path) -> None:
    bad = tmp_path / "empty.png"
    bad.write_bytes(b"")
    with qtbot.waitSignal(page.problem_told, timeout=20_000):
        page.begin_opening(bad)
    page.wait_idle()
    assert page.messages.find("empty.png") is not None
    page.messages.post("export", "info", "Saved picture.png.")
    page.open_casebook(tmp_path / "Other.casebook", create=True)
    page.wait_idle()
    assert page.messages.texts == ["Saved picture.png."]


def test_many_messages_stay_few_on_the_screen(page: Page) -> None:
    for i in range(30):
        page.messages.post(f"file{i}", "error", f"File {i} can't be opened.", "Copy it again.")
    assert sum(m.isVisible() for m in page.messages) == 3
    assert page.messages[0].text == "File 29 can't be opened."
    page.messages.post("file29", "error", "Still not.", "Copy it again.")
    assert len(page.messages) == 30, "a message about the same thing replaces the older one"
    page.messages.clear()
    assert not page.messages.visible


# ---- working on cases -----------------------------------------------------------------------------------


def test_digits_label_in_the_worklist_and_choose_windows_elsewhere(page: Page, rg1: Path) -> None:
    opened(page, rg1)
    page.worklist.focus()
    page.worklist.key(Qt.Key.Key_1)
    assert page.current.label == 1
    page.worklist.key(Qt.Key.Key_0)
    assert page.current.label == 0
    page.worklist.key(Qt.Key.Key_Backspace)
    assert page.current.label is None
    page.viewer.setFocus()
    page.viewer_key(Qt.Key.Key_0)
    assert page.current.label is None
    assert page.viewer.state.voi.explanation == "Auto"
    page.viewer_key(Qt.Key.Key_1, Qt.KeyboardModifier.ControlModifier)
    assert page.current.label == 1


def test_label_buttons_name_the_classes(qtbot: QtBot, page: Page, rg1: Path) -> None:
    opened(page, rg1)
    page.wait_idle()
    verdict = page.verdict
    assert (verdict.negative.text(), verdict.positive.text()) == ("Ratio up to 0.50", "Ratio above 0.50")
    qtbot.mouseClick(verdict.positive, Qt.MouseButton.LeftButton)
    assert page.current.label == 1
    assert verdict.positive.isChecked()
    assert not verdict.negative.isChecked()
    qtbot.mouseClick(verdict.clear, Qt.MouseButton.LeftButton)
    assert page.current.label is None
    assert not verdict.positive.isChecked()


def test_moving_and_reviewing_by_key(page: Page, pictures: Callable[[int], Path]) -> None:
    opened(page, pictures(4))
    page.wait_idle()
    names = []
    for key in (Qt.Key.Key_PageDown, Qt.Key.Key_PageDown, Qt.Key.Key_PageUp):
        page.key(key)
        names.append(page.current.name)
    assert names == ["picture0001.png", "picture0002.png", "picture0001.png"]
    page.label(1)
    page.key(Qt.Key.Key_D, Qt.KeyboardModifier.ControlModifier)
    assert page.current.review is Review.DONE
    page.wait_idle()
    page.trigger("next")
    page.label(0)
    page.trigger("previous")
    page.trigger("next-open")
    assert page.current.name == "picture0003.png", "the labelled one is passed over"


def test_searching_narrows_the_list(page: Page, pictures: Callable[[int], Path]) -> None:
    opened(page, pictures(12))
    page.wait_idle()
    page.worklist.search("0011")
    assert len(page.worklist) == 1
    assert page.worklist.count_text == "1 of 12"
    page.worklist.search_field.clear()
    page.worklist.show_state("In review")
    assert len(page.worklist) == 1


def test_removing_cases_leaves_the_files(page: Page, pictures: Callable[[int], Path]) -> None:
    folder = pictures(3)
    opened(page, folder)
    page.wait_idle()
    page.trigger("close-case")
    assert len(page.cases) == 2
    page.wait_idle()
    page.worklist.select_all()
    page.trigger("close-case")
    assert len(page.cases) == 0
    assert page.showing == "empty"
    assert page.viewer.state.record is None
    assert len(list(folder.iterdir())) == 3


def test_identity_is_hidden_until_asked_for(page: Page, rg1: Path) -> None:
    opened(page, rg1)
    identifying = {"Patient name", "Patient ID", "Study date"}
    assert not identifying & set(page.inspector.image)
    page.trigger("identity")
    assert identifying & set(page.inspector.image)
    assert page.checked("identity")
    assert page.viewer.state.identity_visible


def test_the_pixel_probe_reads_what_is_under_the_pointer(qtbot: QtBot, page: Page, rg1: Path) -> None:
    opened(page, rg1)
    page.viewer.set_layout("image")
    page.viewer.state.view.fit()
    page.grab()
    canvas = next(p.canvas for p in page.viewer.panes.values() if p.isVisible())
    qtbot.mouseMove(canvas, canvas.rect().center() + QPoint(3, 3))
    qtbot.mouseMove(canvas, canvas.rect().center())
    qtbot.waitUntil(lambda: page.probe_text != "")
    assert "stored" in page.probe_text
    assert "x 9" in page.probe_text


def test_copying_puts_the_view_on_the_clipboard(page: Page, rg1: Path) -> None:
    opened(page, rg1)
    page.trigger("copy-picture")
    copied = QGuiApplication.clipboard().image()
    assert copied.width() >= page.viewer.width()
    page.trigger("copy-path")
    assert QGuiApplication.clipboard().text() == str(rg1)


def test_saving_a_picture_where_it_can_not_be_written_is_told(
    page: Page, rg1: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened(page, rg1)
    for target in (tmp_path / "view", tmp_path / "no folder" / "view.png"):
        monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *a, t=target, **k: (str(t), ""))
        page.trigger("save-picture")
        page.wait_idle()
    assert (tmp_path / "view.png").stat().st_size > 10_000
    assert page.messages.texts == ["view.png could not be written.", "Saved view.png."]


def test_window_and_docks_come_back_where_they_were(page: Page, settings: Settings) -> None:
    page.window.resize(900, 611)
    page.inspector_dock.hide()
    page.close()
    settings.sync()
    again = Page.build(size=None).show()
    assert again.window.height() == 611
    assert not again.inspector_dock.isVisible()
    assert again.worklist_dock.isVisible()
    again.discard()


def test_a_picture_that_is_opened_is_decoded_once_and_its_thumbnail_is_kept(
    qtbot: QtBot, page: Page, pictures: Callable[[int], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded: list[Path] = []
    real = opening.open_case

    painted = threading.Event()
    page.cases.thumbnailWanted.connect(lambda _: painted.set())

    def slowly(case: Case, source: Path | None = None) -> object:
        decoded.append(case.path)
        assert painted.wait(20), "the worklist is painted meanwhile"
        return real(case, source)

    monkeypatch.setattr(opening, "open_case", slowly)
    page.open(pictures(3))
    qtbot.waitUntil(lambda: all(c.thumbnail is not None for c in page.cases) and page.runner.idle, timeout=20_000)
    assert sorted(decoded) == sorted(c.path for c in page.cases)
    qtbot.waitUntil(lambda: all(row.thumbnail for row in page.book.cases.rows()), timeout=20_000)


def test_a_picture_that_is_passed_over_gets_its_thumbnail_all_the_same(
    qtbot: QtBot, page: Page, pictures: Callable[[int], Path]
) -> None:
    page.begin_opening(pictures(3))
    qtbot.waitUntil(lambda: page.current is not None, timeout=20_000)
    page.select(page.case(2))
    page.select(page.case(1))
    qtbot.waitUntil(lambda: all(c.thumbnail is not None for c in page.cases), timeout=20_000)
