"""How well the divergence map matches the mask, quick enough to follow a brush.

The mask is averaged onto a grid that divides every CAM cell into equal parts; a stroke updates the cells under it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from divisive_desktop.explanation.features import FeatureSet
from divisive_desktop.geometry import Box, intersect
from divisive_desktop.masks.mask import Mask

_Grid = npt.NDArray[np.float32]

FINEST = 56
"""Longest side of the grid, unless the CAM itself has more cells."""
_FINER = 4
"""Features are drawn this much finer before they are averaged onto the grid."""


@dataclass(frozen=True)
class Agreement:
    """Scores of one mask against one divergence map; None where there is nothing to compare."""

    energy: float | None
    """Share of the divergence's energy inside the mask, 0..1: sum(H D²) / sum(D²) over the CAM's cells, H the mask
    averaged over each cell. None without a mask or where D is zero."""
    iou: float | None
    """Overlap with the important features that argue for the true class, 0..1: sum(min) / sum(max) of both averaged
    over small cells. None without a mask."""
    pointing: bool | None
    """True when the cell with the strongest evidence for the true class touches the mask (pointing game,
    Zhang et al., ECCV 2016). None without a mask."""


class LiveAgreement:
    """Agreement of a mask with one divergence map, kept up to date box by box.

    Parameters
    ----------
    divergence : float array (h, w)
        D = A_true - A_false.
    region : Box
        The part of the image that the map covers.
    features : FeatureSet, optional
        The important features shown; ``set_features`` changes them.
    """

    def __init__(self, divergence: npt.NDArray[np.floating], region: Box, features: FeatureSet | None = None) -> None:
        rows, columns = divergence.shape
        self._d = np.asarray(divergence, np.float32)
        self._parts = max(1, FINEST // max(rows, columns))
        self._region = region
        self._x = np.linspace(region[0], region[0] + region[2], columns * self._parts + 1)
        self._y = np.linspace(region[1], region[1] + region[3], rows * self._parts + 1)
        self._mean: _Grid = np.zeros((rows * self._parts, columns * self._parts), np.float32)
        self._stale = np.zeros(self._mean.shape, np.bool_)  # cells to be averaged again
        self._features: _Grid = np.zeros_like(self._mean)
        if features is not None:
            self.set_features(features)

    def set_features(self, features: FeatureSet) -> None:
        """Compare with other features (the threshold changed)."""
        x, y, w, h = self._region
        rows, columns = self._mean.shape
        fine = np.zeros((rows * _FINER, columns * _FINER), np.uint8)
        scale = np.array([columns * _FINER / w, rows * _FINER / h])
        # Contours run through pixel centres, half a pixel inside the border.
        contours = [np.rint((f.contour + 0.5 - (x, y)) * scale - 0.5).astype(np.int32) for f in features.of("true")]
        if contours:
            cv2.drawContours(fine, [c.reshape(-1, 1, 2) for c in contours], -1, 255, cv2.FILLED)
        self._features = fine.reshape(rows, _FINER, columns, _FINER).mean(axis=(1, 3)).astype(np.float32) / 255

    def reset(self, mask: Mask) -> Agreement:
        """Take the whole mask in (a case was opened, regions changed)."""
        self._mean[:] = 0
        self._stale[:] = False
        for region in mask.regions:
            self.mark(mask.bounds(region.id))
        return self.update(mask, None)

    def mark(self, box: Box | None) -> None:
        """The mask changed inside ``box``: its cells are looked at again with the next ``update``."""
        seen = intersect(box, self._region) if box is not None else None
        if seen is not None:
            x0, x1 = _touched(self._x, seen[0], seen[0] + seen[2])
            y0, y1 = _touched(self._y, seen[1], seen[1] + seen[3])
            self._stale[y0:y1, x0:x1] = True

    def update(self, mask: Mask, box: Box | None) -> Agreement:
        """The mask changed inside ``box``: look again only there, and where it was marked."""
        self.mark(box)
        for row in np.flatnonzero(self._stale.any(axis=1)).tolist():
            columns = np.flatnonzero(self._stale[row])
            for run in np.split(columns, np.flatnonzero(np.diff(columns) > 1) + 1):
                self._average(mask, row, int(run[0]), int(run[-1]) + 1)
        self._stale[:] = False
        return self.scores()

    def scores(self) -> Agreement:
        """The scores for what was seen last."""
        rows, columns = self._d.shape
        parts = self._parts
        cells = self._mean.reshape(rows, parts, columns, parts).mean(axis=(1, 3))
        drawn = bool(cells.any())
        energy = self._d.astype(np.float64) ** 2
        total = float(energy.sum())
        either = float(np.maximum(self._mean, self._features).sum())
        return Agreement(
            energy=float((cells * energy).sum() / total) if drawn and total > 0 else None,
            iou=float(np.minimum(self._mean, self._features).sum()) / either if drawn and either > 0 else None,
            pointing=bool(cells.flat[int(np.argmax(self._d))] > 0) if drawn else None,
        )

    def _average(self, mask: Mask, row: int, first: int, last: int) -> None:
        """Average the mask over neighbouring cells of one row: so little at a time stays in the processor's cache."""
        x, y = self._x[first : last + 1], self._y[row : row + 2]
        left, right = math.floor(x[0]), math.ceil(x[-1])
        top, bottom = math.floor(y[0]), math.ceil(y[1])
        summed = np.zeros(right - left + 1)  # of all columns up to here
        np.cumsum(_weighted_sum(mask, (left, top, right - left, bottom - top), _shares(y, top, bottom)), out=summed[1:])
        upto = np.interp(x - left, np.arange(len(summed)), summed)
        self._mean[row, first:last] = np.diff(upto) / np.diff(x)


def _weighted_sum(mask: Mask, box: Box, down: _Grid) -> _Grid:
    """The rows of the union inside a box, added up with a weight each; without making the union where it is simple."""
    total = np.zeros(box[2], np.float32)
    parts = [(r.id, r.weight, intersect(mask.bounds(r.id, exact=False), box)) for r in mask.regions if r.weight > 0]
    drawn = [(region, weight, part) for region, weight, part in parts if part is not None]
    if len(drawn) == 1:
        region, weight, part = drawn[0]
        pixels, shares = mask.pixels(region, part), down[part[1] - box[1] :][: part[3]]
        at = slice(part[0] - box[0], part[0] - box[0] + part[2])
        # All rows count the same, but for the first and the last, which a cell may share with the next one.
        total[at] = pixels[0] * shares[0]
        if part[3] > 1:
            total[at] += pixels[-1] * shares[-1]
        if part[3] > 2:
            total[at] += cv2.reduce(pixels[1:-1], 0, cv2.REDUCE_SUM, dtype=cv2.CV_32F)[0] * shares[1]
        total *= np.float32(weight / 255)
    elif drawn:
        total = down @ mask.union(box)
    return total


def _touched(edges: npt.NDArray[np.float64], low: float, high: float) -> tuple[int, int]:
    """First cell that the interval touches, and one past the last."""
    first = int(np.searchsorted(edges, low, side="right")) - 1
    last = int(np.searchsorted(edges, high, side="left"))
    return max(0, first), min(len(edges) - 1, last)


def _shares(edges: npt.NDArray[np.float64], low: int, high: int) -> _Grid:
    """What part of the cell between two edges every pixel from ``low`` to ``high`` is; the sum is one."""
    pixel = np.arange(low, high)
    overlap = np.clip(np.minimum(pixel + 1, edges[1]) - np.maximum(pixel, edges[0]), 0, None)
    shares: _Grid = (overlap / (edges[1] - edges[0])).astype(np.float32)
    return shares
