"""TIFFs of every kind of sample against tifffile, which reads none of them by the libraries that we use."""

from __future__ import annotations

import dataclasses
import io
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import tifffile

from divisive_desktop import errors
from divisive_desktop.imaging import open_image
from divisive_desktop.imaging.tiff import grey_plane, read_form

SHAPE = (40, 56)
HEIGHT_TAG = 257
LAYOUTS = {
    "plain": {}, "big endian": {"byteorder": ">"}, "zlib": {"compression": "zlib", "predictor": True},
    "tiles": {"tile": (16, 16)}, "BigTIFF": {"bigtiff": True}, "strips": {"rowsperstrip": 7},
}  # fmt: skip
layouts = pytest.mark.parametrize("layout", LAYOUTS)


def save(path: Path, pixels: npt.NDArray[Any], layout: str = "plain", orientation: int = 1, **more: Any) -> Path:
    options = {**LAYOUTS[layout], **more}
    if pixels.dtype.kind == "f":
        options.pop("predictor", None)
    tifffile.imwrite(path, pixels, metadata=None, extratags=[(274, "H", 1, orientation, True)], **options)
    return path


def upright(pixels: npt.NDArray[Any], orientation: int) -> npt.NDArray[Any]:
    swapped = pixels.swapaxes(0, 1)
    return {
        1: pixels, 2: pixels[:, ::-1], 3: pixels[::-1, ::-1], 4: pixels[::-1], 5: swapped, 6: swapped[:, ::-1],
        7: swapped[::-1, ::-1], 8: swapped[::-1],
    }[orientation]  # fmt: skip


@layouts
@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i2", "u4", "i4", "f4"])
@pytest.mark.parametrize("white", [False, True], ids=["black is zero", "white is zero"])
def test_greys_of_every_type(layout: str, dtype: str, white: bool, tmp_path: Path) -> None:
    low, high = {"u1": (3, 256), "i1": (-128, 128), "u2": (9, 65536), "i2": (-32768, 32768), "u4": (5, 2**32),
                 "i4": (-(2**31), 2**31), "f4": (-500, 500)}[dtype]  # fmt: skip
    stored = np.random.default_rng(1).integers(low, high, SHAPE).astype(dtype)
    path = save(tmp_path / "a.tif", stored, layout, photometric="miniswhite" if white else "minisblack")
    record = open_image(path)
    if not white:
        np.testing.assert_array_equal(record.stored, stored)
    elif np.dtype(dtype).itemsize <= 2:
        np.testing.assert_array_equal(record.stored, ~stored)
    else:  # round the middle of its own range
        both = record.stored.astype(np.float64) + stored.astype(np.float64)
        np.testing.assert_allclose(both, float(stored.min()) + float(stored.max()), rtol=1e-6)
    if white:
        assert "White is zero" in " ".join(record.notes)


@layouts
@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_deep_colours_lie_right_and_upright(layout: str, planar: str, orientation: int, tmp_path: Path) -> None:
    rgb = np.random.default_rng(2).integers(0, 65536, (*SHAPE, 3)).astype(np.uint16)
    stored = rgb if planar == "contig" else np.ascontiguousarray(rgb.transpose(2, 0, 1))
    path = save(tmp_path / "a.tif", stored, layout, orientation, photometric="rgb", planarconfig=planar)
    record = open_image(path)
    np.testing.assert_array_equal(record.stored, upright(rgb, orientation))
    assert ("Turned upright" in " ".join(record.notes)) == (orientation != 1)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "u4", "f4"])
def test_greys_are_upright(orientation: int, dtype: str, tmp_path: Path) -> None:
    stored = np.random.default_rng(3).integers(0, 100, SHAPE).astype(dtype)
    for photometric in ("minisblack", "miniswhite"):
        record = open_image(save(tmp_path / "a.tif", stored, orientation=orientation, photometric=photometric))
        wanted = stored if photometric == "minisblack" else open_image(
            save(tmp_path / "b.tif", stored, photometric=photometric)
        ).stored  # fmt: skip
        np.testing.assert_array_equal(record.stored, upright(wanted, orientation))


@pytest.mark.parametrize("dtype", ["u1", "u2"])
@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("kind", ["assocalpha", "unassalpha", "unspecified"])
def test_the_fourth_sample_is_used_as_the_file_says(dtype: str, planar: str, kind: str, tmp_path: Path) -> None:
    top = np.iinfo(dtype).max
    random = np.random.default_rng(4)
    alpha = random.integers(0, top + 1, (*SHAPE, 1)).astype(np.float64) / top
    colour = random.integers(0, top + 1, (*SHAPE, 3)).astype(np.float64)
    held = np.rint(colour * alpha) if kind == "assocalpha" else colour
    samples = np.concatenate([held, np.rint(alpha * top)], axis=2).astype(dtype)
    stored = samples if planar == "contig" else np.ascontiguousarray(samples.transpose(2, 0, 1))
    path = save(tmp_path / "a.tif", stored, photometric="rgb", planarconfig=planar, extrasamples=[kind])
    wanted = colour if kind == "unspecified" else colour * alpha + top * (1 - alpha)
    # Eight bits go through Pillow, which divides by alpha and multiplies again.
    assert np.abs(open_image(path).stored - wanted).max() <= 2


def test_pages_of_different_kinds(tmp_path: Path) -> None:
    pages = [np.full(SHAPE, 7, np.uint8), np.full(SHAPE, -5, np.int8), np.full((*SHAPE, 3), 40000, np.uint16)]
    pages[2][0, 0] = 1, 2, 3
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        for page in pages:
            kind = "rgb" if page.ndim == 3 else "miniswhite" if page.dtype == np.int8 else "minisblack"
            file.write(page, photometric=kind, metadata=None)
    for index, wanted in enumerate([pages[0], ~pages[1], pages[2]]):
        record = open_image(tmp_path / "a.tif", index)
        np.testing.assert_array_equal(record.stored, wanted)
        assert record.frames == 3
    with pytest.raises(errors.DamagedImageError, match="has 3 pictures; number 4"):
        open_image(tmp_path / "a.tif", 3)


def test_camera_and_size_survive_being_written_anew(tmp_path: Path) -> None:
    stored = np.random.default_rng(5).integers(0, 99, SHAPE).astype(np.int16)
    tifffile.imwrite(
        tmp_path / "a.tif", stored, photometric="miniswhite", metadata=None, extratags=[(271, 2, 0, "Canon", True)]
    )
    assert open_image(tmp_path / "a.tif").header["Make"] == "Canon"
    assert open_image(tmp_path / "a.tif").kind == "photograph"


@pytest.mark.parametrize(
    ("dtype", "words"),
    [("f8", "1 x 64 bits floating point, grey"), ("u8", "1 x 64 bits, grey"), ("f2", "1 x 16 bits floating point")],
)
def test_what_can_t_be_read_is_named(dtype: str, words: str, tmp_path: Path) -> None:
    path = save(tmp_path / "a.tif", np.ones(SHAPE, dtype), photometric="minisblack")
    with pytest.raises(errors.NotAnImageError, match="a TIFF of a kind that can't be read") as caught:
        open_image(path)
    assert words in str(caught.value)


def test_a_big_endian_bigtiff_is_named(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.zeros(SHAPE, np.uint8), bigtiff=True, byteorder=">")
    with pytest.raises(errors.NotAnImageError, match="BigTIFF, big-endian"):
        open_image(tmp_path / "a.tif")


def test_directories_that_go_round_or_lead_nowhere_are_no_form(tmp_path: Path) -> None:
    path = save(tmp_path / "a.tif", np.zeros(SHAPE, np.uint8), photometric="minisblack")
    data = bytearray(path.read_bytes())
    form = read_form(io.BytesIO(data), 0)
    assert form is not None
    assert (form.pages, form.size, form.words) == (1, (56, 40), "1 x 8 bits, grey")
    first = int.from_bytes(data[4:8], "little")
    last = first + 2 + 12 * int.from_bytes(data[first : first + 2], "little")
    data[last : last + 4] = data[4:8]  # the page after the last is the first
    again = read_form(io.BytesIO(data), 0)
    assert again is not None
    assert again.pages == 1
    data[4:8] = b"\xff\xff\xff\x7f"
    assert read_form(io.BytesIO(data), 0) is None
    assert read_form(io.BytesIO(b"no TIFF at all"), 0) is None


def test_strips_that_overlap_aren_t_read_again_and_again(tmp_path: Path) -> None:
    stored = np.ones((3, 400, 50), np.uint16)
    path = save(tmp_path / "a.tif", stored, photometric="rgb", planarconfig="separate", rowsperstrip=1)
    form = read_form(io.BytesIO(path.read_bytes()), 0)
    assert form is not None
    forged = dataclasses.replace(form, tags={**form.tags, 273: (8,) * 1200, 279: (100_000,) * 1200})
    with pytest.raises(ValueError, match="strips"):
        grey_plane(io.BytesIO(path.read_bytes()), forged, 0)


@pytest.mark.parametrize("layout", ["plain", "tiles", "strips", "zlib"])
@pytest.mark.parametrize("colours", [1, 3])
def test_a_header_that_promises_more_rows_than_there_are(layout: str, colours: int, tmp_path: Path) -> None:
    shape = SHAPE if colours == 1 else (*SHAPE, 3)
    path = save(tmp_path / "a.tif", np.full(shape, 9, np.uint8), layout)
    with tifffile.TiffFile(path, mode="r+") as file:
        file.pages[0].tags[HEIGHT_TAG].overwrite(4 * SHAPE[0])
    with pytest.raises((errors.TruncatedImageError, errors.DamagedImageError)):
        open_image(path)


@pytest.mark.parametrize("colours", [False, True])
def test_what_is_no_number_is_told_and_replaced(colours: bool, tmp_path: Path) -> None:
    pixels = np.linspace(-1, 5, 40 * 56).reshape(SHAPE).astype(np.float32)
    pixels[3, 4:7], pixels[9, 9], pixels[9, 10] = np.nan, np.inf, -np.inf
    more = {"photometric": "rgb", "planarconfig": "separate"} if colours else {}
    record = open_image(save(tmp_path / "a.tif", np.repeat(pixels[None], 3, 0) if colours else pixels, **more))
    said = " ".join(record.notes)
    assert said.count("3 values are each no number (NaN); 0 was put") == 1
    assert said.count("2 values are each without end") == 1
    assert np.isfinite(record.stored).all()
    if not colours:
        assert (record.stored[3, 4:7] == 0).all()
        assert (record.stored[9, 9], record.stored[9, 10]) == (pixels[np.isfinite(pixels)].max(), -1)
    plain = open_image(save(tmp_path / "b.tif", np.ones(SHAPE, np.float32)))
    assert "number" not in " ".join(plain.notes)


@pytest.mark.parametrize(
    ("samples", "options", "told"),
    [
        (5, {"photometric": "rgb", "extrasamples": [0, 0]}, "sample 4 (without a meaning), sample 5"),
        (4, {"photometric": "rgb", "extrasamples": [0]}, "sample 4 (without a meaning)"),
        (5, {"photometric": "rgb", "extrasamples": [2, 0]}, "Left out: sample 5 (without"),
        (2, {"photometric": "minisblack", "extrasamples": [0], "planarconfig": "contig"}, "sample 2 (without"),
        (4, {"photometric": "rgb", "extrasamples": [2]}, ""),
        (2, {"photometric": "minisblack", "extrasamples": [2], "planarconfig": "contig"}, ""),
        (3, {"photometric": "rgb"}, ""),
    ],
)  # fmt: skip
def test_samples_that_are_left_out_are_told(
    samples: int, options: dict[str, Any], told: str, tmp_path: Path
) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (*SHAPE, samples)).astype(np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", pixels, metadata=None, **options)
    notes = " ".join(open_image(tmp_path / "a.tif").notes)
    assert (told or "Left out") in notes if told else "Left out" not in notes


@pytest.mark.parametrize(("sizes", "marked", "told"), [
    (((10, 14), (40, 56)), False, "picture 2 has 56 x 40"), (((10, 14), (20, 28), (40, 56)), True, "picture 3 has 56"),
    (((10, 14), (10, 14)), True, "says that this picture is a small copy"), (((40, 56), (10, 14)), False, ""),
    (((40, 56), (40, 56)), False, ""), (((40, 56), (60, 56)), False, ""),
])  # fmt: skip
def test_a_first_picture_that_is_a_small_copy_is_told(
    sizes: tuple[tuple[int, int], ...], marked: bool, told: str, tmp_path: Path
) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        for number, size in enumerate(sizes):
            file.write(np.full(size, 9 + number, np.uint8), subfiletype=int(marked and not number), metadata=None)
    notes = " ".join(open_image(tmp_path / "a.tif").notes)
    assert told in notes
    assert ("small" in notes) == bool(told)
    assert "small" not in " ".join(open_image(tmp_path / "a.tif", len(sizes) - 1).notes)
