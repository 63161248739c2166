"""What people and programs do to whole pictures, so that a scope can learn to tell pictures that were so treated.

Each takes a picture, another one of the same form, and chance, and gives the picture treated: strongly enough that a
model's answer may depend on it, as strongly as editors, messengers and noise filters do it.
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
Treatment = Callable[[Picture, Picture, Chance], Picture]


def denoised(picture: Picture, _: Picture, chance: Chance) -> Picture:
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


def blurred(picture: Picture, _: Picture, chance: Chance) -> Picture:
    """By a Gaussian, or by having been smaller."""
    if chance.random() < 0.5:
        return _as_picture(cv2.GaussianBlur(picture, (0, 0), float(chance.uniform(0.7, 2.5))))
    share = float(chance.uniform(0.3, 0.75))
    small = cv2.resize(picture, None, fx=share, fy=share, interpolation=cv2.INTER_AREA)
    how = int(chance.choice([cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_LANCZOS4]))
    return _as_picture(cv2.resize(small, picture.shape[1::-1], interpolation=how))


def recompressed(picture: Picture, _: Picture, chance: Chance) -> Picture:
    """As JPEG or WebP of low quality."""
    suffix, quality, low = [(".jpg", cv2.IMWRITE_JPEG_QUALITY, 15), (".webp", cv2.IMWRITE_WEBP_QUALITY, 15)][
        int(chance.integers(2))
    ]
    data = cv2.imencode(suffix, picture, [quality, int(chance.integers(low, 65))])[1]
    return _as_picture(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE if picture.ndim == 2 else cv2.IMREAD_COLOR))


def sharpened(picture: Picture, _: Picture, chance: Chance) -> Picture:
    """By an unsharp mask."""
    amount = float(chance.uniform(0.8, 2))
    soft = cv2.GaussianBlur(picture, (0, 0), float(chance.uniform(0.8, 2)))
    return _as_picture(cv2.addWeighted(picture, 1 + amount, soft, -amount, 0))


def noisy(picture: Picture, _: Picture, chance: Chance) -> Picture:
    """With Gaussian noise."""
    return _clipped(picture + chance.normal(0, chance.uniform(6, 25), picture.shape))


def toned(picture: Picture, _: Picture, chance: Chance) -> Picture:
    """Much darker, much brighter, or with its contrasts stretched in each place (CLAHE; Zuiderveld, 1994)."""
    how = int(chance.integers(3))
    if how < 2:
        return _clipped(picture * (chance.uniform(0.35, 0.7) if how == 0 else chance.uniform(1.4, 2.0)))
    clahe = cv2.createCLAHE(float(chance.uniform(2, 5)), (8, 8))
    if picture.ndim == 2:
        return _as_picture(clahe.apply(picture))
    lab = cv2.cvtColor(picture, cv2.COLOR_RGB2LAB)
    lab[..., 0] = clahe.apply(lab[..., 0])
    return _as_picture(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB))


def covered(picture: Picture, other: Picture, chance: Chance) -> Picture:
    """A disc or a rectangle of its middle is of one grey, blurred beyond recognition, or from the other picture."""
    rows, columns = picture.shape[:2]
    half = chance.uniform(0.14, 0.3) * min(rows, columns)
    x, y = (int(chance.uniform(0.3, 0.7) * side) for side in (columns, rows))
    where = np.zeros((rows, columns), np.uint8)
    if chance.random() < 0.5:
        cv2.circle(where, (x, y), int(half), 255, -1, cv2.LINE_AA)
    else:
        wide, high = int(half * chance.uniform(0.6, 1.4)), int(half * chance.uniform(0.6, 1.4))
        cv2.rectangle(where, (x - wide, y - high), (x + wide, y + high), 255, -1)
    how, grey = int(chance.integers(3)), np.uint8(chance.integers(256))
    if how == 1:  # with a soft edge, as a person would do it
        where = _as_picture(cv2.GaussianBlur(where, (0, 0), 0.1 * half))
    over = (np.full_like(picture, grey), _smeared(picture, 0.2 * half), other)[how]
    share = where.astype(np.float32) / 255
    share = share[..., None] if picture.ndim == 3 else share
    return _clipped(share * over + (1 - share) * picture)


def ghosted(picture: Picture, other: Picture, chance: Chance) -> Picture:
    """With the other picture over it, or with itself, moved, as in a double exposure."""
    over = other
    if chance.random() < 0.5:
        rows, columns = picture.shape[:2]
        across, down = (chance.choice([-1, 1]) * chance.uniform(0.06, 0.25) * side for side in (columns, rows))
        matrix = np.array([[1, 0, across], [0, 1, down]], np.float32)
        over = _as_picture(cv2.warpAffine(picture, matrix, (columns, rows), borderMode=cv2.BORDER_REFLECT))
    share = float(chance.uniform(0.25, 0.5))
    return _as_picture(cv2.addWeighted(picture, 1 - share, over, share, 0))


def halved(picture: Picture, other: Picture, chance: Chance) -> Picture:
    """One half inverted, upside down, the mirror image of the other, or of the other picture."""
    found, (rows, columns) = picture.copy(), picture.shape[:2]
    upright, first, how = chance.random() < 0.7, chance.random() < 0.5, int(chance.integers(4))
    middle = (columns if upright else rows) // 2
    left, right = (np.s_[:, :middle], np.s_[:, -middle:]) if upright else (np.s_[:middle], np.s_[-middle:])
    here, there = (left, right) if first else (right, left)
    axis = 1 if upright else 0
    halves = 255 - picture[here], np.flip(picture[here], 1 - axis), np.flip(picture[there], axis), other[here]
    found[here] = halves[how]
    return found


TREATMENTS: dict[str, Treatment] = {
    treatment.__name__: treatment
    for treatment in (denoised, blurred, recompressed, sharpened, noisy, toned, covered, ghosted, halved)
}
"""By name. Who looks for manipulated *parts* of a picture learns none that touch a part alone."""


def _smeared(picture: Picture, sigma: float) -> Picture:
    return _as_picture(cv2.GaussianBlur(picture, (0, 0), max(sigma, 1.0)))


def _as_picture(pixels: Any) -> Picture:
    return np.asarray(pixels, np.uint8)


def _clipped(values: npt.NDArray[Any]) -> Picture:
    return np.asarray(np.clip(values, 0, 255), np.uint8)
