"""What a training run asks of the CAM pair: a registry of small classes, one per method.

Symbols, per sample: A_t and A_n are the raw CAMs (h x w) of the true and of the false class, D = A_t - A_n is the
divergence map, H in 0..1 is the human saliency mask averaged to the CAM's grid, N(A) = (A - min) / (max - min + eps)
and ``corr`` is Pearson's correlation over the cells. mean(D) plus the difference of the biases is the difference of
the two logits, so D is the only map that a softmax decision depends on (arXiv 2506.08514).

**Where the formulas come from.** "Divisive Decisions" (arXiv 2507.17000) states the hypothesis that in a binary task
the true- and the false-class CAM should diverge on the features that people find important. The formulas of the
divergence methods below are *ours*, derived from that hypothesis; they are not the paper's. ``cyborg`` follows
Boyd et al., WACV 2023, for the true class, made safe on a constant map.

The whole loss of a sample with a mask is ``alpha * CE + (1 - alpha) * L_sal``; without a mask, or of a class whose
masks the method leaves aside, it is ``CE``. Everything here is computed in float32 whatever the precision of the
network, and is finite with finite gradients for constant maps, empty masks and full masks.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from divisive_desktop.errors import TrainingError

EPS = 1e-4
"""Floor of a map's variance or mean square (an RMS of 0.01 logits): keeps gradients bounded on a nearly flat map."""

REGISTRY: dict[str, type[Saliency]] = {}
"""Every method by name."""


class Saliency(ABC):
    """One way of comparing the CAM pair with the human mask.

    Subclasses register themselves under ``name`` and implement :meth:`per_sample`.
    """

    name: ClassVar[str]
    uses_false: ClassVar[bool] = True
    """Whether the false-class CAM enters: the ablations without it say what it is worth."""
    guided: ClassVar[bool] = True
    twin: ClassVar[str] = ""
    """Of a method with both CAMs: the one that asks the same of the true class's alone, which it has to beat."""
    marked: ClassVar[tuple[int, ...]] = (0, 1)
    """Classes whose masks it looks at; images of another class train as if they had none."""
    keeps_weights: ClassVar[bool] = False
    """Whether images of a class that isn't looked at keep the weight alpha of their cross-entropy, as if they had a
    saliency loss of 0: a control, which tells "no masks there" from "more cross-entropy there"."""

    def __init_subclass__(cls) -> None:
        if "name" in cls.__dict__:
            REGISTRY[cls.name] = cls

    @abstractmethod
    def per_sample(self, a_true: Tensor, a_false: Tensor, mask: Tensor) -> Tensor:
        """Saliency loss of each sample.

        Parameters
        ----------
        a_true, a_false : Tensor
            Raw CAMs, float32 (n, h, w).
        mask : Tensor
            Human mask on the CAM's grid, float32 (n, h, w), 0..1.

        Returns
        -------
        Tensor
            float32 (n,); the range is in each class's docstring.
        """


def _minmax(a: Tensor) -> Tensor:
    low, high = a.amin((1, 2), keepdim=True), a.amax((1, 2), keepdim=True)
    return (a - low) / (high - low + EPS)


def _mse(a: Tensor, b: Tensor) -> Tensor:
    return (a - b).square().mean((1, 2))


def _decorrelation(a: Tensor, mask: Tensor) -> Tensor:
    a = a - a.mean((1, 2), keepdim=True)
    h = mask - mask.mean((1, 2), keepdim=True)
    scale = ((a.square().mean((1, 2)) + EPS) * (h.square().mean((1, 2)) + 1e-8)).sqrt()
    return 1 - (a * h).mean((1, 2)) / scale


def _energy_outside(a: Tensor, mask: Tensor) -> Tensor:
    energy = a.square()
    return ((1 - mask) * energy).mean((1, 2)) / (energy.mean((1, 2)) + EPS)


class CrossEntropy(Saliency):
    """No guidance: L_sal = 0 and alpha = 1. The baseline."""

    name = "cross_entropy"
    uses_false = False
    guided = False

    def per_sample(self, a_true: Tensor, a_false: Tensor, mask: Tensor) -> Tensor:
        return a_true.new_zeros(len(a_true))


class Cyborg(Saliency):
    """MSE(N(A_t), H), in 0..1. Only the true class, and blind to how much evidence lies where.

    Boyd, Tinsley, Bowyer, Czajka, "CYBORG: Blending Human Saliency Into the Loss Improves Deep Learning", WACV 2023
    (with eps in N, which their code lacks: a constant map is NaN there).
    """

    name = "cyborg"
    uses_false = False

    def per_sample(self, a_true: Tensor, a_false: Tensor, mask: Tensor) -> Tensor:
        return _mse(_minmax(a_true), mask)


class Difference(Saliency):
    """1 - corr(D, H), in 0..2: the decision's own map has the shape of the mask; blind to scale and offset.

    Ours, after the hypothesis of arXiv 2507.17000. 1 with zero gradient when the mask is empty or full.
    """

    name = "difference"
    twin = "true_correlation"

    def per_sample(self, a_true: Tensor, a_false: Tensor, mask: Tensor) -> Tensor:
        return _decorrelation(a_true - a_false, mask)


class Containment(Saliency):
    """sum((1 - H) D^2) / (sum(D^2) + eps), in 0..1: outside the mask the two classes must agree.

    The share of the divergence's energy outside the mask. Ours, after the hypothesis of arXiv 2507.17000.
    """

    name = "containment"
    twin = "true_containment"

    def per_sample(self, a_true: Tensor, a_false: Tensor, mask: Tensor) -> Tensor:
        return _energy_outside(a_true - a_false, mask)


class Evidence(Saliency):
    """mean(H softplus(-D/s)) + mean((1 - H) (D/s)^2) with s = RMS(D) held constant; in 0..sqrt(h w) + 2.

    Cell by cell: inside the mask the true class must win, outside nobody may. Without s the second term grows with
    the square of the weights and diverges at high learning rates; dividing by the detached RMS bounds it by 1.
    Ours, after the hypothesis of arXiv 2507.17000.
    """

    name = "evidence"

    def per_sample(self, a_true: Tensor, a_false: Tensor, mask: Tensor) -> Tensor:
        d = a_true - a_false
        d = d / (d.detach().square().mean((1, 2), keepdim=True) + EPS).sqrt()
        return (mask * F.softplus(-d)).mean((1, 2)) + ((1 - mask) * d.square()).mean((1, 2))


class Focus(Saliency):
    """(1 - corr(A_t, H)) / 2 + containment(D) / 2, in 0..1.5: shape asked of the true class, emptiness of D.

    Correlation says where evidence should be, not that there must be none elsewhere; containment says the latter,
    of the map that decides. Ours, after the hypothesis of arXiv 2507.17000.
    """

    name = "focus"
    twin = "true_correlation"

    def per_sample(self, a_true: Tensor, a_false: Tensor, mask: Tensor) -> Tensor:
        return 0.5 * (_decorrelation(a_true, mask) + _energy_outside(a_true - a_false, mask))


class Pair(Saliency):
    """(1 - corr(A_t, H)) / 2 + (1 - corr(-A_n, H)) / 2, in 0..2: each class has a target of its own. Ours."""

    name = "pair"
    twin = "true_correlation"

    def per_sample(self, a_true: Tensor, a_false: Tensor, mask: Tensor) -> Tensor:
        return 0.5 * (_decorrelation(a_true, mask) + _decorrelation(-a_false, mask))


class Accord(Saliency):
    """(1 - corr(A_t, H)) / 2 + (1 - corr(D, H)) / 2, in 0..2: the true class and the decision share one shape. Ours.

    ``true_correlation`` leaves A_n, and with it half of the decision, free; ``difference`` leaves free how the shape
    is split between the classes. Asking it of both closes both gaps.
    """

    name = "accord"
    twin = "true_correlation"

    def per_sample(self, a_true: Tensor, a_false: Tensor, mask: Tensor) -> Tensor:
        return 0.5 * (_decorrelation(a_true, mask) + _decorrelation(a_true - a_false, mask))


class TrueCorrelation(Saliency):
    """1 - corr(A_t, H), in 0..2. Ablation of ``difference``: the same measure on the true class alone."""

    name = "true_correlation"
    uses_false = False

    def per_sample(self, a_true: Tensor, a_false: Tensor, mask: Tensor) -> Tensor:
        return _decorrelation(a_true, mask)


class TruePositive(TrueCorrelation):
    """Class 1: 1 - corr(A_1, H), in 0..2; class 0: cross-entropy alone, at full weight.

    ``true_correlation`` without the masks of class 0. Where class 0 has nothing to mark, its mask outlines where a
    reader looks; asking for evidence against class 1 there contradicts what the healthy part of a positive image asks
    for. Blind to everything that masks say of class 0, to the false class, and to the scale and offset of A_1. Ours.
    """

    name = "true_pos"
    marked = (1,)


class TruePositiveWeighted(TruePositive):
    """Class 1: 1 - corr(A_1, H), in 0..2; class 0: alpha * CE and nothing else. Control of ``true_pos``.

    It has the weights of ``true_correlation`` and the masks of ``true_pos``. What ``true_pos`` gains over this one is
    due to more cross-entropy on class 0, what this one gains over ``true_correlation`` to the masks it leaves aside.
    Blind to the same things as ``true_pos``. Ours.
    """

    name = "true_pos_weighted"
    keeps_weights = True


class DifferencePositive(Difference):
    """Class 1: 1 - corr(D, H), in 0..2; class 0: cross-entropy alone, at full weight.

    ``difference`` without the masks of class 0, and the counterpart of ``true_pos`` with both classes: it shapes the
    map that decides, and leaves free how the shape is split between A_1 and A_0. Blind to everything that masks say
    of class 0, and to the scale and offset of D. Ours, after the hypothesis of arXiv 2507.17000.
    """

    name = "diff_pos"
    twin = "true_pos"
    marked = (1,)


class TrueContainment(Saliency):
    """sum((1 - H) A_t^2) / (sum(A_t^2) + eps), in 0..1. Ablation of ``containment``: the true class alone."""

    name = "true_containment"
    uses_false = False

    def per_sample(self, a_true: Tensor, a_false: Tensor, mask: Tensor) -> Tensor:
        return _energy_outside(a_true, mask)


class DifferenceMse(Saliency):
    """MSE(N(D), H), in 0..1. Ablation of ``difference``: CYBORG's measure on the divergence map."""

    name = "difference_mse"
    twin = "cyborg"

    def per_sample(self, a_true: Tensor, a_false: Tensor, mask: Tensor) -> Tensor:
        return _mse(_minmax(a_true - a_false), mask)


class Complement(Saliency):
    """MSE(N(A_t), H) / 2 + MSE(N(A_n), 1 - H) / 2, in 0..1: CYBORG for the true class, its negative for the false."""

    name = "complement"
    twin = "cyborg"

    def per_sample(self, a_true: Tensor, a_false: Tensor, mask: Tensor) -> Tensor:
        return 0.5 * (_mse(_minmax(a_true), mask) + _mse(_minmax(a_false), 1 - mask))


class Absolute(Saliency):
    """MSE(|N(A_t) - N(A_n)|, H), in 0..1: the two normalised maps differ where the mask is, whatever the sign.

    Blind to exactly opposite maps: for A_n = -A_t the difference is |2 N(A_t) - 1|, the same for a map and its mirror.
    """

    name = "absolute"

    def per_sample(self, a_true: Tensor, a_false: Tensor, mask: Tensor) -> Tensor:
        return _mse((_minmax(a_true) - _minmax(a_false)).abs(), mask)


@dataclass(frozen=True)
class LossParts:
    """A step's loss and what it is made of; scalars, ``total`` carries the gradient."""

    total: Tensor
    classification: Tensor
    """Mean cross-entropy over the batch."""
    saliency: Tensor
    """Mean saliency loss over the samples whose mask is looked at, 0 if there is none."""


def mask_on_grid(masks: Tensor, grid: tuple[int, int]) -> Tensor:
    """Masks of any resolution, (n, H, W) or (n, 1, H, W), binary or soft 0..1, as float32 (n, h, w) on the CAM grid.

    Area-averaged when shrinking, bilinear when growing: a cell holds the share of its area that is marked.
    """
    m = masks.float().reshape(len(masks), 1, *masks.shape[-2:])
    if m.shape[-2:] == grid:
        return m[:, 0]
    if m.shape[-2] < grid[0] or m.shape[-1] < grid[1]:
        return F.interpolate(m, size=grid, mode="bilinear", align_corners=False)[:, 0]
    return F.adaptive_avg_pool2d(m, grid)[:, 0]


class Objective:
    """Cross-entropy and one saliency method, weighed.

    Parameters
    ----------
    method : str
        Name in :data:`REGISTRY`.
    alpha : float
        Share of the cross-entropy, in 0..1.
    class_weights : Tensor, optional
        (2,), for class balancing; multiplies the cross-entropy of each class.

    Raises
    ------
    TrainingError
        Unknown method or alpha outside 0..1.
    """

    def __init__(self, method: str, alpha: float = 0.5, class_weights: Tensor | None = None) -> None:
        if method not in REGISTRY:
            known = ", ".join(REGISTRY)
            raise TrainingError(f"There is no training method called {method}.", f"Choose one of {known}.")
        if not 0 <= alpha <= 1:
            raise TrainingError(f"The weight alpha is {alpha}.", "Choose a value between 0 and 1.")
        self.saliency = REGISTRY[method]()
        self.alpha = alpha
        self.class_weights = class_weights

    def __call__(
        self,
        logits: Tensor,
        cams: Tensor,
        labels: Tensor,
        masks: Tensor | None = None,
        weights: Tensor | None = None,
        warmup: float = 1.0,
        lead: float = 1.0,
        targets: Tensor | None = None,
    ) -> LossParts:
        """Loss of one batch.

        Parameters
        ----------
        logits : Tensor
            (n, 2).
        cams : Tensor
            Raw CAM pair by class, (n, 2, h, w).
        labels : Tensor
            int64 (n,), 0 or 1.
        masks : Tensor, optional
            Human masks at any resolution, (n, H, W) or (n, 1, H, W), 0..1. None: cross-entropy alone.
        weights : Tensor, optional
            (n,), 0..1: how much each mask counts; 0 for a sample without a mask. None: every mask counts fully.
        warmup : float
            0..1, multiplies the saliency weight (1 - alpha) in the first epochs.
        lead : float
            0..1, multiplies alpha for samples with a mask in the first epochs: they learn where before they learn
            what.
        targets : Tensor, optional
            (n, 2), probabilities of the classes that the cross-entropy asks for; None: the labels.
        """
        ce = F.cross_entropy(logits.float(), labels if targets is None else targets, reduction="none")
        balanced = ce if self.class_weights is None else ce * self.class_weights.to(ce.device)[labels]
        if masks is None or not self.saliency.guided:
            return LossParts(balanced.mean(), ce.detach().mean(), ce.new_zeros(()))
        with torch.autocast(device_type=cams.device.type, enabled=False):
            pair = cams.float()
            index = torch.arange(len(labels), device=labels.device)
            h = mask_on_grid(masks, (pair.shape[-2], pair.shape[-1])).clamp(0, 1)
            sal = self.saliency.per_sample(pair[index, labels], pair[index, 1 - labels], h)
        given = torch.ones_like(ce) if weights is None else weights.to(ce)
        marked = torch.tensor([float(c in self.saliency.marked) for c in (0, 1)], device=ce.device)[labels]
        w = given * marked
        share = (1 - self.alpha * lead) * warmup
        less = share * (given if self.saliency.keeps_weights else w)
        total = ((1 - less) * balanced + share * w * sal).mean()
        return LossParts(total, ce.detach().mean(), ((w * sal).sum() / w.sum().clamp_min(1e-8)).detach())
