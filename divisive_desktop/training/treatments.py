"""What people and programs do to whole pictures, so that a scope can learn to tell pictures that were so treated.

Each takes a picture and chance, and gives the picture treated: strongly enough that a model's answer may depend on it,
as strongly as editors, messengers and noise filters do it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Picture = npt.NDArray[np.uint8]
"""(rows, columns) or (rows, columns, 3)."""
Chance = np.random.Generator
Treatment = Callable[[Picture, Chance], Picture]


def denoised(picture: Picture, chance: Chance) -> Picture:
    """By non-local means (Buades et al., 2005), bilateral filter, or median."""
    how = chance.integers(3)
    if how == 0:
        strength = float(chance.uniform(2.5, 8))
        if picture.ndim == 2:
            return _as_picture(cv2.fastNlMeansDenoising(picture, None, strength, 5, 15))
        return _as_picture(cv2.fastNlMeansDenoisingColored(picture, None, strength, strength, 5, 15))
    if how == 1:
        diameter, colour, space = int(chance.choice([5, 7, 9])), float(chance.uniform(20, 80)), chance.uniform(3, 9)
        return _as_picture(cv2.bilateralFilter(picture, diameter, colour, float(space)))
    return _as_picture(cv2.medianBlur(picture, int(chance.choice([3, 5]))))


def blurred(picture: Picture, chance: Chance) -> Picture:
    """By a Gaussian, or by having been smaller."""
    if chance.random() < 0.5:
        return _as_picture(cv2.GaussianBlur(picture, (0, 0), float(chance.uniform(0.7, 2.5))))
    share = float(chance.uniform(0.3, 0.75))
    small = cv2.resize(picture, None, fx=share, fy=share, interpolation=cv2.INTER_AREA)
    how = int(chance.choice([cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_LANCZOS4]))
    return _as_picture(cv2.resize(small, picture.shape[1::-1], interpolation=how))


def recompressed(picture: Picture, chance: Chance) -> Picture:
    """As JPEG or WebP of low quality."""
    suffix, quality, low = [(".jpg", cv2.IMWRITE_JPEG_QUALITY, 15), (".webp", cv2.IMWRITE_WEBP_QUALITY, 15)][
        int(chance.integers(2))
    ]
    data = cv2.imencode(suffix, picture, [quality, int(chance.integers(low, 65))])[1]
    return _as_picture(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE if picture.ndim == 2 else cv2.IMREAD_COLOR))


def sharpened(picture: Picture, chance: Chance) -> Picture:
    """By an unsharp mask."""
    amount = float(chance.uniform(0.8, 2))
    soft = cv2.GaussianBlur(picture, (0, 0), float(chance.uniform(0.8, 2)))
    return _as_picture(cv2.addWeighted(picture, 1 + amount, soft, -amount, 0))


def noisy(picture: Picture, chance: Chance) -> Picture:
    """With Gaussian noise."""
    return _clipped(picture + chance.normal(0, chance.uniform(6, 25), picture.shape))


def covered(picture: Picture, chance: Chance) -> Picture:
    """With a disc or a rectangle of one grey over a tenth to a third of its middle."""
    found, (rows, columns) = picture.copy(), picture.shape[:2]
    half = chance.uniform(0.14, 0.3) * min(rows, columns)
    x, y = (int(chance.uniform(0.3, 0.7) * side) for side in (columns, rows))
    colour = [float(chance.uniform(0, 255))] * 3
    if chance.random() < 0.5:
        cv2.circle(found, (x, y), int(half), colour, -1, cv2.LINE_AA)
    else:
        wide, high = int(half * chance.uniform(0.6, 1.4)), int(half * chance.uniform(0.6, 1.4))
        cv2.rectangle(found, (x - wide, y - high), (x + wide, y + high), colour, -1)
    return found


def ghosted(picture: Picture, chance: Chance) -> Picture:
    """With itself over it, moved, as in a double exposure."""
    rows, columns = picture.shape[:2]
    across, down = (chance.choice([-1, 1]) * chance.uniform(0.06, 0.25) * side for side in (columns, rows))
    moved = cv2.warpAffine(
        picture, np.array([[1, 0, across], [0, 1, down]], np.float32), (columns, rows), borderMode=cv2.BORDER_REFLECT
    )
    share = float(chance.uniform(0.3, 0.5))
    return _as_picture(cv2.addWeighted(picture, 1 - share, moved, share, 0))


def halved(picture: Picture, chance: Chance) -> Picture:
    """One half inverted, upside down, or the mirror image of the other."""
    found, (rows, columns) = picture.copy(), picture.shape[:2]
    upright, first, how = chance.random() < 0.7, chance.random() < 0.5, int(chance.integers(3))
    middle = (columns if upright else rows) // 2
    one, other = (np.s_[:, :middle], np.s_[:, -middle:]) if upright else (np.s_[:middle], np.s_[-middle:])
    here, there = (one, other) if first else (other, one)
    axis = 1 if upright else 0
    found[here] = [255 - picture[here], np.flip(picture[here], 1 - axis), np.flip(picture[there], axis)][how]
    return found


TREATMENTS: dict[str, Treatment] = {
    treatment.__name__: treatment
    for treatment in (denoised, blurred, recompressed, sharpened, noisy, covered, ghosted, halved)
}
"""By name. Who looks for manipulated *parts* of a picture learns none that touch a part alone."""


def _as_picture(pixels: Any) -> Picture:
    return np.asarray(pixels, np.uint8)


def _clipped(values: npt.NDArray[Any]) -> Picture:
    return np.asarray(np.clip(values, 0, 255), np.uint8)
