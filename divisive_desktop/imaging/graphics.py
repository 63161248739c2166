"""What lies over the pixels in a DICOM file: overlay planes (60xx) and display shutters, as data and as masks.

References
----------
DICOM PS3.3 C.9.2 (overlay plane), C.7.6.11 (display shutter); PS3.5 8.1.2 (overlays in unused pixel bits).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Overlay:
    """One overlay plane of one frame."""

    group: int
    """0x6000, 0x6002, …"""
    kind: Literal["graphics", "roi"]
    rows: int
    columns: int
    origin: tuple[int, int]
    """Row and column of the plane's first pixel in the image, 0-based; may be negative."""
    bits: bytes
    """The plane, row by row, eight pixels a byte, least significant bit first."""
    label: str = ""
    description: str = ""

    @property
    def name(self) -> str:
        """What to call it: its label, its description or its number."""
        return self.label or self.description or f"Overlay {(self.group - 0x6000) // 2 + 1}"

    def mask(self, height: int, width: int) -> npt.NDArray[np.bool_]:
        """The plane in its place on an image of ``height`` x ``width``, cut to it; True where something is drawn."""
        flat = np.unpackbits(np.frombuffer(self.bits, np.uint8), bitorder="little", count=self.rows * self.columns)
        plane = flat.reshape(self.rows, self.columns)
        placed = np.zeros((height, width), np.bool_)
        top, left = self.origin
        rows = slice(max(top, 0), min(top + self.rows, height))
        columns = slice(max(left, 0), min(left + self.columns, width))
        if rows.start < rows.stop and columns.start < columns.stop:
            shown = plane[rows.start - top : rows.stop - top]
            placed[rows, columns] = shown[:, columns.start - left : columns.stop - left]
        return placed


@dataclass(frozen=True)
class Shutter:
    """Parts of the image that the technician shut out; all shapes that are given hold at once."""

    rectangle: tuple[int, int, int, int] | None = None
    """Left, right, upper and lower edge, 1-based columns and rows, edges visible."""
    circle: tuple[int, int, int] | None = None
    """Row and column of the centre (1-based) and radius in pixels along a row."""
    polygon: tuple[tuple[int, int], ...] = ()
    """Row and column of every vertex, 1-based."""
    grey: int = 0
    """How dark the covered part is to be shown, 0 (black) .. 65535."""

    def visible(self, height: int, width: int, pixel_aspect: float = 1.0) -> npt.NDArray[np.bool_]:
        """Mask of what may be seen, True inside the shutter.

        Parameters
        ----------
        height, width : int
            Size of the image.
        pixel_aspect : float
            Height of a pixel over its width; a circle is round on the screen, not in pixels.
        """
        seen = np.ones((height, width), np.bool_)
        if self.rectangle is not None:
            left, right, upper, lower = self.rectangle
            box = np.zeros_like(seen)
            box[max(upper - 1, 0) : max(lower, 0), max(left - 1, 0) : max(right, 0)] = True
            seen &= box
        if self.circle is not None:
            row, column, radius = self.circle
            y = (np.arange(height)[:, None] - (row - 1)) * pixel_aspect
            x = np.arange(width)[None, :] - (column - 1)
            seen &= x * x + y * y <= radius * radius
        if len(self.polygon) > 2:
            inside = np.zeros((height, width), np.uint8)
            points = np.asarray([(column - 1, row - 1) for row, column in self.polygon], np.int32)
            cv2.fillPoly(inside, [points], color=1)
            seen &= inside.astype(np.bool_)
        return seen
