"""Image files as training sees them: exactly the recipe that analysis uses, stopped before its last step."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from divisive_desktop.geometry import Box
from divisive_desktop.imaging.correction import UNCORRECTED, Correction
from divisive_desktop.imaging.opening import open_image
from divisive_desktop.library.card import Preprocessing
from divisive_desktop.networks.preprocessing import prepare

Image = npt.NDArray[np.float32]


def load_values(
    path: Path, preprocessing: Preprocessing, frame: int = 0, crop: Box | None = None,
    correction: Correction = UNCORRECTED,
) -> Image:
    """Values 0..255 at the network's resolution, float32 (size, size) for grey recipes, (size, size, 3) for rgb.

    Raises
    ------
    ImageError
        The file can't be opened.
    """
    pixels = prepare(open_image(path, frame, correction), preprocessing, crop).pixels
    values = pixels * np.float32(preprocessing.scale) + np.float32(preprocessing.mean)
    return np.ascontiguousarray(values[0] if preprocessing.colour == "grey" else values.transpose(1, 2, 0))


def normalise(values: Image, preprocessing: Preprocessing) -> Image:
    """Values 0..255 -> network input, float32 (size, size, 3), channels last."""
    scaled = (values - np.float32(preprocessing.mean)) / np.float32(preprocessing.scale)
    if scaled.ndim == 2:
        scaled = np.repeat(scaled[..., None], 3, axis=2)
    return np.ascontiguousarray(scaled, np.float32)
