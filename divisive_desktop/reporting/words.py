"""The words of a report in the user's language, and the verdict in words no surer than its calibration."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from divisive_desktop import paths
from divisive_desktop.errors import ReportError
from divisive_desktop.reporting.content import StatedVerdict

LANGUAGES = ("en", "de")


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


def text(language: str, key: str, **values: Any) -> str:
    """One text with its values filled in; a key that a translation lacks is taken from English."""
    template = catalogue(language).get(key) or catalogue("en")[key]
    return template.format(**values)


def term(language: str, name: str) -> str:
    """Name of a class or a question in the user's language, as it is where there is no translation."""
    return catalogue(language).get(f"term:{name}", name)


def number(language: str, value: float, digits: int = 2, *, sign: bool = False) -> str:
    """A decimal number as the language writes it."""
    written = f"{value:{'+' if sign else ''}.{digits}f}"
    return written.replace(".", ",") if language == "de" else written


def interval_for(probability: float, calibration: Mapping[str, Any]) -> tuple[tuple[float, float] | None, str]:
    """95 % interval of the rate of class 1 among validation images whose score was like this one.

    Takes the card's ``reliability`` bins (``{"low", "high", "n", "positives"}``); the bin that holds the score gives
    a Wilson interval (Wilson, JASA 1927), so that few validation images make a wide one.

    Returns
    -------
    ((low, high) or None, int as text)
        None when the card has no bin with validation images for this score.
    """
    for b in calibration.get("reliability", ()):
        top = b["high"] if b["high"] < 1 else 1.0 + 1e-9
        if b["low"] <= probability < top and b.get("n"):
            return wilson(int(b["positives"]), int(b["n"])), str(b["n"])
    return None, ""


def wilson(hits: int, n: int, z: float = 1.959964) -> tuple[float, float]:
    """Wilson score interval of a proportion, 95 % by default."""
    p, zz = hits / n, z * z
    centre = (p + zz / (2 * n)) / (1 + zz / n)
    half = z * ((p * (1 - p) + zz / (4 * n)) / n) ** 0.5 / (1 + zz / n)
    return max(0.0, centre - half), min(1.0, centre + half)


def verdict(
    probability: float, classes: tuple[str, str], calibration: Mapping[str, Any], language: str
) -> StatedVerdict:
    """Say the answer in words whose strength follows the *weaker* end of the interval, or the score if that is weaker.

    Without validation images for this score the words only lean, whatever the number.
    """
    predicted = int(probability > 0.5)
    interval, n = interval_for(probability, calibration)
    if interval is None:
        strength, basis = "leans", ""
    else:
        low = min(interval[0], probability) if predicted else 1 - max(interval[1], probability)
        strength = "undecided" if low <= 0.5 else "weak" if low < 0.75 else "clear" if low < 0.9 else "strong"
        basis = text(language, "interval_basis", n=n, positive=term(language, classes[1]))
        if not interval[0] <= probability <= interval[1]:
            basis = f"{basis}; {text(language, 'outside_interval')}"
    shown = [term(language, name) for name in classes]
    words = text(language, f"verdict_{strength}", name=shown[predicted], other=shown[1 - predicted])
    return StatedVerdict(predicted, classes[predicted], probability, interval, basis, words)
