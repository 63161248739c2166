"""Fine-tuning: one loop for every method, on Lightning Fabric."""

from __future__ import annotations

import contextlib
import copy
import math
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from lightning_fabric import Fabric
from torch import Tensor

from divisive_desktop.errors import CancelledError, TrainingError
from divisive_desktop.networks.network import Network
from divisive_desktop.networks.pretrained import pretrained_network
from divisive_desktop.training.augment import NONE
from divisive_desktop.training.checkpoint import RunState, load_kept, load_state, save_state
from divisive_desktop.training.cores import Cores, usable_cores
from divisive_desktop.training.dataset import Example, take, with_fewer_masks
from divisive_desktop.training.loop import Learner, Loop, Teacher, batches, not_finite, validate
from divisive_desktop.training.losses import REGISTRY, Objective
from divisive_desktop.training.settings import CancelCheck, ProgressCallback, Settings, TrainProgress
from divisive_desktop.training.sources import Images, Source
from divisive_desktop.training.trunk_features import Change, Features, compute_features

EpochCallback = Callable[[int, Network], None]
"""Epochs done, and the network with the weights that would be kept now: to look at, not to change."""

CONSTANT = 0.01
"""Standard deviation of a probability over the validation images under which all answers count as the same."""


@dataclass(frozen=True, eq=False)
class TrainResult:
    """What a run leaves."""

    network: Network
    """With the weights of the epoch that is kept, on the CPU, in eval mode."""
    history: tuple[dict[str, float], ...]
    """One entry per epoch: loss, classification, saliency, val_loss, val_auroc, val_spread, val_energy,
    val_agreement."""
    kept_epoch: int
    settings: Settings
    seconds: float

    @property
    def collapsed(self) -> bool:
        """Whether the kept network gives every validation image the same answer, within :data:`CONSTANT`."""
        return self.history[self.kept_epoch - 1].get("val_spread", 1.0) < CONSTANT


def finetune(
    settings: Settings,
    examples: Sequence[Example],
    folder: Path,
    *,
    parent: Network | None = None,
    features_folder: Path | None = None,
    change: Change | None = None,
    progress: ProgressCallback | None = None,
    cancelled: CancelCheck | None = None,
    on_epoch: EpochCallback | None = None,
) -> TrainResult:
    """Train a network on the examples of the splits ``train`` and ``val``; all others are never opened.

    Parameters
    ----------
    settings : Settings
    examples : sequence of Example
    folder : Path
        Checkpoints. A run that was interrupted there goes on where it stopped: on a CPU to the same weights, bit for
        bit, as without the interruption.
    parent : Network, optional
        Start from these weights instead of ImageNet's; not changed.
    features_folder : Path, optional
        Where cached features are kept and looked for; None: in ``folder``.
    change : callable, optional
        A named function, applied to the values (0..255) of every image after augmentation, validation included.
    progress, cancelled : callable, optional
        Called often with :class:`TrainProgress`; asked often whether to stop. With more than one device both must be
        picklable.
    on_epoch : callable, optional
        Called after each epoch, after its ``progress``, when it is on disk; with one device only.

    Raises
    ------
    CancelledError
        What was done up to the last whole epoch is kept in ``folder``.
    NotFiniteError
        The loss is not a number any more; what was done up to the last whole epoch is kept in ``folder``.
    TrainingError
        The data don't suit: a split or a class is missing.
    OutOfMemoryError
        Not even one image at a time fits.
    """
    start = time.monotonic()
    train = with_fewer_masks(take(examples, "train"), settings.mask_share, settings.seed)
    used = [*train, *take(examples, "val")]
    _check(used, settings)
    network = copy.deepcopy(parent) if parent is not None else pretrained_network(
        settings.backbone, dilate_last=settings.dilate_last, seed=settings.seed
    )
    network.freeze_up_to(settings.cut)
    world = settings.devices * settings.nodes
    strategy = "auto" if world == 1 else "ddp" if "LT_CLI_USED" in os.environ else "ddp_spawn"
    fabric = Fabric(
        accelerator=settings.device if settings.device != "cuda" else "gpu", devices=settings.devices,
        num_nodes=settings.nodes, strategy=strategy, precision=settings.precision,  # type: ignore[arg-type]
    )
    job = _Job(settings, used, folder, features_folder or folder / "features", change, progress, cancelled, on_epoch)
    job.has_parent = parent is not None
    if world == 1:
        _train(fabric, job, network)
    else:
        # The network as an argument of its own: only there does the launcher undo torch's sharing of its memory.
        fabric.launch(_train, job, network)  # type: ignore[arg-type]  # its stub forgets the arguments after the first
    state = load_kept(folder, network)
    return TrainResult(network.cpu().eval(), state.history, state.best_epoch, settings, time.monotonic() - start)


class _Job:
    """What a run needs. No dataclass: Fabric's launcher would walk into its fields, and refuses frozen ones."""

    def __init__(
        self, settings: Settings, examples: Sequence[Example], folder: Path, features: Path, change: Change | None,
        progress: ProgressCallback | None, cancelled: CancelCheck | None, on_epoch: EpochCallback | None,
    ) -> None:
        self.settings, self.examples, self.folder = settings, examples, folder
        self.features, self.change, self.progress = features, change, progress
        self.cancelled, self.on_epoch = cancelled, on_epoch
        self.has_parent = False

    def tell(self, **what: Any) -> None:
        if self.progress is not None:
            self.progress(TrainProgress(**what))

    def check_cancelled(self) -> None:
        if self.cancelled is not None and self.cancelled():
            raise CancelledError()


def _check(examples: Sequence[Example], settings: Settings) -> None:
    for split in ("train", "val"):
        if {e.label for e in examples if e.split == split} != {0, 1}:
            raise TrainingError(f"The split {split} lacks one of the two classes.", "Label images of both classes.")
    method = REGISTRY[settings.method]
    if method.guided and not any(e.weight and e.label in method.marked for e in examples if e.split == "train"):
        raise TrainingError(
            f"The method {settings.method} needs masks, and no training image that it looks at has one.",
            "Draw masks, or choose the method cross_entropy.",
        )


def _train(fabric: Fabric, job: _Job, network: Network) -> None:
    s = job.settings
    if fabric.device.type == "cpu" and fabric.world_size == 1:
        torch.use_deterministic_algorithms(True, warn_only=True)
    cut = s.cut if s.cached else None
    parameters = [p for p in network.parameters() if p.requires_grad]
    optimiser: torch.optim.Optimizer
    if s.optimiser == "adamw":
        optimiser = torch.optim.AdamW(parameters, lr=s.lr, weight_decay=s.weight_decay)
    else:
        optimiser = torch.optim.SGD(parameters, lr=s.lr, momentum=0.9, nesterov=True, weight_decay=s.weight_decay)
    learner, wrapped = fabric.setup(Learner(network, cut), optimiser)
    teacher = Teacher(network, cut, s.retain) if s.retain and job.has_parent else None  # before a state is loaded
    state, ema = load_state(job.folder, network, optimiser, s.to_dict())
    if state.finished:
        return
    with fabric.rank_zero_first(local=True):
        train, val = (_source(fabric, job, network, split) for split in ("train", "val"))
    if s.ema and not ema:
        ema = {n: p.detach().clone() for n, p in network.named_parameters() if p.requires_grad}
    ema = {n: t.to(fabric.device) for n, t in ema.items()}
    objective = Objective(s.method, s.alpha, _class_weights(train.labels) if s.balance else None)
    alone = fabric.device.type == "cpu" and fabric.world_size == 1
    with Cores(usable_cores() if alone else 1) as cores:
        loop = Loop(fabric, job, learner, network, wrapped, parameters, objective, train, ema, cores, teacher)
        _epochs(loop, job, state, val, optimiser)


def _epochs(loop: Loop, job: _Job, state: RunState, val: Source, optimiser: torch.optim.Optimizer) -> None:
    """The epochs that are still to be done; each ends with a state on disk."""
    s, fabric, network = job.settings, loop.fabric, loop.network
    stale = state.epoch - state.best_epoch
    for epoch in range(state.epoch, s.epochs):
        step, means = loop.epoch(epoch, state.step)
        with _averaged(network, loop.ema):
            scores = validate(network, val, s, s.cut if s.cached else None, fabric.device, loop.cores)
            if not math.isfinite(scores["val_loss"]):
                raise not_finite(epoch)
        score = {"last": float(epoch), "auroc": scores["val_auroc"], "loss": -scores["val_loss"],
                 "agreement": scores["val_agreement"]}[s.select]
        better = score > state.best_score
        stale = 0 if better else stale + 1
        done = epoch + 1 == s.epochs or bool(s.patience and stale >= s.patience)
        state = replace(
            state, epoch=epoch + 1, step=step, history=(*state.history, {**means, **scores}), finished=done,
            best_epoch=epoch + 1 if better else state.best_epoch, best_score=score if better else state.best_score,
        )
        if fabric.is_global_zero:
            save_state(job.folder, network, optimiser, loop.ema, state, better)
            loop.tell(epoch, step, means, scores)
        if job.on_epoch is not None and fabric.world_size == 1:
            with _averaged(network, loop.ema):
                job.on_epoch(epoch + 1, network)  # once the epoch is kept: who is shown it can go on from there
        fabric.barrier()
        if done:
            break


def _source(fabric: Fabric, job: _Job, network: Network, split: str) -> Source:
    s = job.settings
    examples = take(job.examples, split)
    if not s.cached:
        return Images(examples, s, network.cam_size(s.preprocessing.size), split == "train", job.change)
    assert s.cut is not None
    share = (0.0, 0.25) if split == "train" else (0.25, 0.3)

    def tell(done: int, total: int) -> None:
        fraction = share[0] + (share[1] - share[0]) * done / total
        job.tell(stage="features", fraction=fraction, text=f"Frozen part, {split}: image {done} of {total}")

    return compute_features(
        network, examples, s.cut, s.preprocessing,
        augmentation=s.augmentation if split == "train" else NONE, copies=s.copies, seed=s.augmentation_seed,
        folder=job.features, change=job.change, device=fabric.device, progress=tell, cancelled=job.cancelled,
    )


def _class_weights(labels: npt.NDArray[np.int64]) -> Tensor:
    counts = np.bincount(labels, minlength=2)
    return torch.tensor(len(labels) / (2 * counts), dtype=torch.float32)


@contextlib.contextmanager
def _averaged(network: Network, ema: dict[str, Tensor]) -> Iterator[None]:
    """With the averaged weights in place of the current ones."""
    if not ema:
        yield
        return
    kept = {n: p.detach().clone() for n, p in network.named_parameters() if n in ema}
    with torch.no_grad():
        for n, p in network.named_parameters():
            if n in ema:
                p.copy_(ema[n])
    try:
        yield
    finally:
        with torch.no_grad():
            for n, p in network.named_parameters():
                if n in ema:
                    p.copy_(kept[n])


__all__ = ["Features", "Images", "Learner", "RunState", "TrainResult", "batches", "finetune", "validate"]
