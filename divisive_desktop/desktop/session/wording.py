"""Figures in words. One place, so that every panel says the same."""

from __future__ import annotations

from divisive_desktop.explanation.analysis import Analysis

_DEGREES = ((0.95, "very high score"), (0.80, "high score"), (0.60, "weak score"), (0.0, "undecided"))

CALIBRATIONS = {
    "patient": "in the patient",
    "detector": "at the detector",
    "calibrated": "calibrated",
    "unknown": "calibration unknown",
}
"""What a millimetre refers to (``imaging.record.Calibration``), in words."""


def degree(probability: float) -> str:
    """The model's score of 0.5..1 in words. About the model, not the image: how far it can be trusted the card says."""
    return next(words for least, words in _DEGREES if probability >= least)


def capitalised(text: str) -> str:
    """First letter large, the rest as it is (class names are lower case in cards)."""
    return text[:1].upper() + text[1:]


def probability_of_predicted(analysis: Analysis) -> float:
    """Probability of the predicted class, 0.5..1."""
    return analysis.probability if analysis.predicted == 1 else 1 - analysis.probability


def percent(value: float) -> str:
    """0..1 as a percentage that never rounds to certainty."""
    if value > 0.995:
        return "> 99 %"
    return "< 1 %" if value < 0.005 else f"{value:.0%}".replace("%", " %")


def signed(value: float) -> str:
    """Two decimals, always with a sign (a real minus)."""
    return f"{value:+.2f}".replace("-", "−")


def area(area_px: float, area_mm2: float | None) -> str:
    """An area in the best unit that is known."""
    if area_mm2 is None:
        return f"{area_px / 1000:.0f}k px" if area_px >= 10_000 else f"{area_px:.0f} px"
    return f"{area_mm2 / 100:.1f} cm²" if area_mm2 >= 100 else f"{area_mm2:.0f} mm²"


def duration(seconds: float) -> str:
    """Time left, as people say it."""
    if seconds < 60:
        return f"{max(1, round(seconds))} s left"
    return f"{round(seconds / 60)} min left" if seconds < 5400 else f"{seconds / 3600:.1f} h left"


def plural(number: int, noun: str) -> str:
    """``1 image``, ``3 images``."""
    return f"{number:,} {noun}{'s' * (number != 1)}"
