"""Which part of a picture a face model sees: the FFHQ square, kept inside the picture, and the record of the choice."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from divisive_desktop.imaging import faces
from divisive_desktop.imaging.faces import Detector, Face, Faces, Framing
from divisive_desktop.imaging.record import ImageRecord, Voi

DETECTOR = Detector("test", "1", "0" * 64, "MIT")


def face(x: float, y: float, eyes: float = 60.0, mouth: float = 70.0, score: float = 0.99) -> Face:
    """A level face: middle of the eyes at (x, y), eyes and mouth so far apart."""
    h = eyes / 2
    marks = ((x - h, y), (x + h, y), (x, y + mouth / 2), (x - h / 2, y + mouth), (x + h / 2, y + mouth))
    return Face((x - eyes, y - eyes, 2 * eyes, 2.4 * eyes), marks, score)


def record(pixels: np.ndarray, **changes: object) -> ImageRecord:
    grey = pixels.ndim == 2
    made = ImageRecord(
        Path("a.png"), "0" * 64, "photograph", pixels, "MONOCHROME2" if grey else "RGB",
        voi=(Voi("identity") if pixels.dtype == np.uint8 else Voi("linear", 32768, 65536),),
    )  # fmt: skip
    return replace(made, **changes)


def test_the_crop_follows_the_rule_of_the_training_data() -> None:
    # side = 2 max(2 * 60, 1.8 * 70) = 252; centre = eyes + a tenth of the way to the mouth
    assert faces.ideal_square(face(500, 400)) == pytest.approx((500 - 126, 407 - 126, 252, 252))
    assert faces.face_crop(face(500, 400), 1000, 800) == (374, 281, 252, 252)
    wide = faces.ideal_square(face(500, 400, eyes=90))
    assert wide[2] == pytest.approx(360)  # now the eyes decide


def test_a_tilted_face_has_the_square_of_a_level_one() -> None:
    level = face(500, 400)
    turn = np.deg2rad(30)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    turned = replace(level, landmarks=tuple(tuple(rotation @ np.subtract(p, (500, 400)) + (500, 400))
                                            for p in level.landmarks))  # fmt: skip
    assert turned.roll == pytest.approx(30)
    assert faces.ideal_square(turned)[2] == pytest.approx(faces.ideal_square(level)[2])


@pytest.mark.parametrize(("x", "y"), [(20, 20), (980, 30), (10, 790), (990, 780)])
def test_at_the_border_the_crop_moves_inside_and_stays_square(x: int, y: int) -> None:
    left, top, width, height = faces.face_crop(face(x, y), 1000, 800)
    assert width == height == 252
    assert 0 <= left <= 1000 - width
    assert 0 <= top <= 800 - height


def test_a_face_too_large_for_the_picture_gets_the_largest_square() -> None:
    left, top, width, height = faces.face_crop(face(150, 100), 400, 230)
    assert width == height == 230
    assert (left, top) == (35, 0)


def test_a_picture_that_is_a_face_crop_already_is_left_whole() -> None:
    assert faces.face_crop(face(126, 119), 252, 252) is None
    assert faces.face_crop(face(130, 122), 260, 255) is None
    assert faces.face_crop(face(200, 200), 400, 400) is not None


def test_choosing() -> None:
    found = Faces((face(500, 400), face(200, 200, 30, 35)), DETECTOR)
    automatic = faces.automatic(found, 1000, 800)
    assert (automatic.how, automatic.chosen, automatic.by_person) == ("detected", 0, False)
    picked = faces.pick(automatic, 1, 1000, 800)
    assert (picked.how, picked.face, picked.by_person) == ("picked", found.faces[1], True)
    assert picked.crop == faces.face_crop(found.faces[1], 1000, 800)
    drawn = faces.by_hand((1, 2, 30, 40), picked)
    assert (drawn.crop, drawn.chosen, drawn.faces) == ((1, 2, 30, 40), None, found.faces)
    assert faces.whole(drawn).crop is None
    assert faces.automatic(Faces((), DETECTOR), 1000, 800) is None
    said = [faces.in_words(f) for f in (automatic, picked, drawn, faces.whole(drawn))]
    assert said == ["the largest of 2 faces that were found", "face 2 of 2, chosen by hand", "a part chosen by hand",
                    "the whole picture, as asked for"]  # fmt: skip
    with pytest.raises(ValueError, match="one of those found"):
        Framing("picked", None, (), 0)


def test_the_choice_survives_json() -> None:
    framing = faces.pick(faces.automatic(Faces((face(500, 400), face(200, 200, 30, 35)), DETECTOR), 1000, 800), 1,
                         1000, 800)  # fmt: skip
    again = faces.framing_of({"framing": json.loads(json.dumps(framing.as_dict()))})
    assert again == framing
    assert faces.framing_of({"size": 224}) is None
    # What a later version might write is no reason not to show the analysis.
    assert faces.framing_of({"framing": {**framing.as_dict(), "how": "aligned"}}) is None


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.float32])
def test_the_detector_sees_a_small_upright_rgb_picture(dtype: type) -> None:
    ramp = np.linspace(0, 200, 3000 * 2000).reshape(2000, 3000).astype(dtype)
    shown, across, down = faces.detection_picture(record(ramp))
    assert shown.shape == (round(2000 * 1280 / 3000), 1280, 3)
    assert shown.dtype == np.uint8
    assert across == 1280 / 3000
    assert down == shown.shape[0] / 2000
    assert np.array_equal(shown[..., 0], shown[..., 2])


def test_a_small_picture_is_not_enlarged_and_not_changed() -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (50, 70, 3), np.uint8)
    shown, across, down = faces.detection_picture(record(pixels))
    assert (across, down) == (1.0, 1.0)
    assert np.array_equal(shown, pixels)
