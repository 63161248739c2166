"""Which bits of a pixel are its value, which are an overlay, and which are nothing: in every transfer syntax."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.uid import UID, ExplicitVRBigEndian, JPEG2000Lossless, JPEGLSLossless

from divisive_desktop.imaging import open_image
from tests.imaging.variants import SYNTAXES, write

VALUES = np.random.default_rng(5).integers(0, 4096, (36, 41)).astype(np.uint16)
DRAWN = np.zeros(VALUES.shape, np.uint16)
DRAWN[3:9, 5:20] = 1
every_syntax = pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda uid: uid.name)


@every_syntax
@pytest.mark.parametrize("lowest", [0, 2, 4])
@pytest.mark.parametrize("signed", [False, True], ids=["unsigned", "signed"])
def test_the_value_lies_where_high_bit_says(syntax: UID, lowest: int, signed: bool, tmp_path: Path) -> None:
    rubbish = np.random.default_rng(6).integers(0, 2**16, VALUES.shape).astype(np.uint16)
    meaning = np.uint16(0x0FFF << lowest)
    bits = rubbish & ~meaning | (VALUES << lowest)
    path = write(
        tmp_path / "a.dcm", bits, syntax, BitsStored=12, HighBit=11 + lowest, PixelRepresentation=int(signed)
    )
    record = open_image(path)
    wanted = VALUES.astype(np.int32)
    np.testing.assert_array_equal(record.stored, np.where(wanted > 2047, wanted - 4096, wanted) if signed else wanted)
    assert record.bits_stored == 12
    assert any("High Bit" in note for note in record.notes) == (lowest > 0)


@every_syntax
@pytest.mark.parametrize(("lowest", "position"), [(0, 12), (0, 15), (4, 0), (2, 15)])
def test_an_overlay_in_unused_bits_is_an_overlay(syntax: UID, lowest: int, position: int, tmp_path: Path) -> None:
    bits = VALUES << lowest | DRAWN << position
    path = write(tmp_path / "a.dcm", bits, syntax, BitsStored=12, HighBit=11 + lowest)
    dataset = dcmread(path)
    for element, vr, value in ((0x10, "US", 36), (0x11, "US", 41), (0x40, "CS", "G"), (0x50, "SS", [1, 1]),
                               (0x100, "US", 16), (0x102, "US", position)):  # fmt: skip
        dataset.add_new((0x6000, element), vr, value)
    dataset.save_as(path)
    record = open_image(path)
    np.testing.assert_array_equal(record.stored, VALUES)
    (overlay,) = record.overlays
    np.testing.assert_array_equal(overlay.mask(36, 41), DRAWN == 1)


def test_an_overlay_in_the_picture_s_own_bits_is_left_out_and_said(tmp_path: Path) -> None:
    dataset = dcmread(write(tmp_path / "a.dcm", VALUES, BitsStored=12, HighBit=11))
    dataset.add_new(0x60000102, "US", 11)
    dataset.save_as(tmp_path / "a.dcm")
    record = open_image(tmp_path / "a.dcm")
    assert not record.overlays
    assert "belongs to the picture" in " ".join(record.notes)


@pytest.mark.parametrize("vr", ["OB", "OW"])
def test_overlay_data_in_either_order_of_bytes(vr: str, tmp_path: Path) -> None:
    dataset = dcmread(write(tmp_path / "a.dcm", VALUES, ExplicitVRBigEndian, BitsStored=12, HighBit=11))
    packed = np.packbits(DRAWN.astype(np.uint8).reshape(-1), bitorder="little").tobytes()
    packed += b"\0" * (len(packed) % 2)
    swapped = np.frombuffer(packed, "<u2").astype(">u2").tobytes()
    for element, kind, value in ((0x10, "US", 36), (0x11, "US", 41), (0x50, "SS", [1, 1]), (0x100, "US", 1),
                                 (0x102, "US", 0), (0x3000, vr, packed if vr == "OB" else swapped)):  # fmt: skip
        dataset.add_new((0x6000, element), kind, value)
    dataset.save_as(tmp_path / "a.dcm")
    (overlay,) = open_image(tmp_path / "a.dcm").overlays
    np.testing.assert_array_equal(overlay.mask(36, 41), DRAWN == 1)


@pytest.mark.parametrize("syntax", [JPEGLSLossless, JPEG2000Lossless], ids=["JPEG-LS", "JPEG 2000"])
def test_a_codestream_of_the_values_own_depth_isn_t_moved(syntax: UID, tmp_path: Path) -> None:
    """Its writer has moved the values down already, whatever High Bit still says."""
    path = write(tmp_path / "a.dcm", VALUES, syntax, precision=12, BitsStored=12, HighBit=15)
    np.testing.assert_array_equal(open_image(path).stored, VALUES)
    # JPEG 2000 whose depth is another than Bits Stored: the codestream knows.
    if syntax == JPEG2000Lossless:
        path = write(tmp_path / "b.dcm", VALUES, syntax, precision=12, BitsStored=10, HighBit=9)
        np.testing.assert_array_equal(open_image(path).stored, VALUES)
