"""All rows of a file, private and identifying ones marked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from pydicom import Dataset, dcmread
from pydicom.datadict import keyword_dict, tag_for_keyword

from divisive_desktop import errors
from divisive_desktop.imaging import identifying
from divisive_desktop.imaging.metadata import MAX_ROWS, read_metadata, without_identity
from divisive_desktop.imaging.tag import Tag


def by_keyword(rows: tuple[Tag, ...]) -> dict[str, Tag]:
    return {row.keyword: row for row in rows}


def test_every_attribute_of_a_radiograph_is_listed(rg1: Path) -> None:
    rows = read_metadata(rg1)
    dataset = dcmread(rg1)
    assert len(rows) == len(dataset) + len(dataset.file_meta)
    name = by_keyword(rows)["PatientName"]
    assert (name.tag, name.vr, name.value) == ("(0010,0010)", "PN", "CompressedSamples^RG1")
    assert name.identifying
    assert not name.private
    assert by_keyword(rows)["PixelData"].value == "7,198,310 bytes"
    assert not by_keyword(rows)["KVP"].identifying


def test_hiding_identity_keeps_the_rest(rg1: Path) -> None:
    rows = read_metadata(rg1)
    hidden = without_identity(rows)
    text = " ".join(row.value for row in hidden)
    for secret in ("CompressedSamples", "19400305", "Hamburg", "5457", "92.00.003"):
        assert secret in " ".join(row.value for row in rows)
        assert secret not in text
    assert "CHEST" in text
    assert "MONOCHROME1" in text


def test_sequences_and_private_attributes(make_dicom: Callable[..., Path], tmp_path: Path) -> None:
    import numpy as np

    inner = Dataset()
    inner.CodeMeaning = "Chest"
    inner.PatientName = "Inner^Name"
    path = make_dicom(np.zeros((4, 4), np.uint8), AnatomicRegionSequence=[inner], ContentSequence=[inner])
    dataset = dcmread(path)
    dataset.private_block(0x0009, "ACME", create=True).add_new(1, "LO", "secret")
    dataset.save_as(path)
    rows = read_metadata(path)
    meanings = [row for row in rows if row.keyword == "CodeMeaning"]
    assert [row.depth for row in meanings] == [1, 1]
    # What lies in a sequence that may tell who it is, may tell it too.
    assert [row.identifying for row in meanings] == [False, True]
    private = [row for row in rows if row.private]
    assert [row.value for row in private] == ["ACME", "secret"]
    assert all(row.identifying and row.group == "Private" for row in private)


def test_what_the_profile_of_the_standard_names_is_identifying() -> None:
    named = """PatientName PatientID PatientBirthDate PatientAddress PatientSex PatientAge OtherPatientIDsSequence
    AccessionNumber StudyInstanceUID SeriesInstanceUID SOPInstanceUID FrameOfReferenceUID StudyDate AcquisitionDateTime
    InstitutionName InstitutionAddress InstitutionalDepartmentName StationName DeviceSerialNumber DetectorID PlateID
    ReferringPhysicianName OperatorsName StudyDescription SeriesDescription ProtocolName ImageComments StudyID
    RequestAttributesSequence GPSLatitude LensSerialNumber RequestedProcedureID PerformedProcedureStepID
    AdmittingDiagnosesDescription ClinicalTrialSubjectID IconImageSequence ContentSequence GraphicAnnotationSequence
    OriginalAttributesSequence TimezoneOffsetFromUTC SpecimenIdentifier AdditionalPatientHistory Occupation
    DerivationDescription DeviceUID IrradiationEventUID RetrieveAETitle PersonAddress ReasonForStudy CassetteID
    ContrastBolusAgent AcquisitionDeviceProcessingDescription XRaySourceID ScheduledStationAETitle BarcodeValue"""
    harmless = """Rows Columns BitsStored PhotometricInterpretation WindowCenter WindowWidth KVP Exposure Modality
    BodyPartExamined ViewPosition ImageLaterality PatientOrientation Manufacturer ManufacturerModelName PixelSpacing
    ImagerPixelSpacing RescaleSlope ImageType BurnedInAnnotation SeriesNumber InstanceNumber SoftwareVersions
    PresentationLUTShape LossyImageCompression SpecificCharacterSet WindowCenterWidthExplanation FilterType"""
    for words, wanted in ((named, True), (harmless, False)):
        for keyword in words.split():
            tag = tag_for_keyword(keyword)
            assert tag is not None, keyword
            from pydicom.datadict import dictionary_VR

            vr = dictionary_VR(tag).split(" ")[0]
            assert identifying.is_identifying(tag >> 16, tag & 0xFFFF, keyword, vr, "1.2.3") == wanted, keyword


def test_the_lists_hold_only_keywords_of_the_dictionary() -> None:
    assert set(keyword_dict) >= (identifying._KEYWORDS | identifying._HARMLESS)


def test_kinds_of_things_are_no_secrets(rg1: Path) -> None:
    rows = by_keyword(read_metadata(rg1))
    assert not rows["SOPClassUID"].identifying
    assert not rows["TransferSyntaxUID"].identifying
    assert rows["StudyInstanceUID"].identifying


def test_all_sample_files_can_be_listed(rg1: Path) -> None:
    folder = rg1.parent
    listed = 0
    for path in sorted(folder.glob("*.dcm")):
        listed += len(read_metadata(path)) <= MAX_ROWS + 1
    assert listed > 50


def test_exif_gps_and_xmp_of_a_photograph(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010F] = "Leica"
    exif[0x013B] = "A. Photographer"
    exif.get_ifd(0x8769)[0x9003] = "2024:05:06 07:08:09"
    exif.get_ifd(0x8825)[2] = (47.0, 22.0, 0.0)
    xmp = (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        b'<rdf:Description xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:CreatorTool="Photoshop">'
        b"<xmp:Label>keep</xmp:Label></rdf:Description></rdf:RDF></x:xmpmeta>"
    )
    Image.new("RGB", (32, 32)).save(tmp_path / "a.jpg", exif=exif, xmp=xmp, comment=b"hello")
    rows = read_metadata(tmp_path / "a.jpg")
    found = by_keyword(rows)
    assert found["Make"].value == "Leica"
    assert not found["Make"].identifying
    assert found["Artist"].identifying
    assert found["DateTimeOriginal"].value == "2024:05:06 07:08:09"
    assert found["GPSLatitude"].group == "GPS"
    assert found["GPSLatitude"].identifying
    assert {(row.keyword, row.value) for row in rows if row.group == "XMP"} == {
        ("CreatorTool", "Photoshop"),
        ("Label", "keep"),
    }
    assert found["comment"].value == "hello"


def test_an_xmp_bomb_is_not_parsed(tmp_path: Path) -> None:
    bomb = b'<!DOCTYPE a [<!ENTITY a "aaaa">]><a>&a;</a>'
    Image.new("RGB", (8, 8)).save(tmp_path / "bomb.jpg", xmp=bomb)
    rows = [row for row in read_metadata(tmp_path / "bomb.jpg") if row.group == "XMP"]
    assert len(rows) == 1
    assert "not read" in rows[0].name


def test_no_picture_no_metadata(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("hello")
    with pytest.raises(errors.NotAnImageError):
        read_metadata(tmp_path / "a.txt")
    with pytest.raises(errors.UnreadableFileError):
        read_metadata(tmp_path / "missing.dcm")
