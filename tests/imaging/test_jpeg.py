"""Our own JPEG decoders against an encoder written here, GDCM and DCMTK."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import dcmread
from pydicom.encaps import get_frame
from pydicom.pixels import pixel_array

from divisive_desktop.imaging import open_image
from divisive_desktop.imaging.extended_jpeg import decode_extended
from divisive_desktop.imaging.jpeg_plugin import NAME
from divisive_desktop.imaging.lossless_jpeg import decode_lossless
from tests.imaging.variants import write


def lossless(pixels: npt.NDArray[np.uint16], precision: int, selection: int, rows_between_restarts: int = 0) -> bytes:
    """Lossless JPEG as T.81 annex H says, sample by sample; every code has five bits."""
    planes = pixels[..., None] if pixels.ndim == 2 else pixels
    rows, columns, count = planes.shape
    segment = lambda marker, body: bytes([0xFF, marker]) + (len(body) + 2).to_bytes(2, "big") + body  # noqa: E731
    head = b"\xff\xd8" + segment(0xC4, bytes([0, 0, 0, 0, 0, 17, *[0] * 11, *range(17)]))
    frame = bytes([precision]) + rows.to_bytes(2, "big") + columns.to_bytes(2, "big") + bytes([count])
    head += segment(0xC3, frame + b"".join(bytes([c + 1, 0x11, 0]) for c in range(count)))
    if rows_between_restarts:
        head += segment(0xDD, (rows_between_restarts * columns).to_bytes(2, "big"))
    scan = bytes([count]) + b"".join(bytes([c + 1, 0]) for c in range(count)) + bytes([selection, 0, 0])
    coded, bits, first, restarts = head + segment(0xDA, scan), "", 0, 0
    for row in range(rows):
        if rows_between_restarts and row and row % rows_between_restarts == 0:
            coded += stuffed(bits) + bytes([0xFF, 0xD0 + restarts % 8])
            bits, first, restarts = "", row, restarts + 1
        for column in range(columns):
            for c in range(count):
                predicted = guess(planes[..., c], row, column, first, precision, selection)
                bits += code(int(planes[row, column, c]) - predicted)
    return coded + stuffed(bits) + b"\xff\xd9"


def guess(plane: npt.NDArray[np.uint16], row: int, column: int, first: int, precision: int, selection: int) -> int:
    if row == first:
        return int(plane[row, column - 1]) if column else 1 << (precision - 1)
    above = int(plane[row - 1, column])
    if not column:
        return above
    left, corner = int(plane[row, column - 1]), int(plane[row - 1, column - 1])
    return {1: left, 2: above, 3: corner, 4: left + above - corner, 5: left + ((above - corner) >> 1),
            6: above + ((left - corner) >> 1), 7: (left + above) >> 1}[selection]  # fmt: skip


def code(difference: int) -> str:
    difference = (difference + 32768) % 65536 - 32768
    if difference == -32768:
        return f"{16:05b}"
    size = abs(difference).bit_length()
    value = difference if difference > 0 else difference + (1 << size) - 1
    return f"{size:05b}" + (f"{value:0{size}b}" if size else "")


def stuffed(bits: str) -> bytes:
    bits += "1" * (-len(bits) % 8)
    return int(bits or "0", 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\0")


@pytest.mark.parametrize("selection", range(1, 8))
@pytest.mark.parametrize("precision", [2, 8, 12, 16])
@pytest.mark.parametrize(("count", "restart"), [(1, 0), (1, 3), (3, 0), (3, 2)])
def test_lossless_is_lossless(selection: int, precision: int, count: int, restart: int) -> None:
    shape = (11, 17, count)[: 2 if count == 1 else 3]
    pixels = np.random.default_rng(selection).integers(0, 2**precision, shape).astype(np.uint16)
    decoded = decode_lossless(lossless(pixels, precision, selection, restart))
    np.testing.assert_array_equal(decoded, pixels)
    assert decoded.dtype == (np.uint8 if precision <= 8 else np.uint16)


def test_pictures_larger_than_a_block() -> None:
    pixels = np.random.default_rng(0).integers(0, 2**16, (400, 500)).astype(np.uint16)
    np.testing.assert_array_equal(decode_lossless(lossless(pixels, 16, 1)), pixels)  # 470 KB: two blocks


@pytest.mark.parametrize("name", ["JPEG-LL.dcm", "JPGLosslessP14SV1_1s_1f_8b.dcm"])
def test_real_files_give_what_gdcm_gives(name: str, sample: Callable[[str], Path]) -> None:
    pytest.importorskip("gdcm")
    record = open_image(sample(name))
    assert record.decoder.startswith(NAME)
    np.testing.assert_array_equal(record.stored, pixel_array(sample(name), decoding_plugin="gdcm"))


@pytest.mark.skipif(shutil.which("dcmcjpeg") is None, reason="dcmcjpeg (Debian: dcmtk) isn't installed")
@pytest.mark.parametrize("options", [["+e1"], ["+el", "+sv", "6"], ["+e1", "+pt", "2"]], ids=" ".join)
def test_what_dcmtk_packs_is_unpacked(options: list[str], tmp_path: Path) -> None:
    values = np.random.default_rng(1).integers(0, 4096, (50, 61)).astype(np.uint16)
    plain = write(tmp_path / "plain.dcm", values, BitsStored=12, HighBit=11)
    subprocess.run(["dcmcjpeg", *options, plain, tmp_path / "packed.dcm"], check=True)
    wanted = values >> 2 << 2 if "+pt" in options else values
    np.testing.assert_array_equal(open_image(tmp_path / "packed.dcm").stored, wanted)


@pytest.mark.skipif(shutil.which("dcmdjpeg") is None, reason="dcmdjpeg (Debian: dcmtk) isn't installed")
@pytest.mark.parametrize("shape", [(50, 61), (8, 8), (1, 9)])
def test_twelve_bits_as_dcmtk_decodes_them(shape: tuple[int, int], tmp_path: Path) -> None:
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    noise = np.random.default_rng(2).normal(0, 60, shape)
    values = np.clip(2000 + 1500 * np.sin(rows / 9) * np.cos(columns / 7) + noise, 0, 4095).astype(np.uint16)
    plain = write(tmp_path / "plain.dcm", values, BitsStored=12, HighBit=11)
    subprocess.run(["dcmcjpeg", "+ee", "+q", "90", plain, tmp_path / "packed.dcm"], check=True)
    record = open_image(tmp_path / "packed.dcm")
    assert record.decoder.startswith(NAME)
    assert record.lossy
    subprocess.run(["dcmdjpeg", tmp_path / "packed.dcm", tmp_path / "again.dcm"], check=True)
    theirs = open_image(tmp_path / "again.dcm").stored.astype(int)
    assert np.abs(record.stored.astype(int) - theirs).max() <= 1  # both round


def test_a_real_film_of_twelve_bits_isn_t_noise(sample: Callable[[str], Path]) -> None:
    stored = open_image(sample("JPGExtended.dcm")).stored.astype(float)
    assert stored.shape == (1024, 256)
    assert stored.std() > 5 * np.abs(np.diff(stored, axis=1)).mean()


GOOD = [
    lossless(np.random.default_rng(4).integers(0, 4096, (9, 12)).astype(np.uint16), 12, 1, 3),
    lossless(np.random.default_rng(5).integers(0, 256, (5, 6, 3)).astype(np.uint16), 8, 7),
]


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_damage_is_an_error_in_words(data: st.DataObject) -> None:
    stream = bytearray(data.draw(st.sampled_from(GOOD)))
    for _ in range(data.draw(st.integers(1, 4))):
        stream[data.draw(st.integers(0, len(stream) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(stream[: data.draw(st.integers(0, len(stream)))])
    for decode in (decode_lossless, decode_extended):
        with suppress(ValueError):  # and no other
            assert decode(cut).size < 1 << 32


@settings(max_examples=200, deadline=None)
@given(place=st.integers(0, 6000), value=st.integers(0, 255))
def test_damaged_film_of_twelve_bits(place: int, value: int) -> None:
    from tests.conftest import dicom_sample

    stream = bytearray(get_frame(dcmread(dicom_sample("JPGExtended.dcm")).PixelData, 0, number_of_frames=1))
    stream[place % 700] = value  # among the headers
    with suppress(ValueError):  # and no other
        assert decode_extended(bytes(stream)).size < 1 << 32
