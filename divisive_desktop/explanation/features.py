"""Important features: connected regions where the divergence map stands out, ranked by how much of it they hold."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import cv2
import numpy as np
import numpy.typing as npt

from divisive_desktop.explanation.maps import Map, otsu, upsample
from divisive_desktop.geometry import Box

if TYPE_CHECKING:
    from divisive_desktop.imaging.record import Spacing

Favours = Literal["true", "false"]
Method = Literal["otsu", "quantile", "value"]

WORKING_SIDE = 168
"""Longest side in pixels of the grid on which regions are found; larger regions are scaled from it. A 14 x 14 CAM gets
12 x 12 grid pixels per cell. Arrays stay under 128 kB, above which the C library asks the system for fresh pages at
every call and the search takes three times as long."""


@dataclass(frozen=True)
class Feature:
    """One connected region of the divergence map beyond the threshold."""

    rank: int
    """1 is the most important."""
    box: Box
    """x, y, width, height in image pixels."""
    contour: npt.NDArray[np.int32]
    """Outer border, (n, 2) x and y in image pixels, n >= 1."""
    area_px: float
    """Area in image pixels."""
    area_mm2: float | None
    """Area in square millimetres, None where the spacing isn't known."""
    calibration: str | None
    """What those millimetres refer to (``imaging.record.Calibration``), None without spacing."""
    share: float
    """Part of the sum of |D| over the whole region that lies in this feature, 0..1."""
    mean_d: float
    """Mean of D over the feature, signed, in logit units."""
    favours: Favours
    """The class that this feature argues for."""


@dataclass(frozen=True)
class FeatureSet:
    """All important features of one divergence map at one threshold."""

    threshold: float
    """Theta, in the units of D (logits): features are where D > theta or D < -theta."""
    method: Method
    features: tuple[Feature, ...]
    quantile: float | None
    """The quantile of |D| asked for, None for the other methods."""
    region: Box
    image_size: tuple[int, int]
    cell_px: tuple[float, float]
    """Width and height of one CAM cell in image pixels: nothing smaller can be told apart."""
    took_ms: float = 0.0
    """How long finding them took."""

    def of(self, favours: Favours) -> tuple[Feature, ...]:
        """The features that argue for one class, in order of rank."""
        return tuple(f for f in self.features if f.favours == favours)

    def mask(self, favours: Favours | None = None) -> npt.NDArray[np.uint8]:
        """The features as an image-sized mask, uint8 (height, width): 1 inside, 0 outside.

        Parameters
        ----------
        favours : 'true', 'false' or None
            Only the features that argue for this class; None: all of them.
        """
        width, height = self.image_size
        mask = np.zeros((height, width), np.uint8)
        chosen = [f.contour.reshape(-1, 1, 2) for f in self.features if favours in (None, f.favours)]
        if chosen:
            cv2.drawContours(mask, chosen, -1, 1, cv2.FILLED)
        return mask


def important_features(
    divergence: npt.NDArray[Any],
    image_size: tuple[int, int],
    region: Box,
    *,
    threshold: float | None = None,
    quantile: float | None = None,
    spacing: Spacing | None = None,
) -> FeatureSet:
    """Find where the divergence map stands out.

    D is upsampled bilinearly onto a grid of at most `WORKING_SIDE` pixels over ``region`` (the same surface that
    the display shows). Regions of D > theta argue for the true class, regions of D < -theta for the false class.
    Connected regions (8-neighbourhood) of at least one CAM cell in area are ranked by their sum of |D|.

    Parameters
    ----------
    divergence : float array (h, w)
        D = A_true - A_false, finite.
    image_size : (int, int)
        Width and height of the image in pixels.
    region : Box
        Part of the image that the map covers, in image pixels.
    threshold : float, optional
        Theta itself, >= 0.
    quantile : float, optional
        Theta is this quantile (0..1) of |D| over the region's area. With neither: Otsu on |D| over the CAM's cells.
    spacing : Spacing, optional
        Pixel spacing of the image; gives the areas in square millimetres.

    Returns
    -------
    FeatureSet
        Without features where D is constant: nothing stands out there.

    Raises
    ------
    ValueError
        Both threshold and quantile given, a value out of range, or D is not a finite 2-D map.
    """
    d = np.ascontiguousarray(divergence, dtype=np.float32)
    if d.ndim != 2 or d.size == 0 or not np.isfinite(d).all():
        raise ValueError("a divergence map is a finite, two-dimensional array")
    if threshold is not None and quantile is not None:
        raise ValueError("give a threshold or a quantile, not both")
    if threshold is not None and not (np.isfinite(threshold) and threshold >= 0):
        raise ValueError("the threshold can't be negative")
    if quantile is not None and not 0 <= quantile <= 1:
        raise ValueError("a quantile lies between 0 and 1")
    _, _, width, height = region
    if width < 1 or height < 1:
        raise ValueError("the region is empty")

    start = time.perf_counter()
    shrink = min(1.0, WORKING_SIDE / max(width, height))
    surface = upsample(d, (max(1, round(width * shrink)), max(1, round(height * shrink))))
    size = np.abs(surface)
    method: Method
    if threshold is not None:
        method, theta = "value", float(threshold)
    elif quantile is not None:
        method, theta = "quantile", float(np.quantile(size, quantile))
    else:
        method, theta = "otsu", otsu(np.abs(d))

    found: list[Feature] = []
    if np.ptp(d) > 1e-6 * float(np.abs(d).max()):  # else nothing stands out, and rounding must not decide
        cell_area = surface.size / d.size
        found += _regions(size, surface > theta, "true", cell_area, region, spacing)
        found += _regions(size, surface < -theta, "false", cell_area, region, spacing)
    found.sort(key=lambda f: -f.share)
    return FeatureSet(
        threshold=theta,
        method=method,
        features=tuple(replace(feature, rank=rank) for rank, feature in enumerate(found, 1)),
        quantile=quantile,
        region=region,
        image_size=image_size,
        cell_px=(width / d.shape[1], height / d.shape[0]),
        took_ms=1e3 * (time.perf_counter() - start),
    )


def _regions(
    size: Map, inside: npt.NDArray[np.bool_], favours: Favours, least: float, region: Box, spacing: Spacing | None
) -> list[Feature]:
    """The connected parts of ``inside`` that cover at least ``least`` pixels of the grid. ``size`` is |D| on it."""
    x0, y0, width, height = region
    scale_x, scale_y = width / inside.shape[1], height / inside.shape[0]
    total = float(cv2.sumElems(size)[0])
    count, labels, stats, _ = cv2.connectedComponentsWithStats(inside.view(np.uint8), connectivity=8, ltype=cv2.CV_16U)
    features = []
    for label in range(1, count):
        x, y, w, h, pixels = (int(v) for v in stats[label])
        if pixels < least:
            continue
        window = cv2.inRange(labels[y : y + h, x : x + w], label, label)
        mean = cv2.mean(size[y : y + h, x : x + w], window)[0]
        left, top, right, bottom = (
            round(v) for v in (x * scale_x, y * scale_y, (x + w) * scale_x, (y + h) * scale_y)
        )
        area = pixels * scale_x * scale_y
        features.append(
            Feature(
                rank=0,
                box=(x0 + left, y0 + top, max(1, right - left), max(1, bottom - top)),
                contour=_contour(window, (x, y), (scale_x, scale_y), (x0, y0)),
                area_px=area,
                area_mm2=None if spacing is None else area * spacing.row_mm * spacing.column_mm,
                calibration=None if spacing is None else spacing.calibration,
                share=mean * pixels / total,
                mean_d=mean if favours == "true" else -mean,
                favours=favours,
            )
        )
    return features


def _contour(
    window: npt.NDArray[Any], corner: tuple[int, int], scale: tuple[float, float], origin: tuple[int, int]
) -> npt.NDArray[np.int32]:
    """Outer border of the one component in ``window``, from grid pixel centres to image pixels."""
    contours, _ = cv2.findContours(window, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    points = max(contours, key=len).reshape(-1, 2)
    centres = (points + np.asarray(corner) + 0.5) * np.asarray(scale) - 0.5
    border: npt.NDArray[np.int32] = (np.rint(centres) + np.asarray(origin)).astype(np.int32)
    return border
