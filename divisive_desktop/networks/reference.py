"""A known image and the answer stored for it: shows that a model computes on this machine what it did elsewhere."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from divisive_desktop.errors import ModelIntegrityError
from divisive_desktop.imaging.record import ImageRecord
from divisive_desktop.networks.analyse import LoadedModel, analyse

PATTERN = "pattern-1"
TOLERANCE = 1e-3
"""Largest accepted difference of a logit, relative to 1 + its size (float32; ten times that for bf16)."""


def reference_image(colour: str) -> ImageRecord:
    """Image made by integer arithmetic alone, the same on every machine: waves, discs, a bright square.

    Grey models get 600 x 520 16-bit grey, rgb models the same size in 8-bit RGB.
    """
    y, x = np.mgrid[0:600, 0:520].astype(np.int64)
    waves = (x * x // 97 + y * y // 61 + x * y // 143) % 1024
    disc_a = ((x - 170) ** 2 + (y - 280) ** 2 < 110**2) * 700
    disc_b = ((x - 350) ** 2 + (y - 290) ** 2 < 95**2) * 500
    square = ((abs(x - 350) < 24) & (abs(y - 200) < 24)) * 900
    grey = waves + disc_a + disc_b + square
    if colour == "rgb":
        stored = (np.stack([grey, grey[::-1], np.roll(grey, 77, axis=1)], axis=2) * 255 // 3200).astype(np.uint8)
    else:
        stored = grey.astype(np.uint16)
    return ImageRecord(
        path=Path(PATTERN),
        sha256=hashlib.sha256(stored.tobytes()).hexdigest(),
        kind="photograph" if colour == "rgb" else "radiograph",
        stored=stored,
        photometric="RGB" if colour == "rgb" else "MONOCHROME2",
    )


def check_reference(model: LoadedModel) -> float:
    """Recompute the card's reference answer.

    Returns
    -------
    float
        Largest difference of a logit, relative to 1 + its size.

    Raises
    ------
    ModelIntegrityError
        The card has no reference answer, or the model gives another one.
    """
    reference: Mapping[str, Any] = model.card.reference
    if reference.get("image") != PATTERN or len(reference.get("logits", ())) != 2:
        raise ModelIntegrityError(
            f"The card of model {model.card.id} has no answer to compare with.", "Save or import the model again."
        )
    expected = np.asarray(reference["logits"], np.float64)
    actual = np.asarray(analyse(model, reference_image(model.card.preprocessing.colour)).logits)
    difference = float(np.max(np.abs(actual - expected) / (1 + np.abs(expected))))
    if not difference <= TOLERANCE * (10 if model.runtime.precision == "bf16" else 1):
        raise ModelIntegrityError(
            f"The model {model.card.id} answers {actual[0]:.4f}, {actual[1]:.4f} on the reference image instead of "
            f"{expected[0]:.4f}, {expected[1]:.4f}.",
            "Try the device cpu; if it differs there too, reinstall the program.",
        )
    return difference
