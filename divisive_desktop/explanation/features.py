"""Important features: connected regions where the divergence map stands out, ranked by how much of it they hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import cv2
import numpy as np
import numpy.typing as npt

from divisive_desktop.explanation.analysis import Box
from divisive_desktop.explanation.maps import otsu, upsample

if TYPE_CHECKING:
    from divisive_desktop.imaging.record import Spacing

Favours = Literal["true", "false"]
Method = Literal["otsu", "quantile", "value"]

WORKING_SIDE = 256
"""Longest side in pixels of the grid on which regions are found; larger regions are scaled from it."""


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
    x0, y0, width, height = region
    if width < 1 or height < 1:
        raise ValueError("the region is empty")

    shrink = min(1.0, WORKING_SIDE / max(width, height))
    grid_w, grid_h = max(1, round(width * shrink)), max(1, round(height * shrink))
    surface = upsample(d, (grid_w, grid_h))
    size = np.abs(surface)
    method: Method
    if threshold is not None:
        method, theta = "value", float(threshold)
    elif quantile is not None:
        method, theta = "quantile", float(np.quantile(size, quantile))
    else:
        method, theta = "otsu", otsu(np.abs(d))

    scale_x, scale_y = width / grid_w, height / grid_h
    found: list[tuple[float, Feature]] = []
    if np.ptp(d) > 1e-6 * float(np.abs(d).max()):
        total = float(size.sum(dtype=np.float64))
        least = (grid_w / d.shape[1]) * (grid_h / d.shape[0])
        sides: tuple[tuple[Favours, npt.NDArray[Any]], ...] = (("true", surface > theta), ("false", surface < -theta))
        for favours, inside in sides:
            if not inside.any():
                continue
            count, labels, stats, _ = cv2.connectedComponentsWithStats(inside.view(np.uint8), connectivity=8)
            for label in range(1, count):
                x, y, w, h, pixels = (int(v) for v in stats[label])
                if pixels < least:
                    continue
                window = labels[y : y + h, x : x + w] == label
                energy = float(size[y : y + h, x : x + w][window].sum(dtype=np.float64))
                left, top = round(x * scale_x), round(y * scale_y)
                right, bottom = round((x + w) * scale_x), round((y + h) * scale_y)
                area = pixels * scale_x * scale_y
                feature = Feature(
                    rank=0,
                    box=(x0 + left, y0 + top, max(1, right - left), max(1, bottom - top)),
                    contour=_contour(window.view(np.uint8), (x, y), (scale_x, scale_y), (x0, y0)),
                    area_px=area,
                    area_mm2=None if spacing is None else area * spacing.row_mm * spacing.column_mm,
                    calibration=None if spacing is None else spacing.calibration,
                    share=energy / total,
                    mean_d=energy / pixels * (1 if favours == "true" else -1),
                    favours=favours,
                )
                found.append((energy, feature))
    found.sort(key=lambda item: -item[0])
    ranked = tuple(_ranked(feature, rank) for rank, (_, feature) in enumerate(found, 1))
    cell = (width / d.shape[1], height / d.shape[0])
    return FeatureSet(theta, method, ranked, quantile, region, image_size, cell)


def _ranked(feature: Feature, rank: int) -> Feature:
    return Feature(
        rank, feature.box, feature.contour, feature.area_px, feature.area_mm2, feature.calibration, feature.share,
        feature.mean_d, feature.favours,
    )  # fmt: skip


def _contour(
    window: npt.NDArray[np.uint8], corner: tuple[int, int], scale: tuple[float, float], origin: tuple[int, int]
) -> npt.NDArray[np.int32]:
    """Outer border of the one component in ``window``, from grid pixel centres to image pixels."""
    contours, _ = cv2.findContours(window, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    points = max(contours, key=len).reshape(-1, 2)
    centres = (points + np.asarray(corner) + 0.5) * np.asarray(scale) - 0.5
    return (np.rint(centres) + np.asarray(origin)).astype(np.int32)
