"""Renders the part of an image that is on the screen, at the screen's resolution.

Painting costs what the screen holds and not what the image holds: a 12,000 x 12,000 radiograph pans and windows as
quickly as a small one. From 1:1 on upwards a screen pixel shows exactly the grey that ``imaging.display`` gives for
that image pixel, without interpolation. Below 1:1 the stored values are averaged first (2 x 2 blocks, each level
of the pyramid half as large), so that nothing aliases, and the average goes through the same display pipeline.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from divisive_desktop.desktop.viewer.view import Transform
from divisive_desktop.imaging.display import render
from divisive_desktop.imaging.record import ImageRecord, Voi

_SMALLEST_LEVEL = 256
"""No pyramid level is made from one whose longer side is this short."""


@dataclass(frozen=True, eq=False)
class Patch:
    """Pixels for the screen: a uint8 array, (h, w) grey or (h, w, 3) RGB, and where its top-left pixel goes."""

    pixels: npt.NDArray[np.uint8]
    left: int
    top: int


def visible_rect(transform: Transform, width: int, height: int, pane: tuple[int, int]) -> tuple[int, int, int, int]:
    """Device rectangle (left, top, right, bottom; right and bottom exclusive) that the image covers in a pane."""
    x0, y0 = transform.to_device(0, 0)
    x1, y1 = transform.to_device(width, height)
    # An image thinner than a screen pixel still shows as a line.
    right = max(math.floor(x1 + 0.5), math.floor(x0 + 0.5) + 1)
    bottom = max(math.floor(y1 + 0.5), math.floor(y0 + 0.5) + 1)
    return max(0, math.floor(x0 + 0.5)), max(0, math.floor(y0 + 0.5)), min(pane[0], right), min(pane[1], bottom)


def sample_positions(start: int, stop: int, scale: float, offset: float) -> npt.NDArray[np.float64]:
    """Image coordinate under the middle of every device pixel ``start`` … ``stop - 1`` along one axis."""
    return (np.arange(start, stop) + 0.5 - offset) / scale


class GreyRenderer:
    """Keeps one record's pyramid and the last picture; one instance serves all linked panes."""

    def __init__(self) -> None:
        self._levels: list[ImageRecord] = []
        self._key: tuple[object, ...] | None = None
        self._voi: Voi | None = None
        self._patch: Patch | None = None
        self.smooth_enlarged = False
        """Interpolate between pixels above 1:1. Off: the pixels are shown as they are."""

    def set_record(self, record: ImageRecord | None) -> None:
        self._levels = [record] if record is not None else []
        self._key = None
        self._patch = None

    def patch(self, transform: Transform, pane: tuple[int, int], voi: Voi, invert: bool) -> Patch | None:
        """The visible part of the image for a pane of ``pane`` device pixels; None when nothing is visible."""
        if not self._levels:
            return None
        key = (transform, pane, invert, self.smooth_enlarged)
        # A Voi may hold a table, and tables have no plain ==; it is frozen, so identity is enough.
        if key != self._key or voi is not self._voi:
            self._patch = self._render(transform, pane, voi, invert)
            self._key, self._voi = key, voi
        return self._patch

    def _render(self, transform: Transform, pane: tuple[int, int], voi: Voi, invert: bool) -> Patch | None:
        record = self._levels[0]
        left, top, right, bottom = visible_rect(transform, record.width, record.height, pane)
        if right <= left or bottom <= top:
            return None
        level = max(0, math.floor(-math.log2(max(min(transform.scale_x, transform.scale_y), 1e-9)) + 1e-6))
        level_record, factor = self._level(level)
        xs = sample_positions(left, right, transform.scale_x, transform.offset_x) / factor
        ys = sample_positions(top, bottom, transform.scale_y, transform.offset_y) / factor
        x0, x1 = _span(xs, level_record.width)
        y0, y1 = _span(ys, level_record.height)
        crop = render(level_record, voi, invert, (x0, y0, x1 - x0, y1 - y0))
        enlarged = factor == 1.0 and transform.scale_x >= 1.0 and transform.scale_y >= 1.0
        if enlarged and not self.smooth_enlarged:
            columns = np.clip(np.floor(xs).astype(np.intp), x0, x1 - 1) - x0
            rows = np.clip(np.floor(ys).astype(np.intp), y0, y1 - 1) - y0
            pixels = crop[rows[:, None], columns] if crop.ndim == 2 else crop[rows][:, columns]
        else:
            pixels = _resample(crop, xs - x0, ys - y0)
        return Patch(np.ascontiguousarray(pixels), left, top)

    def _level(self, wanted: int) -> tuple[ImageRecord, float]:
        """The record averaged over blocks of 2**wanted pixels (or the smallest there is), and the blocks' side."""
        while len(self._levels) <= wanted and max(self._levels[-1].stored.shape[:2]) > _SMALLEST_LEVEL:
            last = self._levels[-1]
            self._levels.append(replace(last, stored=halve(last.stored)))
        level = min(wanted, len(self._levels) - 1)
        return self._levels[level], 2.0**level


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


def halve(values: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
    """Means of 2 x 2 blocks, same type, rounded; an odd last row or column is averaged with itself."""
    rows, columns = values.shape[:2]
    odd_bottom, odd_right = rows % 2, columns % 2
    if odd_bottom or odd_right:
        pad = [(0, odd_bottom), (0, odd_right)] + [(0, 0)] * (values.ndim - 2)
        values = np.pad(values, pad, mode="edge")
    half = (values.shape[1] // 2, values.shape[0] // 2)
    if values.dtype in (np.uint8, np.uint16, np.int16, np.float32, np.float64) and max(values.shape[:2]) < 32767:
        return np.asarray(cv2.resize(np.ascontiguousarray(values), half, interpolation=cv2.INTER_AREA))
    blocks = values.reshape(half[1], 2, half[0], 2, *values.shape[2:])
    mean = blocks.mean(axis=(1, 3), dtype=np.float64)
    return (np.rint(mean) if values.dtype.kind in "iu" else mean).astype(values.dtype)
