"""The visible part of an image-sized array at the screen's resolution, whatever the array's size.

Painting then costs what the screen holds and not what the image holds. From 1:1 on upwards every screen pixel takes
one array value; below, values are averaged over 2 x 2 blocks first, level by level, so that nothing aliases.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from divisive_desktop.desktop.viewer.view import Transform
from divisive_desktop.geometry import Box

PANE_SIZES = 4
"""Linked panes show the same, but an odd pixel of the window goes to some of them: so many sizes occur at once."""
_SMALLEST_LEVEL = 256
"""No level is made from one whose longer side is this short."""

Array = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class Patch:
    """Pixels for the screen: a uint8 array, (h, w) or (h, w, 3), and the device pixel of its top-left corner."""

    pixels: npt.NDArray[np.uint8]
    left: int
    top: int


class Pyramid:
    """An array (rows, columns[, channels]) and its averages over blocks of 2, 4, 8, … pixels, made when needed.

    Parameters
    ----------
    values : array
    within : Box, optional
        Outside this box the array is zero (a mask with little in it): only the box is averaged.
    """

    def __init__(self, values: Array, within: Box | None = None) -> None:
        self._levels = [values]
        self._within = within

    @property
    def width(self) -> int:
        return int(self._levels[0].shape[1])

    @property
    def height(self) -> int:
        return int(self._levels[0].shape[0])

    def level(self, wanted: int) -> tuple[Array, int]:
        """The average over blocks of 2**wanted pixels, or the coarsest there is, and its number."""
        while len(self._levels) <= wanted and max(self._levels[-1].shape[:2]) > _SMALLEST_LEVEL:
            self._levels.append(self._next_level())
        number = min(wanted, len(self._levels) - 1)
        return self._levels[number], number

    def _next_level(self) -> Array:
        finest = self._levels[-1]
        if self._within is None:
            return halve(finest)
        rows, columns = finest.shape[:2]
        coarse = np.zeros((-(-rows // 2), -(-columns // 2), *finest.shape[2:]), finest.dtype)
        x, y, w, h = self._within
        number = len(self._levels) - 1
        left, top = x >> number, y >> number
        right, bottom = -(-(x + w) // 2**number), -(-(y + h) // 2**number)
        _average_into(coarse, finest, left, top, right, bottom)
        return coarse

    def refresh(self, box: Box) -> None:
        """Bring the levels up to date after the array was changed inside ``box`` (x, y, width, height)."""
        x0, y0, x1, y1 = max(box[0], 0), max(box[1], 0), box[0] + box[2], box[1] + box[3]
        if self._within is not None:
            x, y, w, h = self._within
            left, top = min(x, x0), min(y, y0)
            self._within = (left, top, max(x + w, x1) - left, max(y + h, y1) - top)
        for fine, coarse in zip(self._levels, self._levels[1:], strict=False):
            x0, y0, x1, y1 = _average_into(coarse, fine, x0, y0, x1, y1)

    def patch(
        self,
        transform: Transform,
        convert: Callable[[int, Array, Box], npt.NDArray[np.uint8]] | None = None,
        smooth: bool = False,
    ) -> Patch | None:
        """What a pane shows.

        Parameters
        ----------
        transform : Transform
            Where the array lies in the pane.
        convert : callable, optional
            ``convert(level number, level, box)`` gives the uint8 picture of a part of a level. Default: the values.
        smooth : bool
            Interpolate above 1:1 as well.

        Returns
        -------
        Patch or None
            None when nothing of the array is in sight.
        """
        left, top, right, bottom = visible_rect(transform, self.width, self.height)
        if right <= left or bottom <= top:
            return None
        shrink = 1.0 / max(min(transform.scale_x, transform.scale_y), 1e-9)
        level, number = self.level(max(0, math.floor(math.log2(shrink) + 1e-6)))
        xs = sample_positions(left, right, transform.scale_x, transform.offset_x) / 2**number
        ys = sample_positions(top, bottom, transform.scale_y, transform.offset_y) / 2**number
        x0, x1 = _span(xs, level.shape[1])
        y0, y1 = _span(ys, level.shape[0])
        part = convert(number, level, (x0, y0, x1 - x0, y1 - y0)) if convert else level[y0:y1, x0:x1]
        if number == 0 and transform.scale_x >= 1.0 and transform.scale_y >= 1.0 and not smooth:
            columns = np.clip(np.floor(xs).astype(np.intp), x0, x1 - 1) - x0
            rows = np.clip(np.floor(ys).astype(np.intp), y0, y1 - 1) - y0
            pixels = part[rows].take(columns, axis=1)
        else:
            pixels = _resample(part, xs - x0, ys - y0)
        return Patch(np.ascontiguousarray(pixels), left, top)


def visible_rect(transform: Transform, width: int, height: int) -> tuple[int, int, int, int]:
    """Device rectangle (left, top, right, bottom; right and bottom exclusive) that an image covers in a pane."""
    x0, y0 = transform.to_device(0, 0)
    x1, y1 = transform.to_device(width, height)
    # An image thinner than a screen pixel still shows as a line.
    right = max(math.floor(x1 + 0.5), math.floor(x0 + 0.5) + 1)
    bottom = max(math.floor(y1 + 0.5), math.floor(y0 + 0.5) + 1)
    left, top = max(0, math.floor(x0 + 0.5)), max(0, math.floor(y0 + 0.5))
    return left, top, min(transform.pane[0], right), min(transform.pane[1], bottom)


def sample_positions(start: int, stop: int, scale: float, offset: float) -> npt.NDArray[np.float64]:
    """Image coordinate under the middle of every device pixel ``start`` … ``stop - 1`` along one axis."""
    return np.asarray((np.arange(start, stop) + 0.5 - offset) / scale)


def halve(values: Array) -> Array:
    """Means of 2 x 2 blocks, same type, rounded; an odd last row or column is averaged with itself."""
    rows, columns = values.shape[:2]
    if rows % 2 or columns % 2:
        values = np.pad(values, [(0, rows % 2), (0, columns % 2)] + [(0, 0)] * (values.ndim - 2), mode="edge")
    half = (values.shape[1] // 2, values.shape[0] // 2)
    if values.dtype in (np.uint8, np.uint16, np.int16, np.float32, np.float64) and max(values.shape[:2]) < 32767:
        return np.asarray(cv2.resize(np.ascontiguousarray(values), half, interpolation=cv2.INTER_AREA))
    mean = values.reshape(half[1], 2, half[0], 2, *values.shape[2:]).mean(axis=(1, 3), dtype=np.float64)
    halved: Array = (np.rint(mean) if values.dtype.kind in "iu" else mean).astype(values.dtype)
    return halved


def _average_into(coarse: Array, fine: Array, x0: int, y0: int, x1: int, y1: int) -> tuple[int, int, int, int]:
    """Average a part of one level into the next; returns the part of the next one (left, top, right, bottom)."""
    x0, y0 = x0 // 2, y0 // 2
    x1, y1 = min(-(-x1 // 2), coarse.shape[1]), min(-(-y1 // 2), coarse.shape[0])
    if x1 > x0 and y1 > y0:
        part, target = fine[2 * y0 : 2 * y1, 2 * x0 : 2 * x1], coarse[y0:y1, x0:x1]
        even = part.shape[0] == 2 * (y1 - y0) and part.shape[1] == 2 * (x1 - x0)
        if even and part.dtype == np.uint8 and part.ndim == 2 and max(part.shape) < 32767:
            cv2.resize(part, (x1 - x0, y1 - y0), dst=target, interpolation=cv2.INTER_AREA)  # straight into its place
        else:
            target[:] = halve(part)
    return x0, y0, x1, y1


def _span(positions: npt.NDArray[np.float64], size: int) -> tuple[int, int]:
    """First and last + 1 pixel needed around sorted positions, with one pixel to spare for interpolation."""
    first = min(max(math.floor(positions[0]) - 1, 0), size - 1)
    last = min(max(math.floor(positions[-1]) + 2, first + 1), size)
    return first, last


def _resample(
    image: npt.NDArray[np.uint8], xs: npt.NDArray[np.float64], ys: npt.NDArray[np.float64]
) -> npt.NDArray[np.uint8]:
    """Bilinear values at the grid ``ys`` x ``xs`` (pixel centres lie at .5), the border repeated outwards."""
    step_x = (xs[-1] - xs[0]) / (len(xs) - 1) if len(xs) > 1 else 1.0
    step_y = (ys[-1] - ys[0]) / (len(ys) - 1) if len(ys) > 1 else 1.0
    matrix = np.array([[step_x, 0.0, xs[0] - 0.5], [0.0, step_y, ys[0] - 0.5]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    out = cv2.warpAffine(image, matrix, (len(xs), len(ys)), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(out, dtype=np.uint8)
