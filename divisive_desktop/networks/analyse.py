"""One forward pass on an image: logits and the CAM pair, with where they came from."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load as load_arrays

from divisive_desktop.errors import ModelError, ModelIntegrityError
from divisive_desktop.explanation.analysis import Analysis
from divisive_desktop.explanation.decision import Decision
from divisive_desktop.explanation.scope import ScopeCheck
from divisive_desktop.geometry import Box
from divisive_desktop.imaging.faces import Face
from divisive_desktop.imaging.record import ImageRecord, Spacing
from divisive_desktop.library.card import Card
from divisive_desktop.library.scope import Features, References
from divisive_desktop.library.scope_check import Outside, check, look_outside
from divisive_desktop.library.store import read_references, verified_bytes
from divisive_desktop.networks.devices import chosen_device
from divisive_desktop.networks.faults import faults_of
from divisive_desktop.networks.margins import flat_margins
from divisive_desktop.networks.preprocessing import ModelInput, prepare
from divisive_desktop.networks.runtime import Precision, Runtime
from divisive_desktop.version import must_teach


@dataclass(frozen=True, eq=False)
class LoadedModel:
    """A verified model on its device, ready for inference."""

    card: Card
    runtime: Runtime
    """Its network, ready on its device."""
    references: References | None = None
    """What images are compared with to see whether they are in scope."""

    def prepare(self, record: ImageRecord, crop: Box | None = None) -> ModelInput:
        """What this model sees of an image."""
        return prepare(record, self.card.preprocessing, crop)

    def subject(
        self, record: ImageRecord, crop: Box | None = None, face: Face | None = None, *, eye_inverted: bool = False
    ) -> Subject:
        """An image made ready for `analyse_subjects`; quick enough to do ahead in other threads.

        Parameters
        ----------
        face : Face, optional
            The one that the crop was made for.
        eye_inverted : bool
            The picture looks like the negative of an eye.

        Raises
        ------
        ImageTooSmallError
            The crop lies outside the image.
        """
        start = time.perf_counter()
        seen = self.prepare(record, crop)
        outside = None
        if self.card.scope is not None:
            blank = bool(seen.pixels.min() == seen.pixels.max())
            size = self.card.preprocessing.size
            margins = flat_margins(seen.pixels, self.card.preprocessing)
            outside = look_outside(self.card.scope, record, seen.region, size, face, blank, margins, eye_inverted)
        return Subject(
            file=str(record.path),
            sha256=record.sha256,
            frame=record.frame,
            image_size=(record.width, record.height),
            spacing=record.spacing,
            seen=seen,
            timings_ms={"preprocess": 1e3 * (time.perf_counter() - start)},
            outside=outside,
        )

    def check(
        self, outside: Outside | None, features: Features | None = None, pixels: npt.NDArray[np.float32] | None = None
    ) -> ScopeCheck:
        """Whether an image is of the kind that this model was made for.

        Parameters
        ----------
        outside : Outside, optional
            What header and size say.
        features : Features, optional
            Of the forward pass on the network's input ``pixels``, float32 (3, size, size).
        """
        scope, references, faults = self.card.scope, self.references, tuple[str, ...]()
        refused = outside is not None and bool(outside.out)
        note = scope.references if scope is not None and not refused else None
        if note is not None and references is not None and features is not None and pixels is not None:
            faults = faults_of(pixels, features, references, note.limits, self.card.preprocessing, self.look)
        return check(scope, references, outside, features, faults)

    def look(self, pixels: npt.NDArray[np.float32]) -> Features:
        """Features of one input, float32 (3, size, size), without the rest of an analysis."""
        return self.runtime.look(pixels[None])[0]

    def decide(self, margin: float, scope: ScopeCheck) -> Decision:
        """What the card's error rates say of an image with this logit difference."""
        rules = self.card.decision
        return Decision("unmeasured") if rules is None else rules.decide(margin, scope)


@dataclass(frozen=True, eq=False)
class Subject:
    """What goes into the network, and where it came from, without the image's own pixels: a batch of films is small."""

    file: str
    sha256: str
    frame: int
    image_size: tuple[int, int]
    spacing: Spacing | None
    seen: ModelInput
    timings_ms: Mapping[str, float]
    outside: Outside | None = None
    """What header and size say of the model's scope; None where its card states none."""


def load_model(folder: Path, device: str = "auto", precision: Precision = "float32") -> LoadedModel:
    """Verify a model folder and load it for inference.

    The weights are read once: what was hashed is what is loaded. Float16 weights become float32. onnxruntime answers
    where it knows the device, torch elsewhere and where bfloat16 (``bf16``, NVIDIA cards only) is asked for;
    `LoadedModel.runtime` says what it came to.

    Raises
    ------
    ModelIntegrityError
        Weights and card don't belong together, or the weights don't fit the network.
    EngineError
        The device isn't there.
    OutOfMemoryError
        The model doesn't fit into the device's memory.
    """
    where = chosen_device(device)
    card, data = verified_bytes(folder)
    references = read_references(card, folder)
    dilate = bool(card.network.get("dilate_last", False))
    try:
        arrays = load_arrays(data)
        runtime: Runtime
        if where.by_graph and (precision == "float32" or where.name == "cpu"):
            from divisive_desktop.networks.graph import GraphRuntime

            runtime = GraphRuntime(card.backbone, dilate, arrays, where.name)
        else:
            must_teach(f"The network of model {card.id}")
            from divisive_desktop.networks.torch_loading import torch_runtime

            runtime = torch_runtime(card.backbone, dilate, arrays, where.name, precision)
    except (RuntimeError, ValueError, SafetensorError) as e:
        raise ModelIntegrityError(
            f"The weights of model {card.id} don't fit the network its card describes.",
            "Import the model again, or choose another one.",
        ) from e
    pooled, grid = runtime.tap_sizes
    if references is not None and (
        references.grid_mean.size != grid or references.pooled_mean.size not in (0, pooled)
        or (references.treatment is not None and references.treatment.weights.size != pooled + grid)
    ):  # fmt: skip
        raise ModelIntegrityError(
            f"The references of scope of model {card.id} were made with another network.",
            "Import the model again, or choose another one.",
        )
    return LoadedModel(card, runtime, references)


def analyse(model: LoadedModel, record: ImageRecord, crop: Box | None = None) -> Analysis:
    """Logits and raw CAM pair of an image (or a part of it), in one forward pass without any backward pass.

    Raises
    ------
    ImageTooSmallError
        The crop lies outside the image.
    OutOfMemoryError, ModelError
        The device is full; the network gave something that isn't a number.
    """
    return analyse_batch(model, [record], [crop])[0]


def analyse_batch(
    model: LoadedModel, records: Sequence[ImageRecord], crops: Sequence[Box | None] | None = None
) -> list[Analysis]:
    """As `analyse`, for several images in one pass. ``forward`` in the timings is each image's share of it."""
    chosen = crops if crops is not None else [None] * len(records)
    return analyse_subjects(model, [model.subject(r, c) for r, c in zip(records, chosen, strict=True)])


def analyse_subjects(model: LoadedModel, subjects: Sequence[Subject]) -> list[Analysis]:
    """As `analyse`, for images that were made ready by ``model.subject``.

    Raises
    ------
    OutOfMemoryError, ModelError
        The device is full; the network gave something that isn't a number.
    """
    if not subjects:
        return []
    start = time.perf_counter()
    found = model.runtime.answer(
        np.stack([subject.seen.pixels for subject in subjects]), with_features=model.references is not None
    )
    logits, cams, features = found.logits, found.cams, found.features
    share_ms = 1e3 * (time.perf_counter() - start) / len(subjects)
    if not (np.isfinite(logits).all() and np.isfinite(cams).all()):
        raise ModelError(
            f"The model {model.card.id} gave a result that is not a number.",
            "Choose another model; if this one was trained here, train it again with a smaller learning rate.",
        )
    checks = [
        model.check(subject.outside, features[i] if features else None, subject.seen.pixels)
        for i, subject in enumerate(subjects)
    ]
    return [
        Analysis(
            file=subject.file,
            sha256=subject.sha256,
            frame=subject.frame,
            image_size=subject.image_size,
            region=subject.seen.region,
            model=model.card.ref,
            device=model.runtime.device,
            precision=model.runtime.precision,
            logits=(float(logits[i, 0]), float(logits[i, 1])),
            bias=model.runtime.bias,
            cams=cams[i],
            preprocessing={**subject.seen.recipe, "runtime": model.runtime.name},
            timings_ms={**subject.timings_ms, "forward": share_ms},
            spacing=subject.spacing,
            scope=checks[i],
            decision=model.decide(float(logits[i, 1]) - float(logits[i, 0]), checks[i]),
        )
        for i, subject in enumerate(subjects)
    ]
