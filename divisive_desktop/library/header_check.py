"""What a DICOM file says of itself: is that the kind of image that a model was made for?

Fields are heard together, since each of them is wrong in some archive: what is said of *this image* (body part, view,
series, protocol) outweighs what is said of the study, and a text that also names what the model was made for refuses
nothing.
Only words of our own vocabulary and DICOM's codes are repeated: a field may hold a name, or an attack.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date

from divisive_desktop.explanation.reasons import reason
from divisive_desktop.imaging.record import ImageRecord
from divisive_desktop.library.header_words import animal_of, region_of, views_of, words_of
from divisive_desktop.library.scope import Scope

_PLAIN = re.compile(r"[A-Z0-9][A-Z0-9 _]{0,15}")
"""What a DICOM code string may be."""
_SAYS_NOTHING = frozenset({"UNKNOWN", "OTHER", "NONE", "UNSPECIFIED", "UNDEFINED", "NULL", "ANY"})
_OF_THE_IMAGE = {
    "SeriesDescription": "its series description", "ProtocolName": "its protocol",
    "AcquisitionDeviceProcessingDescription": "the device's processing",
}  # fmt: skip
_OF_THE_STUDY = {"StudyDescription": "the study's description"}
_VIEW_WORDS = {
    "LATERAL": "a lateral view", "OBLIQUE": "an oblique view", "LLD": "a view of somebody lying on the side",
    "AP": "taken from the front (AP)", "PA": "taken from behind (PA)",
}  # fmt: skip
_MADE = {
    "SD": "a scanned document", "SYN": "a picture made by a program", "DRW": "a drawing",
    "DV": "a picture from a video",
}  # fmt: skip
"""Conversion Types of secondary captures that are no films; digitized films (DF) and such that were sent on (DI, WSD)
are."""
_NO_FILM = {"LOCALIZER": "a localizer", "SCREENSHOT": "a screenshot", "SCREENSAVE": "a screenshot"}
_HUMAN = frozenset({"HUMAN", "HUMANS", "MENSCH", "HUMAIN", "HUMANO", "UMANO", "SAPIENS"})
_HUMAN_CODES = ("337915000", "L-85B00")
_RAW = "1.2.840.10008.5.1.4.1.1.1.1.1"
"""Digital X-Ray Image Storage, for processing."""


def refused_by_header(scope: Scope, record: ImageRecord) -> list[str]:
    """Reasons why the image is something else, each a phrase; empty where nothing is said against it."""
    if not record.transfer_syntax:
        return []
    wrong = _animal(record.header) or _kind(scope, record)
    if wrong:
        return [wrong]
    # How another part of the body was seen from says nothing more: "lateral" is right for a hand.
    return _region(scope, record) or _view(scope, record)[0]


def doubted_by_header(scope: Scope, record: ImageRecord) -> list[str]:
    """Reasons why the image is of the right kind, but unlike those that the model was made with."""
    if not record.transfer_syntax:
        return []
    found = []
    age = age_of(record.header)
    if age is not None and age < scope.youngest:
        found.append(reason("young" if age >= 2 else "infant", age=age, youngest=scope.youngest))
    header = record.header
    if scope.modalities and (
        header.get("PresentationIntentType", "").strip().upper() == "FOR PROCESSING"
        or header.get("SOPClassUID", "") == _RAW
    ):
        found.append(reason("raw"))
    if scope.body_parts and any("SUBTRACT" in word or word == "SUPPRESSED" for word in _image_words(header)):
        found.append(reason("subtracted"))
    return [*found, *_view(scope, record)[1]]


def age_of(header: Mapping[str, str]) -> int | None:
    """Whole years of the patient when the image was made; None where the header doesn't say, or says nonsense.

    Patient's Age goes first: dates are shifted when identities are taken away.
    """
    stated = re.fullmatch(r"\s*(\d{1,3})\s*([DWMY]?)\s*", header.get("PatientAge", "").upper())
    if stated:
        years = int(stated[1]) / {"D": 365.25, "W": 52.18, "M": 12.0, "Y": 1.0, "": 1.0}[stated[2]]
        return int(years) if years <= 120 else None
    born, seen = (_day(header.get(word, "")) for word in ("PatientBirthDate", "StudyDate"))
    if born is None or seen is None or seen < born:
        return None
    years = seen.year - born.year - ((seen.month, seen.day) < (born.month, born.day))
    return years if years <= 120 else None


def _animal(header: Mapping[str, str]) -> str | None:
    """Why the patient is no human."""
    species = header.get("PatientSpeciesDescription", "") + " " + header.get("PatientSpeciesCodeSequence", "")
    stated = [word for word in words_of(species) if word not in _SAYS_NOTHING]
    human = not _HUMAN.isdisjoint(stated) or any(code in species for code in _HUMAN_CODES)
    if (stated or re.search(r"\d", species)) and not human:
        return reason("species")
    breed = words_of(header.get("PatientBreedDescription", "") + " " + header.get("PatientBreedCodeSequence", ""))
    if not human and any(word not in _SAYS_NOTHING | _HUMAN | {"N", "A", "NA"} for word in breed):
        return reason("breed")
    if header.get("AnatomicalOrientationType", "").strip().upper() == "QUADRUPED":
        return reason("four_legs")
    if not human and header.get("PatientSexNeutered", "").strip().upper() in ("ALTERED", "UNALTERED"):
        return reason("neutered")
    for fields in (_OF_THE_IMAGE, _OF_THE_STUDY):
        for field, name in fields.items():
            if animal_of(words_of(header.get(field, ""))):
                return reason("animal", field=name)
    return None


def _kind(scope: Scope, record: ImageRecord) -> str | None:
    """Modality, class, frames, and how it was made."""
    header = record.header
    modality, body = (_plain(header.get(name, "")) for name in ("Modality", "BodyPartExamined"))
    shown = _shown(modality, body)
    if (modality and modality not in scope.modalities) or (not modality and not scope.modalities):
        return reason("other_kind", shown=shown, made_for=scope.made_for)
    uid = header.get("SOPClassUID", "")
    if scope.sop_classes and uid and uid not in scope.sop_classes:
        return reason("other_class", shown=shown, made_for=scope.made_for)
    made = _MADE.get(_plain(header.get("ConversionType", ""))) or next(
        (what for word, what in _NO_FILM.items() if word in "".join(words_of(header.get("ImageType", "")))), None
    )
    if made is None and "SCREENSAVE" in "".join(words_of(header.get("SeriesDescription", ""))):
        made = "a screenshot"
    if made is not None:
        return reason("other_kind", shown=made, made_for=scope.made_for)
    if record.frames > 1 and scope.modalities and scope.colour == "grey":
        return reason("frames", frames=record.frames, made_for=scope.made_for)
    return None


def _region(scope: Scope, record: ImageRecord) -> list[str]:
    """At most one reason: another part of the body."""
    if not scope.body_parts:
        return []
    header = record.header
    body, modality = _plain(header.get("BodyPartExamined", "")), _plain(header.get("Modality", ""))
    meant = False
    for field in ("BodyPartExamined", "AnatomicRegionSequence"):
        said = header.get(field, "")
        words = words_of(said)
        if (not words and not re.search(r"\w", said)) or _plain(said) in _SAYS_NOTHING:
            continue
        own, other = _regions(scope, words)
        if own and other is None:
            meant = True
        elif field == "BodyPartExamined":
            key = "other_kind" if _quotable(body) else "other_body"
            return [reason(key, shown=_shown(modality, body), made_for=scope.made_for)]
        elif other is not None:
            return [reason("other_region_code", shown=other, made_for=scope.made_for)]
    told = [(name, *_regions(scope, words_of(header.get(field, "")))) for field, name in _OF_THE_IMAGE.items()]
    for name, own, other in told:
        if other is not None and not own:
            return [reason("other_by_field", shown=other, field=name, made_for=scope.made_for)]
    if meant or any(own for _, own, _ in told):
        return []
    for field, name in _OF_THE_STUDY.items():
        own, other = _regions(scope, words_of(header.get(field, "")))
        if other is not None and not own:
            return [reason("other_by_field", shown=other, field=name, made_for=scope.made_for)]
    return []


def _regions(scope: Scope, words: Sequence[str]) -> tuple[bool, str | None]:
    """Whether words name what the model was made for, and which other part of the body they name."""
    own, other = False, None
    wanted = {region_of(part) for part in scope.body_parts} - {None}
    for word in words:
        region = region_of(word)
        if region in wanted or (region is None and any(part in word for part in scope.body_parts)):
            own = True
        elif region is not None:
            other = other or region
    return own, other


def _view(scope: Scope, record: ImageRecord) -> tuple[list[str], list[str]]:
    """At most one reason each for being seen from another side, and for a header that contradicts itself about it."""
    if not scope.refused_views:
        return [], []
    header = record.header
    modality, body, position = (_plain(header.get(n, "")) for n in ("Modality", "BodyPartExamined", "ViewPosition"))
    said = set(re.split(r"[^A-Z0-9]+", position))
    said |= views_of(words_of(position)) if said.isdisjoint(scope.refused_views) else set()
    refused = next((view for view in scope.refused_views if view in said), None)
    if refused is not None and said.isdisjoint(scope.views):
        return [reason("other_view", shown=_shown(modality, body), view=refused, made_for=scope.made_for)], []
    coded = views_of(words_of(header.get("ViewCodeSequence", "")))
    refused = _refused(scope, coded)
    if refused is not None:
        return [reason("other_view_code", shown=refused, made_for=scope.made_for)], []
    if record.orientation is not None and {"A", "P"} & {text[:1] for text in record.orientation}:
        return [reason("along_the_body", made_for=scope.made_for)], []
    stated = bool(said & set(scope.views) or coded & {*scope.views, "FRONTAL"})
    told = [(name, views_of(words_of(header.get(field, "")))) for field, name in _OF_THE_IMAGE.items()]
    if not any(views for _, views in told) and not stated:
        told = [(name, views_of(words_of(header.get(field, "")))) for field, name in _OF_THE_STUDY.items()]
    for name, views in told:
        refused = _refused(scope, views)
        if refused is not None and stated:
            return [], [reason("contradicted", shown=refused, field=name)]
        if refused is not None:
            return [reason("other_by_field", shown=refused, field=name, made_for=scope.made_for)], []
    return [], []


def _refused(scope: Scope, views: set[str]) -> str | None:
    """In words, a refused view among those that a text names, unless it names an accepted one, too."""
    if views & {*scope.views, "FRONTAL"}:
        return None
    return next((_VIEW_WORDS[view] for view in _VIEW_WORDS if view in views and view in scope.refused_views), None)


def _image_words(header: Mapping[str, str]) -> list[str]:
    return [word for field in ("ImageType", *_OF_THE_IMAGE) for word in words_of(header.get(field, ""))]


def _shown(modality: str, body: str) -> str:
    return " ".join(word for word in (modality, body) if _quotable(word)) or "a DICOM image"


def _quotable(text: str) -> bool:
    """Whether a reason may repeat it: reasons stand in reports, and a field for codes may hold a name."""
    if not _PLAIN.fullmatch(text):
        return False
    if all(region_of(word) is not None for word in words_of(text)):
        return True
    from divisive_desktop.imaging.dicom_terms import known_terms  # loads tables that few images need

    return known_terms(text) != ""


def _plain(text: str) -> str:
    """The beginning of what the file says, in capitals and without odd spaces."""
    return " ".join(text[:64].upper().split())


def _day(text: str) -> date | None:
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:8])) if re.fullmatch(r"\d{8}", text.strip()) else None
    except ValueError:
        return None
