"""What may stay because it names a device, and names the patient: it doesn't stay."""

from __future__ import annotations

import hashlib
import hmac
import io
from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import PYDICOM_IMPLEMENTATION_UID

from divisive_desktop.imaging import open_image
from divisive_desktop.reporting.build import build_report, plain_header
from divisive_desktop.reporting.deid import Deidentifier
from divisive_desktop.reporting.deid_names import names_somebody, words_of
from divisive_desktop.reporting.dicom_export import DicomCase, export_dicom
from divisive_desktop.reporting.options import Options
from divisive_desktop.reporting.reread import features_of
from tests.imaging import variants

from .conftest import Analysed, case_in, painted
from .test_deid_secrets import KEPT_NAMES, VALUES, exported

NAME, NUMBER, SECRET = "Müller-Lüdenscheidt^Änne", "4711-08/15", bytes(range(32))
WRITTEN = (
    "Müller-Lüdenscheidt", "MUELLER", "Luedenscheidt", "ANNE", "AENNE", "room of Frau Änne", "x-ray/lüdenscheidt/2",
    "LUDENSCHEIDTANNE", "4711-08/15", "47110815", "unit 47110815A", "4711 08 15",
)  # fmt: skip
HIGHDICOM = "1.2.826.0.1.3680043.9.7433.1.1"
DEVICE_TEXTS = ("StationName", "ProtocolName", "SeriesDescription", "ImageComments", "StudyDescription",
                "PerformedProcedureStepDescription", "DeviceSerialNumber", "AcquisitionDeviceProcessingDescription",
                "DetectorID", "CassetteID", "PlateID", "DeviceDescription", "SeriesNumber",
                "ContrastBolusAgent")  # fmt: skip


def of_the_patient(**texts: str) -> Dataset:
    """Of a patient, with texts at the first level and in a sequence."""
    made = Dataset()
    made.SpecificCharacterSet = "ISO_IR 192"
    made.PatientName, made.PatientID, made.Modality = NAME, NUMBER, "CR"
    made.ReferringPhysicianName = "Holmes^Sherlock"
    inner = Dataset()
    for where in (made, inner):
        for keyword, text in texts.items():
            where.add_new(pydicom.datadict.tag_for_keyword(keyword), pydicom.datadict.dictionary_VR(
                pydicom.datadict.tag_for_keyword(keyword)), text)  # fmt: skip
    made.VOILUTSequence = [inner]
    return made


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("keyword", sorted(KEPT_NAMES))
def test_a_name_where_devices_are_named_goes(keyword: str) -> None:
    for text in (*WRITTEN, "Dr. Holmes's"):
        made = Deidentifier().dataset(of_the_patient(**{keyword: text}))
        for where in (made, *made.get("VOILUTSequence", ())):
            assert where.get(keyword) in (None, "", "US"), text


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("keyword", DEVICE_TEXTS)
def test_free_texts_go_whoever_they_name(keyword: str) -> None:
    for text in (*WRITTEN, "nobody"):
        value = "0815" if keyword == "SeriesNumber" else text
        made = Deidentifier().dataset(of_the_patient(**{keyword: value}))
        for where in (made, *made.get("VOILUTSequence", ())):
            assert where.get(keyword) in (None, "", 815, "ANONYMIZED"), text


def test_names_of_devices_that_name_nobody_stay() -> None:
    texts = {"Manufacturer": "ACME Works", "ManufacturerModelName": "Ray 47", "RescaleType": "HU"}
    made = Deidentifier().dataset(of_the_patient(**texts))
    assert {name: made.get(name) for name in texts} == texts
    made = Deidentifier().dataset(of_the_patient(ManufacturerModelName="Ray 4711"))
    assert not made.ManufacturerModelName, "a part of the number: rather a word too few"
    assert not names_somebody("SIEMENS", words_of(["Men^Li", "17"]))
    assert names_somebody("GE", words_of(["Ge^Li"]))
    assert not names_somebody("", words_of([NAME]))


def test_the_header_of_a_report_names_nobody_either() -> None:
    header = {"PatientName": NAME, "PatientID": NUMBER, "Modality": "CR"}
    assert "Manufacturer" not in plain_header({**header, "Manufacturer": "Works of Müller-Lüdenscheidt"})
    assert plain_header({**header, "Manufacturer": "ACME"})["Manufacturer"] == "ACME"


def replacement(source: Dataset) -> str:
    """The ten digits that stand for a person, made here once more."""
    person = "\\".join(str(source.get(k, "")) for k in ("PatientID", "PatientName", "PatientBirthDate"))
    return hmac.new(SECRET, f"name\0{person}".encode(), hashlib.sha256).hexdigest()[:10].upper()


def test_what_stands_in_place_of_a_patient() -> None:
    source = of_the_patient()
    made = Deidentifier(secret=SECRET).dataset(source)
    assert made.PatientName == f"ANON^{replacement(source)}"
    assert made.PatientID == f"ANON-{replacement(source)}"
    assert "PatientName" not in Deidentifier(secret=SECRET).dataset(Dataset())


def test_every_object_of_a_report_has_the_same_replacement_and_nothing_else(
    analysed: Analysed, tmp_path: Path
) -> None:
    record, analysis, _, _ = analysed
    original = pydicom.dcmread(record.path)
    files = export_dicom(
        build_report([case_in(analysed, Options())], Options()),
        DicomCase(record, analysis, features_of(analysis, 1), 1, painted(record)), tmp_path, "r",
        deidentifier=Deidentifier(secret=SECRET),
    )  # fmt: skip
    assert len(files) == 6
    for path in files:
        made = pydicom.dcmread(path)
        assert made.PatientName == f"ANON^{replacement(original)}", path.name
        assert made.PatientID == f"ANON-{replacement(original)}", path.name
        assert not made.get("PatientBirthDate"), path.name
        check_meta(made, path.read_bytes())


def check_meta(made: pydicom.FileDataset, data: bytes) -> None:
    meta = made.file_meta
    assert {element.keyword for element in meta} == {
        "FileMetaInformationGroupLength", "FileMetaInformationVersion", "MediaStorageSOPClassUID",
        "MediaStorageSOPInstanceUID", "TransferSyntaxUID", "ImplementationClassUID", "ImplementationVersionName",
    }  # fmt: skip
    assert meta.FileMetaInformationVersion == b"\0\1"
    assert (meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID) == (made.SOPClassUID, made.SOPInstanceUID)
    assert meta.ImplementationClassUID in (PYDICOM_IMPLEMENTATION_UID, HIGHDICOM)
    assert meta.ImplementationVersionName.startswith(("PYDICOM ", "highdicom"))
    assert not any(data[:128])


@pytest.mark.filterwarnings("ignore")
def test_the_file_meta_information_is_made_anew(tmp_path: Path) -> None:
    path = variants.write(tmp_path / "a.dcm", VALUES, BitsStored=12, HighBit=11)
    source = pydicom.dcmread(path)
    source.preamble = b"SECRETNAME" * 12 + b"\0" * 8
    meta = source.file_meta
    for keyword in ("ImplementationVersionName", "SourceApplicationEntityTitle", "SendingApplicationEntityTitle",
                    "ReceivingApplicationEntityTitle", "SourcePresentationAddress", "SendingPresentationAddress",
                    "ReceivingPresentationAddress"):  # fmt: skip
        setattr(meta, keyword, "SECRETNAME")
    meta.ImplementationClassUID = "1.2.3.83.69.67"
    meta.PrivateInformationCreatorUID, meta.PrivateInformation = "1.2.3.83.69.67", b"SECRETNAME"
    meta.add_new(0x00020110, "LO", "SECRETNAME")
    source.save_as(path, enforce_file_format=True)
    assert path.read_bytes().count(b"SECRETNAME") > 12
    data = exported(path)
    assert b"SECRETNAME" not in data
    assert b"1.2.3.83" not in data
    check_meta(pydicom.dcmread(io.BytesIO(data)), data)
    assert open_image(path).transfer_syntax
