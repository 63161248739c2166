"""How long a fine-tuning will take: the frozen part and one training step, timed on one real case."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil
import torch

from divisive_desktop.engine.finetuning import preparation as data
from divisive_desktop.engine.finetuning.messages import Estimate, TrainingCase
from divisive_desktop.networks.network import Network
from divisive_desktop.training.augment import NONE
from divisive_desktop.training.cores import Cores, usable_cores
from divisive_desktop.training.dataset import Example
from divisive_desktop.training.loop import PART, Teacher
from divisive_desktop.training.losses import Objective
from divisive_desktop.training.settings import Settings
from divisive_desktop.training.trunk_features import generator, load, vary

_EXPECTED = {"cpu": (0.06, 0.03), "cuda": (0.02, 0.001), "mps": (0.05, 0.005)}
"""Seconds per image at 448 px before anything is measured: frozen part with reading, and learning."""
_MEASURING_S = 3.0
_NAMES = {"cpu": "the processor", "cuda": "the graphics card", "mps": "the graphics card"}


@dataclass(frozen=True)
class Rates:
    """Seconds per image."""

    frozen: float
    """Reading, varying, and the part that doesn't learn."""
    learning: float
    """One training step's share."""


Stages = dict[str, tuple[float, float]]
_measured: dict[tuple[str, str, str, int], Rates] = {}


def stages_of(settings: Settings, cases: Sequence[TrainingCase], rates: Rates) -> Stages:
    """Stages of a run for ``Clock``: units of work and seconds per unit."""
    roles = data.roles(cases)
    count = {role: sum(r == role for r in roles.values()) for role in ("train", "validation", "holdout")}
    copies = settings.copies if settings.augmentation != NONE else 1
    images = count["train"] * copies + (count["validation"] or count["train"]) if settings.cached else 0
    return {
        "holdout": (2 * count["holdout"], rates.frozen),
        "features": (images, rates.frozen),
        "training": (settings.epochs * count["train"], rates.learning),
        "measuring": (3, _MEASURING_S / 3),
    }


def rates(settings: Settings, weights: str) -> Rates:
    """What was measured on this device for this model, or what is to be expected."""
    found = _measured.get(_key(settings, weights))
    if found is not None:
        return found
    frozen, learning = _EXPECTED.get(settings.device, _EXPECTED["cpu"])
    area = (settings.preprocessing.size / 448) ** 2
    return Rates(frozen * area, (learning if settings.cached else 4 * frozen) * area)


def _key(settings: Settings, weights: str) -> tuple[str, str, str, int]:
    return weights, settings.device, settings.stages, settings.preprocessing.size


def measure(network: Network, settings: Settings, weights: str, cases: Sequence[TrainingCase]) -> Rates:
    """Time one case on every core, once to warm up and once to measure; kept for the next estimate."""
    key = _key(settings, weights)
    if key in _measured or not cases:
        return rates(settings, weights)
    case = cases[0]
    example = Example(
        Path(case.path), case.label, "train", Path(case.mask) if case.mask else None, frame=case.frame, crop=case.crop,
        correction=case.correction,
    )
    device = torch.device(settings.device)
    network.to(device).freeze_up_to(settings.cut)
    cut = settings.cut if settings.cached else None
    parameters = [p for p in network.parameters() if p.requires_grad]
    objective = Objective(settings.method, settings.alpha)
    teacher = Teacher(network, cut, settings.retain) if settings.retain else None
    batch = min(settings.batch, max(1, sum(c.side == "train" for c in cases)))
    part = min(PART, batch) if device.type == "cpu" else batch

    @torch.no_grad()
    def frozen_part(copy: int) -> torch.Tensor:
        rng = generator(settings.augmentation_seed, copy, example)
        image, _ = vary(*load(example, settings.preprocessing), settings.preprocessing, settings.augmentation, rng)
        x = torch.from_numpy(image[None]).permute(0, 3, 1, 2).to(device)
        return network.trunk(x, cut) if cut is not None else x

    def learn(x: torch.Tensor) -> None:
        logits, cams = network.tail(x, cut) if cut is not None else network(x)
        labels = torch.arange(len(x), device=device) % 2
        masks = torch.ones(len(x), *cams.shape[-2:], device=device)
        targets = teacher.targets(x, labels) if teacher is not None else None
        torch.autograd.grad(objective(logits, cams, labels, masks, targets=targets).total, parameters)

    with Cores(usable_cores(device)) as cores:
        parts = min(cores.count, -(-batch // part)) if device.type == "cpu" else 1
        for _ in range(2):
            start = time.perf_counter()
            (x, *_rest) = list(cores.map(frozen_part, range(cores.count)))
            frozen = (time.perf_counter() - start) / cores.count
            several = x.repeat(part, 1, 1, 1).contiguous(memory_format=torch.channels_last)
            start = time.perf_counter()
            list(cores.map(learn, [several] * parts))
            _wait(device)
            learning = (time.perf_counter() - start) / (part * parts)
    _measured[key] = Rates(frozen, learning)
    return _measured[key]


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def estimate(settings: Settings, cases: Sequence[TrainingCase], found: Rates) -> Estimate:
    """The time that a run will take, from measured rates."""
    stages = stages_of(settings, cases, found)
    parts = {name: units * rate for name, (units, rate) in stages.items()}
    parts = {
        "features": parts["holdout"] + parts["features"], "training": parts["training"],
        "measuring": parts["measuring"],
    }  # fmt: skip
    seconds = sum(parts.values())
    if settings.device == "cuda":
        free = torch.cuda.mem_get_info()[0]
    else:
        free = psutil.virtual_memory().available
    text = f"about {_words(seconds)} on {_NAMES.get(settings.device, settings.device)}"
    return Estimate(seconds, parts, settings.device, free / 1e6, text)


def _words(seconds: float) -> str:
    if seconds < 100:
        return f"{max(5, round(seconds / 5) * 5)} seconds"
    minutes = seconds / 60
    return f"{minutes:.0f} minutes" if minutes < 90 else f"{minutes / 60:.1f} hours"
