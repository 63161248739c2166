"""Why an image is out of scope, unfamiliar or unchecked, as phrases: kept in English, said in the user's language.

Reasons cross processes and are kept in casebooks and reports as English text. What was kept can so be read by everybody
for ever, and is translated where it is said, by the same table that it was worded from.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache

from divisive_desktop.language import catalogue, number, term, text

LONGEST = 300
"""Characters of what is looked for in the table; a foreign file may hold anything."""
_PREFIX = "reason_"
_UNCOUNTED = frozenset({"treated", "young", "infant", "raw", "subtracted", "contradicted"})
"""Why a picture is unlike the pictures of every source that models are measured on: those are of adults, as shown."""
_DECIMAL = re.compile(r"\d+\.\d+")
_CODE = re.compile(r"[A-Z0-9 _.]+")
"""Numbers, and what DICOM headers hold in capitals."""


def reason(key: str, **values: object) -> str:
    """A reason in English, as it is kept.

    Parameters
    ----------
    key : str
        Its name in the table of words, without ``reason_``.
    """
    return catalogue("en")[_PREFIX + key].format(**values)


def is_uncounted(reasons: Iterable[str]) -> bool:
    """Whether a picture is unfamiliar for what no source's pictures are, own or other: no figures hold for it."""
    counted = [pattern for key, pattern in _patterns() if key.removeprefix(_PREFIX) in _UNCOUNTED]
    return any(pattern.fullmatch(said) for said in reasons if len(said) <= LONGEST for pattern in counted)


def in_language(said: str, language: str) -> str:
    """A kept reason in the user's language; as it is where nobody knows it, as one from a later version."""
    if language == "en" or len(said) > LONGEST:
        return said
    matches = [(key, found.groupdict()) for key, pattern in _patterns() if (found := pattern.fullmatch(said))]
    if not matches:
        return said
    # Several may fit, as "{shown}, not {made_for}" fits all with a comma: that whose every part is known is meant.
    known = catalogue(language)
    key, values = next(
        (m for m in matches if all(f"term:{v}" in known or _CODE.fullmatch(v) for v in m[1].values())), matches[0]
    )
    return text(language, key, **{name: _value(value, language) for name, value in values.items()})


@cache
def _patterns() -> tuple[tuple[str, re.Pattern[str]], ...]:
    """What a reason looks like, by its key; those with more words of their own first, since they say more."""
    templates = {key: words for key, words in catalogue("en").items() if key.startswith(_PREFIX)}
    order = sorted(templates, key=lambda key: -len(re.sub(r"\{\w+\}", "", templates[key])))
    return tuple((key, re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>.+?)", re.escape(templates[key])))) for key in order)


def _value(value: str, language: str) -> str:
    if _DECIMAL.fullmatch(value):
        return number(language, float(value), len(value.split(".")[1]))
    return term(language, value)
