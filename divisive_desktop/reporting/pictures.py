"""The pictures of a case for print: image, class maps, divergence with numbers, mask; a scale bar where it is true."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from divisive_desktop.explanation.analysis import Analysis
from divisive_desktop.explanation.features import FeatureSet
from divisive_desktop.explanation.maps import on_image
from divisive_desktop.explanation.picture import Picture, blend, panels
from divisive_desktop.geometry import Box
from divisive_desktop.imaging.display import render
from divisive_desktop.imaging.record import ImageRecord, Spacing

SIDE = 1000
"""Longest side of a picture in pixels: 300 dpi at the width of a report's column."""
_BARS = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0)
"""Lengths of a scale bar in millimetres."""
_TRUE_MM = ("patient", "calibrated")
_SMALL_REGION = 0.6
"""Where the model saw less than this share of the image, the maps show only that part and its surroundings."""
_MARGIN = 0.12
_LEVELS, _STRAY = 16, 40
"""Of pictures drawn again: levels that a pixel may be off, and pixels that may be off further."""
_MARK = 45
"""Part of a picture's side that is the radius of a numbered mark: 3 mm across in print."""
_FRAME = (255, 214, 10)
_MASK = np.repeat(np.array([[255, 170, 60]], np.uint8), 256, axis=0)


class Pictures(NamedTuple):
    """Encoded pictures and what they show beyond their captions."""

    encoded: Mapping[str, bytes]
    """``image``, ``true``, ``false``, ``features`` and, with a mask, ``mask``."""
    scale_bar_mm: float | None
    """Length of the bar in ``features``; None where spacing is unknown or only known at the detector."""
    cropped: bool
    """All but ``image`` show the part that the model saw; ``image`` has a frame around it."""


def case_pictures(
    record: ImageRecord,
    analysis: Analysis,
    features: FeatureSet,
    true_class: int,
    mask: npt.NDArray[np.float32] | None,
    side: int,
    lossless: bool,
) -> Pictures:
    """Draw and encode the pictures of a case.

    Parameters
    ----------
    mask : float32 (rows, columns), optional
        0..1.
    side : int
        Longest side in pixels.
    lossless : bool
        PNG; otherwise JPEG.
    """
    grey = render(record)
    window = _window(analysis.region, record.width, record.height)
    whole = (0, 0, record.width, record.height)
    cropped = window != whole
    # Panels are drawn so large that the part that is kept has the wanted size.
    larger = round(side * max(record.width, record.height) / max(window[2:])) if cropped else side
    larger = min(larger, 4 * side)
    names = ("image", "true", "false", "features")
    mark = max(8, round(side / _MARK))
    made = dict(zip(names, panels(grey, analysis, features, true_class, larger, mark), strict=True))
    if mask is not None:
        made["mask"] = _with_mask(made["image"], mask)
    per_pixel = made["image"].shape[1] / record.width
    if cropped:
        made = {name: _cut(picture, window, per_pixel) for name, picture in made.items()}
        made["image"] = _framed(grey, analysis.region, side)
    bar = _scale_bar(made["features"], record, per_pixel)
    return Pictures({name: _encoded(picture, lossless) for name, picture in made.items()}, bar, cropped)


def is_cropped(analysis: Analysis) -> bool:
    """Whether the maps of an analysis are drawn over the part that the model saw only."""
    width, height = analysis.image_size
    return _window(analysis.region, width, height) != (0, 0, width, height)


def bar_fits(length: float | None, spacing: Spacing | None, analysis: Analysis) -> bool:
    """Whether a scale bar is as long as it is drawn into the pictures of an analysis, give or take their last pixels.

    Parameters
    ----------
    length : float, optional
        Millimetres; None: no bar is said to be there.
    spacing : Spacing, optional
        Of the image.
    """
    if spacing is None or spacing.calibration not in _TRUE_MM:
        return length is None
    most = _window(analysis.region, *analysis.image_size)[2] * spacing.column_mm / 4
    allowed = {max((mm for mm in _BARS if mm <= most * play), default=None) for play in (0.98, 1.0, 1.02)}
    return length in allowed


def differing(one: Picture, two: Picture) -> bool:
    """Whether two pictures that should be the same show something else.

    A few pixels may lie on the other side of an edge: maps are written with seven digits.
    """
    if one.shape != two.shape:
        return True
    apart = np.abs(one.astype(np.int16) - two.astype(np.int16)) > _LEVELS
    return int(apart.any(axis=-1).sum()) > _STRAY


def _window(region: Box, width: int, height: int) -> Box:
    x, y, w, h = region
    if w * h >= _SMALL_REGION * width * height:
        return 0, 0, width, height
    margin = round(_MARGIN * max(w, h))
    left, top = max(0, x - margin), max(0, y - margin)
    return left, top, min(width, x + w + margin) - left, min(height, y + h + margin) - top


def _cut(picture: Picture, window: Box, scale: float) -> Picture:
    x, y, w, h = (round(v * scale) for v in window)
    return np.ascontiguousarray(picture[y : y + max(1, h), x : x + max(1, w)])


def _framed(grey: Picture, region: Box, side: int) -> Picture:
    """The whole image with a frame around what the model saw."""
    scale = side / max(grey.shape[:2])
    size = max(1, round(grey.shape[1] * scale)), max(1, round(grey.shape[0] * scale))
    small = cv2.resize(grey, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    picture = np.ascontiguousarray(small if small.ndim == 3 else np.repeat(small[..., None], 3, axis=2))
    x, y, w, h = (round(v * scale) for v in region)
    for colour, thick in (((0, 0, 0), 7), (_FRAME, 3)):
        cv2.rectangle(picture, (x, y), (x + w - 1, y + h - 1), colour, thick)
    return np.asarray(picture, np.uint8)


def _with_mask(image: Picture, mask: npt.NDArray[np.float32]) -> Picture:
    """The mask in one colour over the image, with its outline so that it also shows in black and white."""
    height, width = image.shape[:2]
    small = on_image(mask, (width, height), (0, 0, width, height))
    picture = np.ascontiguousarray(blend(image, small, (0.0, 1.0), _MASK))
    outlines, _ = cv2.findContours((small >= 0.5).astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
    cv2.drawContours(picture, outlines, -1, (0, 0, 0), 3, cv2.LINE_AA)
    cv2.drawContours(picture, outlines, -1, (255, 255, 255), 1, cv2.LINE_AA)
    return picture


def _scale_bar(picture: Picture, record: ImageRecord, per_pixel: float) -> float | None:
    """Draw a bar of a round length where millimetres hold in the patient; gives its length in millimetres."""
    spacing = record.spacing
    if spacing is None or spacing.calibration not in _TRUE_MM:
        return None
    height, width = picture.shape[:2]
    per_mm = per_pixel / spacing.column_mm
    length = max((mm for mm in _BARS if mm * per_mm <= width / 4), default=None)
    if length is None:
        return None
    y, right = height - round(height * 0.04), width - round(width * 0.04)
    left = right - round(length * per_mm)
    for colour, thick in (((0, 0, 0), 7), ((255, 255, 255), 3)):
        cv2.line(picture, (left, y), (right, y), colour, thick)
        for x in (left, right):
            cv2.line(picture, (x, y - 8), (x, y + 8), colour, thick)
        at = (left, y - 16)
        cv2.putText(picture, f"{length:g} mm", at, cv2.FONT_HERSHEY_SIMPLEX, 0.8, colour, thick, cv2.LINE_AA)
    return length


def _encoded(picture: Picture, lossless: bool) -> bytes:
    buffer = io.BytesIO()
    if lossless:
        Image.fromarray(picture).save(buffer, format="PNG", compress_level=6)
    else:
        Image.fromarray(picture).save(buffer, format="JPEG", quality=90, subsampling=0)
    return buffer.getvalue()
