"""The words of statements and reports in the user's language."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache

from divisive_desktop import paths
from divisive_desktop.errors import ReportError

LANGUAGES = ("en", "de")
NBSP = "\u00a0"
"""A space that doesn't break: between a number and what belongs to it."""
_BREAKS = re.compile(r" (?=%)|(?<=[<>]) (?=[\d.,])")


@cache
def catalogue(language: str) -> Mapping[str, str]:
    """All texts of a language.

    Raises
    ------
    ReportError
        There is no catalogue for this language.
    """
    file = paths.resources_dir() / "i18n" / f"{language}.json"
    try:
        texts: dict[str, str] = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as e:
        raise ReportError(
            f"There is no translation for the language '{language}'.", f"Choose one of {', '.join(LANGUAGES)}."
        ) from e
    return texts


def text(language: str, key: str, **values: object) -> str:
    """One text with its values filled in, and no line break between a number and its percent sign.

    A key that a translation lacks is taken from English.
    """
    known = catalogue(language)
    template = known[key] if key in known else catalogue("en")[key]
    return _BREAKS.sub(NBSP, template.format(**values))


def term(language: str, name: str) -> str:
    """Name of a class or a question in the user's language, as it is where there is no translation."""
    return catalogue(language).get(f"term:{name}", name)


def card_words(language: str, said: str) -> str:
    """What a model's card says, in the user's language; as the card has it, and marked so, where nobody translated it.

    Cards are signed, and anybody may write one: translations are in the table of terms, by the card's own words.
    """
    known = catalogue(language).get(f"term:{said}")
    if language == "en" or not said:
        return said
    return text(language, "card_words", said=said) if known is None else known


def number(language: str, value: float, digits: int = 2, *, sign: bool = False) -> str:
    """A decimal number as the language writes it."""
    written = f"{value:{'+' if sign else ''}.{digits}f}"
    return written.replace(".", ",") if language == "de" else written


def percent(share: float) -> str:
    """A share, 0..1, in percent, never rounded to certainty: ``98 %``, ``< 1 %``, ``> 99 %``."""
    if share > 0.995:
        return f">{NBSP}99{NBSP}%"
    return f"<{NBSP}1{NBSP}%" if share < 0.005 else f"{100 * share:.0f}{NBSP}%"


def capitalised(sentence: str) -> str:
    """First letter large, the rest as it is (class names are lower case in cards)."""
    return sentence[:1].upper() + sentence[1:]
