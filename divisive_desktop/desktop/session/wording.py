"""Figures in words. One place, so that every panel says the same."""

from __future__ import annotations

from divisive_desktop.errors import UserFacingError
from divisive_desktop.foreign.text import in_window

CALIBRATIONS = {
    "patient": "in the patient",
    "detector": "at the detector",
    "calibrated": "calibrated",
    "unknown": "calibration unknown",
}
"""What a millimetre refers to (``imaging.record.Calibration``), in words."""


def capitalised(text: str) -> str:
    """First letter large, the rest as it is (class names are lower case in cards)."""
    return text[:1].upper() + text[1:]


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


def told(error: UserFacingError) -> str:
    """An error with its remedy, as a label may show it: what a file says in it stays text."""
    return in_window(f"{error.message} {error.remedy}", lines=True)
