"""Descriptions that are incomplete, misspelt or wrong, read as other readers read them, with a note."""

from __future__ import annotations

import io
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from openjpeg.utils import encode_array
from PIL import Image
from pydicom import dcmread
from pydicom.encaps import encapsulate
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_file_meta_info
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLosslessSV1,
    RLELossless,
)

from divisive_desktop import errors
from divisive_desktop.imaging import open_image
from divisive_desktop.imaging.display import render
from tests.imaging.variants import SYNTAXES, encoded, write

VALUES = (np.arange(36 * 41, dtype=np.uint16) * 5).reshape(36, 41)


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("PhotometricInterpretation", "monochrome2"), ("PhotometricInterpretation", "MONOCHROME 2"),
        ("PhotometricInterpretation", ""), ("PhotometricInterpretation", None), ("PhotometricInterpretation", "GREY"),
        ("SamplesPerPixel", ""), ("SamplesPerPixel", None), ("BitsStored", ""), ("BitsStored", None),
        ("BitsAllocated", ""), ("BitsAllocated", None), ("HighBit", ""), ("HighBit", None), ("HighBit", 3),
        ("PixelRepresentation", ""), ("PixelRepresentation", None),
    ],
)  # fmt: skip
@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, RLELossless, JPEG2000Lossless], ids=lambda uid: uid.name)
def test_what_is_missing_or_misspelt_is_read_as_others_do(
    keyword: str, value: str | int | None, syntax: Any, tmp_path: Path
) -> None:
    dataset = dcmread(write(tmp_path / "a.dcm", VALUES, syntax))
    if value is None:
        delattr(dataset, keyword)
    else:
        setattr(dataset, keyword, value)
    dataset.save_as(tmp_path / "a.dcm")
    record = open_image(tmp_path / "a.dcm")
    np.testing.assert_array_equal(record.stored, VALUES)
    assert record.photometric == "MONOCHROME2"
    if keyword != "HighBit" or value == 3:
        assert record.notes, "what was assumed must be said"


def test_a_colour_picture_without_its_layout(tmp_path: Path) -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (6, 8, 3)).astype(np.uint8)
    dataset = dcmread(write(tmp_path / "a.dcm", rgb[..., 0]))
    dataset.PixelData, dataset.PhotometricInterpretation = rgb.tobytes(), "rgb"
    del dataset.SamplesPerPixel
    dataset.save_as(tmp_path / "a.dcm")
    record = open_image(tmp_path / "a.dcm")
    np.testing.assert_array_equal(record.stored, rgb)
    assert "Samples per Pixel is missing; 3 was assumed." in record.notes
    dataset.SamplesPerPixel, dataset.PlanarConfiguration = 3, 0
    dataset.PhotometricInterpretation = "YBR_FULL_422"  # of half the size, by the standard
    dataset.save_as(tmp_path / "a.dcm")
    record = open_image(tmp_path / "a.dcm")
    assert "stored at full size" in " ".join(record.notes)
    dataset.PhotometricInterpretation = "YBR_FULL"
    dataset.save_as(tmp_path / "b.dcm")
    np.testing.assert_array_equal(record.stored, open_image(tmp_path / "b.dcm").stored)


@pytest.mark.parametrize("photometric", ["YBR_ICT", "YBR_RCT", "YBR_PARTIAL_422", "YBR_PARTIAL_420"])
@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, RLELossless], ids=lambda uid: uid.name)
def test_colours_of_a_codec_without_it_are_refused(photometric: str, syntax: UID, tmp_path: Path) -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (6, 8, 3)).astype(np.uint8)
    dataset = dcmread(write(tmp_path / "a.dcm", rgb[..., 0]))
    dataset.PixelData, dataset.SamplesPerPixel, dataset.PlanarConfiguration = rgb.tobytes(), 3, 0
    dataset.PhotometricInterpretation = "RGB"
    if syntax == RLELossless:
        dataset.compress(RLELossless)
    dataset.PhotometricInterpretation = photometric
    dataset.save_as(tmp_path / "a.dcm")
    with pytest.raises(errors.DamagedImageError, match=photometric):
        open_image(tmp_path / "a.dcm")


@pytest.mark.parametrize("times", [1, 4])
def test_a_jpeg_that_promises_more_rows_than_it_holds(times: int, tmp_path: Path) -> None:
    grey = np.random.default_rng(0).integers(0, 256, (48, 40)).astype(np.uint8)
    grey[-16:] = 128
    buffer = io.BytesIO()
    Image.fromarray(grey).save(buffer, "JPEG")
    data = buffer.getvalue()
    head = data.index(b"\xff\xc0") + 5
    stream = data[:head] + (48 * times).to_bytes(2, "big") + data[head + 2 :]
    dataset = dcmread(write(tmp_path / "a.dcm", grey))
    dataset.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    dataset.Rows, dataset.PixelData = 48 * times, encapsulate([stream])
    dataset["PixelData"].is_undefined_length = True
    dataset.save_as(tmp_path / "a.dcm")
    if times == 1:
        assert open_image(tmp_path / "a.dcm").stored.shape == (48, 40)
    else:
        with pytest.raises(errors.TruncatedImageError, match="before its last row"):
            open_image(tmp_path / "a.dcm")


def test_halved_colours_have_no_planes_whatever_the_file_says(tmp_path: Path) -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (6, 8, 3)).astype(np.uint8)
    dataset = dcmread(write(tmp_path / "a.dcm", rgb[..., 0]))
    dataset.PixelData, dataset.SamplesPerPixel, dataset.PlanarConfiguration = rgb.tobytes(), 3, 0
    dataset.PhotometricInterpretation = "RGB"
    dataset.PhotometricInterpretation = "YBR_FULL_422"
    dataset.PixelData = np.random.default_rng(1).integers(0, 256, 6 * 8 * 2).astype(np.uint8).tobytes()
    records = []
    for planar in (0, 1):
        dataset.PlanarConfiguration = planar
        dataset.save_as(tmp_path / "a.dcm")
        records.append(open_image(tmp_path / "a.dcm"))
    np.testing.assert_array_equal(records[0].stored, records[1].stored)
    assert "no colour planes" not in " ".join(records[0].notes)
    assert "no colour planes" in " ".join(records[1].notes)


def test_decimal_commas_are_decimals(tmp_path: Path) -> None:
    path = write(tmp_path / "a.dcm", VALUES)
    points = {b"RescaleSlope": b"0.5 ", b"WindowCenter": b"500.5 ", b"WindowWidth": b"900.25"}
    dataset = dcmread(path)
    for keyword, text in points.items():
        setattr(dataset, keyword.decode(), text.decode().strip())
    dataset.RescaleIntercept, dataset.PixelSpacing = "-3.25", ["0.143", "0.2"]
    dataset.save_as(path)
    right = open_image(path)
    data = path.read_bytes()
    for text in (*points.values(), b"-3.25", b"0.143", b"0.2"):
        data = data.replace(text, text.replace(b".", b","))
    path.write_bytes(data)
    record = open_image(path)
    np.testing.assert_array_equal(record.pixels, right.pixels)
    assert record.spacing == right.spacing
    assert record.voi[0].center == 500.5
    assert sum("decimal comma" in note for note in record.notes) == 6
    path.write_bytes(data.replace(b"500,5 ", b"medium"))
    assert "Window Center is no number ('medium') and was left out." in open_image(path).notes


def test_contradictory_presentation_is_said(tmp_path: Path) -> None:
    for shape, photometric, odd in (("INVERSE", "MONOCHROME2", True), ("IDENTITY", "MONOCHROME1", True),
                                    ("INVERSE", "MONOCHROME1", False), ("IDENTITY", "MONOCHROME2", False)):  # fmt: skip
        path = write(tmp_path / "a.dcm", VALUES, PhotometricInterpretation=photometric, PresentationLUTShape=shape)
        record = open_image(path)
        assert any("contradicts" in note for note in record.notes) == odd
        assert (render(record)[0, 0] > 128) == (photometric == "MONOCHROME1")


@pytest.mark.parametrize("meta_length", ["there", "missing", "wrong"])
@pytest.mark.parametrize("wrapped", [False, True], ids=["raw", "zlib"])
def test_deflated_files_open_whatever_their_head(meta_length: str, wrapped: bool, tmp_path: Path) -> None:
    path = write(tmp_path / "a.dcm", VALUES, DeflatedExplicitVRLittleEndian)
    data = path.read_bytes()
    end = 144 + int.from_bytes(data[140:144], "little")
    meta, body = data[144:end], data[end:]
    if wrapped:
        body = zlib.compress(zlib.decompress(body, -15))
    length = data[132:144] if meta_length == "there" else data[132:140] + b"\7\0\0\0" if meta_length == "wrong" else b""
    path.write_bytes(data[:132] + length + meta + body)
    np.testing.assert_array_equal(open_image(path).stored, VALUES)


def test_a_table_of_offsets_that_is_wrong_is_not_followed(tmp_path: Path) -> None:
    frames = [encoded(VALUES, JPEG2000Lossless), encoded(VALUES[::-1].copy(), JPEG2000Lossless)]
    path = write(tmp_path / "a.dcm", VALUES, JPEG2000Lossless, NumberOfFrames=2, PixelData=encapsulate(frames))
    right = path.read_bytes()
    at = right.rindex(b"\xe0\x7f\x10\x00") + 12
    assert right[at : at + 8] == b"\xfe\xff\x00\xe0\x08\0\0\0"
    path.write_bytes(right[: at + 4] + b"\x09\0\0\0" + right[at + 8 : at + 16] + b"\1" + right[at + 16 :])
    assert "offsets" in " ".join(open_image(path, 1).notes)  # nine bytes are no number of offsets
    for table in (b"\0\0\0\0\0\0\0\0", b"\0\0\0\0\4\0\0\0", b"\xff\xff\xff\x7f\0\0\0\0", right[at + 12 : at + 16] * 2):
        path.write_bytes(right[: at + 8] + table + right[at + 16 :])
        for frame in (0, 1):
            record = open_image(path, frame)
            np.testing.assert_array_equal(record.stored, VALUES[:: 1 - 2 * frame])
            assert "offsets" in " ".join(record.notes)
    path.write_bytes(right)
    assert not open_image(path).notes


def test_a_wrong_transfer_syntax_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "a.dcm", VALUES, JPEG2000Lossless)
    data = path.read_bytes()
    cases = {
        b"1.2.840.10008.1.2.1\0\0\0": "holds a JPEG 2000 codestream",
        b"1.2.840.10008.1.2.5\0\0\0": "",
        b"1.2.840.10008.1.2.4.80": "holds a JPEG 2000 codestream",
    }
    for uid, words in cases.items():
        path.write_bytes(data.replace(b"1.2.840.10008.1.2.4.90", uid, 1))
        with pytest.raises(errors.ImageError) as caught:
            open_image(path)
        assert words in str(caught.value)
        assert not words or "transfer syntax is wrong" in str(caught.value)
    plain = write(tmp_path / "b.dcm", VALUES).read_bytes()
    (tmp_path / "b.dcm").write_bytes(plain.replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.5\0", 1))
    with pytest.raises(errors.DamagedImageError, match="holds uncompressed values: the transfer syntax is wrong"):
        open_image(tmp_path / "b.dcm")


def relabelled(path: Path, uid: UID) -> Path:
    """The same bytes behind a file meta information that names another transfer syntax."""
    data = path.read_bytes()
    meta = dcmread(path, stop_before_pixels=True).file_meta
    meta.TransferSyntaxUID = uid
    head = DicomBytesIO()
    head.is_little_endian, head.is_implicit_VR = True, False
    write_file_meta_info(head, meta)
    path.write_bytes(data[:132] + head.getvalue() + data[144 + int.from_bytes(data[140:144], "little") :])
    return path


@pytest.mark.parametrize("said", [*SYNTAXES, JPEGLosslessSV1, DeflatedExplicitVRLittleEndian], ids=lambda uid: uid.name)
@pytest.mark.parametrize("real", [*SYNTAXES, DeflatedExplicitVRLittleEndian], ids=lambda uid: uid.name)
def test_every_wrong_transfer_syntax_is_seen_through_or_named(real: UID, said: UID, tmp_path: Path) -> None:
    path = relabelled(write(tmp_path / "a.dcm", VALUES, real), said)
    if real == said or {real, said} <= {ExplicitVRLittleEndian, ImplicitVRLittleEndian}:
        np.testing.assert_array_equal(open_image(path).stored, VALUES)
        return
    with pytest.raises(errors.DamagedImageError, match="the transfer syntax is wrong"):
        open_image(path)


def test_a_picture_that_opens_in_spite_of_its_label_says_so(tmp_path: Path) -> None:
    path = relabelled(write(tmp_path / "a.dcm", VALUES, JPEG2000Lossless), JPEGBaseline8Bit)
    record = open_image(path)
    np.testing.assert_array_equal(record.stored, VALUES)
    assert any("is a JPEG 2000 codestream, and was read as such" in note for note in record.notes)


@pytest.mark.parametrize("packed", [False, True], ids=["native", "JPEG 2000"])
@pytest.mark.parametrize(
    ("samples", "photometric"), [(1, "RGB"), (3, "MONOCHROME2"), (1, "YBR_FULL")], ids=lambda x: str(x)
)
def test_pixels_decide_how_many_samples_there_are(
    samples: int, photometric: str, packed: bool, tmp_path: Path
) -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (40, 48, 3)).astype(np.uint8)
    grey = rgb[..., 0].copy()
    for pixels in (rgb, grey):
        path = write(tmp_path / "a.dcm", grey, JPEG2000Lossless if packed else ExplicitVRLittleEndian)
        dataset = dcmread(path)
        dataset.SamplesPerPixel, dataset.PhotometricInterpretation, dataset.PlanarConfiguration = (
            samples, photometric, 0,
        )  # fmt: skip
        if packed:
            dataset.PixelData = encapsulate([bytes(encode_array(pixels, bits_stored=8))])
        else:
            dataset.PixelData = pixels.tobytes()
        dataset.save_as(path)
        record = open_image(path)
        assert record.stored.shape == pixels.shape
        if photometric != "YBR_FULL" or pixels is grey:
            np.testing.assert_array_equal(record.stored, pixels)
        if (samples == 1) == (pixels is rgb) or photometric != "MONOCHROME2":
            assert any("contradict each other" in note for note in record.notes)


def test_missing_bits_are_those_below_high_bit(tmp_path: Path) -> None:
    path = write(tmp_path / "a.dcm", VALUES & 4095 | 1 << 13, BitsStored=12, HighBit=11)
    dataset = dcmread(path)
    del dataset.BitsStored
    dataset.PhotometricInterpretation = " MONOCHROME1"
    dataset.save_as(path)
    record = open_image(path)
    np.testing.assert_array_equal(record.stored, VALUES & 4095)
    assert (record.bits_stored, record.photometric) == (12, "MONOCHROME1")


def test_colours_that_only_a_label_names_are_said(tmp_path: Path) -> None:
    rgb = np.zeros((16, 16, 3), np.uint8)
    rgb[..., 0], rgb[:, 8:, 1] = 200, 90
    file = io.BytesIO()
    Image.fromarray(rgb).save(file, "JPEG", quality=95)
    marked = file.getvalue()
    length = int.from_bytes(marked[4:6], "big")
    unmarked = marked[:2] + marked[4 + length :]  # without its JFIF segment
    for stream, said in ((marked, False), (unmarked, True)):
        path = write(tmp_path / "a.dcm", rgb[..., 0], RLELossless, SamplesPerPixel=3, PlanarConfiguration=0)
        dataset = dcmread(path)
        dataset.PhotometricInterpretation = "RGB"
        dataset.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
        dataset.PixelData = encapsulate([stream + b"\0" * (len(stream) % 2)])
        dataset.save_as(path)
        assert any("Only a label" in note for note in open_image(path).notes) == said
