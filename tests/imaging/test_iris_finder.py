"""Irises are found where they are, at any size, in eyes that nobody ever saw; and nowhere else."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from divisive_desktop.imaging.iris_finder import SURE, find_iris, looks_inverted
from tests.imaging.eyes import drawn_eye


@pytest.mark.parametrize(
    ("width", "height", "centre", "iris", "pupil"),
    [
        (320, 240, (150, 118), 52, 20),
        (640, 480, (350, 230), 105, 34),
        (640, 480, (230, 260), 88, 44),
        (1280, 960, (700, 500), 200, 70),
        (240, 240, (120, 122), 92, 36),
    ],
)
def test_an_eye_has_its_iris(
    width: int, height: int, centre: tuple[int, int], iris: int, pupil: int
) -> None:
    found = find_iris(drawn_eye(width, height, centre, iris, pupil))
    assert found is not None
    assert np.hypot(found.pupil[0] - centre[0], found.pupil[1] - centre[1]) < 0.1 * iris
    assert found.pupil[2] == pytest.approx(pupil, rel=0.2)
    assert found.limbus[2] == pytest.approx(iris, rel=0.12)


def test_circles_are_told_in_pixels_of_the_image() -> None:
    picture = drawn_eye(640, 480, (350, 230), 105, 34)
    plain, told = find_iris(picture), find_iris(picture, (0.25, 0.25))
    assert plain is not None
    assert told is not None
    assert told.limbus == pytest.approx(tuple(4 * v for v in plain.limbus))
    colours = find_iris(cv2.cvtColor(picture, cv2.COLOR_GRAY2RGB))
    assert colours is not None
    assert colours.limbus == pytest.approx(plain.limbus, abs=1.0)


@pytest.mark.parametrize(("centre", "iris", "pupil"), [((350, 230), 105, 34), ((230, 260), 88, 44)])
def test_the_negative_of_an_eye_is_told_from_an_eye(centre: tuple[int, int], iris: int, pupil: int) -> None:
    picture = drawn_eye(640, 480, centre, iris, pupil)
    assert not looks_inverted(picture, find_iris(picture))
    assert looks_inverted(255 - picture, find_iris(255 - picture))


def nothings() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    ramp = np.add.outer(np.arange(240), np.arange(320)) * 0.4
    disc = np.full((240, 320), 150, np.uint8)
    cv2.circle(disc, (160, 120), 30, 20, -1, cv2.LINE_AA)
    return {
        "grey": np.full((240, 320), 120, np.uint8),
        "black": np.zeros((240, 320), np.uint8),
        "noise": rng.integers(0, 255, (240, 320)).astype(np.uint8),
        "ramp": ramp.astype(np.uint8),
        "one dark disc": disc,
        "tiny": rng.integers(0, 255, (20, 30)).astype(np.uint8),
        "a line": np.zeros((2, 900), np.uint8),
    }


@pytest.mark.parametrize("name", nothings())
def test_what_is_no_eye_has_none(name: str) -> None:
    found = find_iris(nothings()[name])
    assert found is None or found.score < SURE
    assert not looks_inverted(nothings()[name], found)


def test_a_film_is_no_eye(rg1: Path) -> None:
    from divisive_desktop.imaging import open_image
    from divisive_desktop.imaging.framing import detection_picture

    found = find_iris(detection_picture(open_image(rg1), 416)[0])
    assert found is None or found.score < SURE
