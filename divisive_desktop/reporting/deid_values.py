"""What may stay of the value of an attribute that the confidentiality profile keeps: nothing that free text fits into.

The profile keeps attributes by what they are meant for. Whoever hides a name doesn't follow that: texts stay only in
attributes that name devices and techniques, codes only if they are known, numbers only if they are numbers, and
binary values only where the pixels need them.
"""

from __future__ import annotations

import re
from functools import cache

import numpy as np
from pydicom._uid_dict import UID_dictionary
from pydicom.datadict import dictionary_has_tag, dictionary_VM, keyword_for_tag
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.sr._concepts_dict import concepts
from pydicom.sr._snomed_dict import mapping
from pydicom.valuerep import format_number_as_ds

from divisive_desktop.imaging.dicom_terms import known_terms
from divisive_desktop.imaging.dicom_values import number, numbers


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


TEXT_VRS = frozenset({"LO", "SH", "UC"})
_NAMES = _words(
    """Manufacturer ManufacturerModelName SoftwareVersions DetectorManufacturerName DetectorManufacturerModelName
    SecondaryCaptureDeviceManufacturer SecondaryCaptureDeviceManufacturerModelName
    SecondaryCaptureDeviceSoftwareVersions ModifyingDeviceManufacturer FilterType CollimatorGridName PhosphorType
    PlateType AcquisitionDeviceProcessingCode DigitalImageFormatAcquired FieldOfViewDescription ViewName
    PaddleDescription RescaleType ModalityLUTType CodeValue LongCodeValue CodingSchemeDesignator CodingSchemeVersion
    CodeMeaning MappingResourceName"""
)
"""Texts that name devices, techniques, units and codes."""
DEFINED = _words("RescaleType ModalityLUTType")
"""Units, which are looked up."""
_UNITS = _words("OD HU HU_MOD US MGML Z_EFF ED EDW PCT")
_BINARY_VRS = frozenset({"OB", "OW", "OF", "OD", "OL", "OV", "UN"})
_BINARY = _words(
    """PixelData FloatPixelData DoubleFloatPixelData LUTData RedPaletteColorLookupTableData
    GreenPaletteColorLookupTableData BluePaletteColorLookupTableData"""
)
_TABLES = (
    ("LUTDescriptor", "LUTData"),
    *(
        (f"{c}PaletteColorLookupTableDescriptor", f"{c}PaletteColorLookupTableData")
        for c in ("Red", "Green", "Blue")
    ),
)
"""Descriptor and data of lookup tables."""
_CODE_STRING = re.compile(r"[A-Z0-9 _]{0,16}")
_UID_OF_A_CLASS = re.compile(r"1\.2\.840\.10008\.5\.1\.4\.1\.1(\.\d{1,3}){1,3}")
"""A kind of object: also one that is newer than the dictionary."""
_LEGAL = {
    "DA": re.compile(r"(1[89]|20)\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])"),
    "TM": re.compile(r"([01]\d|2[0-3])([0-5]\d([0-5]\d|60)?)?(\.\d{1,6})?"),
    "DT": re.compile(
        r"(1[89]|20)\d\d((0[1-9]|1[0-2])([0-3]\d([0-2]\d([0-5]\d([0-6]\d(\.\d{1,6})?)?)?)?)?)?([+-]\d{4})?"
    ),
    "AS": re.compile(r"\d{3}[DWMY]"),
    "DS": re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?"),
    "IS": re.compile(r"[+-]?\d{1,10}"),
}
"""How values that are written as text look."""
_DROPPED_VRS = frozenset({"AE", "PN", "LT", "ST", "UT", "UR"})
"""Free text, names and addresses: nothing of them is needed to read a picture."""
_NUMERIC_VRS = frozenset({"US", "SS", "UL", "SL", "UV", "SV", "FL", "FD", "AT"})
_LETTERS = re.compile(rb"[A-Za-z^ ]{4,}")
_FEW = 8
"""Bytes: more numbers than these are kept only in attributes that have so many."""
_MANY = _words("LUTData LUTDescriptor") | {f"{c}PaletteColorLookupTableDescriptor" for c in ("Red", "Green", "Blue")}


def without_hidden_text(element: DataElement) -> DataElement | None:
    """The element as it may leave; empty or None where its value holds what doesn't belong there.

    Parameters
    ----------
    element : DataElement
        No sequence; of an attribute that the profile keeps.
    """
    keyword = keyword_for_tag(element.tag)
    if element.VR in _BINARY_VRS:
        return element if keyword in _BINARY else None
    if element.VR in TEXT_VRS and keyword not in _NAMES:
        return None
    values = list(element.value) if isinstance(element.value, (MultiValue, list, tuple)) else [element.value]
    if element.VR in _DROPPED_VRS:
        return None
    if element.VR in _NUMERIC_VRS:
        return None if _spells(element, keyword, values) else element
    if element.VR in ("DS", "IS"):
        written = [_as_number(value, element.VR) for value in values]
        if any(text is None for text in written):
            return DataElement(element.tag, element.VR, None)
        return DataElement(element.tag, element.VR, written if len(written) > 1 else written[0])
    if element.VR in _LEGAL:
        return element if legal(element) else DataElement(element.tag, element.VR, None)
    if element.VR in ("CS", *TEXT_VRS):
        # What follows a null character isn't shown anywhere, and is there all the same.
        plain = [str(value or "").split("\0")[0] for value in values]
        if element.VR == "CS":
            plain = [known_terms(v.upper()) if _CODE_STRING.fullmatch(v.upper()) else "" for v in plain]
        if keyword in ("RescaleType", "ModalityLUTType"):
            plain = [unit if unit in _UNITS else "US" for unit in plain]  # that is: unspecified
        return DataElement(element.tag, element.VR, plain if len(plain) > 1 else plain[0])
    return element


def legal(element: DataElement) -> bool:
    """Whether every value of a date, time or age is written as one."""
    values = element.value if isinstance(element.value, (MultiValue, list, tuple)) else [element.value]
    form = _LEGAL[element.VR]
    return all(text == "" or form.fullmatch(text) for text in (_written(value).rstrip(" ") for value in values))


def _written(value: object) -> str:
    """A value as it stands in the file."""
    return str(getattr(value, "original_string", None) or ("" if value is None else value))


def _as_number(value: object, vr: str) -> str | None:
    """A number as DICOM writes it, in 16 characters at most; None for what is none, '' for nothing."""
    text = _written(value).strip("\0 ")
    if text == "":
        return ""
    found = number(text)
    if found is None:
        return None
    text = text.replace(",", ".")
    if _LEGAL[vr].fullmatch(text) and len(text) <= 16:
        return text
    if vr == "IS":
        return str(int(found)) if found.is_integer() and abs(found) < 1 << 31 else None
    return format_number_as_ds(found)


def _spells(element: DataElement, keyword: str, values: list[object]) -> bool:
    """Whether numbers can be read as text, or are more than their attribute has use for."""
    width = {"US": 2, "SS": 2, "UL": 4, "SL": 4, "UV": 8, "SV": 8, "FL": 4, "FD": 8, "AT": 4}[element.VR]
    some = [value for value in values if isinstance(value, int | float)]
    if element.VR in ("FL", "FD"):
        raw = np.array(some, "<f4" if width == 4 else "<f8")
    else:
        raw = np.array([int(value) % (1 << 8 * width) for value in some], f"<u{width}")
    many = dictionary_VM(element.tag) if dictionary_has_tag(element.tag) else "1-n"
    if many.endswith("n") and raw.nbytes > _FEW and keyword not in _MANY:
        return True
    orders = raw.tobytes(), raw.byteswap().tobytes()
    return keyword not in _MANY and any(_LETTERS.search(data) for data in orders)


def is_standard_uid(uid: str) -> bool:
    """Whether it is one of DICOM's own."""
    return uid in UID_dictionary or _UID_OF_A_CLASS.fullmatch(uid) is not None


def known_code(item: Dataset) -> bool:
    """Whether an item of a code sequence is a code of a public dictionary; its meaning is then set to what that says.

    Items of other sequences, which hold no code, count as known.
    """
    if "CodeMeaning" not in item and "CodeValue" not in item:
        return True
    scheme, value = (str(item.get(word) or "").strip() for word in ("CodingSchemeDesignator", "CodeValue"))
    meaning = _meanings().get((scheme, value)) or _meanings().get(("SCT", _snomed().get((scheme, value), "")))
    if meaning is None:
        return False
    item.CodeMeaning = meaning[:64]
    if "CodingSchemeVersion" in item:
        del item.CodingSchemeVersion
    return True


@cache
def _meanings() -> dict[tuple[str, str], str]:
    found: dict[tuple[str, str], str] = {}
    for scheme, words in concepts.items():
        for codes in words.values():
            if isinstance(codes, dict):
                found |= {(scheme, str(value)): str(said[0]) for value, said in codes.items()}
    return found


@cache
def _snomed() -> dict[tuple[str, str], str]:
    """Codes of SNOMED's former schemes -> today's."""
    return {(scheme, old): new for scheme in ("SRT", "SNM3", "99SDM") for old, new in mapping["SRT"].items()}


def cut_tables(dataset: Dataset) -> None:
    """Lookup tables as long as their descriptors say, at any depth; without one they are none."""
    for item in _every_item(dataset):
        for descriptor, data in _TABLES:
            form, value = numbers(item.get(descriptor)), item.get(data)
            if value is None:
                continue
            if len(form) != 3:
                del item[data]
                continue
            entries = int(form[0]) % 65536 or 65536
            if isinstance(value, bytes):
                size = 2 * entries if len(value) >= 2 * entries else entries
                item[data].value = value[:size] + b"\0" * (size % 2)
            elif isinstance(value, MultiValue) and len(value) > entries:
                item[data].value = list(value)[:entries]


def _every_item(dataset: Dataset) -> list[Dataset]:
    found = [dataset]
    for current in found:
        for element in current:
            if element.VR == "SQ":
                found.extend(element.value or ())
    return found
