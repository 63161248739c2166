from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from divisive_desktop.explanation.features import important_features
from divisive_desktop.imaging.record import Spacing
from divisive_desktop.reporting.pictures import Pictures, case_pictures

from .conftest import Analysed


def pictures(analysed: Analysed, side: int = 300, lossless: bool = True, mask: bool = False) -> Pictures:
    record, analysis, features, _ = analysed
    painted = None
    if mask:
        painted = np.zeros((record.height, record.width), np.float32)
        painted[200:600, 300:900] = 1
    return case_pictures(record, analysis, features, 1, painted, side, lossless)


def opened(made: Pictures, name: str) -> Image.Image:
    return Image.open(io.BytesIO(made.encoded[name])).convert("RGB")


def test_all_pictures_have_the_size_that_was_asked_for(analysed: Analysed) -> None:
    made = pictures(analysed, mask=True)
    assert set(made.encoded) == {"image", "true", "false", "features", "mask"}
    assert {max(opened(made, name).size) for name in made.encoded} == {300}
    assert "mask" not in pictures(analysed).encoded


def test_many_cases_get_jpeg(analysed: Analysed) -> None:
    assert all(data.startswith(b"\x89PNG") for data in pictures(analysed).encoded.values())
    assert all(data.startswith(b"\xff\xd8") for data in pictures(analysed, lossless=False).encoded.values())


def test_pictures_carry_nothing_but_pixels(analysed: Analysed) -> None:
    for lossless in (True, False):
        for data in pictures(analysed, lossless=lossless).encoded.values():
            with Image.open(io.BytesIO(data)) as picture:
                assert not picture.getexif()
                assert set(picture.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}


@pytest.mark.parametrize(
    ("calibration", "drawn"), [("patient", True), ("calibrated", True), ("detector", False), ("unknown", False)]
)
def test_a_scale_bar_only_where_millimetres_are_true(analysed: Analysed, calibration: str, drawn: bool) -> None:
    spacing = Spacing(0.2, 0.2, calibration, "Pixel Spacing")  # type: ignore[arg-type]
    with_spacing = (replace(analysed[0], spacing=spacing), *analysed[1:])
    made = pictures(with_spacing)
    assert (made.scale_bar_mm is not None) is drawn
    plain = pictures((replace(analysed[0], spacing=None), *analysed[1:]))
    assert plain.scale_bar_mm is None
    assert (made.encoded["features"] != plain.encoded["features"]) is drawn
    if made.scale_bar_mm is not None:  # a quarter of the picture at most, and of a round length
        assert made.scale_bar_mm in (50.0, 100.0)
        assert made.scale_bar_mm / 0.2 <= analysed[0].width / 4


def test_a_small_region_is_shown_large_with_a_frame_in_the_whole(analysed: Analysed) -> None:
    record, analysis, _, card = analysed
    region = (600, 700, 400, 400)
    small = replace(analysis, region=region)
    features = important_features(small.divergence(1), small.image_size, region)
    made = pictures((record, small, features, card))
    assert made.cropped
    assert 280 <= max(opened(made, "true").size) <= 320
    whole = np.asarray(opened(made, "image"), int)
    assert whole.shape[0] / whole.shape[1] == pytest.approx(record.height / record.width, abs=0.02)
    yellow = (whole[..., 0] > 200) & (whole[..., 1] > 170) & (whole[..., 2] < 90)
    assert yellow.sum() > 100
    assert not pictures(analysed).cropped


def test_the_mask_shows_in_black_and_white_too(analysed: Analysed) -> None:
    made = pictures(analysed, mask=True)
    grey = np.asarray(opened(made, "mask").convert("L"), int)
    plain = np.asarray(opened(made, "image").convert("L"), int)
    rows, columns = np.nonzero(np.abs(grey - plain) > 25)
    scale = grey.shape[1] / analysed[0].width
    assert abs(rows.min() - 200 * scale) < 4
    assert abs(columns.max() - 900 * scale) < 4
