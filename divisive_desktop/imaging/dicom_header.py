"""The handful of attributes that say, in words and codes, what a DICOM image is of and how it was made."""

from __future__ import annotations

from collections.abc import Iterable

from pydicom import Dataset
from pydicom.multival import MultiValue

HEADER_KEYWORDS = (
    "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "PatientAge", "PatientSexNeutered",
    "PatientSpeciesDescription", "PatientSpeciesCodeSequence", "PatientBreedDescription", "PatientBreedCodeSequence",
    "StudyDate", "StudyTime", "StudyDescription", "SeriesDescription", "ProtocolName", "SeriesNumber",
    "InstanceNumber", "AccessionNumber", "Modality", "BodyPartExamined", "AnatomicRegionSequence", "ViewPosition",
    "ViewCodeSequence", "AnatomicalOrientationType", "ImageLaterality", "Laterality", "PatientPosition", "ImageType",
    "ConversionType", "PresentationIntentType", "InstitutionName", "Manufacturer", "ManufacturerModelName",
    "AcquisitionDeviceProcessingDescription", "KVP", "Exposure", "ExposureTime", "BurnedInAnnotation", "SOPClassUID",
    "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "PhotometricInterpretation",
)  # fmt: skip
_MOST_CODES = 8


def header_of(dataset: Dataset) -> dict[str, str]:
    """Keyword -> text of what the file says; what it doesn't say is left out.

    Codes read ``Thorax (51185008 SCT)``; several values are parted by backslashes, as DICOM writes them.
    """
    found = ((word, _text(word, dataset.get(word))) for word in HEADER_KEYWORDS)
    return {word: text for word, text in found if text}


def _text(keyword: str, value: object) -> str:
    if value is None:
        return ""
    if keyword.endswith("Sequence"):
        return "; ".join(_codes(value)) if isinstance(value, Iterable) and not isinstance(value, str | bytes) else ""
    return "\\".join(map(str, value)) if isinstance(value, MultiValue) else str(value)


def _codes(items: Iterable[object]) -> list[str]:
    found = []
    for item in list(items)[:_MOST_CODES]:
        if not isinstance(item, Dataset):
            continue
        value = next((str(v) for word in ("CodeValue", "LongCodeValue", "URNCodeValue") if (v := item.get(word))), "")
        meaning, scheme = str(item.get("CodeMeaning") or ""), str(item.get("CodingSchemeDesignator") or "")
        code = " ".join(part for part in (value, scheme) if part)
        found.append(f"{meaning} ({code})" if meaning and code else meaning or code)
    return [text for text in found if text]
