"""Colours for maps: fixed, because here colour is data and not decoration.

Two perceptually uniform maps: *inferno* (CC0, from OpenCV's table) for one class's activation, without its palest end
that would vanish on bright bone; and a diverging blue - grey - orange made here in the OKLab space for the divergence
map (equal lightness on both arms, chroma proportional to the value, and a pair of hues that colour-blind readers tell
apart).
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

TABLE = 256
"""Entries of every table."""

TRUE_COLOUR = (255, 160, 82)
FALSE_COLOUR = (108, 176, 255)
"""sRGB of contours and badges of features that argue for the true and for the false class."""

_FROM, _TO = 0.12, 0.87
_LIGHTNESS = 0.69
_CHROMA = 0.175
_ORANGE, _BLUE = np.deg2rad(58.0), np.deg2rad(252.0)


@lru_cache(maxsize=1)
def sequential() -> npt.NDArray[np.uint8]:
    """Lowest to highest value, (256, 3) sRGB."""
    ramp = cv2.applyColorMap(np.arange(256, dtype=np.uint8)[:, None], cv2.COLORMAP_INFERNO)[:, 0, ::-1]
    # A part of a uniform map is uniform. Linear steps between its entries keep the ramp smooth.
    at = np.linspace(_FROM * 255, _TO * 255, TABLE)
    return np.rint([np.interp(at, np.arange(256), ramp[:, i]) for i in range(3)]).T.astype(np.uint8)


@lru_cache(maxsize=1)
def diverging() -> npt.NDArray[np.uint8]:
    """-max … 0 … +max as blue … grey … orange, (256, 3) sRGB."""
    t = np.linspace(-1, 1, TABLE)
    hue = np.where(t < 0, _BLUE, _ORANGE)
    chroma = np.abs(t) * _CHROMA
    lab = np.stack([np.full(TABLE, _LIGHTNESS), chroma * np.cos(hue), chroma * np.sin(hue)], axis=1)
    return _oklab_to_srgb(lab)


def alpha(low: float, high: float) -> npt.NDArray[np.float64]:
    """Opacity of each entry of a table for raw values ``low`` … ``high``, (256,) in 0..1.

    Nothing where the value is zero (or nearest to it), since no evidence should leave the image alone; full from
    60 % of the largest magnitude on.
    """
    size = np.abs(np.linspace(low, high, TABLE))
    least = 0.0 if low <= 0.0 <= high else size.min()
    share = (size - least) / max(size.max() - least, 1e-12)
    return np.asarray(np.clip((share - 0.03) / 0.57, 0.0, 1.0), np.float64)


def argb_table(colours: npt.NDArray[np.uint8], opacity: npt.NDArray[np.float64]) -> npt.NDArray[np.uint32]:
    """Colours with their opacity as 0xAARRGGBB, not premultiplied, (256,) uint32: a colour table as Qt takes it."""
    a = np.rint(opacity * 255).astype(np.uint32)
    red, green, blue = (colours[:, i].astype(np.uint32) for i in range(3))
    return np.asarray((a << 24) | (red << 16) | (green << 8) | blue, np.uint32)


def _oklab_to_srgb(lab: npt.NDArray[np.float64]) -> npt.NDArray[np.uint8]:
    """B. Ottosson, "A perceptual color space for image processing" (2020); out-of-gamut values are clipped."""
    to_lms = np.array(
        [[1, 0.3963377774, 0.2158037573], [1, -0.1055613458, -0.0638541728], [1, -0.0894841775, -1.2914855480]]
    )
    to_rgb = np.array(
        [
            [4.0767416621, -3.3077115913, 0.2309699292],
            [-1.2684380046, 2.6097574011, -0.3413193965],
            [-0.0041960863, -0.7034186147, 1.7076147010],
        ]
    )
    linear = np.clip((lab @ to_lms.T) ** 3 @ to_rgb.T, 0, 1)
    srgb = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.asarray(np.rint(srgb * 255).astype(np.uint8), np.uint8)
