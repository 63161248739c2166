"""The steps of a run: batches, gradients (of parts of a batch, one for each core), validation after each epoch."""

from __future__ import annotations

import copy
import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from divisive_desktop.errors import NotFiniteError, OutOfMemoryError
from divisive_desktop.networks.network import Network
from divisive_desktop.training.augment import NONE
from divisive_desktop.training.cores import Cores
from divisive_desktop.training.losses import LossParts, Objective
from divisive_desktop.training.scores import auroc, energy_inside
from divisive_desktop.training.settings import Settings, learning_rate
from divisive_desktop.training.sources import Index, Source


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


def batches(count: int, batch: int, seed: int, epoch: int, processes: int = 1) -> list[Index]:
    """The batches of an epoch, whole ones only, the same whatever the method and the number of processes."""
    order = np.random.default_rng((seed, epoch)).permutation(count)
    batch = min(batch, count // processes * processes)
    return [order[i : i + batch] for i in range(0, count - batch + 1, batch)]


class Teacher:
    """The model that a run starts from: part of its answers is learned along with the labels.

    Parameters
    ----------
    network : Network
        As the run begins; copied.
    cut : str, optional
        As the `Learner` has it.
    retain : float
        0..1, see :class:`Settings`.
    """

    def __init__(self, network: Network, cut: str | None, retain: float) -> None:
        self._learner = Learner(copy.deepcopy(network).fold(), cut).eval()
        self._retain = retain

    @torch.no_grad()
    def targets(self, x: Tensor, labels: Tensor) -> Tensor:
        """Probabilities (n, 2) to be learned in place of labels (n,)."""
        own = torch.softmax(self._learner(x)[0], 1)
        return torch.lerp(nn.functional.one_hot(labels, 2).to(own), own, self._retain)


class Job(Protocol):
    """What the loop needs to know of the run."""

    settings: Settings

    def tell(self, **what: Any) -> None: ...
    def check_cancelled(self) -> None: ...


PART = 4
"""Images of a batch whose gradients one core computes at a time. The same whatever the number of cores, so that their
number doesn't change the sums; smaller parts would cost a tenth more."""


class Loop:
    """Steps of one process."""

    def __init__(
        self, fabric: Fabric, job: Job, learner: Any, network: Network, optimiser: Any,
        parameters: list[nn.Parameter], objective: Objective, train: Source, ema: dict[str, Tensor],
        cores: Cores, teacher: Teacher | None = None,
    ) -> None:
        self.fabric, self.job, self.learner, self.network = fabric, job, learner, network
        self.optimiser, self.parameters, self.objective = optimiser, parameters, objective
        self.train, self.ema, self.cores, self.teacher = train, ema, cores, teacher
        self.apart = fabric.world_size == 1 and fabric.device.type == "cpu" and job.settings.precision != "16-mixed"
        """Parts of a batch are computed side by side. Not in float16, whose losses must be scaled."""
        batch = job.settings.batch // fabric.world_size
        self.micro = min(PART, batch) if self.apart else batch
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
                    raise not_finite(epoch)
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

        def part(i: int) -> tuple[LossParts, Tensor, float]:
            """Losses of a part of the batch, its share in the batch's loss, and the size of that share."""
            some = slice(i, i + self.micro)
            x_i, m_i, l_i, w_i = (self.fabric.to_device(t[some]) for t in (x, masks, labels, weights))
            logits, cams = self._forward(x_i)
            targets = self.teacher.targets(x_i, l_i) if self.teacher is not None else None
            losses = self.objective(logits, cams, l_i, m_i, w_i, ramps[0], ramps[1], targets)
            share = len(l_i) / len(index)
            return losses, losses.total * share, share

        def gradients(i: int) -> tuple[Any, npt.NDArray[np.float64]]:
            losses, total, share = part(i)
            return torch.autograd.grad(total, self.parameters), share * _values(losses)

        sums = np.zeros(3)
        starts = range(0, len(index), self.micro)
        if self.apart:
            for found, values in self.cores.map(gradients, starts):
                for parameter, gradient in zip(self.parameters, found, strict=True):
                    parameter.grad = gradient if parameter.grad is None else parameter.grad.add_(gradient)
                sums += values
        else:
            for i in starts:
                losses, total, share = part(i)
                self.fabric.backward(total)
                sums += share * _values(losses)
        self.cores.run(self._apply)
        return sums

    def _forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Logits and raw CAMs at the run's precision.

        Parts side by side go past Fabric's wrapper: in mixed precision it refuses every way back but its own, which
        would add to the shared gradients from several threads at once.
        """
        precision = self.fabric.strategy.precision
        found: tuple[Tensor, Tensor]
        if self.apart:
            with precision.forward_context():
                found = precision.convert_output(self.learner.module(precision.convert_input(x)))
        else:
            found = self.learner(x)
        return found

    def _apply(self) -> None:
        """Let the parameters follow their gradients."""
        torch.nn.utils.clip_grad_norm_(self.parameters, self.job.settings.clip, error_if_nonfinite=True)
        self.optimiser.step()
        if self.ema:
            with torch.no_grad():
                for n, p in self.network.named_parameters():
                    if n in self.ema:
                        self.ema[n].lerp_(p, 1 - self.job.settings.ema)

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


def _values(losses: LossParts) -> npt.NDArray[np.float64]:
    return np.array([float(v) for v in (losses.total.detach(), losses.classification, losses.saliency)])


def validate(
    network: Network, source: Source, settings: Settings, cut: str | None, device: torch.device, cores: Cores
) -> dict[str, float]:
    """Cross-entropy, AUROC, standard deviation of the probability of class 1 over the images (0: every image gets the
    same answer), and how much of the energy of D lies inside the masks, on unaugmented images."""
    learner = Learner(network, cut).eval()
    size = PART if device.type == "cpu" else settings.batch

    @torch.no_grad()
    def answers(i: int) -> tuple[Tensor, list[float]]:
        index = np.arange(i, min(i + size, len(source)))
        x, masks = source.inputs(index, np.zeros_like(index))
        out, cams = learner(x.to(device))
        t = source.labels[index]
        pair = cams.float().cpu().numpy()
        d = pair[np.arange(len(t)), t] - pair[np.arange(len(t)), 1 - t]
        inside = [energy_inside(a, m) for a, m, w in zip(d, masks.numpy(), source.weights[index], strict=True) if w]
        return out.float().cpu(), inside

    logits, energies = zip(*cores.map(answers, range(0, len(source), size)), strict=True)
    every, energy = torch.cat(logits), [e for some in energies for e in some]
    loss = float(nn.functional.cross_entropy(every, torch.from_numpy(source.labels)))
    area = auroc(source.labels, (every[:, 1] - every[:, 0]).numpy())
    spread = float(torch.softmax(every, 1)[:, 1].std(correction=0))
    inside = float(np.mean(energy)) if energy else 0.0
    return {"val_loss": loss, "val_auroc": area, "val_spread": spread, "val_energy": inside,
            "val_agreement": area * inside}


def not_finite(epoch: int) -> NotFiniteError:
    return NotFiniteError(
        f"The loss is not a number any more in epoch {epoch + 1}: training was stopped.",
        "Use the last good epoch, or train again with a smaller learning rate.",
    )
