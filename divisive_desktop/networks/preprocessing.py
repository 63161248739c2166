"""Image record -> network input. One recipe for training and analysis, for 8-bit JPEGs and 16-bit DICOM alike.

It starts from modality values, never from what the screen shows: window, inversion by the user and zoom play no part.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from divisive_desktop.errors import ImageTooSmallError
from divisive_desktop.geometry import Box
from divisive_desktop.imaging.correction import Correction
from divisive_desktop.imaging.record import ImageRecord
from divisive_desktop.library.card import Preprocessing

Float = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]
_ROUNDING = 1e-6
"""Differences this small beside the values are float32's own."""
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601, as JPEG defines grey


@dataclass(frozen=True)
class ModelInput:
    """What the network sees."""

    pixels: Float
    """(3, size, size) float32, scaled as the weights expect; finite."""
    region: Box
    """The part of the image it covers, in image pixels."""
    recipe: dict[str, Any]
    """Every parameter that was used, for the record: JSON types only."""


def prepare(record: ImageRecord, settings: Preprocessing, crop: Box | None = None) -> ModelInput:
    """Bring an image, or a part of it, into the form that a model expects.

    1. modality values (rescale or modality LUT) of the region; MONOCHROME1 is negated so that bone is bright;
    2. grey models: colours become luma (ITU-R BT.601); rgb models: grey is repeated three times;
    3. resized to size x size, area-averaged when shrinking, bilinear when enlarging; padding and values that
       aren't numbers have no weight in the average;
    4. range: `range_of` at the network's resolution, so that the figures hardly depend on that of the file;
       cut to it, mapped to 0..255; padding becomes 0 (black);
    5. (value - mean) / scale.

    Parameters
    ----------
    record : ImageRecord
    settings : Preprocessing
        From the model's card.
    crop : Box, optional
        x, y, width, height in image pixels; cut to the image. None: all of it.

    Raises
    ------
    ImageTooSmallError
        The crop lies outside the image.
    """
    region = _region(record, crop)
    values, valid = _values(record, region, settings.colour)
    small, weight = _resize(values, valid, settings)
    low, high, source = range_of(record, settings, small, weight)
    span = high - low
    if span <= _ROUNDING * max(abs(low), abs(high)):
        span = 0.0  # one grey everywhere: what averaging rounds off must not be stretched to black and white
    unit = (small - np.float32(low)) * np.float32(255.0 / span) if span > 0 else np.zeros_like(small)
    np.clip(unit, 0.0, 255.0, out=unit)
    if weight is not None:
        unit[weight <= 0] = 0.0
    unit = (unit - np.float32(settings.mean)) / np.float32(settings.scale)
    chw = np.ascontiguousarray(np.broadcast_to(unit, (3, *unit.shape)) if unit.ndim == 2 else unit.transpose(2, 0, 1))
    recipe = {
        **asdict(settings),
        "region": list(region),
        "negated": record.inverted,
        "range": [low, high],
        "range_source": source,
    }
    if record.correction:
        recipe["correction"] = str(record.correction)
    return ModelInput(chw, region, recipe)


def correct_input(pixels: Float, correction: Correction, settings: Preprocessing) -> Float:
    """Network input (3, size, size) as it would be of the corrected picture; exact but for padding, which is black."""
    moved = correction.pixels(pixels.transpose(1, 2, 0)).transpose(2, 0, 1)
    if correction.invert:
        moved = np.float32((255.0 - 2.0 * settings.mean) / settings.scale) - moved
    return np.ascontiguousarray(moved, np.float32)


def range_of(
    record: ImageRecord, settings: Preprocessing, values: Float, weight: Float | None
) -> tuple[float, float, str]:
    """Values that map to 0 and 255, and where they come from.

    For rgb models, 8-bit images and 16-bit photographs keep their own scale: brightness means something there.
    Everything else is stretched between the card's percentiles of the values at the network's resolution.
    """
    transform = record.modality
    own_scale = transform.lut is None and transform.slope == 1.0 and transform.intercept == 0.0
    if settings.colour == "rgb" and own_scale:
        top = {np.dtype(np.uint8): 255.0, np.dtype(np.uint16): 65535.0}.get(record.stored.dtype)
        if top == 255.0 or (top and not record.transfer_syntax):  # DICOM greys seldom fill their 16 bits
            bits = "8 bit" if top == 255.0 else "16 bit"
            return (-top, 0.0, bits) if record.inverted else (0.0, top, bits)
    usable = values if weight is None else values[weight > 0]
    if usable.size == 0:
        return 0.0, 0.0, "nothing but padding"
    low, high = settings.low_percentile, settings.high_percentile
    if (low, high) == (0.0, 100.0):
        return float(usable.min()), float(usable.max()), "percentiles"
    bottom, top = np.percentile(usable, (low, high))
    return float(bottom), float(top), "percentiles"


def _region(record: ImageRecord, crop: Box | None) -> Box:
    if crop is None:
        return 0, 0, record.width, record.height
    x, y, width, height = crop
    left, top = max(x, 0), max(y, 0)
    right, bottom = min(x + width, record.width), min(y + height, record.height)
    if right <= left or bottom <= top:
        raise ImageTooSmallError("The chosen part lies outside the image.", "Choose a part inside the image.")
    return left, top, right - left, bottom - top


def _values(record: ImageRecord, region: Box, colour: str) -> tuple[Float, Mask | None]:
    """Modality values of the region, bright = dense, and where they count (None: everywhere)."""
    x, y, width, height = region
    stored = record.stored[y : y + height, x : x + width]
    values = record.modality(stored)
    valid: Mask | None = None
    if not np.isfinite(values.min()) or not np.isfinite(values.max()):  # NaN passes through min and max
        valid = np.isfinite(values)
    if record.padding is not None and not record.is_colour:
        low, high = sorted(record.padding)
        inside: Mask = (stored < low) | (stored > high)
        valid = inside if valid is None else np.logical_and(valid, inside)
    if values.ndim == 3:
        if valid is not None:
            valid = np.all(valid, axis=2)
        if colour == "grey":
            values = values @ _LUMA
    if record.inverted:
        values = -values
    return values, None if valid is None or valid.all() else valid


def _resize(values: Float, valid: Mask | None, settings: Preprocessing) -> tuple[Float, Float | None]:
    if valid is None:
        return _scale(values, settings), None
    counted = valid if values.ndim == 2 else valid[..., None]
    weight = _scale(valid.astype(np.float32), settings)
    total = _scale(np.where(counted, values, np.float32(0)), settings)
    weight[weight < 1e-3] = 0.0  # a trace of a neighbour says nothing about this cell
    divisor: Float = np.where(weight > 0, weight, 1).astype(np.float32)
    mean: Float = total / (divisor if values.ndim == 2 else divisor[..., None])
    return mean, weight


def _scale(values: Float, settings: Preprocessing) -> Float:
    """Resize to the network's square: shrink each axis by area, then enlarge what is still too small."""
    size = settings.size
    height, width = values.shape[:2]
    scaled: Any = values
    if height > size or width > size:
        target = (min(width, size), min(height, size))
        scaled = cv2.resize(scaled, target, interpolation=_SHRINK[settings.resize])
    if scaled.shape[:2] != (size, size):
        scaled = cv2.resize(scaled, (size, size), interpolation=cv2.INTER_LINEAR)
    return np.asarray(scaled, np.float32)


_SHRINK = {"area": cv2.INTER_AREA, "linear": cv2.INTER_LINEAR, "cubic": cv2.INTER_CUBIC}
