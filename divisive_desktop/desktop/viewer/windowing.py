"""Window and level: how a drag changes a VOI, and how a VOI is named on the screen."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from divisive_desktop.imaging.record import ImageRecord, Voi

_PIXELS_PER_E_FOLD = 260.0
"""Dragging this far sideways multiplies the width by e; dragging this far vertically moves one window width."""


def value_range(record: ImageRecord) -> tuple[float, float]:
    """Lowest and highest modality value in the image."""
    ends = np.array([record.stored.min(), record.stored.max()])
    values = record.modality(ends) if record.modality.lut is None else record.modality.lut
    return float(values.min()), float(values.max())


def as_window(voi: Voi) -> Voi:
    """The same span of values as centre and width, so that it can be dragged. Windows come back as they are."""
    if voi.kind == "lut" and voi.lut is not None:
        width = float(max(len(voi.lut) - 1, 1))
        return Voi("linear_exact", voi.lut_first + width / 2, width)
    if voi.kind == "identity":  # 8-bit values as greys
        return Voi("linear_exact", 127.5, 255.0)
    return voi


def dragged(start: Voi, dx: float, dy: float, least_width: float = 1.0) -> Voi:
    """The window after a drag of ``dx``, ``dy`` logical pixels from where ``start`` was in force.

    To the right widens (less contrast), downwards raises the centre: the habit of OHIF and most viewers. Both are
    relative to the width at the start, so 8-bit and 16-bit images feel alike.
    """
    width = max(start.width * float(np.exp(dx / _PIXELS_PER_E_FOLD)), least_width)
    center = start.center + dy * start.width / _PIXELS_PER_E_FOLD
    return replace(start, center=center, width=width, explanation="")


def least_width(record: ImageRecord) -> float:
    """The narrowest window that a drag may make: one value for integers, a thousandth of the range otherwise."""
    if record.modality.lut is None and record.stored.dtype.kind in "iu":
        return max(abs(record.modality.slope), 1e-6)
    low, high = value_range(record)
    return max((high - low) / 1000, 1e-6)


def describe(voi: Voi) -> str:
    """'W 2048  L 1024', and the name of the window where it has one."""
    if voi.kind == "identity":
        return voi.explanation or "As stored"
    if voi.kind == "lut":
        return f"LUT {voi.explanation}".rstrip()
    figures = f"W {short(voi.width)}  L {short(voi.center)}"
    return f"{figures}  {voi.explanation}" if voi.explanation else figures


def short(value: float) -> str:
    """A figure in few characters, with a true minus sign."""
    if abs(value) >= 100 or value == round(value):
        return f"{value:.0f}".replace("-", "−")
    return f"{value:.3g}".replace("-", "−")
