"""Whether a text names the people of a file: words that stay because they name a device may be a patient's, too."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from pydicom.datadict import keyword_for_tag
from pydicom.dataset import Dataset

_NUMBERS = frozenset(("PatientID", "OtherPatientIDs", "AccessionNumber", "IssuerOfPatientID", "AdmissionID"))
_ANYWHERE = 4
"""Letters of a name that are found inside other words, too; shorter ones count only as words."""
_SHORTEST = 2
_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "å": "aa", "ø": "oe", "æ": "ae"})
_APART = re.compile(r"[\W_]+")


def people_in(dataset: Dataset) -> frozenset[str]:
    """The words of all names of people and of the patient's numbers, at any depth, as `names_somebody` takes them."""
    found: set[str] = set()
    waiting = [dataset]
    while waiting:
        for element in waiting.pop():
            if element.VR == "SQ":
                waiting.extend(element.value or ())
            elif element.VR == "PN" or keyword_for_tag(element.tag) in _NUMBERS:
                found |= words_of([str(element.value or "")])
    return frozenset(found)


def words_of(texts: Iterable[str]) -> frozenset[str]:
    """The words of names or numbers, and each text as one word: a number may be written with dashes."""
    lines = (line for text in texts for line in text.split("\\"))
    return frozenset(word for line in lines for word in (*_words(line), *_squeezed(line)) if len(word) >= _SHORTEST)


def names_somebody(text: str, people: Iterable[str]) -> bool:
    """Whether one of these words is in a text, however it is written."""
    words, squeezed = _words(text), _squeezed(text)
    return any(part in words or (len(part) >= _ANYWHERE and any(part in line for line in squeezed)) for part in people)


def _words(text: str) -> set[str]:
    return {word for way in _ways(text) for word in _APART.split(way)}


def _squeezed(text: str) -> set[str]:
    return {_APART.sub("", way) for way in _ways(text)}


def _ways(text: str) -> tuple[str, str]:
    """Without capitals and accents; umlauts are written as two letters or lose their dots."""
    small = unicodedata.normalize("NFC", text).casefold()
    apart = unicodedata.normalize("NFKD", small)
    return small.translate(_UMLAUTS), "".join(letter for letter in apart if not unicodedata.combining(letter))
