"""Which part of a picture a model sees: its rule's square, kept inside the picture, and the record of the choice."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from divisive_desktop.imaging import framing as framings
from divisive_desktop.imaging.faces import Face
from divisive_desktop.imaging.framing import Detector, Finds, Framing
from divisive_desktop.imaging.framing_rule import FFHQ, IRIS, FramingRule
from divisive_desktop.imaging.irises import Iris
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
    assert face(500, 400).square(FFHQ) == pytest.approx((500 - 126, 407 - 126, 252, 252))
    assert framings.crop_of(face(500, 400), FFHQ, 1000, 800) == (374, 281, 252, 252)
    wide = face(500, 400, eyes=90).square(FFHQ)
    assert wide[2] == pytest.approx(360)  # now the eyes decide


def test_a_tilted_face_has_the_square_of_a_level_one() -> None:
    level = face(500, 400)
    turn = np.deg2rad(30)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    turned = replace(level, landmarks=tuple(tuple(rotation @ np.subtract(p, (500, 400)) + (500, 400))
                                            for p in level.landmarks))  # fmt: skip
    assert turned.roll == pytest.approx(30)
    assert turned.square(FFHQ)[2] == pytest.approx(level.square(FFHQ)[2])


@pytest.mark.parametrize(("x", "y"), [(20, 20), (980, 30), (10, 790), (990, 780)])
def test_at_the_border_the_crop_moves_inside_and_stays_square(x: int, y: int) -> None:
    left, top, width, height = framings.crop_of(face(x, y), FFHQ, 1000, 800)
    assert width == height == 252
    assert 0 <= left <= 1000 - width
    assert 0 <= top <= 800 - height


def test_a_face_too_large_for_the_picture_gets_the_largest_square() -> None:
    left, top, width, height = framings.crop_of(face(150, 100), FFHQ, 400, 230)
    assert width == height == 230
    assert (left, top) == (35, 0)


def test_a_picture_that_is_a_face_crop_already_is_left_whole() -> None:
    assert framings.crop_of(face(126, 119), FFHQ, 252, 252) is None
    assert framings.crop_of(face(130, 122), FFHQ, 260, 255) is None
    assert framings.crop_of(face(200, 200), FFHQ, 400, 400) is not None


def test_choosing() -> None:
    found = Finds((face(500, 400), face(200, 200, 30, 35)), DETECTOR)
    automatic = framings.automatic(found, FFHQ, 1000, 800)
    assert (automatic.how, automatic.chosen, automatic.by_person) == ("detected", 0, False)
    picked = framings.pick(automatic, 1, 1000, 800)
    assert (picked.how, picked.face, picked.by_person) == ("picked", found.found[1], True)
    assert picked.crop == framings.crop_of(found.found[1], FFHQ, 1000, 800)
    drawn = framings.by_hand((1, 2, 30, 40), picked)
    assert (drawn.crop, drawn.chosen, drawn.found) == ((1, 2, 30, 40), None, found.found)
    assert framings.whole(drawn).crop is None
    assert framings.automatic(Finds((), DETECTOR), FFHQ, 1000, 800) is None
    said = [framings.in_words(f) for f in (automatic, picked, drawn, framings.whole(drawn))]
    assert said == ["the largest of 2 faces that were found", "face 2 of 2, chosen by hand", "a part chosen by hand",
                    "the whole picture, as asked for"]  # fmt: skip
    with pytest.raises(ValueError, match="one of those found"):
        Framing("picked", None, (), 0)


def test_the_choice_survives_json() -> None:
    found = Finds((face(500, 400), face(200, 200, 30, 35)), DETECTOR)
    framing = framings.pick(framings.automatic(found, FFHQ, 1000, 800), 1, 1000, 800)
    again = framings.framing_of({"framing": json.loads(json.dumps(framing.as_dict()))})
    assert again == framing
    assert framings.framing_of({"size": 224}) is None
    # What a later version might write is no reason not to show the analysis.
    assert framings.framing_of({"framing": {**framing.as_dict(), "how": "aligned"}}) is None


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.float32])
def test_the_detector_sees_a_small_upright_rgb_picture(dtype: type) -> None:
    ramp = np.linspace(0, 200, 3000 * 2000).reshape(2000, 3000).astype(dtype)
    shown, across, down = framings.detection_picture(record(ramp))
    assert shown.shape == (round(2000 * 1280 / 3000), 1280, 3)
    assert shown.dtype == np.uint8
    assert across == 1280 / 3000
    assert down == shown.shape[0] / 2000
    assert np.array_equal(shown[..., 0], shown[..., 2])


def test_a_small_picture_is_not_enlarged_and_not_changed() -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (50, 70, 3), np.uint8)
    shown, across, down = framings.detection_picture(record(pixels))
    assert (across, down) == (1.0, 1.0)
    assert np.array_equal(shown, pixels)


def test_a_card_may_ask_for_another_square() -> None:
    # synthetic2: 2.1 times the larger of the eyes' distance and .92 times that from eyes to mouth
    inner = FramingRule("face", 2.1, 0.92, 0.42)
    x, y, side, _ = face(500, 400).square(inner)
    assert side == pytest.approx(2.1 * 0.92 * 70)
    assert (x + side / 2, y + side / 2) == pytest.approx((500, 400 + 0.42 * 70))
    framing = framings.automatic(Finds((face(500, 400),), DETECTOR), inner, 1000, 800)
    assert framing.crop == framings.crop_of(face(500, 400), inner, 1000, 800)
    assert framing.crop[2] == 135
    again = framings.framing_of({"framing": json.loads(json.dumps(framing.as_dict()))})
    assert again.rule == inner, "another face of the same picture is cut by the same rule"


def test_what_older_versions_kept_was_cut_by_the_rule_of_their_time() -> None:
    kept = framings.automatic(Finds((face(500, 400),), DETECTOR), FFHQ, 1000, 800).as_dict()
    del kept["rule"]
    assert framings.framing_of({"framing": kept}).rule == FFHQ


@pytest.mark.parametrize("wrong", [
    {"kind": "hand", "factor": 2.0}, {"kind": "face", "factor": 0}, {"kind": "face", "factor": "2"},
    {"kind": "face", "factor": float("nan")}, {"kind": "iris", "factor": True}, {"kind": "iris"}, [2.1],
    {"kind": "iris", "factor": 2.5, "angle": 3},
])  # fmt: skip
def test_a_rule_that_makes_no_sense_is_refused(wrong: object) -> None:
    with pytest.raises((ValueError, TypeError)):
        FramingRule.from_json(wrong)  # type: ignore[arg-type]


def test_an_iris_is_cut_around_its_pupil_in_radii_of_the_limbus() -> None:
    iris = Iris((300, 200, 20), (303, 201, 50), 0.9)
    assert iris.square(IRIS) == pytest.approx((237.5, 137.5, 125, 125))
    assert framings.crop_of(iris, IRIS, 640, 480) == (238, 138, 125, 125)
    assert framings.crop_of(Iris((63, 62, 20), (63, 62, 50), 0.9), IRIS, 125, 125) is None, "such a crop already"
    framing = framings.automatic(Finds((iris,), DETECTOR), IRIS, 640, 480)
    assert framings.in_words(framing) == "the one iris that was found"
    assert framings.framing_of({"framing": json.loads(json.dumps(framing.as_dict()))}) == framing
    assert iris.contains(303, 250)
    assert not iris.contains(303, 252)
