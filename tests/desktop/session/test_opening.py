"""Work off the GUI thread: folders and archives are searched, thumbnails made, JSON written."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from divisive_desktop.desktop.session import opening
from divisive_desktop.desktop.session.case import Case
from divisive_desktop.desktop.session.runner import BackgroundTask
from divisive_desktop.errors import UserFacingError
from divisive_desktop.imaging import open_image


def search(*given: Path) -> tuple[list[Case], list[UserFacingError]]:
    found: list[Case] = []
    problems = opening.find_cases(given, found.extend, BackgroundTask(None))
    return found, problems


def test_a_folder_gives_its_images_and_nothing_else(pictures: Callable[[int], Path]) -> None:
    folder = pictures(3)
    (folder / "notes.txt").write_text("no image")
    (folder / "data.csv").write_text("a,b\n1,2")
    found, problems = search(folder)
    assert [c.name for c in found] == ["picture0000.png", "picture0001.png", "picture0002.png"]
    assert problems == []


def test_a_folder_without_images_is_told_with_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no image")
    found, problems = search(tmp_path)
    assert found == []
    assert tmp_path.name in problems[0].message
    assert "DICOM" in problems[0].remedy


def test_an_archive_gives_its_images_once_unpacked(pictures: Callable[[int], Path], tmp_path: Path, home: Path) -> None:
    archive = tmp_path / "Fälle 胸.zip"
    with zipfile.ZipFile(archive, "w") as z:
        for file in sorted(pictures(2).iterdir()):
            z.write(file, f"sub/{file.name}")
        z.writestr("readme.txt", "no image")
    first, problems = search(archive)
    second, _ = search(archive)
    assert problems == []
    assert [c.name for c in first] == ["picture0000.png", "picture0001.png"]
    assert [c.path for c in first] == [c.path for c in second]
    assert all(c.path.is_relative_to(home) for c in first)


def test_an_archive_can_not_write_outside_its_folder(
    pictures: Callable[[int], Path], tmp_path: Path, home: Path
) -> None:
    archive = tmp_path / "evil.zip"
    data = (pictures(1) / "picture0000.png").read_bytes()
    with zipfile.ZipFile(archive, "w") as z:
        z.writestr("../../../../escaped.png", data)
        z.writestr("/absolute.png", data)
    found, _ = search(archive)
    inside = home / "cache" / "archives"
    assert len(found) == 2
    assert all(c.path.resolve().is_relative_to(inside.resolve()) for c in found)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 but then nothing", b"not a zip at all" * 100])
def test_a_broken_archive_is_told(tmp_path: Path, content: bytes) -> None:
    archive = tmp_path / "broken.zip"
    archive.write_bytes(content)
    found, problems = search(archive)
    assert found == []
    assert problems[0].kind == "archive"
    assert "broken.zip" in problems[0].message


def test_one_bad_path_does_not_stop_the_others(pictures: Callable[[int], Path], tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    found, problems = search(empty, pictures(2))
    assert len(found) == 2
    assert len(problems) == 1


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [((40, 60), np.uint8), ((40, 60, 3), np.uint8), ((40, 60), np.uint16), ((1, 1), np.uint8), ((3, 3000), np.uint8)],
)
def test_thumbnails_are_small_and_keep_proportions(tmp_path: Path, shape: tuple[int, ...], dtype: type) -> None:
    values = np.random.default_rng(1).integers(0, np.iinfo(dtype).max, shape).astype(dtype)
    file = tmp_path / "picture.png"
    file.write_bytes(cv2.imencode(".png", values)[1].tobytes())
    image = opening.thumbnail(open_image(file))
    assert max(image.width(), image.height()) == opening.THUMBNAIL_SIDE
    if min(shape[:2]) > 3:
        assert image.width() / image.height() == pytest.approx(shape[1] / shape[0], rel=0.15)


def test_the_thumbnail_of_an_inverted_radiograph_is_shown_as_the_radiograph_is(rg1: Path) -> None:
    image = opening.thumbnail(open_image(rg1))
    corner, middle = image.pixelColor(48, 2).value(), image.pixelColor(image.width() // 2, 60).value()
    assert middle > 150, "the mediastinum is bright although the file is MONOCHROME1"
    assert image.width() < image.height()
    assert corner < 256


def test_an_error_names_the_file_that_the_analyst_knows(tmp_path: Path) -> None:
    copy = tmp_path / f"{'0123456789abcdef' * 4}.dcm"
    copy.write_bytes(b"nothing that opens")
    with pytest.raises(UserFacingError) as caught:
        opening.open_case(Case(tmp_path / "plan.dcm"), copy)
    assert "plan.dcm" in caught.value.message
    assert copy.name not in caught.value.message
