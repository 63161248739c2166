"""Names that a person would take for the same one."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

_SAME = {
    "a": "аɑαÀ", "b": "ЬƄβвВ", "c": "сϲⅽϹС", "d": "ԁⅾ", "e": "еєҽεЕ", "f": "ғϝƒ", "g": "ɡց", "h": "һнНΗη",
    "i": "іıɩιӏІΙlLⅼ1|!ⅠǀјJj", "k": "кκКΚ", "m": "мⅿМΜ", "n": "пոиΝν", "o": "оοσօОΟ0Оø", "p": "рρРΡ", "q": "ԛգ",
    "r": "ггᴦ", "s": "ѕЅ5$ʂ", "t": "тτТΤ", "u": "υսцμ", "v": "ѵⅴ", "w": "ԝшωѡ", "x": "хχХΧ×ⅹ", "y": "уүγʏУΥ",
    "z": "ᴢzΖ2",
}  # fmt: skip
"""Letters, and those of other scripts and digits that look like them; after Unicode Technical Standard 39."""
_FOLDED = {ord(other): letter for letter, others in _SAME.items() for other in others}


def skeleton(name: str) -> str:
    """What is left of a name without case, accents, spaces, points, invisible characters and look-alike letters."""
    plain = unicodedata.normalize("NFKD", name).translate(_FOLDED).casefold()
    plain = unicodedata.normalize("NFKD", plain).translate(_FOLDED).replace("rn", "m").replace("vv", "w")
    return "".join(c for c in plain if unicodedata.category(c)[0] in "LN")


def similar(name: str, others: Iterable[str]) -> str | None:
    """The first of the other names that could be taken for this one, or is it; None where there is none."""
    own = skeleton(name)
    return next((other for other in others if own and skeleton(other) == own), None)
