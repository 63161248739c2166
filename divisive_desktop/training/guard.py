"""Guard sets: what a model knew, small enough to travel with it, to see in seconds what fine-tuning made it forget.

A guard set holds features of some images of the model's own validation split, cut in front of the last stages, with
labels, masks on the CAM's grid and groups: no images. As long as only what lies behind the cut learns, old and new
version answer from the same features. They are kept as 8-bit numbers, one scale per channel, so that 48
images need 1.8 MB.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load, save

from divisive_desktop.errors import ModelIntegrityError
from divisive_desktop.foreign.parsing import read_json
from divisive_desktop.library.card import Preprocessing
from divisive_desktop.library.store import GUARD, write_files
from divisive_desktop.networks.network import Network
from divisive_desktop.training.dataset import Example
from divisive_desktop.training.settings import STAGES
from divisive_desktop.training.trunk_features import Features, compute_features, trunk_digest

CUT = str(STAGES["last"])
IMAGES = 48
MOST_BYTES = 2_000_000


@dataclass(frozen=True, eq=False)
class GuardSet:
    """Ready for ``evaluate.predict_cached`` with the cut :data:`CUT`."""

    features: Features
    examples: tuple[Example, ...]
    """Stand-ins for the images: label, group and whether there is a mask."""


def choose(examples: Sequence[Example], images: int = IMAGES) -> tuple[Example, ...]:
    """Images for a guard set: half of each class, one per group where possible, those with masks first.

    By a hash, so that the choice doesn't depend on the order of the files.
    """

    def rank(e: Example) -> tuple[bool, str]:
        return e.weight == 0, hashlib.sha256(f"guard {e.group} {e.file.name}".encode()).hexdigest()

    found: list[Example] = []
    for label in (0, 1):
        ranked = sorted((e for e in examples if e.label == label), key=rank)
        seen: set[str] = set()
        first = [e for e in ranked if e.group not in seen and not seen.add(e.group)]  # type: ignore[func-returns-value]
        more = [e for e in ranked if e not in first]
        found += [*first, *more][: images // 2]
    return tuple(found)


def make_guard(
    network: Network, examples: Sequence[Example], preprocessing: Preprocessing, *, images: int = IMAGES,
    progress: Callable[[int, int], None] | None = None,
) -> bytes:
    """The guard set of a model, as a safetensors file.

    Parameters
    ----------
    network : Network
    examples : sequence of Example
        The model's validation split: images that it didn't learn from.
    images : int
        At most so many; fewer where they would need more than 2 MB.
    """
    chosen = choose(examples, images)
    cached = compute_features(network, chosen, CUT, preprocessing, progress=progress)
    room = MOST_BYTES // (cached.x[0].size + cached.masks[0].size)
    if room < len(chosen):
        return make_guard(network, chosen, preprocessing, images=room // 2 * 2, progress=progress)
    x = cached.x[:, 0].astype(np.float32)
    low, high = x.min((0, 1, 2)), x.max((0, 1, 2))
    step = np.maximum(high - low, 1e-6) / 255
    groups = {g: i for i, g in enumerate(dict.fromkeys(e.group for e in chosen))}
    tensors = {
        "x": np.rint((x - low) / step).astype(np.uint8),
        "low": low.astype(np.float32),
        "step": step.astype(np.float32),
        "masks": np.rint(cached.masks[:, 0].astype(np.float32) * 255).astype(np.uint8),
        "weights": cached.weights,
        "labels": cached.labels.astype(np.uint8),
        "groups": np.array([groups[e.group] for e in chosen], np.int32),
    }
    about = {"trunk": trunk_digest(network, CUT), "cut": CUT, "size": preprocessing.size, "images": len(chosen)}
    return save(tensors, metadata={"divisive-desktop-guard": json.dumps(about, sort_keys=True)})


def add_guard(folder: Path, data: bytes) -> None:
    """Put a guard set beside a model's weights, replacing an older one."""
    write_files(folder, {GUARD: data})


def read_guard(data: bytes, network: Network) -> GuardSet | None:
    """A guard set for this network; None where it was made with another trunk and would mean nothing.

    Raises
    ------
    ModelIntegrityError
        The file is damaged.
    """
    try:
        (length,) = struct.unpack("<Q", data[:8])
        about = read_json(read_json(data[8 : 8 + length])["__metadata__"]["divisive-desktop-guard"])
        t = load(data)
        x = t["x"].astype(np.float32) * t["step"] + t["low"]
        masks = (t["masks"].astype(np.float32) / 255).astype(np.float16)
        labels, weights = t["labels"].astype(np.int64), t["weights"].astype(np.float32)
        groups: npt.NDArray[np.int32] = t["groups"]
        cut, trunk = about["cut"], about["trunk"]
    except (SafetensorError, ValueError, KeyError, TypeError, struct.error) as e:
        raise ModelIntegrityError("The model's guard set is damaged.", "Import the model again.") from e
    if cut != CUT or trunk != trunk_digest(network, CUT):
        return None
    examples = tuple(
        Example(
            Path(f"guard-{i}"), int(labels[i]), "guard", Path("guard") if weights[i] else None, float(weights[i]),
            f"guard-{groups[i]}",
        )
        for i in range(len(labels))
    )  # fmt: skip
    return GuardSet(Features(x[:, None].astype(np.float16), masks[:, None], labels, weights), examples)
