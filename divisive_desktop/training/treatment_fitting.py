"""A probe that tells treated pictures, fitted on training pictures as they are and treated."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch

from divisive_desktop.errors import TrainingError
from divisive_desktop.imaging.opening import open_image
from divisive_desktop.imaging.record import ImageRecord
from divisive_desktop.library.card import Preprocessing
from divisive_desktop.library.probes import TreatmentProbe
from divisive_desktop.library.store import StoredModel
from divisive_desktop.networks.network import Network
from divisive_desktop.networks.preprocessing import prepare
from divisive_desktop.networks.torch_runtime import features_of
from divisive_desktop.training.cores import Cores, usable_cores
from divisive_desktop.training.dataset import Example
from divisive_desktop.training.probe_fitting import put_beside
from divisive_desktop.training.treatments import TREATMENTS

COPIES = 3
"""Of each training picture, each treated in another way."""
STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1)
"""Inverse strengths of the penalty on standardised features: that which tells most validation pictures is taken."""
SHARE = 0.99
"""Share of validation pictures that isn't to be called treated."""
FEWEST = 40

Rows = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Treated:
    """What a network sees of pictures as they are, and treated."""

    plain: Rows
    """(n, p + g)"""
    treated: Rows
    """(m, p + g)"""


def look_at_treated(
    network: Network, examples: Sequence[Example], preprocessing: Preprocessing, treatments: Sequence[str],
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Treated:
    """Features of pictures as they are and after `COPIES` treatments each, drawn by a fixed seed.

    Parameters
    ----------
    network : Network
        Folded, in eval mode, on the CPU.
    """

    @torch.inference_mode()
    def look(record: ImageRecord, example: Example) -> Rows:
        pixels = prepare(record, preprocessing, example.crop).pixels
        x = torch.from_numpy(pixels)[None].contiguous(memory_format=torch.channels_last)
        features = features_of(network.tap(x)[1])[0]
        return np.concatenate([features.pooled, features.grid]).astype(np.float32)

    def one(numbered: tuple[int, Example]) -> tuple[Rows, list[Rows]]:
        number, example = numbered
        record, chance = open_image(example.file, example.frame, example.correction), np.random.default_rng(number)
        chosen = chance.choice(list(treatments), min(COPIES, len(treatments)), replace=False)
        picture, another = as_picture(record.stored), examples[int(chance.integers(len(examples)))]
        other = of_form(as_picture(open_image(another.file, another.frame, another.correction).stored), picture)
        treated = [replace(record, stored=TREATMENTS[str(name)](picture, other, chance)) for name in chosen]
        return look(record, example), [look(other, example) for other in treated]

    plain, treated = [], []
    with Cores(usable_cores("cpu")) as cores:
        for own, others in cores.map(one, list(enumerate(examples))):
            plain.append(own)
            treated += others
            progress(len(plain), len(examples))
    return Treated(np.stack(plain), np.stack(treated))


def as_picture(stored: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Stored pixels as greys of 8 bits; what has 8 bits stays as it is."""
    if stored.dtype == np.uint8:
        return stored
    low, high = (float(v) for v in np.percentile(stored, (0.5, 99.5)))
    scaled = (stored.astype(np.float32) - low) * (255 / max(high - low, 1e-6))
    picture: npt.NDArray[np.uint8] = np.clip(scaled, 0, 255).astype(np.uint8)
    return picture


def of_form(picture: npt.NDArray[np.uint8], form: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """A picture in the size of another, and grey or coloured as that is."""
    if picture.ndim != form.ndim:
        picture = picture[..., 0] if picture.ndim == 3 else np.repeat(picture[..., None], 3, axis=2)
    return np.asarray(cv2.resize(picture, form.shape[1::-1], interpolation=cv2.INTER_AREA), np.uint8)


def fit_treatment(training: Treated, validation: Treated) -> tuple[TreatmentProbe, float, float]:
    """The probe, from where on a picture is called treated, and the share of treated validation pictures that are.

    Raises
    ------
    TrainingError
        Too few pictures, or scikit-learn isn't installed.
    """
    try:
        from sklearn.linear_model import LogisticRegression
    except ImportError as e:  # the packaged program leaves it out
        raise TrainingError(
            "Fitting probes needs scikit-learn, which isn't installed here.",
            'Install it with: pip install "divisive-desktop[studies]".',
        ) from e
    if min(len(training.plain), len(validation.plain)) < FEWEST:
        raise TrainingError(
            f"A probe needs {FEWEST} training and as many validation pictures; there are {len(training.plain)} and "
            f"{len(validation.plain)}.",
            "Add pictures.",
        )
    mean, spread = training.plain.mean(0), training.plain.std(0) + 1e-6
    x = (np.concatenate([training.plain, training.treated]) - mean) / spread
    y = np.repeat([0, 1], [len(training.plain), len(training.treated)])
    found = []
    for strength in STRENGTHS:
        fitted = LogisticRegression(C=strength, max_iter=1000, class_weight="balanced").fit(x, y)
        weights = fitted.coef_[0] / spread
        probe = TreatmentProbe(weights.astype(np.float32), float(np.float32(fitted.intercept_[0] - weights @ mean)))
        plain, treated = (rows @ probe.weights + probe.bias for rows in (validation.plain, validation.treated))
        limit = round(float(np.quantile(plain, SHARE)), 4)
        found.append((probe, limit, float((treated > limit).mean())))
    return max(found, key=lambda one: one[2])


def add_treatment(
    models: Sequence[StoredModel], networks: Sequence[Network], probe: TreatmentProbe, limit: float,
    treatments: Sequence[str],
) -> None:
    """Put the probe beside the references of models that have a scope, and what it was taught on their cards.

    Raises
    ------
    TrainingError
        A model has no scope with references, or another early part than the first one.
    """
    put_beside(
        models, networks,
        lambda references, limits, scope: (
            replace(references, treatment=probe), replace(limits, treated=limit),
            replace(scope, treatments=tuple(treatments)),
        ),
    )  # fmt: skip
