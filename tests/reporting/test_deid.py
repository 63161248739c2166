from __future__ import annotations

import io

import numpy as np
import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from divisive_desktop.reporting.deid import Deidentifier, actions, burned_in_warning, pixelate
from tests.conftest import dicom_sample

SECRET = bytes(range(32))


def patient(number: str = "17") -> Dataset:
    d = Dataset()
    d.SOPClassUID, d.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.1", "1.2.3.4"
    d.StudyInstanceUID = "1.2.3"
    d.PatientName, d.PatientID, d.PatientBirthDate = "Doe^Jane", number, "19500303"
    d.StudyDate, d.StudyTime, d.AcquisitionDateTime = "20200110", "101500", "20200110101500.5"
    d.InstitutionName, d.StudyDescription, d.PatientComments = "St. Elsewhere", "Jane Doe, cough", "friend of the mayor"
    d.Modality, d.ViewPosition = "CR", "PA"
    inner = Dataset()
    inner.ReferencedSOPClassUID, inner.ReferencedSOPInstanceUID = "1.2.840.10008.5.1.4.1.1.1", "1.2.3.4"
    inner.PatientName = "Doe^Jane"
    inner.private_block(0x0009, "ACME", create=True).add_new(1, "LO", "Doe")
    d.SourceImageSequence = [inner]
    d.private_block(0x0011, "ACME", create=True).add_new(1, "LO", "Jane")
    d.add_new(0x60003000, "OW", b"\xff\xff")
    d.add_new(0x60000010, "US", 1)
    return d


def test_the_table_is_whole() -> None:
    table = actions()
    assert len(table) > 600
    # A few rows of DICOM PS3.15 table E.1-1, looked up by hand.
    expected = {
        0x00080050: "Z",
        0x00100010: "Z",
        0x00104000: "X",
        0x0020000D: "U",
        0x00080080: "X/Z/D",
        0x00081030: "X",
    }
    assert {tag: table[tag] for tag in expected} == expected
    assert 0x00080060 not in table  # Modality
    assert set(table.values()) <= {"X", "Z", "D", "U", "Z/D", "X/Z", "X/D", "X/Z/D", "X/Z/U*"}


def test_nobody_is_named_at_any_depth() -> None:
    source = patient()
    made = Deidentifier(secret=SECRET).dataset(source)  # its new UIDs don't happen to hold a year
    text = made.to_json()
    for secret in ("Jane", "Doe", '"17"', "mayor", "Elsewhere", "2020", "1950", '"1.2.3"', '"1.2.3.4"', "ACME"):
        assert secret not in text, secret
    assert not any(e.tag.is_private or e.tag.group == 0x6000 for e in made.iterall())
    assert (made.Modality, made.ViewPosition) == ("CR", "PA")
    assert made.PatientIdentityRemoved == "YES"
    assert [i.CodeValue for i in made.DeidentificationMethodCodeSequence] == ["113100"]
    assert made.LongitudinalTemporalInformationModified == "REMOVED"
    assert source.PatientName == "Doe^Jane"  # the original data set is not touched


def test_uids_stay_consistent_within_an_export_only() -> None:
    one = Deidentifier()
    made = one.dataset(patient())
    assert made.SourceImageSequence[0].ReferencedSOPInstanceUID == made.SOPInstanceUID == one.uid("1.2.3.4")
    assert made.SourceImageSequence[0].ReferencedSOPClassUID == "1.2.840.10008.5.1.4.1.1.1"
    assert one.dataset(patient()).PatientID == made.PatientID
    assert one.dataset(patient("18")).PatientID != made.PatientID
    other = Deidentifier().dataset(patient())
    assert other.SOPInstanceUID != made.SOPInstanceUID
    assert other.PatientID != made.PatientID
    assert all(pydicom.uid.UID(u).is_valid for u in (made.SOPInstanceUID, made.StudyInstanceUID))


def test_dates_are_shifted_alike_or_kept_on_request() -> None:
    shifted = Deidentifier("shift", SECRET).dataset(patient())
    assert shifted.StudyDate == shifted.AcquisitionDateTime[:8] != "20200110"
    assert "2009" < shifted.StudyDate < "20190111"
    assert shifted.StudyTime == "101500"
    kept = Deidentifier("keep", SECRET).dataset(patient())
    assert kept.StudyDate == "20200110"
    for made, code in ((shifted, "113107"), (kept, "113106")):
        assert [i.CodeValue for i in made.DeidentificationMethodCodeSequence] == ["113100", code]
        assert not made.PatientBirthDate
    with pytest.raises(ValueError, match="dates"):
        Deidentifier("yesterday")  # type: ignore[arg-type]


@pytest.mark.filterwarnings("ignore:Invalid value")
@given(st.text("0123456789.+-/ ", max_size=26))
def test_any_date_can_be_shifted(text: str) -> None:
    source = patient()
    source.add_new("StudyDate", "DA", text)
    made = Deidentifier("shift", SECRET).dataset(source)
    assert not text.strip() or str(made.StudyDate) != text


@pytest.mark.parametrize("name", ["RG1_UNCR.dcm", "examples_palette.dcm", "ExplVR_BigEnd.dcm", "RG3_J2KI.dcm"])
def test_real_files_lose_their_identity(name: str) -> None:
    source = pydicom.dcmread(dicom_sample(name))
    made = Deidentifier().dataset(source)
    made.file_meta = source.file_meta
    made.file_meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID
    buffer = io.BytesIO()
    made.save_as(buffer)
    for keyword in ("PatientName", "PatientID", "StudyInstanceUID", "AccessionNumber", "InstitutionName", "StudyDate"):
        value = str(source.get(keyword) or "")
        if len(value) > 3:
            assert value.encode() not in buffer.getvalue()[200 : -len(source.PixelData)], keyword
    assert bytes(made.PixelData) == bytes(source.PixelData)


def test_burned_in_text_is_warned_of() -> None:
    assert burned_in_warning({"BurnedInAnnotation": "NO", "Modality": "US"}) is None
    assert "burned into" in (burned_in_warning({"BurnedInAnnotation": "YES"}) or "")
    assert "modality US" in (burned_in_warning({"Modality": "US"}) or "")
    assert "secondary capture" in (burned_in_warning({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.7"}) or "")
    assert "doesn't say" in (burned_in_warning({"Modality": "CR"}) or "")


@pytest.mark.parametrize("shape", [(120, 90), (120, 90, 3)])
def test_a_face_is_pixelated_and_nothing_else(shape: tuple[int, ...]) -> None:
    picture = np.random.default_rng(3).integers(0, 256, shape, np.uint8)
    made = pixelate(picture, [(30, 40, 32, 32)])
    assert (made[:30] == picture[:30]).all()
    inside = made[36:76, 26:66]
    assert len(np.unique(inside.reshape(-1, *shape[2:]), axis=0)) <= 64
    assert (made != picture).any()
    assert (pixelate(picture, [(-500, 0, 10, 10), (0, 0, 0, 0)]) == picture).all()
    assert (pixelate(picture, []) == picture).all()
    assert pixelate(picture, [(80, 100, 400, 400)]).shape == shape  # cut off at the edge
