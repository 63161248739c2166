"""What the network sees depends on the values, not on how the file says them or the screen shows them."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from divisive_desktop.errors import ImageTooSmallError
from divisive_desktop.imaging.opening import open_image
from divisive_desktop.imaging.record import ImageRecord, ModalityTransform
from divisive_desktop.library.card import Preprocessing
from divisive_desktop.networks.preprocessing import prepare

GREY = Preprocessing(size=64)
RGB = Preprocessing(size=64, colour="rgb")


def record(stored: npt.NDArray[Any], **fields: Any) -> ImageRecord:
    given: dict[str, Any] = {"kind": "radiograph", "photometric": "MONOCHROME2", **fields}
    return ImageRecord(path=Path("x"), sha256="0" * 64, stored=stored, **given)


def values(pixels: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Network input back on the scale 0..255."""
    return pixels * 128 + 127


@pytest.fixture
def film() -> npt.NDArray[np.uint16]:
    rng = np.random.default_rng(4)
    smooth = cv2.GaussianBlur(rng.random((300, 260)), (0, 0), 9)
    return ((smooth - smooth.min()) / np.ptp(smooth) * 4000).astype(np.uint16)


def test_monochrome1_and_2_give_the_same_input(film: npt.NDArray[np.uint16]) -> None:
    two = prepare(record(film), GREY)
    one = prepare(record(4095 - film, photometric="MONOCHROME1"), GREY)
    assert np.allclose(one.pixels, two.pixels, atol=1e-4)
    assert one.recipe["negated"]
    assert not two.recipe["negated"]
    assert not np.allclose(prepare(record(film, photometric="MONOCHROME1"), GREY).pixels, two.pixels, atol=0.5)


def test_a_real_monochrome1_radiograph_has_bright_bones_and_dark_lungs(rg1: Path) -> None:
    seen = values(prepare(open_image(rg1), Preprocessing(size=224)).pixels[0])
    spine, right_lung, left_lung = seen[80:120, 105:120], seen[50:80, 45:85], seen[50:80, 135:170]
    assert spine.mean() > right_lung.mean() + 40
    assert spine.mean() > left_lung.mean() + 40


def test_transfer_syntaxes_of_one_film_agree(rg1: Path) -> None:
    from tests.conftest import dicom_sample

    plain = prepare(open_image(rg1), GREY).pixels
    lossless = prepare(open_image(dicom_sample("RG1_J2KR.dcm")), GREY).pixels
    lossy = prepare(open_image(dicom_sample("RG1_J2KI.dcm")), GREY).pixels
    assert np.array_equal(plain, lossless)
    assert np.abs(plain - lossy).max() < 0.05


def test_the_tag_photometric_turns_the_real_film_around(shared_data: Path) -> None:
    two = values(prepare(open_image(shared_data / "dicom/siim_cr_jpeg_baseline.dcm"), GREY).pixels)
    one = values(prepare(open_image(shared_data / "dicom/siim_cr_jpeg_monochrome1.dcm"), GREY).pixels)
    assert np.abs(one + two - 255).max() < 2  # percentiles of a sample aren't mirrored to the last bit


def test_rescale_offset_and_slope_do_not_matter(film: npt.NDArray[np.uint16]) -> None:
    plain = prepare(record(film), GREY).pixels
    scaled = prepare(record(film, modality=ModalityTransform(0.25, -1024)), GREY).pixels
    assert np.allclose(plain, scaled, atol=1e-3)


def test_a_modality_table_is_applied(film: npt.NDArray[np.uint16]) -> None:
    table = (np.arange(4096, dtype=np.float32) / 4095) ** 2 * 1000
    seen = prepare(record(film, modality=ModalityTransform(lut=table)), GREY).pixels
    assert np.allclose(seen, prepare(record(table[film]), GREY).pixels, atol=1e-4)


def test_the_window_on_screen_plays_no_part(rg1: Path) -> None:
    image = open_image(rg1)
    other = dataclasses.replace(image, voi=image.voi[-1:])
    assert np.array_equal(prepare(image, GREY).pixels, prepare(other, GREY).pixels)


def test_an_8_bit_export_of_a_film_gives_the_same_input(film: npt.NDArray[np.uint16]) -> None:
    """A model trained on 512 px 8-bit JPEGs must see a DICOM of the same film alike."""
    exported = cv2.resize((film / 4000 * 255).round().astype(np.uint8), (130, 150), interpolation=cv2.INTER_AREA)
    a, b = prepare(record(film), GREY).pixels, prepare(record(exported, kind="photograph"), GREY).pixels
    assert np.abs(a - b).max() < 0.05  # 6 of 255
    assert np.abs(a - b).mean() < 0.01


def test_padding_is_black_and_does_not_touch_the_rest(film: npt.NDArray[np.uint16]) -> None:
    """Padding far below (or, in MONOCHROME1, above) all values must not squeeze the picture's contrast."""
    inner = prepare(record(film[:, 52:208]), Preprocessing(size=156)).pixels[0]
    for fill, photometric in ((60000, "MONOCHROME2"), (0, "MONOCHROME1")):
        padded = (film + 1000 if photometric == "MONOCHROME2" else 6000 - film).astype(np.uint16)
        padded[:, :52] = fill
        padded[:, 208:] = fill
        seen = prepare(record(padded, photometric=photometric, padding=(fill, fill)), Preprocessing(size=260)).pixels[0]
        seen = values(seen)
        assert seen[:, :51].max() == 0
        assert seen[:, 209:].max() == 0
        assert np.ptp(seen[:, 53:207]) == pytest.approx(np.ptp(values(inner)), abs=3)


def test_a_burned_in_letter_does_not_set_the_contrast(film: npt.NDArray[np.uint16]) -> None:
    marked = film.copy()
    marked[5:15, 5:9] = 65535
    a, b = values(prepare(record(film), GREY).pixels), values(prepare(record(marked), GREY).pixels)
    assert abs(a[0, 10:].std() - b[0, 10:].std()) < 0.1 * a[0, 10:].std()


def test_crop_is_cut_to_the_image_and_equals_the_cut_image(film: npt.NDArray[np.uint16]) -> None:
    whole = record(film)
    seen = prepare(whole, GREY, (-20, 100, 120, 1000))
    assert seen.region == (0, 100, 100, 200)
    assert np.array_equal(seen.pixels, prepare(record(film[100:300, :100]), GREY).pixels)
    assert prepare(whole, GREY).region == (0, 0, 260, 300)
    for outside in ((300, 0, 10, 10), (0, 0, 0, 5), (-50, -50, 20, 20)):
        with pytest.raises(ImageTooSmallError):
            prepare(whole, GREY, outside)


def test_colour_photograph_keeps_its_own_scale_and_order() -> None:
    stored = np.zeros((40, 50, 3), np.uint8)
    stored[..., 0], stored[..., 1], stored[..., 2] = 200, 100, 10
    photograph = record(stored, kind="photograph", photometric="RGB")
    assert np.allclose(values(prepare(photograph, RGB).pixels).mean((1, 2)), [200, 100, 10], atol=1e-3)
    deep = record(stored.astype(np.uint16) * 257, kind="photograph", photometric="RGB")
    assert np.allclose(prepare(deep, RGB).pixels, prepare(photograph, RGB).pixels, atol=1e-5)


def test_colours_become_luma_in_a_grey_model() -> None:
    ramp = np.tile(np.arange(256, dtype=np.uint8), (64, 1))
    colours = np.stack([ramp, 255 - ramp, np.full_like(ramp, 40)], 2)  # luma falls where red rises
    grey = values(prepare(record(colours, kind="photograph", photometric="RGB"), GREY).pixels)
    assert np.array_equal(grey[0], grey[1])
    assert np.allclose(grey[0, 0], np.linspace(255, 0, 64), atol=8)


@pytest.mark.parametrize("kind", ["radiograph", "photograph"])
def test_grey_picture_in_an_rgb_model_is_repeated_not_stretched(kind: str) -> None:
    stored = np.full((30, 30), 90, np.uint8)
    stored[:10] = 120
    seen = values(prepare(record(stored, kind=kind), RGB).pixels)
    assert np.allclose(seen[:, 0, 0], 120, atol=1e-3)
    assert np.allclose(seen[:, -1, 0], 90, atol=1e-3)
    turned = values(prepare(record(255 - stored, kind=kind, photometric="MONOCHROME1"), RGB).pixels)
    assert np.allclose(turned, seen, atol=1e-3)


def test_a_real_face_equals_plain_area_resizing() -> None:
    import skimage.data

    face = skimage.data.astronaut()
    seen = prepare(record(face, kind="photograph", photometric="RGB"), Preprocessing(size=224, colour="rgb")).pixels
    expected = cv2.resize(face.astype(np.float32), (224, 224), interpolation=cv2.INTER_AREA).transpose(2, 0, 1)
    assert np.allclose(values(seen), expected, atol=1e-3)


def test_rows_and_columns_are_not_swapped() -> None:
    stored = np.zeros((200, 100), np.uint8)
    stored[:100, 50:] = 255  # top right
    seen = values(prepare(record(stored), GREY).pixels)[0]
    assert seen[:30, 34:].min() > 254.9
    assert seen[34:].max() < 0.1
    assert seen[:, :30].max() < 0.1


@pytest.mark.parametrize("colour", ["grey", "rgb"])
@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (500, 1), (1, 1, 3), (3, 70_000)])
def test_odd_shapes(shape: tuple[int, ...], colour: str) -> None:
    stored = np.random.default_rng(0).integers(0, 255, shape).astype(np.uint8)
    seen = prepare(record(stored, photometric="RGB" if len(shape) == 3 else "MONOCHROME2"), Preprocessing(64, colour))
    assert seen.pixels.shape == (3, 64, 64)
    assert np.isfinite(seen.pixels).all()


@pytest.mark.parametrize("padding", [None, (7.0, 7.0)])
def test_constant_image_gives_numbers(padding: tuple[float, float] | None) -> None:
    seen = prepare(record(np.full((50, 60), 7, np.uint16), padding=padding), GREY)
    assert np.isfinite(seen.pixels).all()
    assert np.ptp(seen.pixels) == 0


def test_values_that_are_no_numbers_are_left_out() -> None:
    stored = np.linspace(0, 100, 6400).reshape(80, 80)
    broken = stored.copy()
    broken[3, 4], broken[70, 70] = np.nan, np.inf
    a, b = prepare(record(stored), GREY).pixels, prepare(record(broken), GREY).pixels
    assert np.isfinite(b).all()
    assert np.abs(a - b).max() < 0.05
    assert np.isfinite(prepare(record(np.full((9, 9), np.nan)), GREY).pixels).all()


@settings(deadline=None, max_examples=60)
@given(
    stored=hnp.arrays(
        st.sampled_from([np.uint8, np.int16, np.uint16, np.int32]),
        st.tuples(st.integers(1, 90), st.integers(1, 90)),
    ),
    photometric=st.sampled_from(["MONOCHROME1", "MONOCHROME2"]),
    colour=st.sampled_from(["grey", "rgb"]),
    pad=st.none() | st.integers(-5, 5).map(lambda v: (float(v), float(v) + 3)),
)
def test_any_image_becomes_a_finite_input_in_range(
    stored: npt.NDArray[Any], photometric: str, colour: str, pad: tuple[float, float] | None
) -> None:
    seen = prepare(record(stored, photometric=photometric, padding=pad), Preprocessing(32, colour))
    assert seen.pixels.shape == (3, 32, 32)
    assert seen.pixels.dtype == np.float32
    assert np.isfinite(seen.pixels).all()
    assert values(seen.pixels).min() >= -0.01
    assert values(seen.pixels).max() <= 255.01


def test_the_image_is_left_as_it_was(film: npt.NDArray[np.uint16]) -> None:
    image = record(film.astype(np.float32), photometric="MONOCHROME1")
    before = image.stored.copy()
    prepare(image, GREY)
    assert np.array_equal(image.stored, before)


def test_the_recipe_says_all_and_fits_into_json(film: npt.NDArray[np.uint16]) -> None:
    recipe = prepare(record(film, photometric="MONOCHROME1"), GREY, (10, 10, 50, 60)).recipe
    assert json.loads(json.dumps(recipe)) == recipe
    assert recipe["region"] == [10, 10, 50, 60]
    assert recipe["size"] == 64
    assert recipe["negated"] is True
    low, high = recipe["range"]
    assert -4000 <= low < high <= 0


@pytest.mark.parametrize("value", [7, 100, 4095, 60001])
@pytest.mark.parametrize("shape", [(600, 600), (517, 731), (90, 90)])
def test_one_grey_stays_one_grey(value: int, shape: tuple[int, int]) -> None:
    """What averaging rounds off isn't stretched to the whole range."""
    grey = ImageRecord(Path("grey.png"), "0" * 64, "radiograph", np.full(shape, value, np.uint16), "MONOCHROME2")
    seen = prepare(grey, Preprocessing(size=224, colour="grey", low_percentile=0.5, high_percentile=99.5))
    assert seen.pixels.min() == seen.pixels.max()
