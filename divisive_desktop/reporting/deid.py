"""De-identification of what leaves: the Basic Application Level Confidentiality Profile of DICOM PS3.15, annex E.

Table-driven: ``resources/dicom/confidentiality.json`` holds the action of every attribute in table E.1-1. No kept
library fits: dicognito makes up plausible people and keeps descriptions, deid wants a recipe of one's own,
dicom-anonymizer doesn't look into sequences, and none of them states the profile in codes. On top of the table
everything goes that `divisive_desktop.imaging.identifying` takes for identifying; it errs on the side of removing.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from pydicom.datadict import keyword_for_tag
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.sr.codedict import codes
from pydicom.uid import generate_uid

from divisive_desktop import paths
from divisive_desktop.geometry import Box
from divisive_desktop.imaging.identifying import is_identifying
from divisive_desktop.imaging.record import ImageRecord
from divisive_desktop.reporting.deid_names import names_somebody, people_in
from divisive_desktop.reporting.deid_values import (
    DEFINED,
    TEXT_VRS,
    cut_tables,
    is_standard_uid,
    known_code,
    legal,
    without_hidden_text,
)
from divisive_desktop.reporting.options import DATES, Dates

_DATE_VRS = ("DA", "DT", "TM")
_STATED = {"remove": "REMOVED", "shift": "MODIFIED", "keep": "UNMODIFIED"}
_OPTION = {
    "shift": codes.DCM.RetainLongitudinalTemporalInformationModifiedDatesOption,
    "keep": codes.DCM.RetainLongitudinalTemporalInformationFullDatesOption,
}
_DUMMY: Mapping[str, Any] = {
    "DA": "19000101", "TM": "000000", "DT": "19000101000000", "AS": "000Y", "PN": "ANONYMIZED", "UR": "urn:anonymized",
    "IS": "0", "DS": "0", "US": 0, "SS": 0, "UL": 0, "SL": 0, "UV": 0, "SV": 0, "FL": 0.0, "FD": 0.0, "AT": 0,
    "OB": b"\0\0", "OW": b"\0\0", "OF": b"\0" * 4, "OD": b"\0" * 8, "OL": b"\0" * 4, "OV": b"\0" * 8,
}  # fmt: skip

ADVICE = "Look at the pixels before you pass them on: de-identification doesn't change them."
HIDDEN = "made unrecognisable in the report"
"""In the note of an image where faces were hidden."""


@cache
def actions() -> Mapping[int, str]:
    """Tag -> action of the Basic Profile ("X", "Z", "D", "U", "X/Z" and so on), DICOM PS3.15 table E.1-1."""
    text = (paths.resources_dir() / "dicom" / "confidentiality.json").read_text(encoding="utf-8")
    return {int(tag, 16): action for action, tags in json.loads(text)["actions"].items() for tag in tags.split()}


class Deidentifier:
    """One export's mapping of people, UIDs and dates: the same input gives the same output as long as it lives.

    Parameters
    ----------
    dates : "remove", "shift" or "keep"
        Shift: all dates of a patient by the same number of days, one to ten years back; times stay.
    secret : bytes, optional
        What the mapping is derived from (HMAC-SHA-256). Default: random, so that nobody can go back from a new UID to
        the old one, and two exports can't be joined.
    """

    def __init__(self, dates: Dates = "remove", secret: bytes | None = None) -> None:
        if dates not in DATES:
            raise ValueError(f"dates are one of {', '.join(DATES)}, not {dates!r}")
        self.dates = dates
        self._secret = secret or secrets.token_bytes(32)
        self._people: frozenset[str] = frozenset()
        """Words of the names and numbers of those whom the data set at hand names."""

    def dataset(self, source: Dataset) -> Dataset:
        """A de-identified copy that says so; ``source`` stays as it is. Without file meta information."""
        person = "\\".join(str(source.get(k, "")) for k in ("PatientID", "PatientName", "PatientBirthDate"))
        self._people = people_in(source)
        made = self._copy(source, person)
        if "PatientName" in made:
            made.PatientName = f"ANON^{self._digest('name', person)[:10].upper()}"
        if "PatientID" in made:
            made.PatientID = f"ANON-{self._digest('name', person)[:10].upper()}"
        self.state(made)
        return made

    def uid(self, uid: str) -> str:
        """The UID that stands for ``uid``; DICOM's own (kinds of things, not things) stay."""
        if not uid or is_standard_uid(uid):
            return uid
        return str(generate_uid(entropy_srcs=[self._digest("uid", uid)]))

    def state(self, dataset: Dataset) -> None:
        """Write into a data set that, and how, it was de-identified (DICOM PS3.3 C.7.1.1 and C.12.1)."""
        dataset.PatientIdentityRemoved = "YES"
        dataset.DeidentificationMethod = ["DICOM PS3.15 2026c, table E.1-1", "Divisive Desktop"]
        done = [codes.DCM.BasicApplicationConfidentialityProfile]
        if self.dates != "remove":
            done.append(_OPTION[self.dates])
        items = []
        for code in done:
            item = Dataset()
            item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = code.value, "DCM", code.meaning[:64]
            items.append(item)
        dataset.DeidentificationMethodCodeSequence = items
        dataset.LongitudinalTemporalInformationModified = _STATED[self.dates]

    def _copy(self, source: Dataset, person: str) -> Dataset:
        made = Dataset()
        for tag in source.keys():  # noqa: SIM118  # iterating over a Dataset itself would parse every element
            group = tag.group
            # Private elements, group lengths, curves and overlays (often drawn text), padding.
            if group % 2 or tag.element == 0 or 0x5000 <= group <= 0x50FF or 0x6000 <= group <= 0x60FF:
                continue
            if group == 0xFFFC:
                continue
            element = source[tag]
            kept = self._element(element, person)
            if kept is not None:
                made.add(kept)
        cut_tables(made)
        return made

    def _element(self, element: DataElement, person: str) -> DataElement | None:
        keyword = keyword_for_tag(element.tag)
        action = actions().get(int(element.tag))
        if element.VR in _DATE_VRS and self.dates != "remove" and "Birth" not in keyword:
            return self._dated(element, person)
        if self.dates == "keep" and keyword == "TimezoneOffsetFromUTC":
            return element if re.fullmatch(r"[+-]\d{4}", str(element.value or "").strip()) else None
        if element.VR == "UI":
            return DataElement(element.tag, "UI", self._uids(element.value))
        if action is None:
            hidden = is_identifying(element.tag.group, element.tag.element, keyword, element.VR, element.value)
            action = "X" if hidden else "K"
        if element.VR == "SQ" and action in ("K", "U", "X/Z/U*"):
            items = [self._copy(item, person) for item in element.value or ()]
            return DataElement(element.tag, "SQ", [item for item in items if known_code(item)])
        if action == "K":
            return self._unnamed(without_hidden_text(element), keyword)
        if action in ("Z", "X/Z"):  # empty is allowed wherever removing is
            return DataElement(element.tag, element.VR, [] if element.VR == "SQ" else None)
        # A dummy (D) is valid whether the attribute must have a value, must be there, or needn't.
        if "D" in action and element.VR not in ("SQ", "UN"):
            return DataElement(element.tag, element.VR, _DUMMY.get(element.VR, "ANONYMIZED"))
        return None

    def _unnamed(self, element: DataElement | None, keyword: str) -> DataElement | None:
        """The element, empty where its words name somebody; units name nobody."""
        if element is None or element.VR not in TEXT_VRS or keyword in DEFINED:
            return element
        values = element.value if isinstance(element.value, MultiValue | list) else [element.value]
        if any(names_somebody(str(value or ""), self._people) for value in values):
            return DataElement(element.tag, element.VR, None)
        return element

    def _dated(self, element: DataElement, person: str) -> DataElement | None:
        if not legal(element):
            return DataElement(element.tag, element.VR, None)
        if self.dates == "keep" or element.VR == "TM":
            return element
        days = 365 + int(self._digest("days", person)[:8], 16) % 3287
        values = element.value if isinstance(element.value, MultiValue) else [element.value]
        shifted = [_earlier(str(value or ""), days) for value in values]
        return DataElement(element.tag, element.VR, shifted if len(shifted) > 1 else shifted[0])

    def _uids(self, value: Any) -> Any:
        if isinstance(value, MultiValue):
            return [self.uid(str(uid)) for uid in value]
        return self.uid(str(value or ""))

    def _digest(self, what: str, value: str) -> str:
        return hmac.new(self._secret, f"{what}\0{value}".encode(), hashlib.sha256).hexdigest()


def _earlier(value: str, days: int) -> str:
    """A DICOM date, or date and time, some days back; '' where the day isn't known."""
    try:
        day = datetime.strptime(value[:8], "%Y%m%d") - timedelta(days)
    except (ValueError, OverflowError):
        return ""
    return day.strftime("%Y%m%d").zfill(8) + value[8:]


def burned_in_warning(header: Dataset | Mapping[str, Any]) -> str | None:
    """What to tell a user before pixels leave, None where the file itself says that no identity is drawn into them.

    Parameters
    ----------
    header : data set or mapping
        ``BurnedInAnnotation``, ``Modality``, ``SOPClassUID``, ``ConversionType``, ``ImageType`` count.
    """
    stated = str(header.get("BurnedInAnnotation") or "").upper()
    if stated == "NO":
        return None
    if stated == "YES":
        return f"The file says that identifying text is burned into its pixels. {ADVICE}"
    modality = str(header.get("Modality") or "")
    sop_class = str(header.get("SOPClassUID") or "")
    drawn = sop_class.startswith("1.2.840.10008.5.1.4.1.1.7") or bool(header.get("ConversionType"))
    if drawn or modality in ("US", "IVUS", "ES", "XC", "OT", "SC", "DOC", "SEC", "SD", "DG"):
        kind = "a secondary capture" if drawn else f"of modality {modality}"
        return f"The image is {kind}, where names are often burned into the pixels. {ADVICE}"
    return f"The file doesn't say whether text is burned into its pixels. {ADVICE}"


def pixelate(picture: npt.NDArray[Any], boxes: Sequence[Box], cells: int = 8) -> npt.NDArray[Any]:
    """A copy with each box made unrecognisable: averaged to at most ``cells`` x ``cells`` squares.

    Parameters
    ----------
    picture : array (h, w) or (h, w, 3)
    boxes : x, y, width, height in pixels
        What lies outside the picture is cut off. Each is widened by an eighth on every side: hair and chin tell, too.
    cells : int
        Squares along the longer side; eight carry no identity (faces are recognised from about 16 upwards).
    """
    made = picture.copy()
    height, width = picture.shape[:2]
    for x, y, w, h in boxes:
        left, top = max(0, x - w // 8), max(0, y - h // 8)
        right, bottom = min(width, x + w + w // 8), min(height, y + h + h // 8)
        if right <= left or bottom <= top:
            continue
        part = np.ascontiguousarray(made[top:bottom, left:right], dtype=np.float32)  # OpenCV can't average all integers
        longest = max(part.shape[:2])
        size = tuple(max(1, round(cells * side / longest)) for side in (right - left, bottom - top))
        small = cv2.resize(part, size, interpolation=cv2.INTER_AREA)
        large = cv2.resize(small, (right - left, bottom - top), interpolation=cv2.INTER_NEAREST)
        made[top:bottom, left:right] = large.reshape(part.shape)
    return made


def hide_faces(record: ImageRecord, boxes: Sequence[Box]) -> ImageRecord:
    """The same record with each box of its pixels made unrecognisable; hash and metadata stay those of the file."""
    if not boxes:
        return record
    note = f"{len(boxes)} {'part' if len(boxes) == 1 else 'parts'} of the picture {HIDDEN}."
    return replace(record, stored=pixelate(record.stored, boxes), notes=(*record.notes, note))
