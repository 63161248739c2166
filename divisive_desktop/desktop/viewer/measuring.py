"""Lengths, angles and the values inside a region. A millimetre is never written without what it refers to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from divisive_desktop.desktop.session.wording import CALIBRATIONS
from divisive_desktop.desktop.viewer.windowing import short
from divisive_desktop.geometry import Box
from divisive_desktop.imaging.record import ImageRecord

Point = tuple[float, float]
"""x and y in the image; pixel (0, 0) covers 0 <= x < 1, 0 <= y < 1."""


@dataclass(frozen=True)
class Ruler:
    """Distance between two points."""

    points: tuple[Point, Point]

    def lines(self, record: ImageRecord) -> tuple[str, ...]:
        """'42.3 mm', and below it what the millimetres refer to."""
        (ax, ay), (bx, by) = self.points
        sx, sy, unit, note = _scale(record)
        return f"{_figure(float(np.hypot((bx - ax) * sx, (by - ay) * sy)))} {unit}", note


@dataclass(frozen=True)
class Angle:
    """Angle at the middle one of three points."""

    points: tuple[Point, Point, Point]

    def degrees(self, record: ImageRecord) -> float:
        """0..180, measured with the pixels' true shape."""
        (ax, ay), (bx, by), (cx, cy) = self.points
        sx, sy, _, _ = _scale(record)
        first = np.arctan2((ay - by) * sy, (ax - bx) * sx)
        second = np.arctan2((cy - by) * sy, (cx - bx) * sx)
        turn = abs(float(np.degrees(first - second)))
        return min(turn, 360 - turn)

    def lines(self, record: ImageRecord) -> tuple[str, ...]:
        return (f"{self.degrees(record):.1f}°",)


@dataclass(frozen=True)
class Region:
    """A rectangle or ellipse between two corners, with the statistics of the values inside."""

    points: tuple[Point, Point]
    shape: Literal["rectangle", "ellipse"] = "ellipse"

    @property
    def rect(self) -> tuple[float, float, float, float]:
        """Left, top, width, height."""
        (ax, ay), (bx, by) = self.points
        return min(ax, bx), min(ay, by), abs(bx - ax), abs(by - ay)

    def box(self, record: ImageRecord) -> Box | None:
        """The pixels that it touches, cut to the image; None outside."""
        left, top, width, height = self.rect
        x0, y0 = max(0, int(np.floor(left))), max(0, int(np.floor(top)))
        x1 = min(record.width, int(np.ceil(left + width)))
        y1 = min(record.height, int(np.ceil(top + height)))
        return (x0, y0, x1 - x0, y1 - y0) if x1 > x0 and y1 > y0 else None

    def values(self, record: ImageRecord) -> npt.NDArray[np.float32]:
        """Modality values of the pixels whose centre lies inside (colour: mean of the channels); no padding."""
        box = self.box(record)
        if box is None:
            return np.empty(0, np.float32)
        x0, y0, width, height = box
        stored = record.stored[y0 : y0 + height, x0 : x0 + width]
        left, top, rect_width, rect_height = self.rect
        x, y = np.arange(x0, x0 + width) + 0.5, np.arange(y0, y0 + height)[:, None] + 0.5
        if self.shape == "ellipse":
            u = (x - left - rect_width / 2) / max(rect_width / 2, 1e-9)
            v = (y - top - rect_height / 2) / max(rect_height / 2, 1e-9)
            inside = u * u + v * v <= 1
        else:
            inside = (x >= left) & (x <= left + rect_width) & (y >= top) & (y <= top + rect_height)
        if record.padding is not None and not record.is_colour:
            inside &= (stored < record.padding[0]) | (stored > record.padding[1])
        chosen = record.modality(stored[inside])
        return chosen.mean(axis=1) if chosen.ndim == 2 else chosen

    def lines(self, record: ImageRecord) -> tuple[str, ...]:
        """Mean and standard deviation, range, number of pixels and area."""
        values = self.values(record)
        if not values.size:
            return ("no pixels",)
        sx, sy, unit, note = _scale(record)
        kind = f" {record.modality.type}" if record.modality.type else ""
        spread = float(values.std(dtype=np.float64))
        lines = [
            f"mean {_figure(float(values.mean(dtype=np.float64)))}  SD {_figure(spread)}{kind}",
            f"{short(float(values.min()))} … {short(float(values.max()))}",
            f"{values.size} px",
        ]
        if unit == "mm":
            square = values.size * sx * sy
            lines[-1] += f"  {_figure(square / 100)} cm²" if square >= 100 else f"  {_figure(square)} mm²"
            lines.append(note)
        return tuple(lines)


Measurement = Ruler | Angle | Region


def moved(measurement: Measurement, number: int, to: Point) -> Measurement:
    """The measurement with one of its points elsewhere."""
    points = [to if i == number else point for i, point in enumerate(measurement.points)]
    if isinstance(measurement, Angle):
        end, vertex, other = points
        return replace(measurement, points=(end, vertex, other))
    start, end = points
    return replace(measurement, points=(start, end))


def _scale(record: ImageRecord) -> tuple[float, float, str, str]:
    """Size of a pixel along x and y, its unit, and what that refers to."""
    spacing = record.spacing
    if spacing is None:
        # Columns as the unit; pixels that aren't square keep their shape.
        return 1.0, record.pixel_aspect, "px", "no calibration"
    return spacing.column_mm, spacing.row_mm, "mm", CALIBRATIONS[spacing.calibration]


def _figure(value: float) -> str:
    text = f"{value:.0f}" if abs(value) >= 1000 else f"{value:.1f}" if abs(value) >= 1 else f"{value:.3g}"
    return text.replace("-", "−")


def to_items(measurements: Iterable[Measurement], record: ImageRecord) -> list[dict[str, Any]]:
    """Measurements as JSON can hold them, with their figures as shown; `from_items` reads them."""
    return [
        {
            "kind": m.shape if isinstance(m, Region) else "ruler" if isinstance(m, Ruler) else "angle",
            "points": [[float(x), float(y)] for x, y in m.points],
            "text": list(m.lines(record)),
        }
        for m in measurements
    ]


def from_items(items: Iterable[Mapping[str, Any]]) -> list[Measurement]:
    """What `to_items` made; entries of a kind or shape that isn't known are left out."""
    found: list[Measurement] = []
    for item in items:
        points = tuple((float(x), float(y)) for x, y in item.get("points", ()))
        kind = item.get("kind")
        if kind == "ruler" and len(points) == 2:
            found.append(Ruler(points))
        elif kind == "angle" and len(points) == 3:
            found.append(Angle(points))
        elif kind in ("ellipse", "rectangle") and len(points) == 2:
            found.append(Region(points, kind))
    return found
