"""The quick guess agrees with what opening the file finds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from divisive_desktop.imaging import open_image
from divisive_desktop.imaging.kind import guess_kind

RAMP = np.add.outer(np.arange(64), np.arange(96)).astype(np.uint8)


def colour() -> Image.Image:
    return Image.fromarray(np.stack([RAMP, RAMP[::-1], RAMP], axis=-1))


@pytest.mark.parametrize(
    ("name", "picture"),
    [
        ("grey.png", Image.fromarray(RAMP)),
        ("grey.jpg", Image.fromarray(RAMP)),
        ("deep.png", Image.fromarray(RAMP.astype(np.uint16) * 200)),
        ("grey-in-colour.png", Image.fromarray(RAMP).convert("RGB")),
        ("grey-in-colour.jpg", Image.fromarray(RAMP).convert("RGB")),
        ("palette.png", colour().convert("P")),
        ("colour.png", colour()),
        ("colour.jpg", colour()),
        ("colour.webp", colour()),
    ],
)
def test_the_guess_is_what_opening_finds(tmp_path: Path, name: str, picture: Image.Image) -> None:
    path = tmp_path / name
    picture.save(path)
    assert guess_kind(path) == open_image(path).kind


def test_a_grey_picture_from_a_camera_is_a_photograph(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[271] = "Camera works"
    path = tmp_path / "camera.jpg"
    Image.fromarray(RAMP).save(path, exif=exif)
    assert guess_kind(path) == open_image(path).kind == "photograph"


def test_dicom_is_a_radiograph(rg1: Path) -> None:
    assert guess_kind(rg1) == "radiograph"


def test_a_damaged_file_is_left_to_opening(tmp_path: Path) -> None:
    path = tmp_path / "cut.png"
    Image.fromarray(RAMP).convert("RGB").save(path)
    path.write_bytes(path.read_bytes()[:60])
    assert guess_kind(path) == "photograph"
