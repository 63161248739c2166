"""Quarter turns, mirroring and inverted greys: the picture and everything that lies on it go together."""

from __future__ import annotations

import itertools
from pathlib import Path

import cv2
import numpy as np
import pytest

from divisive_desktop.imaging import open_image
from divisive_desktop.imaging.corrected import corrected
from divisive_desktop.imaging.correction import ACTS, LOOKS, MENDS, UNCORRECTED, Correction, named, suggested_by
from divisive_desktop.imaging.display import render
from divisive_desktop.imaging.graphics import Overlay, Shutter
from divisive_desktop.imaging.record import ImageRecord, Spacing

EVERY = [Correction(m, t, i) for m in (False, True) for t in range(4) for i in (False, True)]


def _record(**changes: object) -> ImageRecord:
    stored = np.arange(35, dtype=np.uint8).reshape(5, 7) * 7
    values: dict[str, object] = {
        "path": Path("film.dcm"), "sha256": "0" * 64, "kind": "radiograph", "stored": stored,
        "photometric": "MONOCHROME2",
    }  # fmt: skip
    return ImageRecord(**{**values, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize("correction", EVERY, ids=lambda c: str(c) or "nothing")
def test_a_correction_is_written_read_and_taken_back(correction: Correction) -> None:
    assert Correction.parse(str(correction)) == correction
    assert not correction.then(correction.inverse())
    pixels = np.random.default_rng(0).integers(0, 255, (5, 7))
    assert np.array_equal(correction.inverse().pixels(correction.pixels(pixels)), pixels)


def test_corrections_one_after_the_other_are_one() -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (5, 7))
    for first, second in itertools.product(EVERY, EVERY):
        both = first.then(second)
        assert np.array_equal(both.pixels(pixels), second.pixels(first.pixels(pixels))), f"{first} then {second}"
        assert both.invert == (first.invert != second.invert)


@pytest.mark.parametrize("correction", EVERY, ids=lambda c: str(c) or "nothing")
def test_points_and_boxes_go_where_the_pixels_go(correction: Correction) -> None:
    for x, y in itertools.product(range(7), range(5)):
        pixels = np.zeros((5, 7), np.uint8)
        pixels[y, x] = 1
        row, column = np.argwhere(correction.pixels(pixels))[0]
        assert correction.point((x + 0.5, y + 0.5), 7, 5) == (column + 0.5, row + 0.5)
        assert correction.box((x, y, 1, 1), 7, 5) == (column, row, 1, 1)
    assert correction.size(7, 5) == correction.pixels(np.zeros((5, 7))).shape[::-1]


def test_turning_left_puts_the_right_edge_on_top() -> None:
    turned = corrected(_record(), named("turn-left"))
    assert np.array_equal(turned.stored[0], _record().stored[:, -1])


def test_what_is_shown_is_negative_and_stored_values_stay() -> None:
    record = _record()
    inverted = corrected(record, named("invert"))
    assert np.array_equal(render(inverted), 255 - render(record))
    assert np.array_equal(inverted.pixels, record.pixels)
    colours = _record(stored=np.arange(45, dtype=np.uint8).reshape(3, 5, 3), photometric="RGB")
    assert np.array_equal(render(corrected(colours, named("invert"))), 255 - render(colours))


def test_everything_on_the_picture_follows() -> None:
    drawn = np.zeros((5, 7), np.uint8)
    drawn[1, 2:5] = 1
    overlay = Overlay(0x6000, "graphics", 5, 7, (0, 0), np.packbits(drawn.reshape(-1), bitorder="little").tobytes())
    shutter = Shutter((2, 5, 1, 3), None, ((1, 1), (1, 6), (4, 6)))
    record = _record(
        spacing=Spacing(0.2, 0.1, "patient", "PixelSpacing"), pixel_aspect=2.0, orientation=("L", "F"),
        overlays=(overlay,), shutter=shutter,
    )  # fmt: skip
    for correction in EVERY:
        made = corrected(record, correction)
        assert np.array_equal(made.overlays[0].mask(made.height, made.width), correction.pixels(drawn.astype(bool)))
        assert made.shutter is not None
        seen = shutter.visible(5, 7, 2.0)
        shown = made.shutter.visible(made.height, made.width, made.pixel_aspect)
        assert np.array_equal(shown, correction.pixels(seen)), str(correction)
        assert made.sha256 == record.sha256
        assert made.spacing is not None
        assert made.pixel_aspect == pytest.approx(made.spacing.row_mm / made.spacing.column_mm)
        assert made.correction == correction
    assert corrected(record, named("turn-left")).orientation == ("F", "R")
    assert corrected(record, named("mirror")).orientation == ("R", "F")
    assert corrected(record, named("turn-over")).orientation == ("R", "H")


def test_a_round_shutter_stays_round_when_turned() -> None:
    stored = np.zeros((40, 80), np.uint8)
    record = _record(stored=stored, pixel_aspect=2.0, shutter=Shutter(circle=(21, 41, 20)))
    assert record.shutter is not None
    turned = corrected(record, named("turn-right"))
    assert turned.shutter is not None
    seen = named("turn-right").pixels(record.shutter.visible(40, 80, 2.0))
    shown = turned.shutter.visible(80, 40, 0.5)
    assert (seen != shown).sum() <= 0.03 * seen.sum()


def test_the_record_says_what_was_done_and_the_file_is_not_touched(tmp_path: Path) -> None:
    file = tmp_path / "film.png"
    file.write_bytes(cv2.imencode(".png", _record().stored)[1].tobytes())
    before = file.read_bytes()
    record = open_image(file, 0, Correction.parse("turn-over+invert"))
    assert "Turned by 180 degrees and greys inverted by the analyst." in record.notes
    assert np.array_equal(render(record), 255 - render(open_image(file))[::-1, ::-1])
    assert record.sha256 == open_image(file).sha256
    assert file.read_bytes() == before
    again = corrected(record, record.correction.inverse())
    assert not again.correction
    assert again.notes == open_image(file).notes


def test_names_that_are_no_correction_are_refused() -> None:
    with pytest.raises(ValueError, match="turn-left"):
        Correction.parse("invert+shear")
    assert Correction.parse(None) == Correction.parse("") == UNCORRECTED


def test_what_would_mend_a_picture_is_read_from_the_reasons() -> None:
    assert [suggested_by((f"No verdict: {LOOKS[name]}.",)) for name in MENDS] == [named(name) for name in MENDS]
    assert not suggested_by(("the picture is unlike every image that the model was made with",))


@pytest.mark.parametrize("turn", ["turn-left", "turn-over", "turn-right"])
def test_two_faults_are_mended_at_once(turn: str) -> None:
    both = Correction.parse(f"{turn}+invert")
    assert suggested_by((LOOKS["invert"], LOOKS[turn])) == suggested_by((LOOKS[turn], LOOKS["invert"])) == both
    assert both.acts == f"{ACTS[turn]} and {ACTS['invert']}"
