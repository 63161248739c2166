"""What a DICOM header says of body part, view, age and species is heard together, and only in our own words."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from divisive_desktop.imaging.dicom_header import header_of
from divisive_desktop.library.header_check import age_of, doubted_by_header, refused_by_header
from divisive_desktop.library.header_words import region_of, views_of, words_of
from divisive_desktop.training.scope_fitting import read_rules
from tests.conftest import ROOT
from tests.library.test_scope_check import film

CHEST = read_rules(ROOT / "models" / "scopes" / "chest.toml")
RATIO = read_rules(ROOT / "models" / "scopes" / "chest-cardiomegaly.toml")
FACE = read_rules(ROOT / "models" / "scopes" / "face.toml")
FRONTAL = {"Modality": "DX", "BodyPartExamined": "CHEST", "ViewPosition": "PA"}


def refused(orientation: tuple[str, str] | None = None, **header: str) -> str:
    return "; ".join(refused_by_header(CHEST, film({"Modality": "DX", **header}, orientation=orientation)))


@pytest.mark.parametrize("header", [
    {"SeriesDescription": "CHEST PA AND LAT", "ViewPosition": "PA"},
    {"StudyDescription": "CHEST PA AND LAT"}, {"StudyDescription": "XR CHEST 2 VIEWS"},
    {"StudyDescription": "Thorax p.a. und seitlich"}, {"StudyDescription": "Radiografia de torax, frente y perfil"},
    {"StudyDescription": "Radiographie thoracique de face"}, {"SeriesDescription": "RX TORACE AP"},
    {"StudyDescription": "HIP JOINT", "BodyPartExamined": "CHEST"},  # a film before an operation on a hip
    {"StudyDescription": "Abdomen series", "SeriesDescription": "Chest upright"},
    {"StudyDescription": "POLYTRAUMA", "SeriesDescription": "Bettlunge"}, {"SeriesDescription": "bilateral effusion"},
    {"ProtocolName": "Chest_PA_erect"}, {"AcquisitionDeviceProcessingDescription": "CHEST,FRN GRID"},
    {"AnatomicRegionSequence": "Chest (51185008 SCT)", "ViewCodeSequence": "postero-anterior (R-10214 SRT)"},
    {"AnatomicRegionSequence": "(T-D3000 SRT)"}, {"AnatomicRegionSequence": "something new (99999999 SCT)"},
    {"SeriesDescription": "MAIN HOSPITAL"}, {"StudyDescription": "handed over; neckless; Kneedle"},
    {"ImageType": "DERIVED\\SECONDARY", "ConversionType": "WSD"}, {"ConversionType": "DF"},
    {"StudyDescription": "thoracic aorta?"}, {"SeriesDescription": "Rippen"}, {"ImageType": "ORIGINAL\\PRIMARY"},
])  # fmt: skip
def test_frontal_films_are_left_to_the_pixels(header: dict[str, str]) -> None:
    assert refused(**header) == ""


@pytest.mark.parametrize(("header", "said"), [
    ({"SeriesDescription": "CHEST LATERAL"}, "a lateral view by its series description"),
    ({"SeriesDescription": "Thorax seitlich"}, "a lateral view"), ({"ProtocolName": "thorax_profil"}, "a lateral view"),
    ({"SeriesDescription": "Tórax perfil izquierdo"}, "a lateral view"),
    ({"SeriesDescription": "torace laterale"}, "a lateral view"), ({"SeriesDescription": "W Chest Lat."}, "a lateral"),
    ({"AcquisitionDeviceProcessingDescription": "CHEST,LAT"}, "a lateral view by the device's processing"),
    ({"StudyDescription": "CHEST LATERAL ONLY"}, "a lateral view by the study's description"),
    ({"ViewPosition": "LL"}, "in the view LL"), ({"ViewPosition": "RL"}, "in the view RL"),
    ({"ViewPosition": "LLAT"}, "in the view LATERAL"),
    ({"ViewCodeSequence": "left lateral (399173006 SCT)"}, "a lateral view by its view code"),
    ({"ViewCodeSequence": "(R-10236 SRT)"}, "a lateral view by its view code"),
    ({"SeriesDescription": "Thorax schräg"}, "an oblique view"),
    ({"SeriesDescription": "chest decubitus left"}, "lying on the side"),
    ({"BodyPartExamined": "THORACIC SPINE"}, "DX THORACIC SPINE, not"), ({"BodyPartExamined": "TSPINE"},
    "DX TSPINE, not"),
    ({"BodyPartExamined": "CHESTABDOMEN"}, "DX CHESTABDOMEN, not"),
    ({"BodyPartExamined": "CHEST", "SeriesDescription": "Abdomen a.p."}, "the abdomen by its series description"),
    ({"ProtocolName": "Hand links"}, "a hand or an arm by its protocol"),
    ({"ProtocolName": "Rx main droite"}, "a hand or an arm"), ({"SeriesDescription": "Rodilla AP"}, "a leg or a foot"),
    ({"SeriesDescription": "Knie bds."}, "a leg or a foot"), ({"StudyDescription": "PELVIS"}, "the pelvis or a hip"),
    ({"StudyDescription": "Beckenübersicht"}, "the pelvis or a hip"), ({"SeriesDescription": "Schädel"}, "the head"),
    ({"SeriesDescription": "Crâne face"}, "the head"), ({"SeriesDescription": "Panoramic"}, "teeth"),
    ({"SeriesDescription": "Brustwirbelsäule"}, "the spine"), ({"SeriesDescription": "BWS ap"}, "the spine"),
    ({"SeriesDescription": "Rachis dorsal"}, "the spine"), ({"SeriesDescription": "Thoracic Spine AP"}, "the spine"),
    ({"SeriesDescription": "colonna vertebrale lombare"}, "the spine"), ({"SeriesDescription": "T-Spine"}, "the spine"),
    ({"AnatomicRegionSequence": "Knee (72696002 SCT)"}, "a leg or a foot by its region code"),
    ({"AnatomicRegionSequence": "(T-D4000 SRT)"}, "the abdomen by its region code"),
    ({"ConversionType": "SD"}, "a scanned document"), ({"ImageType": "DERIVED\\SECONDARY\\SCREEN SAVE"},
    "a screenshot"),
    ({"ImageType": "ORIGINAL\\PRIMARY\\LOCALIZER"}, "a localizer"), ({"SeriesDescription": "Screen Save"},
    "a screenshot"),
])  # fmt: skip
def test_other_parts_and_views_are_named(header: dict[str, str], said: str) -> None:
    found = refused(**header)
    assert said in found
    assert "not a frontal chest radiograph" in found


def test_the_view_of_another_part_of_the_body_is_no_reason_of_its_own() -> None:
    record = film({"Modality": "CR", "BodyPartExamined": "KNEE", "ViewPosition": "LL"})
    assert refused_by_header(CHEST, record) == ["CR KNEE, not a frontal chest radiograph"]
    record = film({"Modality": "CR", "BodyPartExamined": "CHEST", "ViewPosition": "LL"})
    assert refused_by_header(CHEST, record) == ["CR CHEST in the view LL, not a frontal chest radiograph"]


@pytest.mark.parametrize(("orientation", "wrong"), [
    (("L", "F"), False), (("R", "H"), False), (("F", "R"), False), (("A", "F"), True), (("P", "F"), True),
    (("F", "A"), True), (("L", "P"), True), (("AF", "FP"), True),
])  # fmt: skip
def test_orientation_tells_films_from_the_side(orientation: tuple[str, str], wrong: bool) -> None:
    assert ("by its patient orientation" in refused(orientation)) == wrong


def test_a_header_that_contradicts_itself_is_unfamiliar() -> None:
    record = film({**FRONTAL, "SeriesDescription": "CHEST LATERAL"})
    assert refused_by_header(CHEST, record) == []
    assert doubted_by_header(CHEST, record) == [
        "a lateral view by its series description, though its view says otherwise"
    ]


def test_a_ratio_is_not_taken_from_films_from_the_front() -> None:
    for header in ({"SeriesDescription": "chest AP portable"}, {"ProtocolName": "Bettlunge"}, {"ViewPosition": "AP"}):
        record = film({"Modality": "DX", **header})
        assert refused_by_header(RATIO, record)
        assert refused_by_header(CHEST, record) == []


@pytest.mark.parametrize(("header", "age"), [
    ({"PatientAge": "007Y"}, 7), ({"PatientAge": "018M"}, 1), ({"PatientAge": "003W"}, 0), ({"PatientAge": "010D"}, 0),
    ({"PatientAge": "81"}, 81), ({"PatientAge": " 62y"}, 62), ({"PatientAge": "999Y"}, None),
    ({"PatientAge": "old"}, None),
    ({"PatientBirthDate": "20150630", "StudyDate": "20260629"}, 10),
    ({"PatientBirthDate": "20150630", "StudyDate": "20260630"}, 11),
    ({"PatientBirthDate": "18000101", "StudyDate": "20080504"}, None),
    ({"PatientBirthDate": "20300101", "StudyDate": "20200101"}, None), ({"PatientBirthDate": "20150630"}, None),
    ({"PatientBirthDate": "20151399", "StudyDate": "20260101"}, None),
    ({"PatientAge": "062Y", "PatientBirthDate": "19000101", "StudyDate": "19010101"}, 62),  # dates were shifted
    ({}, None),
])  # fmt: skip
def test_age(header: dict[str, str], age: int | None) -> None:
    assert age_of(header) == age


def test_children_are_unfamiliar_to_a_model_of_adults() -> None:
    reasons = doubted_by_header(CHEST, film({**FRONTAL, "PatientAge": "007Y"}))
    assert reasons == [
        "the patient was 7 years old: hardly any image that the model was made with is of somebody under 18"
    ]
    assert "less than two years" in doubted_by_header(CHEST, film({**FRONTAL, "PatientAge": "005M"}))[0]
    assert doubted_by_header(CHEST, film({**FRONTAL, "PatientAge": "018Y"})) == []
    assert doubted_by_header(replace(CHEST, youngest=0), film({**FRONTAL, "PatientAge": "007Y"})) == []


@pytest.mark.parametrize("header", [
    {"PatientSpeciesDescription": "Canis lupus familiaris"}, {"PatientSpeciesDescription": "CANINE"},
    {"PatientSpeciesCodeSequence": "Feline species (L-80A00 SRT)"}, {"PatientSpeciesCodeSequence": "(448771007 SCT)"},
    {"PatientBreedDescription": "Labrador"}, {"PatientBreedCodeSequence": "Beagle (132452008 SCT)"},
    {"PatientSexNeutered": "ALTERED"}, {"AnatomicalOrientationType": "QUADRUPED"},
    {"StudyDescription": "Dog thorax VD"}, {"SeriesDescription": "Thorax Hund lateral"},
    {"ProtocolName": "Perro torax"},
])  # fmt: skip
@pytest.mark.parametrize("scope", [CHEST, FACE])
def test_animals_are_out_of_scope(header: dict[str, str], scope: Any) -> None:
    modality = scope.modalities[0]
    found = refused_by_header(scope, film({**FRONTAL, "Modality": modality, **header}))
    assert "of an animal" in found[0]
    assert len(found) == 1


@pytest.mark.parametrize("header", [
    {"PatientSpeciesDescription": "Homo sapiens"}, {"PatientSpeciesDescription": "human",
    "PatientBreedDescription": "x"},
    {"PatientSpeciesCodeSequence": "(337915000 SCT)"}, {"PatientSpeciesCodeSequence": "Homo sapiens (L-85B00 SRT)"},
    {"PatientBreedDescription": "N/A"}, {"PatientSpeciesDescription": "unknown"}, {"PatientSexNeutered": ""},
    {"AnatomicalOrientationType": "BIPED"},
])  # fmt: skip
def test_people_are_no_animals(header: dict[str, str]) -> None:
    assert refused(**FRONTAL, **header) == ""


def test_raw_data_and_subtracted_films_are_unfamiliar() -> None:
    raw = film({**FRONTAL, "PresentationIntentType": "FOR PROCESSING"})
    assert "raw data" in doubted_by_header(CHEST, raw)[0]
    assert "raw data" in doubted_by_header(CHEST, film({**FRONTAL, "SOPClassUID": "1.2.840.10008.5.1.4.1.1.1.1.1"}))[0]
    assert "subtracted" in doubted_by_header(CHEST, film({**FRONTAL, "SeriesDescription": "Bone suppressed chest"}))[0]
    assert doubted_by_header(CHEST, film({**FRONTAL, "PresentationIntentType": "FOR PRESENTATION"})) == []


def test_words_are_whole_and_without_accents() -> None:
    assert words_of("Crâne, Hüfte_li; A.P. & p.a.") == ("CRANE", "HUEFTE", "LI", "AP", "PA")
    assert region_of("HANDOVER") is None
    assert views_of(words_of("unilateral, contralateral, collateral")) == set()
    assert len(words_of("KNEE " * 10_000)) < 200


@pytest.mark.parametrize("field", [
    "SeriesDescription", "StudyDescription", "ProtocolName", "AcquisitionDeviceProcessingDescription",
    "AnatomicRegionSequence", "ViewCodeSequence", "PatientSpeciesDescription", "PatientBreedDescription", "PatientAge",
    "PatientBirthDate", "ImageType", "ConversionType", "PresentationIntentType", "PatientSexNeutered",
])  # fmt: skip
@pytest.mark.parametrize("value", [
    "MÜLLER^HANS KNEE LAT 1950-01-01", "<script>hand()</script>", "PELVIS " * 20_000, "LAT\x00\x1b[31m", "\u202eLAT",
    "%s{x}",
])  # fmt: skip
def test_nothing_of_the_file_is_repeated(field: str, value: str) -> None:
    record = film({**FRONTAL, "StudyDate": "20200101", field: value})
    for reason in [*refused_by_header(CHEST, record), *doubted_by_header(CHEST, record)]:
        assert reason.isprintable()
        assert len(reason) < 150
        assert not re.search("müller|1950|<script|{x}|%s", reason, re.IGNORECASE)


def test_a_name_in_a_field_for_codes_is_not_repeated() -> None:
    for header in ({"Modality": "DX", "BodyPartExamined": "ROSE MARY"}, {"Modality": "JOHN DOE"},
                   {"Modality": "DX", "BodyPartExamined": "PETER SMITH", "ViewPosition": "LL"}):  # fmt: skip
        said = refused(**header)
        assert said
        assert not any(name in said.upper() for name in ("ROSE", "MARY", "JOHN", "DOE", "PETER", "SMITH"))
    assert "SCHULTER" in refused(Modality="DX", BodyPartExamined="SCHULTER"), "a part of the body, in any language"


def test_codes_and_values_are_read_from_the_file() -> None:
    from pydicom import Dataset

    dataset, thorax, view = Dataset(), Dataset(), Dataset()
    thorax.CodeValue, thorax.CodingSchemeDesignator, thorax.CodeMeaning = "51185008", "SCT", "Thorax"
    view.CodeValue, view.CodingSchemeDesignator = "R-10236", "SRT"
    dataset.AnatomicRegionSequence, dataset.ViewCodeSequence = [thorax], [view]
    dataset.ImageType, dataset.PatientAge, dataset.SeriesDescription = ["DERIVED", "PRIMARY"], "007Y", ""
    assert header_of(dataset) == {
        "AnatomicRegionSequence": "Thorax (51185008 SCT)", "ViewCodeSequence": "R-10236 SRT",
        "ImageType": "DERIVED\\PRIMARY", "PatientAge": "007Y",
    }  # fmt: skip
    dataset.ViewCodeSequence = [Dataset()]
    assert "ViewCodeSequence" not in header_of(dataset)
