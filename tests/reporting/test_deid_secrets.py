"""One secret in every place that a DICOM file has for one; none of it may leave in a de-identified report."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.data import get_testdata_file
from pydicom.datadict import DicomDictionary
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, get_frame
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLSLossless,
    RLELossless,
)

from divisive_desktop.imaging import open_image
from divisive_desktop.reporting.deid import Deidentifier
from divisive_desktop.reporting.dicom_source import read_source
from tests.imaging import variants

SECRET = b"SECRETNAME"
VALUES = np.random.default_rng(3).integers(0, 4096, (48, 64)).astype(np.uint16)
SYNTAXES = (*variants.SYNTAXES, DeflatedExplicitVRLittleEndian)
BINARY = {"OB", "OW", "UN", "OF", "OD", "OL", "OV"}


def spellings() -> list[bytes]:
    """The secret as text, numbers and bits may carry it."""
    text = SECRET.decode()
    plain = [SECRET, SECRET.lower(), SECRET[::-1], *(text.encode(c) for c in ("utf-16-le", "utf-16-be", "utf-32-le"))]
    swapped = np.frombuffer(SECRET, "<u2").astype(">u2").tobytes()
    coded = [base64.b64encode(SECRET).rstrip(b"="), SECRET.hex().encode(), SECRET.hex().upper().encode()]
    return [*plain, swapped, *coded]


def leaks(data: bytes) -> list[bytes]:
    """Spellings of the secret that the file, or its decoded pixels, or any bit plane of them, holds."""
    dataset = pydicom.dcmread(io.BytesIO(data))
    raw = np.frombuffer(dataset.PixelData, np.uint8 if dataset.BitsAllocated == 8 else np.uint16)
    planes = [np.packbits((raw >> bit) & 1, bitorder=order).tobytes()
              for bit in range(dataset.BitsAllocated) for order in ("little", "big")]  # fmt: skip
    top = [(raw >> bit).astype(np.uint8).tobytes() for bit in (8, 12)] if dataset.BitsAllocated == 16 else []
    return [s for s in spellings() if any(s in place for place in (data, *planes, *top))]


def exported(path: Path) -> bytes:
    """The de-identified copy as it goes with a report."""
    image = read_source(open_image(path), Deidentifier()).image
    assert image is not None
    file = io.BytesIO()
    image.save_as(file, enforce_file_format=True)
    return file.getvalue()


def secret_bits(shape: tuple[int, int]) -> np.ndarray:
    """One bit of the secret for every pixel, again and again."""
    bits = np.unpackbits(np.frombuffer(SECRET, np.uint8), bitorder="little")
    return np.resize(bits, shape).astype(np.uint16)


@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda uid: uid.name)
def test_bits_that_mean_nothing_are_cleared(syntax: UID, tmp_path: Path) -> None:
    drawn = secret_bits(VALUES.shape)
    path = variants.write(tmp_path / "a.dcm", VALUES | drawn << 13 | drawn << 15, syntax, BitsStored=12, HighBit=11)
    assert leaks(path.read_bytes()) or syntax in variants.PACKED or syntax == DeflatedExplicitVRLittleEndian
    made = exported(path)
    assert not leaks(made)
    copy = pydicom.dcmread(io.BytesIO(made))
    np.testing.assert_array_equal(copy.pixel_array, VALUES)
    assert not (np.frombuffer(copy.PixelData, ">u2" if syntax == ExplicitVRBigEndian else "<u2") & 0xF000).any()


@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda uid: uid.name)
@pytest.mark.parametrize("lowest", [0, 4])
def test_values_stay_those_that_were_analysed(syntax: UID, lowest: int, tmp_path: Path) -> None:
    path = variants.write(
        tmp_path / "a.dcm", VALUES << lowest, syntax, BitsStored=12, HighBit=11 + lowest, PixelRepresentation=1
    )
    (tmp_path / "b.dcm").write_bytes(exported(path))
    one, other = open_image(path), open_image(tmp_path / "b.dcm")
    np.testing.assert_array_equal(one.stored, other.stored)
    assert (one.bits_stored, one.photometric) == (other.bits_stored, other.photometric)
    assert one.stored.min() < 0


@pytest.mark.parametrize(
    "syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian], ids=lambda uid: uid.name
)
@pytest.mark.parametrize("bits", [8, 16])
def test_bytes_behind_the_last_pixel_are_cut(syntax: UID, bits: int, tmp_path: Path) -> None:
    values = VALUES if bits == 16 else VALUES.astype(np.uint8)[:47, :63]  # an odd number of bytes
    path = variants.write(tmp_path / "a.dcm", values, syntax)
    dataset = pydicom.dcmread(path)
    dataset.PixelData += SECRET * 3
    dataset.save_as(path)
    made = exported(path)
    assert not leaks(made)
    np.testing.assert_array_equal(pydicom.dcmread(io.BytesIO(made)).pixel_array, values)


def _after_start(stream: bytes, marker: bytes) -> bytes:
    segment = marker + (len(SECRET) + 2).to_bytes(2, "big") + SECRET
    return stream[:2] + segment + stream[2:]


def _jpeg_comment(stream: bytes) -> bytes:
    return _after_start(stream, b"\xff\xfe")


def _jpeg_application(stream: bytes) -> bytes:
    return _after_start(stream, b"\xff\xe1")


def _behind_the_end(stream: bytes) -> bytes:
    return stream + SECRET * 2


def _j2k_comment(stream: bytes) -> bytes:
    at = stream.index(b"\xff\x90")  # the first tile
    segment = b"\xff\x64" + (len(SECRET) + 4).to_bytes(2, "big") + b"\0\1" + SECRET
    return stream[:at] + segment + stream[at:]


def _jp2_box(stream: bytes) -> bytes:
    """The wrapping of files, with a box of text in it."""
    file = io.BytesIO()
    with Image.open(io.BytesIO(stream), formats=("JPEG2000",)) as picture:
        picture.save(file, "JPEG2000", irreversible=False)
    wrapped = file.getvalue()
    at = wrapped.index(b"jp2c") - 4
    text = b"xml " + SECRET * 2
    return wrapped[:at] + (len(text) + 4).to_bytes(4, "big") + text + wrapped[at:]


HIDING: dict[str, tuple[UID, Callable[[bytes], bytes]]] = {
    "JPEG comment": (JPEGBaseline8Bit, _jpeg_comment),
    "JPEG application segment": (JPEGBaseline8Bit, _jpeg_application),
    "behind a JPEG's end": (JPEGBaseline8Bit, _behind_the_end),
    "JPEG-LS comment": (JPEGLSLossless, _jpeg_comment),
    "JPEG-LS application segment": (JPEGLSLossless, _jpeg_application),
    "behind a JPEG-LS's end": (JPEGLSLossless, _behind_the_end),
    "JPEG 2000 comment": (JPEG2000Lossless, _j2k_comment),
    "JPEG 2000 in boxes": (JPEG2000Lossless, _jp2_box),
    "behind a JPEG 2000's end": (JPEG2000Lossless, _behind_the_end),
    "behind the runs of RLE": (RLELossless, _behind_the_end),
}


@pytest.mark.parametrize("place", HIDING)
@pytest.mark.parametrize("own_fragment", [False, True], ids=["", "and a fragment of its own"])
def test_nothing_hides_in_a_codestream(place: str, own_fragment: bool, tmp_path: Path) -> None:
    syntax, hide = HIDING[place]
    values = (VALUES >> 4).astype(np.uint8)
    if syntax == JPEGBaseline8Bit:
        file = io.BytesIO()
        Image.fromarray(values).save(file, "JPEG", quality=90)
        stream = file.getvalue()
    else:
        stream = variants.encoded(values, syntax)
    hidden = hide(stream)
    hidden += b"\0" * (len(hidden) % 2)
    data = encapsulate([hidden], has_bot=False)
    if own_fragment:
        data = data.replace(b"\xfe\xff\xdd\xe0\0\0\0\0", b"") + b"\xfe\xff\x00\xe0" + b"\x0a\0\0\0" + SECRET
    path = variants.write(tmp_path / "a.dcm", values, JPEGLSLossless, PixelData=data)
    dataset = pydicom.dcmread(path)
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.save_as(path)
    assert SECRET in path.read_bytes()
    made = exported(path)
    assert not leaks(made)
    copy = pydicom.dcmread(io.BytesIO(made))
    np.testing.assert_array_equal(copy.pixel_array, open_image(path).stored)
    assert (copy.get("LossyImageCompression") == "01") == (syntax == JPEGBaseline8Bit)


@pytest.mark.parametrize("name", ["JPEG-LL.dcm", "JPGExtended.dcm", "MR_small_jp2klossless.dcm"])
@pytest.mark.filterwarnings("ignore")
def test_nothing_hides_in_streams_that_others_compressed(name: str, tmp_path: Path) -> None:
    found = get_testdata_file(name, download=False)
    assert found, name
    dataset = pydicom.dcmread(str(found))
    stream = get_frame(dataset.PixelData, 0, number_of_frames=1)
    jpeg_2000 = stream[:2] == b"\xff\x4f"
    hidden = (_j2k_comment(stream) if jpeg_2000 else _jpeg_application(_jpeg_comment(stream))) + SECRET
    dataset.PixelData = encapsulate([hidden])
    dataset.save_as(tmp_path / "a.dcm")
    assert not leaks(exported(tmp_path / "a.dcm"))


NUMBER = "1928374650"
"""As long as the secret, which takes its place in the file: pydicom writes only numbers where numbers belong."""


def planted(where: Dataset, tags: Iterator[tuple[int, str]]) -> None:
    for tag, vr in tags:
        value = SECRET + b"  " if vr in BINARY else NUMBER if vr in ("IS", "DS") else SECRET.decode()
        where.add(DataElement(tag, vr, value, validation_mode=0))


def places() -> Iterator[tuple[int, str]]:
    """Every attribute of the standard that a text or bytes fit into, but those that make the file what it is."""
    needed = {"SOPClassUID", "SpecificCharacterSet", "PixelData", "FloatPixelData", "DoubleFloatPixelData",
              "PhotometricInterpretation"}  # fmt: skip
    for tag, (vrs, _, _, _, keyword) in DicomDictionary.items():
        vr = vrs.split(" ")[0]
        texts = {"LO", "SH", "ST", "LT", "UT", "UC", "PN", "UR", "AE", "AS", "DA", "TM", "DT", "IS", "DS", "CS"}
        if tag >> 16 > 2 and vr in texts | BINARY and keyword not in needed | KEPT_NAMES:
            yield tag, vr


KEPT_NAMES = {
    "Manufacturer", "ManufacturerModelName", "SoftwareVersions", "DetectorManufacturerName",
    "DetectorManufacturerModelName", "SecondaryCaptureDeviceManufacturer",
    "SecondaryCaptureDeviceManufacturerModelName", "SecondaryCaptureDeviceSoftwareVersions",
    "ModifyingDeviceManufacturer", "FilterType", "CollimatorGridName", "PhosphorType", "PlateType",
    "AcquisitionDeviceProcessingCode", "DigitalImageFormatAcquired", "FieldOfViewDescription", "ViewName",
    "PaddleDescription", "RescaleType", "ModalityLUTType", "CodeValue", "LongCodeValue", "CodingSchemeDesignator",
    "CodingSchemeVersion", "CodeMeaning", "MappingResourceName",
}  # fmt: skip
"""What the guide says stays: names of devices, techniques and codes."""


@pytest.mark.filterwarnings("ignore")
def test_no_attribute_of_the_standard_carries_it_out(tmp_path: Path) -> None:
    path = variants.write(tmp_path / "a.dcm", VALUES, BitsStored=12, HighBit=11)
    dataset = pydicom.dcmread(path)
    inner, code = Dataset(), Dataset()
    planted(inner, places())
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "SECRETNAME", "99SECRETNAME", "SECRETNAME"
    known = Dataset()
    known.CodeValue, known.CodingSchemeDesignator, known.CodeMeaning = "399348003", "SCT", "SECRETNAME"
    dataset.ViewCodeSequence, dataset.DerivationCodeSequence = [known], [code]
    dataset.VOILUTSequence = [inner]
    planted(dataset, places())
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "Secret name"]
    dataset.IrradiationEventUID = "1.2.840.10008.SECRETNAME"
    for group in (0x0009, 0x0055, 0x5000, 0x6000, 0x6002):
        dataset.add_new((group, 0x0010), "LO", SECRET.decode())
        dataset.add_new((group, 0x1022), "LO", SECRET.decode())
    dataset.add_new(0xFFFCFFFC, "OB", SECRET)
    dataset.preamble = SECRET * 12 + b"\0" * 8
    dataset.file_meta.ImplementationVersionName = dataset.file_meta.SourceApplicationEntityTitle = SECRET.decode()
    dataset.file_meta.PrivateInformationCreatorUID, dataset.file_meta.PrivateInformation = "1.2.3", SECRET
    for keyword in ("NumberOfFrames", "RescaleSlope", "RescaleIntercept"):
        dataset.pop(keyword, None)
    dataset.save_as(path)
    path.write_bytes(path.read_bytes().replace(NUMBER.encode(), SECRET))
    original = open_image(path)
    made = exported(path)
    copy = pydicom.dcmread(io.BytesIO(made))
    found = [str(element) for element in copy.iterall() if any(s in str(element.value).encode() for s in spellings())]
    assert not found
    assert not leaks(made)
    np.testing.assert_array_equal(copy.pixel_array, original.stored)
    assert copy.ViewCodeSequence[0].CodeMeaning != "SECRETNAME"
    assert not copy.get("DerivationCodeSequence")


def test_tables_are_as_long_as_they_say(tmp_path: Path) -> None:
    item = Dataset()
    item.add_new("LUTDescriptor", "US", [16, 0, 16])
    item.add_new("LUTData", "OW", np.arange(16, dtype="<u2").tobytes() + SECRET)
    path = variants.write(tmp_path / "a.dcm", VALUES, BitsStored=12, HighBit=11, VOILUTSequence=[item])
    made = exported(path)
    assert not leaks(made)
    assert len(pydicom.dcmread(io.BytesIO(made)).VOILUTSequence[0].LUTData) == 32


def test_what_others_need_stays(tmp_path: Path) -> None:
    kept: dict[str, Any] = {
        "Manufacturer": "ACME", "ManufacturerModelName": "Ray 3", "BodyPartExamined": "CHEST", "ViewPosition": "PA",
        "KVP": "80", "RescaleSlope": "0.53125", "RescaleIntercept": "-3", "RescaleType": "US",
        "WindowCenter": "40", "WindowWidth": "400", "ImagerPixelSpacing": ["0.1", "0.2"],
    }  # fmt: skip
    path = variants.write(tmp_path / "a.dcm", VALUES, BitsStored=12, HighBit=11, **kept)
    path.write_bytes(path.read_bytes().replace(b"0.53125", b"0,53125"))
    (tmp_path / "b.dcm").write_bytes(exported(path))
    one, other = open_image(path), open_image(tmp_path / "b.dcm")
    np.testing.assert_array_equal(one.pixels, other.pixels)
    assert one.voi[0].center == other.voi[0].center
    assert one.spacing == other.spacing
    copy = pydicom.dcmread(tmp_path / "b.dcm")
    assert (copy.Manufacturer, copy.ManufacturerModelName, copy.BodyPartExamined) == ("ACME", "Ray 3", "CHEST")


ODD = {
    "CS": [("BodyPartExamined", "SECRETNAME"), ("ViewPosition", "SECRET NAME"), ("Modality", "SECRETNAME"),
           ("ImageType", ["ORIGINAL", "SECRETNAME"]),
           ("PatientPosition", "1928374650"), ("DetectorType", "secretname")],
    "UI": [("DetectorUID", "1.2.840.10008.83.69.67.82.69.84.78.65.77.69"), ("IrradiationEventUID", "SECRETNAME")],
    "DA": [("ContentDate", "SECRETNA"), ("DateOfLastCalibration", "20201399")],
    "TM": [("ContentTime", "SECRETNAME"), ("TimeOfLastCalibration", "1200.SECRET")],
    "DT": [("AcquisitionDateTime", "2020SECRETNAME"), ("FrameAcquisitionDateTime", "20200101SECRETNAME")],
    "DS": [("KVP", "SECRETNAME"), ("Exposure", "8_3_6_9"), ("WindowWidth", "1.00000000000000836967826984")],
    "IS": [("ExposureTime", "SECRETNAME"), ("RelativeXRayExposure", "836967826984786577")],
    "AS": [("PatientAge", "SECR"), ("PatientAge", "NAME")],
    "AE": [("RetrieveAETitle", "SECRETNAME"), ("StationAETitle", "SECRETNAME")],
    "US": [("PixelSpacingCalibrationType", "x"), ("SmallestImagePixelValue", 0x4553)],
    "FD": [("DetectorActiveTime", float(np.frombuffer(b"SECRETNA", "<f8")[0]))],
    "FL": [("TableTopVerticalPosition", float(np.frombuffer(b"SECR", "<f4")[0]))],
    "UL": [("RWaveTimeVector", [int(v) for v in np.frombuffer(b"SECRETNAME  ", "<u4")])],
}  # fmt: skip
"""Per VR: values that don't belong there, or that are more than what is said there."""


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("dates", ["remove", "shift", "keep"])
@pytest.mark.parametrize("vr", ODD)
def test_odd_values_of_any_kind_stay_behind(vr: str, dates: Any) -> None:
    for keyword, value in ODD[vr]:
        source = Dataset()
        tag = pydicom.datadict.tag_for_keyword(keyword)
        if tag is None or pydicom.datadict.dictionary_VR(tag) != vr:
            continue
        source.add(DataElement(tag, vr, "0" if vr in ("DS", "IS") else value, validation_mode=0))
        if vr in ("DS", "IS"):  # read from a file, where anything may stand
            source[tag]._value = value
        made = Deidentifier(dates).dataset(source)
        assert str(value) not in str(made.get(keyword, "")), (keyword, made.get(keyword))
        file = io.BytesIO()
        made.save_as(file, implicit_vr=False, little_endian=True)
        digits = "".join(c for c in str(value) if c.isdigit())
        assert not any(s[:6] in file.getvalue() for s in spellings()), keyword
        assert len(digits) < 7 or digits[-7:].encode() not in file.getvalue(), keyword


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("BodyPartExamined", "CHEST"), ("BodyPartExamined", "LSPINE"), ("ViewPosition", "PA"), ("Modality", "DX"),
        ("ImageType", ["DERIVED", "PRIMARY", "", "RIGHT"]), ("PresentationIntentType", "FOR PRESENTATION"),
        ("PixelIntensityRelationship", "LOG"), ("PatientOrientation", ["L", "F"]), ("DetectorType", "SCINTILLATOR"),
        ("DetectorConfiguration", "AREA"), ("VOILUTFunction", "SIGMOID"), ("Grid", ["FIXED", "FOCUSED"]),
        ("PhotometricInterpretation", "YBR_FULL_422"), ("ExposureControlMode", "AUTOMATIC"),
        ("LossyImageCompressionMethod", "ISO_10918_1"), ("FrameTimeVector", ["0", "33.3"]),
        ("FieldOfViewShape", "RECTANGLE"), ("FilterMaterial", ["ALUMINUM", "COPPER"]), ("BurnedInAnnotation", "NO"),
        ("TableType", "FIXED"), ("DetectorTemperature", "31.5"), ("RescaleSlope", "1.5e-3"), ("SeriesNumber", "7"),
        ("PixelSpacing", ["0.1", "0.2"]), ("SOPClassUID", "1.2.840.10008.5.1.4.1.1.1.1"),
        ("LargestImagePixelValue", 4095), ("DistanceSourceToDetector", "1800"),
    ],
)  # fmt: skip
def test_dicom_s_own_values_stay(keyword: str, value: Any) -> None:
    source = Dataset()
    setattr(source, keyword, value)
    made = Deidentifier().dataset(source)
    held = made.get(keyword)
    assert (list(held) if isinstance(value, list) else held) == source[keyword].value
