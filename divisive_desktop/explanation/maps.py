"""The CAM pair and its divergence as maps over the image: upsampling, ranges, thresholds. Pure numpy and OpenCV.

Everywhere a CAM cell covers an equal part of the region that the model saw, and values between cell centres are
bilinear: the semantics of ``cv2.resize(..., INTER_LINEAR)`` with pixel centres at half-integers.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from divisive_desktop.geometry import Box

Map = npt.NDArray[np.float32]
Range = tuple[float, float]


def upsample(cam: npt.NDArray[Any], size: tuple[int, int]) -> Map:
    """Bilinear surface of a map, sampled at the centres of ``size`` = (width, height) pixels.

    Parameters
    ----------
    cam : array (h, w)
        Raw map, any float type.
    size : (int, int)
        Width and height of the result, at least 1 x 1.

    Returns
    -------
    float32 array (height, width)
        Never outside the range of ``cam``.
    """
    source = np.ascontiguousarray(cam, dtype=np.float32)
    return np.asarray(cv2.resize(source, size, interpolation=cv2.INTER_LINEAR), np.float32)


def on_image(cam: npt.NDArray[Any], image_size: tuple[int, int], region: Box, *, outside: float = 0.0) -> Map:
    """A map over the whole image: upsampled onto ``region`` (x, y, width, height), ``outside`` elsewhere.

    Returns
    -------
    float32 array (image height, image width)
    """
    x, y, w, h = region
    width, height = image_size
    if (x, y, w, h) == (0, 0, width, height):
        return upsample(cam, (width, height))
    result = np.full((height, width), outside, np.float32)
    result[y : y + h, x : x + w] = upsample(cam, (w, h))
    return result


def shared_range(*maps: npt.NDArray[Any]) -> Range:
    """Lowest and highest value over all the maps: one raw scale for a CAM pair, so that magnitudes compare."""
    return float(min(m.min() for m in maps)), float(max(m.max() for m in maps))


def own_range(cam: npt.NDArray[Any]) -> Range:
    """Lowest and highest value of one map."""
    return shared_range(cam)


def symmetric_range(divergence: npt.NDArray[Any]) -> Range:
    """-m..m with m = max |D|, so that zero is the middle of a diverging colour map."""
    m = float(np.abs(divergence).max())
    return -m, m


def normalise(values: npt.NDArray[Any], limits: Range) -> Map:
    """Map ``limits`` to 0..1 and clip, for colour maps. A constant map (empty range) becomes 0.5, never NaN.

    A range below the smallest normal float32 counts as empty: its reciprocal would be infinite.
    """
    low, high = limits
    if not high - low >= float(np.finfo(np.float32).tiny):
        return np.full(values.shape, 0.5, np.float32)
    scaled = (values.astype(np.float32) - np.float32(low)) * np.float32(1.0 / (high - low))
    return np.asarray(np.clip(scaled, 0.0, 1.0), np.float32)


def otsu(values: npt.NDArray[Any]) -> float:
    """Otsu's threshold on floats, exact: no histogram, every split between two distinct values is tried.

    The threshold is the middle between the two values around the split that has the largest between-class
    variance. A constant array gives its own value, so that nothing is strictly above it.

    Parameters
    ----------
    values : array
        Finite values, any shape; sorted inside (n log n).

    References
    ----------
    N. Otsu, IEEE Trans. SMC 9 (1979) 62-66.
    """
    v = np.sort(values.ravel().astype(np.float64))
    n = v.size
    if n < 2 or v[0] == v[-1]:
        return float(v[-1])
    sums = np.cumsum(v)
    below = np.arange(1, n)
    gap = (sums[-1] - sums[:-1]) / (n - below) - sums[:-1] / below
    variance = below * (n - below) * gap * gap
    variance[v[1:] == v[:-1]] = -1.0  # no threshold lies between equal values
    split = int(np.argmax(variance))
    return float(0.5 * (v[split] + v[split + 1]))
