"""Fine-tuning: one loop for every method, on Lightning Fabric."""

from __future__ import annotations

import contextlib
import copy
import math
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from divisive_desktop.errors import CancelledError, NotFiniteError, OutOfMemoryError, TrainingError
from divisive_desktop.networks.network import Network
from divisive_desktop.networks.pretrained import pretrained_network
from divisive_desktop.training.augment import NONE
from divisive_desktop.training.checkpoint import RunState, load_kept, load_state, save_state
from divisive_desktop.training.dataset import Example, take
from divisive_desktop.training.features import Change, Features, compute_features, generator, shrink_mask, varied
from divisive_desktop.training.losses import REGISTRY, Objective
from divisive_desktop.training.scores import auroc, energy_inside
from divisive_desktop.training.settings import CancelCheck, ProgressCallback, Settings, TrainProgress, learning_rate

Index = npt.NDArray[np.int64]
EpochCallback = Callable[[int, Network], None]
"""Epochs done, and the network with the weights that would be kept now: to look at, not to change."""


@dataclass(frozen=True, eq=False)
class TrainResult:
    """What a run leaves."""

    network: Network
    """With the weights of the epoch that is kept, on the CPU, in eval mode."""
    history: tuple[dict[str, float], ...]
    """One entry per epoch: loss, classification, saliency, val_loss, val_auroc, val_energy, val_agreement."""
    kept_epoch: int
    settings: Settings
    seconds: float


class Source(Protocol):
    """Where batches come from."""

    @property
    def labels(self) -> npt.NDArray[np.int64]: ...
    @property
    def weights(self) -> npt.NDArray[np.float32]: ...
    def __len__(self) -> int: ...
    def inputs(self, index: Index, copies: Index) -> tuple[Tensor, Tensor]: ...


class Images:
    """Batches augmented on the fly, for runs in which nothing is frozen. Threads read, decode and vary images."""

    def __init__(
        self, examples: Sequence[Example], settings: Settings, grid: int, train: bool, change: Change | None = None
    ) -> None:
        self.examples, self.settings, self.grid, self.change = examples, settings, grid, change
        self.augmentation = settings.augmentation if train else NONE
        self.labels = np.array([e.label for e in examples], np.int64)
        self.weights = np.array([e.weight for e in examples], np.float32)

    def __len__(self) -> int:
        return len(self.examples)

    def inputs(self, index: Index, copies: Index) -> tuple[Tensor, Tensor]:
        """float32 (b, 3, S, S) in channels_last memory, and masks float32 (b, g, g)."""

        def one(i: int, c: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float16]]:
            rng = generator(self.settings.augmentation_seed, int(c), self.examples[i])
            image, mask = varied(self.examples[i], self.settings.preprocessing, self.augmentation, rng, self.change)
            return image, shrink_mask(mask, self.grid)

        with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
            images, masks = zip(*pool.map(one, index, copies), strict=True)
        return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2), torch.from_numpy(np.stack(masks)).float()


class Learner(nn.Module):
    """The part of the network that learns, as one module, so that DDP can wrap it."""

    def __init__(self, network: Network, cut: str | None) -> None:
        super().__init__()
        self.network, self.cut = network, cut

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Trunk features (or images where nothing is cached) -> logits (b, 2) and raw CAMs (b, 2, h, w)."""
        if self.cut is None:
            both: tuple[Tensor, Tensor] = self.network(x)
            return both
        return self.network.tail(x, self.cut)


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
        Called after each epoch, before its ``progress``; with one device only.

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
    used = [*take(examples, "train"), *take(examples, "val")]
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
    if REGISTRY[settings.method].guided and not any(e.weight for e in examples if e.split == "train"):
        raise TrainingError(
            f"The method {settings.method} needs masks, and no training image has one.",
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
    state, ema = load_state(job.folder, network, optimiser, s.to_dict())
    if state.finished:
        return
    with fabric.rank_zero_first(local=True):
        train, val = (_source(fabric, job, network, split) for split in ("train", "val"))
    if s.ema and not ema:
        ema = {n: p.detach().clone() for n, p in network.named_parameters() if p.requires_grad}
    ema = {n: t.to(fabric.device) for n, t in ema.items()}
    objective = Objective(s.method, s.alpha, _class_weights(train.labels) if s.balance else None)
    loop = _Loop(fabric, job, learner, network, wrapped, parameters, objective, train, ema)
    stale = state.epoch - state.best_epoch
    for epoch in range(state.epoch, s.epochs):
        step, means = loop.epoch(epoch, state.step)
        with _averaged(network, ema):
            scores = validate(network, val, s, cut, fabric.device)
            if not math.isfinite(scores["val_loss"]):
                raise _not_finite(epoch)
            if job.on_epoch is not None and fabric.world_size == 1:
                job.on_epoch(epoch + 1, network)
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
            save_state(job.folder, network, optimiser, ema, state, better)
            loop.tell(epoch, step, means, scores)
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


def _not_finite(epoch: int) -> NotFiniteError:
    return NotFiniteError(
        f"The loss is not a number any more in epoch {epoch + 1}: training was stopped.",
        "Use the last good epoch, or train again with a smaller learning rate.",
    )


def _class_weights(labels: npt.NDArray[np.int64]) -> Tensor:
    counts = np.bincount(labels, minlength=2)
    return torch.tensor(len(labels) / (2 * counts), dtype=torch.float32)


def batches(count: int, batch: int, seed: int, epoch: int, processes: int = 1) -> list[Index]:
    """The batches of an epoch, whole ones only, the same whatever the method and the number of processes."""
    order = np.random.default_rng((seed, epoch)).permutation(count)
    batch = min(batch, count // processes * processes)
    return [order[i : i + batch] for i in range(0, count - batch + 1, batch)]


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


@torch.no_grad()
def validate(
    network: Network, source: Source, settings: Settings, cut: str | None, device: torch.device
) -> dict[str, float]:
    """Cross-entropy, AUROC, and how much of the energy of D lies inside the masks, on unaugmented images."""
    learner = Learner(network, cut).eval()
    logits, energy = [], []
    for i in range(0, len(source), settings.batch):
        index = np.arange(i, min(i + settings.batch, len(source)))
        x, masks = source.inputs(index, np.zeros_like(index))
        out, cams = learner(x.to(device))
        logits.append(out.float().cpu())
        t = source.labels[index]
        pair = cams.float().cpu().numpy()
        d = pair[np.arange(len(t)), t] - pair[np.arange(len(t)), 1 - t]
        energy += [energy_inside(a, m) for a, m, w in zip(d, masks.numpy(), source.weights[index], strict=True) if w]
    every = torch.cat(logits)
    loss = float(nn.functional.cross_entropy(every, torch.from_numpy(source.labels)))
    area = auroc(source.labels, (every[:, 1] - every[:, 0]).numpy())
    inside = float(np.mean(energy)) if energy else 0.0
    return {"val_loss": loss, "val_auroc": area, "val_energy": inside, "val_agreement": area * inside}


class _Loop:
    """Steps of one process."""

    def __init__(
        self, fabric: Fabric, job: _Job, learner: Any, network: Network, optimiser: Any,
        parameters: list[nn.Parameter], objective: Objective, train: Source, ema: dict[str, Tensor],
    ) -> None:
        self.fabric, self.job, self.learner, self.network = fabric, job, learner, network
        self.optimiser, self.parameters, self.objective = optimiser, parameters, objective
        self.train, self.ema = train, ema
        self.micro = job.settings.batch // fabric.world_size
        self.per_epoch = len(batches(len(train), job.settings.batch, 0, 0, fabric.world_size))
        self.began = time.monotonic()
        self.first_step: int | None = None
        self.told = 0.0

    def epoch(self, epoch: int, step: int) -> tuple[int, dict[str, float]]:
        """One pass over the training data: the step count after it, and the mean of the losses."""
        s, world = self.job.settings, self.fabric.world_size
        self.network.train()
        kinds = s.copies if s.cached else 2**31
        choice = np.random.default_rng((s.seed, epoch, 1)).integers(kinds, size=len(self.train))
        plan = [b[self.fabric.global_rank :: world] for b in batches(len(self.train), s.batch, s.seed, epoch, world)]
        if s.augmentation == NONE:
            choice[:] = 0
        sums = np.zeros(3)
        with ThreadPoolExecutor(1, thread_name_prefix="ThreadPoolExecutor-torch") as pool:
            ahead: Future[tuple[Tensor, Tensor]] = pool.submit(self.train.inputs, plan[0], choice[plan[0]])
            for number, index in enumerate(plan):
                self.job.check_cancelled()
                x, masks = ahead.result()
                if number + 1 < len(plan):
                    after = plan[number + 1]
                    ahead = pool.submit(self.train.inputs, after, choice[after])
                rate = learning_rate(step, self.per_epoch * s.epochs, s)
                for group in self.optimiser.param_groups:
                    group["lr"] = rate
                ramps = tuple(min(1.0, (step + 1) / max(1.0, epochs * self.per_epoch))
                              for epochs in (s.saliency_warmup, s.classification_warmup))
                parts = self._step(x, masks, index, ramps)
                if not np.isfinite(parts).all():
                    raise _not_finite(epoch)
                sums += parts
                step += 1
                if time.monotonic() - self.told > 0.25 and self.fabric.is_global_zero:
                    self.tell(epoch, step, dict(zip(("loss", "classification", "saliency"), parts, strict=True)), {})
        means = sums / len(plan)
        return step, {"loss": float(means[0]), "classification": float(means[1]), "saliency": float(means[2])}

    def _step(self, x: Tensor, masks: Tensor, index: Index, ramps: tuple[float, ...]) -> npt.NDArray[np.float64]:
        while True:
            try:
                return self._accumulate(x, masks, index, ramps)
            except RuntimeError as e:
                if "non-finite" in str(e):  # torch's words when gradients can't be clipped
                    return np.full(3, np.nan)
                short = isinstance(e, torch.OutOfMemoryError) or "can't allocate memory" in str(e)
                if not short or self.fabric.world_size > 1:
                    raise
                if self.micro == 1:
                    raise OutOfMemoryError(
                        "There isn't enough memory to train with even one image at a time.",
                        "Close other programs, train fewer stages, or use a smaller input size.",
                    ) from e
                self.micro = max(1, self.micro // 2)
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
            text = f"Not enough memory: going on with {self.micro} images at a time (same result, slower)."
            self.job.tell(stage="notice", fraction=0.0, text=text)

    def _accumulate(self, x: Tensor, masks: Tensor, index: Index, ramps: tuple[float, ...]) -> npt.NDArray[np.float64]:
        labels = torch.from_numpy(self.train.labels[index])
        weights = torch.from_numpy(self.train.weights[index])
        self.optimiser.zero_grad()
        sums = np.zeros(3)
        for i in range(0, len(index), self.micro):
            part = slice(i, i + self.micro)
            x_i, m_i, l_i, w_i = (self.fabric.to_device(t[part]) for t in (x, masks, labels, weights))
            logits, cams = self.learner(x_i)
            losses = self.objective(logits, cams, l_i, m_i, w_i, *ramps)
            share = len(l_i) / len(index)
            self.fabric.backward(losses.total * share)
            parts = (losses.total.detach(), losses.classification, losses.saliency)
            sums += share * np.array([float(v) for v in parts])
        torch.nn.utils.clip_grad_norm_(self.parameters, self.job.settings.clip, error_if_nonfinite=True)
        self.optimiser.step()
        if self.ema:
            with torch.no_grad():
                for n, p in self.network.named_parameters():
                    if n in self.ema:
                        self.ema[n].lerp_(p, 1 - self.job.settings.ema)
        return sums

    def tell(self, epoch: int, step: int, parts: dict[str, float], scores: dict[str, float]) -> None:
        """Report progress, with the time left judged from the steps of this process."""
        self.told = time.monotonic()
        total = self.per_epoch * self.job.settings.epochs
        if self.first_step is None:
            self.first_step, self.began = step, self.told
        done = step - self.first_step
        remaining = (self.told - self.began) / done * (total - step) if done else None
        base = 0.3 if self.job.settings.cached else 0.0
        text = f"Epoch {epoch + 1} of {self.job.settings.epochs}"
        if scores:
            text += f": validation AUROC {scores['val_auroc']:.3f}"
        self.job.tell(
            stage="training", fraction=base + (1 - base) * step / total, text=text, epoch=epoch + 1, step=step,
            loss=float(parts["loss"]), classification=float(parts["classification"]),
            saliency=float(parts["saliency"]), validation=scores, remaining_s=remaining,
        )


__all__ = ["Features", "Images", "Learner", "RunState", "TrainResult", "batches", "finetune", "validate"]
