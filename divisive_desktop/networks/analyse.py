"""One forward pass on an image: logits and the CAM pair, with where they came from."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors

from divisive_desktop.errors import EngineError, ModelError, ModelIntegrityError, OutOfMemoryError
from divisive_desktop.explanation.analysis import Analysis
from divisive_desktop.explanation.scope import ScopeCheck
from divisive_desktop.geometry import Box
from divisive_desktop.imaging.record import ImageRecord, Spacing
from divisive_desktop.library.card import Card
from divisive_desktop.library.scope import Features, References
from divisive_desktop.library.scope_check import Outside, check, look_outside
from divisive_desktop.library.store import read_references, verified_bytes
from divisive_desktop.networks.network import Network, Taps
from divisive_desktop.networks.preprocessing import ModelInput, prepare
from divisive_desktop.networks.pretrained import load_weights

Precision = Literal["float32", "bf16"]


@dataclass(frozen=True, eq=False)
class LoadedModel:
    """A verified model on its device, ready for inference."""

    card: Card
    network: Network
    device: torch.device
    precision: Precision
    bias: tuple[float, float]
    """The head's biases, so that ``mean(cam) + bias = logit`` can be checked without the network."""
    references: References | None = None
    """What images are compared with to see whether they are in scope."""

    def prepare(self, record: ImageRecord, crop: Box | None = None) -> ModelInput:
        """What this model sees of an image."""
        return prepare(record, self.card.preprocessing, crop)

    def subject(self, record: ImageRecord, crop: Box | None = None, face: float | None = None) -> Subject:
        """An image made ready for `analyse_subjects`; quick enough to do ahead in other threads.

        Parameters
        ----------
        face : float, optional
            Height in image pixels of the face that the crop was made for.

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
            outside = look_outside(self.card.scope, record, seen.region, size, face, blank)
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

    def check(self, outside: Outside | None, features: Features | None = None) -> ScopeCheck:
        """Whether an image is of the kind that this model was made for."""
        return check(self.card.scope, self.references, outside, features)


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


def pick_device(wanted: str = "auto") -> torch.device:
    """Device of this name, or the best there is.

    Parameters
    ----------
    wanted : str
        ``auto`` (cuda, else mps, else cpu), ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.

    Raises
    ------
    EngineError
        This machine doesn't have it.
    """
    if wanted == "auto":
        wanted = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        device = torch.device(wanted)
    except RuntimeError as e:
        raise EngineError(f"There is no kind of device called {wanted!r}.", "Choose auto, cpu, cuda or mps.") from e
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise EngineError(
            "This machine has no NVIDIA graphics card that the program can use.",
            "Choose the device auto or cpu, or install the CUDA build of torch (see the README).",
        )
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise EngineError("Apple's Metal isn't available on this machine.", "Choose the device auto or cpu.")
    if device.type not in ("cpu", "cuda", "mps"):
        raise EngineError(f"The program doesn't run on {wanted!r}.", "Choose auto, cpu, cuda or mps.")
    return device


def load_model(folder: Path, device: str = "auto", precision: Precision = "float32") -> LoadedModel:
    """Verify a model folder and load it for inference.

    The weights are read once: what was hashed is what is loaded. Float16 weights become float32. ``bf16``
    (autocast) is for NVIDIA cards; elsewhere float32 is used, and `LoadedModel.precision` says so.

    Raises
    ------
    ModelIntegrityError
        Weights and card don't belong together, or the weights don't fit the network.
    EngineError
        The device isn't there.
    OutOfMemoryError
        The model doesn't fit into the device's memory.
    """
    where = pick_device(device)
    card, data = verified_bytes(folder)
    references = read_references(card, folder)
    try:
        with torch.device("meta"):
            network = Network(card.backbone, 2, bool(card.network.get("dilate_last", False)))
        load_weights(network, load_tensors(data))
    except (RuntimeError, ValueError, SafetensorError) as e:
        raise ModelIntegrityError(
            f"The weights of model {card.id} don't fit the network its card describes.",
            "Import the model again, or choose another one.",
        ) from e
    pooled, grid = network.tap_sizes
    if references is not None and (references.grid_mean.size != grid or references.pooled_mean.size not in (0, pooled)):
        raise ModelIntegrityError(
            f"The references of scope of model {card.id} were made with another network.",
            "Import the model again, or choose another one.",
        )
    network.requires_grad_(False)
    network.fold()
    with memory_errors(where):
        network.to(where)
    bias = network.head.bias.tolist()
    used: Precision = precision if where.type == "cuda" else "float32"
    return LoadedModel(card, network, where, used, (float(bias[0]), float(bias[1])), references)


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
    logits, cams, features = forward(model, np.stack([subject.seen.pixels for subject in subjects]))
    share_ms = 1e3 * (time.perf_counter() - start) / len(subjects)
    if not (np.isfinite(logits).all() and np.isfinite(cams).all()):
        raise ModelError(
            f"The model {model.card.id} gave a result that is not a number.",
            "Choose another model; if this one was trained here, train it again with a smaller learning rate.",
        )
    return [
        Analysis(
            file=subject.file,
            sha256=subject.sha256,
            frame=subject.frame,
            image_size=subject.image_size,
            region=subject.seen.region,
            model=model.card.ref,
            device=str(model.device),
            precision=model.precision,
            logits=(float(logits[i, 0]), float(logits[i, 1])),
            bias=model.bias,
            cams=cams[i],
            preprocessing=subject.seen.recipe,
            timings_ms={**subject.timings_ms, "forward": share_ms},
            spacing=subject.spacing,
            scope=model.check(subject.outside, features[i] if features else None),
        )
        for i, subject in enumerate(subjects)
    ]


def forward(
    model: LoadedModel, inputs: npt.NDArray[np.float32]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32], list[Features]]:
    """Network input (B, 3, S, S) -> logits (B, 2), raw CAM pairs (B, 2, h, w), float32, and B features.

    The features come from the same pass; the list is empty where the model has nothing to compare them with.
    """
    with memory_errors(model.device), torch.inference_mode(), _arithmetic(model):
        x = torch.from_numpy(inputs).to(model.device).contiguous(memory_format=torch.channels_last)
        if model.references is None:
            logits, cams = model.network(x)
            return logits.cpu().numpy(), cams.contiguous().cpu().numpy(), []
        logits, cams, taps = model.network.forward_with_taps(x)
        return logits.cpu().numpy(), cams.contiguous().cpu().numpy(), features_of(taps)


def features_of(taps: Taps) -> list[Features]:
    """What a forward pass left at the taps, image by image."""
    return [Features(*both) for both in zip(taps.pooled.cpu().numpy(), taps.grid.cpu().numpy(), strict=True)]


@contextmanager
def _arithmetic(model: LoadedModel) -> Iterator[None]:
    """bfloat16 where asked for; else true float32, not the TF32 that NVIDIA cards use by default."""
    if model.precision == "bf16":
        with torch.autocast(model.device.type, torch.bfloat16):
            yield
        return
    exact = torch.backends.cudnn.flags(allow_tf32=False) if model.device.type == "cuda" else nullcontext()
    with exact:
        yield


@contextmanager
def memory_errors(device: torch.device) -> Iterator[None]:
    """Turns torch's out-of-memory errors into one that a user can act on."""
    try:
        yield
    except torch.OutOfMemoryError as e:
        torch.cuda.empty_cache()
        raise OutOfMemoryError(
            "The graphics card has too little free memory.",
            "Close other programs that use it, or choose the processor (cpu) as device.",
        ) from e
    except RuntimeError as e:
        if "can't allocate memory" not in str(e) and "not enough memory" not in str(e):
            raise
        raise OutOfMemoryError(
            "This machine has too little free memory.", "Close other programs, then try again."
        ) from e
