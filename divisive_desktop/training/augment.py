"""Augmentation: geometry moves image and mask together, intensity and texture change the image alone.

Texture changes (blur, sharpening, noise, loss of resolution, JPEG) take away what scanners, image processing and
encoders leave behind, so that a network can't tell the classes apart by them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Augmentation:
    """How strongly training images are varied. All ranges are symmetric around 'unchanged'."""

    flip: bool = True
    """Mirror left-right in half of the cases. Off for tasks where the side matters."""
    rotate: float = 7.0
    """Degrees, at most."""
    scale: float = 0.1
    """Zoom, at most; 0.1 is 90 to 110 %."""
    shift: float = 0.05
    """Share of the image's side, at most."""
    gamma: float = 0.25
    """Exponent between exp(-gamma) and exp(gamma)."""
    contrast: float = 0.15
    brightness: float = 0.08
    """Share of the full range 0..255, at most."""
    texture: float = 0.0
    """0..1: probability and strength of blur, sharpening, noise, loss of resolution and JPEG compression."""


NONE = Augmentation(flip=False, rotate=0, scale=0, shift=0, gamma=0, contrast=0, brightness=0)
MILD = Augmentation()
TEXTURE = Augmentation(texture=0.8)


def augment(
    image: Image, mask: Image, settings: Augmentation, rng: np.random.Generator
) -> tuple[Image, Image]:
    """A varied copy of an image and its mask.

    Parameters
    ----------
    image : ndarray
        float32 (h, w) or (h, w, 3), 0..255.
    mask : ndarray
        float32 (h, w), 0..1.
    settings : Augmentation
    rng : numpy.random.Generator
        The only source of chance.

    Returns
    -------
    (ndarray, ndarray)
        Same shapes, dtypes and ranges.
    """
    image, mask = _geometry(image, mask, settings, rng)
    image = _intensity(image, settings, rng)
    if settings.texture > 0:
        image = _texture(image, settings.texture, rng)
    return np.clip(image, 0, 255).astype(np.float32), mask


def _geometry(image: Image, mask: Image, s: Augmentation, rng: np.random.Generator) -> tuple[Image, Image]:
    h, w = mask.shape
    angle, zoom, dx, dy = rng.uniform(-1, 1, 4) * (s.rotate, s.scale, s.shift * w, s.shift * h)
    mirror = s.flip and rng.random() < 0.5
    matrix = cv2.getRotationMatrix2D(((w - 1) / 2, (h - 1) / 2), angle, 1 + zoom)
    matrix[:, 2] += dx, dy
    if mirror:
        matrix[0] = (0, 0, w - 1) - matrix[0]
    if np.allclose(matrix, ((1, 0, 0), (0, 1, 0))):
        return image, mask
    # Reflected borders: a black wedge would be a mark that only augmented images bear.
    moved = cv2.warpAffine(image, matrix, (w, h), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    with_mask = cv2.warpAffine(mask, matrix, (w, h), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    return np.asarray(moved, np.float32), np.asarray(with_mask, np.float32)


def _intensity(image: Image, s: Augmentation, rng: np.random.Generator) -> Image:
    gamma, contrast, brightness = rng.uniform(-1, 1, 3) * (s.gamma, s.contrast, s.brightness)
    if gamma:
        image = (255 * (np.clip(image, 0, 255) / 255) ** np.exp(gamma)).astype(np.float32)
    mean = image.mean()
    return np.asarray((image - mean) * (1 + contrast) + mean + 255 * brightness, np.float32)


def _texture(values: Image, strength: float, rng: np.random.Generator) -> Image:
    image: Any = values
    h, w = image.shape[:2]
    if rng.random() < 0.5 * strength:  # loss of resolution
        factor = rng.uniform(0.4, 1.0)
        small = cv2.resize(image, (max(1, round(w * factor)), max(1, round(h * factor))), interpolation=cv2.INTER_AREA)
        image = cv2.resize(small, (w, h), interpolation=cv2.INTER_LINEAR if rng.random() < 0.5 else cv2.INTER_CUBIC)
    kind = rng.random()
    if kind < 0.45 * strength:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.3, 1.6))
    elif kind < 0.8 * strength:
        image = image + rng.uniform(0.2, 1.5) * (image - cv2.GaussianBlur(image, (0, 0), rng.uniform(0.8, 3.0)))
    if rng.random() < 0.6 * strength:  # noise, fine or coarse
        noise: Any = rng.standard_normal(image.shape, np.float32) * rng.uniform(1, 7)
        if rng.random() < 0.5:
            noise = cv2.GaussianBlur(noise, (0, 0), rng.uniform(0.5, 1.2)) * 2
        image = image + noise
    if rng.random() < 0.7 * strength:
        eight_bit = np.clip(np.rint(image), 0, 255).astype(np.uint8)
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(35, 96))]
        coded = cv2.imencode(".jpg", eight_bit, quality)[1]
        image = np.asarray(cv2.imdecode(coded, cv2.IMREAD_UNCHANGED), np.float32)
    return np.asarray(image, np.float32)


def keep_border(image: Image, share: float = 0.14) -> Image:
    """The border-only control: all but the outer ``share`` of the image replaced by its mean grey.

    A model that still tells the classes apart uses what lies at the edge: markers, collimation, background.
    """
    h, w = image.shape[:2]
    y, x = round(h * share), round(w * share)
    out = image.copy()
    out[y : h - y, x : w - x] = image.mean((0, 1))
    return out


def hide_top(image: Image, share: float = 0.14) -> Image:
    """The ceiling's change: the upper ``share`` of the image, where planted markers are, replaced by its mean grey.

    Trained and tested on such images a network can't learn the marker: what it then reaches is the most that
    guidance could reach by making the marker not matter.
    """
    out = image.copy()
    out[: round(image.shape[0] * share)] = image.mean((0, 1))
    return out
