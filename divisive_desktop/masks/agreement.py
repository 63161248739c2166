"""How well the divergence map matches the mask, quick enough to follow a brush.

The mask is averaged onto a grid that divides every CAM cell into equal parts; a stroke updates the cells under it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from divisive_desktop.explanation.analysis import Box
from divisive_desktop.explanation.features import FeatureSet
from divisive_desktop.masks.boxes import intersect
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
        return self.update(mask, mask.union_bounds())

    def update(self, mask: Mask, box: Box | None) -> Agreement:
        """The mask changed inside ``box``: look again only there."""
        if box is not None:
            self._average(mask, box)
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

    def _average(self, mask: Mask, box: Box) -> None:
        """Average the mask over the cells that ``box`` touches."""
        seen = intersect(box, self._region)
        if seen is None:
            return
        x0, x1 = _touched(self._x, seen[0], seen[0] + seen[2])
        y0, y1 = _touched(self._y, seen[1], seen[1] + seen[3])
        left, right = math.floor(self._x[x0]), math.ceil(self._x[x1])
        across = _shares(self._x[x0 : x1 + 1], left, right).T
        for row in range(y0, y1):  # one row of cells at a time stays in the processor's cache
            top, bottom = math.floor(self._y[row]), math.ceil(self._y[row + 1])
            down = _shares(self._y[row : row + 2], top, bottom)
            self._mean[row, x0:x1] = (down @ mask.union((left, top, right - left, bottom - top)) @ across)[0]


def _touched(edges: npt.NDArray[np.float64], low: float, high: float) -> tuple[int, int]:
    """First cell that the interval touches, and one past the last."""
    first = int(np.searchsorted(edges, low, side="right")) - 1
    last = int(np.searchsorted(edges, high, side="left"))
    return max(0, first), min(len(edges) - 1, last)


def _shares(edges: npt.NDArray[np.float64], low: int, high: int) -> _Grid:
    """What part of each cell every pixel from ``low`` to ``high`` is: rows sum to one."""
    pixel = np.arange(low, high)[None, :]
    start, end = edges[:-1, None], edges[1:, None]
    overlap = np.clip(np.minimum(pixel + 1, end) - np.maximum(pixel, start), 0, None)
    shares: _Grid = (overlap / (end - start)).astype(np.float32)
    return shares

