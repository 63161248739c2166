"""Tags and traces in the window: what is shown, found, copied, and hidden by the privacy switch."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from pytestqt.qtbot import QtBot

from divisive_desktop import privacy
from divisive_desktop.desktop.features.inspection.files import METADATA
from divisive_desktop.desktop.features.inspection.metadata import VALUE, MetadataDialog, MetadataView
from divisive_desktop.imaging import identifying
from tests.desktop.pages import Page

SECRETS = ("CompressedSamples", "19400305", "5457")


@pytest.fixture
def shown(page: Page, rg1: Path) -> Page:
    page.open(rg1)
    return page


def texts(view: MetadataView) -> str:
    model = view.filter
    return "\n".join(str(model.index(r, c).data()) for r in range(model.rowCount()) for c in range(5))


def test_nothing_is_read_until_someone_looks(qtbot: QtBot, shown: Page) -> None:
    shown.wait_idle()
    assert shown.files.metadata.model.rowCount() == 0
    shown.files.open(METADATA)
    qtbot.waitUntil(lambda: shown.files.metadata.model.rowCount() == 80)


def test_what_is_asked_for_is_brought_into_sight_whole(qtbot: QtBot, shown: Page) -> None:
    for action, view in (("forensic", shown.files.forensic), (None, shown.files.metadata)):
        if action is not None:
            shown.trigger(action)
        else:
            shown.files.open(METADATA)
        shown.wait_idle()
        qtbot.waitUntil(lambda v=view: v.height() > 150 and v.visibleRegion().boundingRect().height() == v.height())


def test_a_file_is_compared_with_the_import_as_soon_as_it_is_taken_in(
    qtbot: QtBot, page: Page, rg1: Path
) -> None:
    page.files.open("File and traces")
    page.open(rg1)
    qtbot.waitUntil(lambda: page.files.traces.get("Since import") == "unchanged", timeout=20_000)


def test_one_switch_hides_identity_in_tags_corners_inspector_and_tells_reports(
    qtbot: QtBot, shown: Page
) -> None:
    from divisive_desktop.desktop.viewer.overlay_text import corners

    viewer = shown.viewer
    assert viewer is not None
    shown.files.open(METADATA)
    qtbot.waitUntil(lambda: shown.files.metadata.model.rowCount() > 0)
    shown.trigger("tags")
    dialog = shown.wait_for(MetadataDialog)

    def everywhere() -> list[str]:
        stage = viewer.state
        text = corners(stage.record, stage.voi, False, 1.0, stage.identity_visible)
        corner = " ".join((*text.top_left, *text.top_right, *text.bottom_left, *text.bottom_right))
        form = " ".join(shown.inspector.image.values())
        return [texts(shown.files.metadata), texts(dialog.view), corner, form]

    for place in everywhere():
        assert not any(secret in place for secret in SECRETS)
    assert not privacy.identity_shown()
    shown.trigger("identity")
    for place in everywhere():
        assert "CompressedSamples" in place
    assert privacy.identity_shown()
    shown.trigger("identity")
    for place in everywhere():
        assert not any(secret in place for secret in SECRETS)
    assert not privacy.identity_shown()
    dialog.close()


def test_typing_finds_rows_but_never_hidden_values(qtbot: QtBot, shown: Page) -> None:
    view = shown.files.metadata
    shown.files.open(METADATA)
    qtbot.waitUntil(lambda: view.model.rowCount() > 0)
    qtbot.keyClicks(view.search, "body part")
    assert [view.filter.index(r, VALUE).data() for r in range(view.filter.rowCount())] == ["CHEST"]
    assert view.count.text().startswith("1 of 80 tags")
    view.search.clear()
    qtbot.keyClicks(view.search, "CompressedSamples")
    assert view.filter.rowCount() == 0, "a search that finds hidden values tells them"
    shown.show_identity(True)
    assert view.filter.rowCount() == 1


def test_rows_are_copied_as_they_are_shown(qtbot: QtBot, shown: Page) -> None:
    view = shown.files.metadata
    shown.files.open(METADATA)
    qtbot.waitUntil(lambda: view.model.rowCount() > 0)
    qtbot.keyClicks(view.search, "kvp")
    at = view.table.visualRect(view.filter.index(0, VALUE)).center()
    qtbot.mouseClick(view.table.viewport(), Qt.MouseButton.LeftButton, pos=at)
    qtbot.keyClick(view.table, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert QGuiApplication.clipboard().text() == "(0018,0060)\tDS\tAcquisition\tKVP\t150"
    view.search.clear()
    view.table.clearSelection()
    qtbot.keyClick(view.table, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    copied = QGuiApplication.clipboard().text()
    assert len(copied.splitlines()) == 80
    assert not any(secret in copied for secret in SECRETS)


def test_private_rows_say_so(qtbot: QtBot, page: Page, rg1: Path, tmp_path: Path) -> None:
    from pydicom import dcmread

    dataset = dcmread(rg1)
    dataset.private_block(0x0009, "ACME", create=True).add_new(1, "LO", "of theirs")
    dataset.save_as(path := tmp_path / "private.dcm")
    page.open(path)
    view = page.files.metadata
    page.files.open(METADATA)
    qtbot.waitUntil(lambda: view.model.rowCount() > 0)
    qtbot.keyClicks(view.search, "private")
    assert [view.filter.index(r, 0).data() for r in range(view.filter.rowCount())] == ["(0009,0010)", "(0009,1001)"]
    assert "private" in view.filter.index(1, 3).data()
    assert view.filter.index(1, 3).data(Qt.ItemDataRole.FontRole).italic()


def test_header_keys_are_hidden_by_the_same_rule_as_tags() -> None:
    from pydicom.datadict import dictionary_VR, tag_for_keyword

    from divisive_desktop.imaging.dicom_header import HEADER_KEYWORDS
    from divisive_desktop.imaging.photo_metadata import _IDENTIFYING
    from divisive_desktop.imaging.photograph import _HEADER_TAGS

    for word in HEADER_KEYWORDS:
        tag = tag_for_keyword(word)
        assert tag is not None
        hidden = identifying.is_identifying(tag >> 16, tag & 0xFFFF, word, dictionary_VR(tag), "1.2.3")
        assert (word in identifying.HEADER) == hidden, word
    assert {word for word in _HEADER_TAGS if word in _IDENTIFYING} == {
        word for word in _HEADER_TAGS if word in identifying.HEADER
    }


@pytest.fixture
def edited(tmp_path: Path) -> Path:
    """A JPEG of quality 88, cropped after its thumbnail was made, with an editor's name and bytes behind its end."""
    rng = np.random.default_rng(1)
    whole = Image.fromarray(np.kron(rng.integers(0, 255, (12, 16, 3), np.uint8), np.ones((50, 50, 1), np.uint8)))
    small = io.BytesIO()
    whole.resize((160, 120)).save(small, "JPEG")
    exif = Image.Exif()
    exif[0x0131] = "Retoucher 3"
    exif.get_ifd(0x8769)[0x9003] = "2024:01:02 03:04:05"
    path = tmp_path / "edited.jpg"
    whole.crop((0, 0, 400, 600)).save(path, quality=88, exif=exif)
    return _with_thumbnail(path, exif, small.getvalue(), whole.crop((0, 0, 400, 600)))


def _with_thumbnail(path: Path, exif: Image.Exif, thumbnail: bytes, picture: Image.Image) -> Path:
    """Append IFD1 with the thumbnail to the EXIF block, by hand: Pillow doesn't write one."""
    block = bytearray(exif.tobytes()[6:])  # behind "Exif\0\0": a TIFF file
    order = "little" if block[:2] == b"II" else "big"
    at = int.from_bytes(block[4:8], order)
    count = int.from_bytes(block[at : at + 2], order)
    link = at + 2 + 12 * count
    block[link : link + 4] = len(block).to_bytes(4, order)
    start = len(block) + 2 + 3 * 12 + 4
    ifd = (3).to_bytes(2, order)
    for tag, kind, value in ((0x0103, 3, 6), (0x0201, 4, start), (0x0202, 4, len(thumbnail))):
        field = value.to_bytes(2, order) + b"\0\0" if kind == 3 else value.to_bytes(4, order)
        ifd += tag.to_bytes(2, order) + kind.to_bytes(2, order) + (1).to_bytes(4, order) + field
    block += ifd + bytes(4) + thumbnail
    picture.save(path, quality=88, exif=b"Exif\0\0" + bytes(block))
    path.write_bytes(path.read_bytes() + b"hidden behind the end")
    return path


def test_traces_of_an_edited_photograph(qtbot: QtBot, page: Page, edited: Path) -> None:
    page.open(edited)
    qtbot.waitUntil(lambda: page.current.sha256 is not None, timeout=20_000)
    page.trigger("forensic")
    panel = page.files.forensic
    qtbot.waitUntil(lambda: bool(page.files.traces))
    facts, data = page.files.traces, edited.read_bytes()
    assert facts["SHA-256"].replace(" ", "") == hashlib.sha256(data).hexdigest()
    assert facts["MD5"].replace(" ", "") == hashlib.md5(data).hexdigest()
    assert facts["Since import"] == "unchanged"
    assert facts["File size"] == f"{len(data):,} bytes"
    assert facts["JPEG quality"].startswith("88 ")
    assert facts["Subsampling"] == "4:2:0"
    assert facts["After the end"] == "21 bytes"
    assert "other proportions" in facts["Thumbnail"]
    assert "Retoucher 3" in panel.notes.text()
    assert "cropped" in panel.notes.text()
    assert not panel.pictures.isHidden()
    assert panel.pictures.embedded.pixmap().width() == 120
    qtbot.mouseClick(panel.copy, Qt.MouseButton.LeftButton)
    assert "Quantisation table 1" in QGuiApplication.clipboard().text()


def test_a_file_that_changed_since_import_is_called_altered(qtbot: QtBot, page: Page, edited: Path) -> None:
    page.open(edited)
    qtbot.waitUntil(lambda: page.current.sha256 is not None, timeout=20_000)
    edited.write_bytes(edited.read_bytes() + b"!")
    page.trigger("forensic")
    qtbot.waitUntil(lambda: bool(page.files.traces))
    assert page.files.traces["Since import"].startswith("ALTERED")


def test_a_file_that_is_no_picture_still_has_its_hashes(
    qtbot: QtBot, page: Page, tmp_path: Path, pictures: Callable[[int], Path]
) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\n" + b"rubbish" * 20)
    page.begin_opening(broken)
    qtbot.waitUntil(lambda: page.current is not None and page.current.error is not None)
    page.trigger("forensic")
    qtbot.waitUntil(lambda: bool(page.files.traces))
    assert page.files.traces["MD5"].replace(" ", "") == hashlib.md5(broken.read_bytes()).hexdigest()
