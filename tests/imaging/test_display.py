"""The greyscale pipeline against worked examples of the standard and against slow, direct arithmetic."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from divisive_desktop.imaging import ImageRecord, ModalityTransform, Voi, open_image
from divisive_desktop.imaging.display import apply_voi, auto_voi, default_voi, display_lut, full_range_voi, render


def record(stored: Any, **fields: Any) -> ImageRecord:
    stored = np.atleast_2d(np.asarray(stored))
    fields.setdefault("photometric", "MONOCHROME2")
    fields.setdefault("bits_stored", 8 * stored.dtype.itemsize)
    return ImageRecord(path=Path("x"), sha256="", kind="radiograph", stored=stored, **fields)


def grey(values: Any, voi: Voi) -> list[int]:
    return [int(v) for v in np.rint(apply_voi(np.asarray(values, np.float64), voi) * 255)]


def test_linear_follows_the_standards_example() -> None:
    # PS3.3 C.11.2.1.2.1: centre 2048, width 4096 maps 0..4095 onto the whole output range.
    assert grey([0, 4095], Voi("linear", 2048, 4096)) == [0, 255]
    # centre 0, width 100: <= -50 is black, > 49 is white.
    assert grey([-51, -50, 49, 50], Voi("linear", 0, 100)) == [0, 0, 255, 255]
    assert apply_voi(np.asarray([-49.0]), Voi("linear", 0, 100))[0] == pytest.approx(1 / 99)
    # centre 0, width 1: a step between -0.5 and above.
    assert grey([-1, -0.5, 0, 1], Voi("linear", 0, 1)) == [0, 0, 255, 255]


def test_linear_exact_has_no_half_pixel_offsets() -> None:
    # PS3.3 C.11.2.1.3.2: centre 2048, width 4096: <= 0 black, > 4096 white, 2048 in the middle.
    voi = Voi("linear_exact", 2048, 4096)
    assert apply_voi(np.asarray([0, 1024, 2048, 4096.0]), voi).tolist() == [0, 0.25, 0.5, 1]


def test_sigmoid_is_half_at_the_centre_and_never_reaches_the_ends() -> None:
    voi = Voi("sigmoid", 100, 40)
    out = apply_voi(np.asarray([100.0, 140.0, 60.0]), voi)
    assert out[0] == pytest.approx(0.5)
    assert out[1] == pytest.approx(1 / (1 + np.exp(-4)))
    assert out[1] + out[2] == pytest.approx(1)
    assert np.isfinite(apply_voi(np.asarray([-1e30, 1e30]), voi)).all()


def test_a_voi_lut_takes_its_end_entries_outside_its_range() -> None:
    voi = Voi("lut", lut=np.asarray([0, 100, 255], np.float32), lut_first=10, lut_range=(0, 255))
    assert grey([-5, 10, 11, 12, 99], voi) == [0, 0, 100, 255, 255]


def test_inversion_of_monochrome1_comes_last() -> None:
    values = np.asarray([[0, 100, 200, 255]], np.uint8)
    voi = Voi("linear", 100, 60)
    plain, inverted = record(values), record(values, photometric="MONOCHROME1")
    assert (render(inverted, voi) == 255 - render(plain, voi)).all()
    # The user's inversion adds to it.
    assert (render(inverted, voi, invert=True) == render(plain, voi)).all()


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.uint16, np.int16, np.int32, np.float32])
@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_the_lookup_table_gives_what_direct_arithmetic_gives(dtype: Any, photometric: str) -> None:
    rng = np.random.default_rng(3)
    stored = rng.integers(-120, 127, (40, 31)).astype(dtype) if np.dtype(dtype).kind != "u" else rng.integers(
        0, 250, (40, 31)
    ).astype(dtype)
    image = record(stored, modality=ModalityTransform(slope=1.5, intercept=-20), photometric=photometric)
    for voi in (Voi("linear", 30, 100), Voi("linear_exact", 10.5, 77.3), Voi("sigmoid", 0, 50)):
        wanted = np.rint(apply_voi(stored.astype(np.float64) * 1.5 - 20, voi) * 255)
        wanted = 255 - wanted if photometric == "MONOCHROME1" else wanted
        assert np.abs(render(image, voi) - wanted).max() <= 1  # float32 against float64 at a rounding edge


def test_modality_lut_is_applied_before_the_window() -> None:
    table = ModalityTransform(lut=np.asarray([1000, 500, 0], np.float32), lut_first=-1)
    image = record(np.asarray([[-5, -1, 0, 1, 9]], np.int16), modality=table)
    assert render(image, Voi("linear_exact", 500, 1000)).tolist() == [[255, 255, 128, 0, 0]]


def test_colour_passes_through_untouched_and_follows_a_window_when_asked() -> None:
    rgb = np.arange(27, dtype=np.uint8).reshape(3, 3, 3) * 9
    image = record(np.zeros((1, 1), np.uint8))
    image = ImageRecord(Path("x"), "", "photograph", rgb, "RGB")
    assert (render(image) == rgb).all()
    assert render(image, Voi("linear_exact", 127.5, 100)).min() == 0
    deep = ImageRecord(Path("x"), "", "photograph", rgb.astype(np.uint16) * 257, "RGB", bits_stored=16)
    assert (render(deep) == rgb).all()


def test_a_region_is_cut_to_the_image_and_the_output_is_reused() -> None:
    image = record(np.arange(100, dtype=np.uint16).reshape(10, 10))
    whole = render(image)
    assert (render(image, region=(2, 3, 4, 5)) == whole[3:8, 2:6]).all()
    assert render(image, region=(8, 8, 50, 50)).shape == (2, 2)
    assert render(image, region=(-4, 50, 2, 2)).shape == (1, 1)
    out = np.empty((10, 10), np.uint8)
    assert np.shares_memory(render(image, out=out), out)
    assert (out == whole).all()
    assert render(image, out=np.empty((3, 3), np.uint8)).shape == (10, 10)


def test_auto_leaves_padding_out_and_listens_to_the_region() -> None:
    stored = np.full((50, 50), -2000, np.int16)
    stored[10:40, 10:40] = np.random.default_rng(0).integers(100, 200, (30, 30))
    padded = record(stored, padding=(-2000.0, -2000.0))
    low = auto_voi(padded).center - auto_voi(padded).width / 2
    assert low >= 100
    assert auto_voi(record(stored)).width > 2000
    assert auto_voi(record(stored), region=(10, 10, 30, 30)).width <= 100
    assert auto_voi(record(np.full((4, 4), -2000, np.int16), padding=(-2000, -2000))).width > 0


def test_a_constant_image_is_shown_without_nan() -> None:
    for value in (0, 7, 65535):
        image = record(np.full((8, 8), value, np.uint16))
        assert len(np.unique(render(image, auto_voi(image)))) == 1


def test_full_range_spans_the_stored_bits() -> None:
    image = record(np.zeros((2, 2), np.uint16), bits_stored=12)
    voi = full_range_voi(image)
    assert (voi.center - voi.width / 2, voi.center + voi.width / 2) == (0, 4095)
    signed = full_range_voi(record(np.zeros((2, 2), np.int16), bits_stored=12, modality=ModalityTransform(2.0, 10.0)))
    assert (signed.center - signed.width / 2, signed.center + signed.width / 2) == (-4086, 4104)


def test_no_table_over_wide_types() -> None:
    with pytest.raises(ValueError, match="use render"):
        display_lut(record(np.zeros((2, 2), np.float32)), Voi("linear", 0, 1))


@settings(max_examples=60, deadline=None)
@given(
    center=st.floats(-70000, 70000),
    width=st.floats(1, 140000),
    kind=st.sampled_from(["linear", "linear_exact", "sigmoid"]),
    slope=st.floats(0.01, 10),
)
def test_greys_never_fall_as_values_rise(center: float, width: float, kind: Any, slope: float) -> None:
    image = record(np.zeros((1, 1), np.int16), modality=ModalityTransform(slope=slope))
    table = display_lut(image, Voi(kind, center, width)).astype(int)
    rising = np.concatenate([table[32768:], table[:32768]])
    assert (np.diff(rising) >= 0).all()


def test_the_chest_radiograph_opens_with_its_own_window_and_bright_bones(rg1: Path) -> None:
    image = open_image(rg1)
    shown = render(image)
    assert image.inverted
    assert default_voi(image).kind == "linear"
    # MONOCHROME1: air around the patient has the highest values and must be dark.
    high, low = np.percentile(image.pixels, [98, 2])
    assert shown[image.pixels <= low].mean() > shown[image.pixels >= high].mean() + 150
