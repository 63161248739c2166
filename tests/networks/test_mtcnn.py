"""The face detector on real pictures: what it finds, where, and that it is the one that was shipped."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from divisive_desktop import paths
from divisive_desktop.errors import ModelIntegrityError
from divisive_desktop.imaging import ImageRecord, open_image
from divisive_desktop.networks.mtcnn import FaceDetector, load_face_detector

skimage = pytest.importorskip("skimage")
DATA = Path(skimage.__file__).parent / "data"
EYES, NOSE = ((204.0, 101.0), (248.0, 104.0)), (225.0, 127.0)
"""Where they are in the picture astronaut.png, as a person sees them."""


@pytest.fixture(scope="module")
def detector() -> FaceDetector:
    return load_face_detector()


@pytest.fixture(scope="module")
def astronaut() -> ImageRecord:
    return open_image(DATA / "astronaut.png")


def test_a_face_with_its_landmarks(detector: FaceDetector, astronaut: ImageRecord) -> None:
    (face,) = detector.find(astronaut).found
    assert face.score > 0.99
    for found, true in zip(face.landmarks, (*EYES, NOSE), strict=False):
        assert np.hypot(found[0] - true[0], found[1] - true[1]) < 4
    assert abs(face.roll) < 6


@pytest.mark.parametrize("scale", [0.5, 2.0, 8.0])
def test_the_size_of_the_picture_changes_nothing(detector: FaceDetector, astronaut: ImageRecord, scale: float) -> None:
    larger = replace(astronaut, stored=cv2.resize(astronaut.stored, None, fx=scale, fy=scale))
    (face,) = detector.find(larger).found
    (plain,) = detector.find(astronaut).found
    for found, true in zip(face.landmarks, plain.landmarks, strict=True):
        assert np.hypot(found[0] / scale - true[0], found[1] / scale - true[1]) < 3


def test_where_the_face_is_moved_the_box_moves_along(detector: FaceDetector, astronaut: ImageRecord) -> None:
    wide = np.full((700, 1100, 3), 90, np.uint8)
    wide[150:662, 500:1012] = astronaut.stored
    (face,) = detector.find(replace(astronaut, stored=wide)).found
    (plain,) = detector.find(astronaut).found
    assert np.allclose(np.subtract(face.landmarks, (500, 150)), plain.landmarks, atol=3)


def test_several_faces_come_largest_first(detector: FaceDetector, astronaut: ImageRecord) -> None:
    both = np.full((520, 1100, 3), 90, np.uint8)
    both[:256, 20:276] = cv2.resize(astronaut.stored, (256, 256), interpolation=cv2.INTER_AREA)
    both[:512, 500:1012] = astronaut.stored
    first, second = detector.find(replace(astronaut, stored=both)).found
    assert first.landmarks[2][0] > 500 > second.landmarks[2][0]
    assert first.area > second.area


def test_grey_and_16_bit_pictures(detector: FaceDetector, astronaut: ImageRecord) -> None:
    from divisive_desktop.imaging.display import full_range_voi

    grey = cv2.cvtColor(astronaut.stored, cv2.COLOR_RGB2GRAY)
    for pixels in (grey, grey.astype(np.uint16) * 257):
        bits = 8 * pixels.dtype.itemsize
        made = replace(astronaut, stored=pixels, photometric="MONOCHROME2", voi=(), bits_stored=bits)
        assert len(detector.find(replace(made, voi=(full_range_voi(made),))).found) == 1


@pytest.mark.parametrize("name", ["coffee.png", "chelsea.png", "brick.png", "page.png", "retina.jpg", "moon.png"])
def test_no_face_where_there_is_none(detector: FaceDetector, name: str) -> None:
    assert detector.find(open_image(DATA / name)).found == ()


def test_a_radiograph_has_no_face(detector: FaceDetector, rg1: Path) -> None:
    assert detector.find(open_image(rg1)).found == ()


@pytest.mark.parametrize("size", [(1, 1), (12, 3000), (40, 40)])
def test_odd_sizes(detector: FaceDetector, astronaut: ImageRecord, size: tuple[int, int]) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (*size, 3), np.uint8)
    assert detector.find(replace(astronaut, stored=noise)).found == ()


def test_other_weights_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    shipped = (paths.resources_dir() / "faces" / "mtcnn.safetensors").read_bytes()
    (tmp_path / "faces").mkdir()
    (tmp_path / "faces" / "mtcnn.safetensors").write_bytes(shipped[:-1] + b"\x00")
    monkeypatch.setattr(paths, "resources_dir", lambda: tmp_path)
    with pytest.raises(ModelIntegrityError, match="face detector"):
        load_face_detector()
