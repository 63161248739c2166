"""Masks come in from files: nothing painted is replaced unasked, and a folder of them is checked first."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QMessageBox

from divisive_desktop.desktop.features.painting.mask_files import FILTERS
from divisive_desktop.desktop.features.painting.mask_folder_page import MaskFolderPage
from divisive_desktop.imaging import open_image
from divisive_desktop.imaging.correction import named
from divisive_desktop.imaging.display import render
from divisive_desktop.masks import shapes
from tests.desktop.pages import Page, PaintPage, until

Show = Callable[..., PaintPage]
SIZE = (60, 40)


@pytest.fixture
def show(page: Page, pictures: Callable[[int], Path]) -> Show:
    """Open a folder of pictures and wait until the first one can be painted on, and all are in the casebook."""

    def make(count: int = 1) -> PaintPage:
        page.begin_opening(pictures(count))
        page.paint.wait_ready()
        until(lambda: len(page.cases) == count and all(c.id for c in page.cases), "all pictures in the casebook")
        return page.paint

    return make


def labelme(path: Path, *labels: str, picture: str = "picture0000.png", kind: str = "polygon") -> Path:
    """A file with one square for each label, side by side."""
    shapes = [
        {"label": label, "shape_type": kind, "points": [[5 + 12 * i, 5], [15 + 12 * i, 5], [15 + 12 * i, 15],
                                                         [5 + 12 * i, 15]]}
        for i, label in enumerate(labels)
    ]  # fmt: skip
    document = {"shapes": shapes, "imagePath": picture, "imageData": None, "imageWidth": 60, "imageHeight": 40}
    path.write_text(json.dumps(document))
    return path


def paint(painting: PaintPage) -> None:
    painting.session.stamp("square", shapes.rectangle((20, 25), (40, 35), painting.session.mask.size))


def names(painting: PaintPage) -> list[str]:
    return [r.name for r in painting.session.mask.regions]


def question(page: Page) -> QMessageBox:
    return page.wait_for(QMessageBox)


def press(page: Page, text: str) -> None:
    box = question(page)
    button = next(b for b in box.buttons() if b.text().replace("&", "") == text)
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    until(lambda: not page.find_all(QMessageBox), "the question to go")
    page.wait_idle()


@pytest.mark.parametrize(
    ("answer", "expected"),
    [("Add", ["important", "heart", "lung"]), ("Replace", ["heart", "lung"]), ("Cancel", ["important"])],
)
def test_painted_regions_are_not_replaced_unasked(
    page: Page, show: Show, tmp_path: Path, answer: str, expected: list[str]
) -> None:
    painting = show()
    paint(painting)
    before = painting.pixels
    painting.import_(labelme(tmp_path / "m.json", "heart", "lung"))
    assert "painted already" in question(page).text()
    assert names(painting) == ["important"]
    press(page, answer)
    until(lambda: names(painting) == expected, "the regions")
    if answer != "Cancel":
        painting.session.undo()
        until(lambda: names(painting) == ["important"], "the regions of before")
    assert np.array_equal(painting.pixels, before)


def test_a_mask_of_another_picture_is_asked_about(page: Page, show: Show, tmp_path: Path) -> None:
    painting = show()
    painting.import_(labelme(tmp_path / "m.json", "heart", picture="..\\somebody else.png"))
    assert "“somebody else.png”" in question(page).text()
    press(page, "Cancel")
    assert painting.session.mask.is_empty
    painting.import_(labelme(tmp_path / "m.json", "heart", picture="..\\somebody else.png"))
    press(page, "Import")
    until(lambda: names(painting) == ["heart"], "the region")


def test_what_was_left_out_is_said(page: Page, show: Show, tmp_path: Path) -> None:
    painting = show()
    path = labelme(tmp_path / "m.json", "heart")
    document = json.loads(path.read_text())
    document["shapes"].append({"label": "catheter", "shape_type": "linestrip", "points": [[1, 1], [9, 9]]})
    path.write_text(json.dumps(document))
    painting.import_(path)
    until(lambda: names(painting) == ["heart"], "the region")
    assert any("1 line (catheter)" in m.remedy for m in page.messages)


@pytest.mark.parametrize("chosen", ["labelme (*.json)", "labelme, polygons (*.json)"])
def test_labelme_opens_the_export_wherever_it_lies(page: Page, show: Show, tmp_path: Path, chosen: str) -> None:
    painting = show()
    paint(painting)
    path = tmp_path / "elsewhere.json"
    painting.export(path, chosen)
    page.wait_idle()
    document = json.loads(path.read_text())
    # As labelme 6.3 reads it: the picture from the file itself, of the size that it says.
    with Image.open(io.BytesIO(base64.b64decode(document["imageData"]))) as picture:
        assert picture.size == (document["imageWidth"], document["imageHeight"]) == SIZE
        assert np.array_equal(np.asarray(picture), render(open_image(page.record.path)))
    assert document["imagePath"]


# ---- a folder at once -----------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Masks for three of four pictures, one of another size, one of nobody, and a text file."""
    folder = tmp_path / "masks"
    folder.mkdir()
    for name, size in (("picture0000.png", SIZE), ("picture0001_mask.png", SIZE), ("picture0002.png", (120, 80))):
        mask = np.zeros(size[::-1], np.uint8)
        mask[5:15, 5:25] = 255
        (folder / name).write_bytes(cv2.imencode(".png", mask)[1].tobytes())
    labelme(folder / "nobody.json", "heart")
    (folder / "notes.txt").write_text("x")
    return folder


def rows(found: MaskFolderPage) -> list[tuple[str, ...]]:
    table: Any = found.table
    return [tuple(table.item(r, c).text() for c in range(table.columnCount())) for r in range(table.rowCount())]


def tick(found: MaskFolderPage, row: int) -> None:
    rect = found.table.visualItemRect(found.table.item(row, 0))
    QTest.mouseClick(
        found.table.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(rect.left() + 10, rect.center().y())
    )


def kept(page: Page, case: int) -> Any:
    return page.session.casebook.current.masks.load(list(page.cases)[case].id)


def test_a_folder_is_matched_by_name_and_nothing_is_taken_before_it_is_said(
    page: Page, show: Show, folder: Path
) -> None:
    painting = show(4)
    painting.feature.files.read_folder(folder)
    found = page.wait_for(MaskFolderPage)
    assert [row[:2] for row in rows(found)] == [
        ("nobody.json", ""), ("picture0000.png", "picture0000.png"), ("picture0001_mask.png", "picture0001.png"),
        ("picture0002.png", "picture0002.png"),
    ]  # fmt: skip
    assert "no case has this name" in rows(found)[0][4]
    assert rows(found)[1][2:] == ("1", "8.3\xa0%", "")
    assert "120 x 80" in rows(found)[3][4]
    assert found.take.text() == "Import 2 masks"
    assert all(kept(page, i) is None for i in range(4))
    tick(found, 3)
    assert found.take.text() == "Import 3 masks"
    QTest.mouseClick(found.take, Qt.MouseButton.LeftButton)
    until(lambda: [c.regions for c in page.cases] == [1, 1, 1, 0], "the masks in the list")
    page.wait_idle()
    assert painting.session.mask.bounds(1) == (5, 5, 20, 10), "the current case's is on the screen"
    assert [kept(page, i).size for i in range(3)] == [SIZE] * 3
    assert kept(page, 1).bounds(1) == (5, 5, 20, 10)
    assert any("3 masks imported" in m.text for m in page.messages)


def test_a_file_for_several_pictures_is_taken_apart(page: Page, show: Show, tmp_path: Path) -> None:
    painting = show(3)
    folder = tmp_path / "project"
    folder.mkdir()
    images = "".join(
        f'<image id="{i}" name="set/picture000{i}.png" width="60" height="40"><box label="heart" xtl="{5 + i}" ytl="5" '
        f'xbr="25" ybr="15"/></image>'
        for i in (0, 2)
    )
    (folder / "annotations.xml").write_text(f"<annotations>{images}</annotations>")
    circle = {"shape_attributes": {"name": "circle", "cx": 30, "cy": 20, "r": 5}, "region_attributes": {"name": "knob"}}
    document = {"k": {"filename": "picture0001.png", "regions": [circle]}}
    (folder / "via_project.json").write_text(json.dumps(document))
    painting.feature.files.read_folder(folder)
    found = page.wait_for(MaskFolderPage)
    assert [row[:2] for row in rows(found)] == [
        ("annotations.xml", "picture0000.png"), ("annotations.xml", "picture0002.png"),
        ("via_project.json", "picture0001.png"),
    ]  # fmt: skip
    QTest.mouseClick(found.take, Qt.MouseButton.LeftButton)
    until(lambda: [c.regions for c in page.cases] == [1, 1, 1], "the masks in the list")
    page.wait_idle()
    assert kept(page, 2).bounds(1) == (7, 5, 18, 10)
    assert kept(page, 1).bounds(1) == (25, 15, 10, 10)


def test_cancelling_takes_nothing(page: Page, show: Show, folder: Path) -> None:
    painting = show(4)
    painting.feature.files.read_folder(folder)
    found = page.wait_for(MaskFolderPage)
    QTest.keyClick(found, Qt.Key.Key_Escape)
    page.wait_idle()
    assert painting.session.mask.is_empty
    assert all(kept(page, i) is None for i in range(4))


@pytest.mark.parametrize(("rule", "regions"), [(0, [1, 1]), (1, [2, 2]), (2, [1, 1])])
def test_cases_with_a_mask_are_left_unless_said_otherwise(
    page: Page, show: Show, folder: Path, rule: int, regions: list[int]
) -> None:
    painting = show(2)
    for case in (1, 0):
        page.select(case)
        page.paint.wait_ready()
        paint(painting)
        page.paint.wait_kept()
    until(lambda: [c.regions for c in page.cases] == [1, 1], "both masks in the list")
    painting.feature.files.read_folder(folder)
    found = page.wait_for(MaskFolderPage)
    assert not found.take.isEnabled(), "both cases have a mask"
    if rule == 0:
        found.reject()
    else:
        found.rule.setFocus()
        QTest.keyClick(found.rule, Qt.Key.Key_Down)
        if rule == 2:
            QTest.keyClick(found.rule, Qt.Key.Key_Down)
        assert found.take.text() == "Import 2 masks"
        QTest.mouseClick(found.take, Qt.MouseButton.LeftButton)
        until(lambda: any("2 masks imported" in m.text for m in page.messages), "the masks to be written")
    page.paint.wait_kept()
    assert [len(kept(page, i).regions) for i in range(2)] == regions
    square = (20, 25, 20, 10)
    assert (kept(page, 1).bounds(1) == square) == (rule != 2)


def test_mask_files_fit_the_image_s_file_whatever_was_mended(page: Page, show: Show, tmp_path: Path) -> None:
    painting = show()
    paint(painting)
    painting.wait_kept()
    drawn, case = painting.pixels.copy(), page.current
    assert case is not None
    page.session.corrections.apply(case, named("turn-left"))
    until(lambda: page.record is not None and bool(page.record.correction), "the turned picture")
    until(lambda: painting.ready and painting.pixels.any(), "the turned mask")
    assert np.array_equal(painting.pixels, np.rot90(drawn))
    painting.export(tmp_path / "mask.png", next(kind for kind in FILTERS if kind.endswith("(*.png)")))
    until((tmp_path / "mask.png").exists, "the file")
    page.wait_idle()
    written = cv2.imread(str(tmp_path / "mask.png"), cv2.IMREAD_GRAYSCALE)
    assert written is not None
    assert np.array_equal(written > 0, drawn)

    painting.session.clear()
    until(lambda: not painting.pixels.any(), "an empty mask")
    painting.import_(tmp_path / "mask.png")
    until(lambda: painting.pixels.any(), "the mask from the file")
    assert np.array_equal(painting.pixels, np.rot90(drawn))
    painting.wait_kept()
