"""Shapes that another program drew on one picture, on their way into a mask."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence

import numpy as np

from divisive_desktop.errors import MaskError
from divisive_desktop.masks.formats.common import MOST_STAMPED, Reading, add_region, check_pixels, outside_note
from divisive_desktop.masks.formats.json_text import counted
from divisive_desktop.masks.mask import Mask
from divisive_desktop.masks.shapes import Point, Stamp, polygon

_ELLIPSE_CORNERS = 360
"""Of the polygon that a turned ellipse is drawn as: off by less than a pixel up to an axis of 25,000."""
_LONGEST_NAME = 40
"""Letters of a shape's kind in a message."""


class Drawing:
    """Collects shapes with an area as regions, and the names of those without one.

    Parameters
    ----------
    size : (int, int)
        Width and height of the picture.
    name : str
        Of the file, for messages.

    Raises
    ------
    MaskError
        The picture is larger than this program takes.
    """

    def __init__(self, size: tuple[int, int], name: str) -> None:
        check_pixels(*size, name)
        self.size = size
        self._name = name
        self._stamped = 0
        self._outside = 0
        self._regions: dict[tuple[str, Hashable], list[Stamp]] = {}
        self._left_out: dict[str, list[str]] = {}

    def add(self, label: str, group: Hashable, stamp: Stamp | None) -> None:
        """Add a shape; those with one label and group become one region, and None has no area in the picture.

        Raises
        ------
        ValueError
            The shapes cover more pixels than there is memory for.
        """
        if stamp is None:
            self.leave_out("shape without an area in the picture", label)
            return
        self._stamped += stamp.coverage.size
        self._outside += stamp.outside
        if self._stamped > MOST_STAMPED:
            raise ValueError("its shapes cover too many pixels")
        self._regions.setdefault((label, group), []).append(stamp)

    def leave_out(self, kind: str, label: str) -> None:
        """Remember a shape that can't be part of a mask."""
        self._left_out.setdefault(kind[:_LONGEST_NAME], []).append(label)

    def reading(self, notes: tuple[str, ...] = (), picture: str = "") -> Reading:
        """The mask, with a note on what was left out of it.

        Raises
        ------
        MaskError
            There are shapes, but none with an area.
        ValueError
            More regions than there is memory for.
        """
        without = ", ".join(counted(labels, kind, _plural(kind)) for kind, labels in self._left_out.items())
        if without and not self._regions:
            raise MaskError(
                f"{self._name} has no shape with an area in the picture: {without}.",
                "Draw polygons, rectangles, circles or masks.",
            )
        width, height = self.size
        mask = Mask(width, height)
        for (label, _), stamps in self._regions.items():
            pixels = np.zeros((height, width), np.uint8)
            for stamp in stamps:
                x, y, w, h = stamp.box
                np.maximum(pixels[y : y + h, x : x + w], stamp.coverage, out=pixels[y : y + h, x : x + w])
            add_region(mask, pixels, label)
        notes = (*notes, *outside_note(self._outside))
        if without:
            notes = (*notes, f"Left out, because a mask has only areas: {without}.")
        return Reading(mask, notes, picture)


def turned_rectangle(
    corner: Point, opposite: Point, degrees: float, size: tuple[int, int]
) -> Stamp | None:
    """A rectangle that is turned clockwise on the screen about its middle."""
    (ax, ay), (bx, by) = corner, opposite
    corners = [(ax, ay), (bx, ay), (bx, by), (ax, by)]
    return polygon(_turned(corners, ((ax + bx) / 2, (ay + by) / 2), math.radians(degrees)), size)


def turned_ellipse(
    centre: Point, radii: tuple[float, float], radians: float, size: tuple[int, int]
) -> Stamp | None:
    """An ellipse with its half axes, turned clockwise on the screen about its centre."""
    angles = [2 * math.pi * i / _ELLIPSE_CORNERS for i in range(_ELLIPSE_CORNERS)]
    rim = [(centre[0] + radii[0] * math.cos(a), centre[1] + radii[1] * math.sin(a)) for a in angles]
    return polygon(_turned(rim, centre, radians), size) if min(radii) > 0 else None


def _turned(points: Sequence[Point], centre: Point, radians: float) -> list[Point]:
    cos, sin = math.cos(radians), math.sin(radians)
    return [
        (centre[0] + (x - centre[0]) * cos - (y - centre[1]) * sin,
         centre[1] + (x - centre[0]) * sin + (y - centre[1]) * cos)
        for x, y in points
    ]  # fmt: skip


def _plural(kind: str) -> str:
    return kind.replace("shape", "shapes", 1) if " " in kind else f"{kind}s"
