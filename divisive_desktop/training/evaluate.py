"""What a model is worth: figures with intervals on any split, and the controls that say what they mean."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from divisive_desktop.library.card import Preprocessing
from divisive_desktop.networks.network import Network
from divisive_desktop.training import scores
from divisive_desktop.training.augment import NONE, keep_border
from divisive_desktop.training.cores import Cores, usable_cores
from divisive_desktop.training.dataset import Example
from divisive_desktop.training.settings import CancelCheck
from divisive_desktop.training.trunk_features import Change, Features, generator, shrink_mask, unless, varied

ATTACK_TASKS = ("iris-attack", "face-manipulation", "face-synthetic")
"""Tasks whose class 1 is an attack in the sense of ISO/IEC 30107-3."""


@dataclass(frozen=True, eq=False)
class Predictions:
    """A model's answers on a list of examples."""

    logits: npt.NDArray[np.float32]
    """(n, 2)"""
    cams: npt.NDArray[np.float32]
    """(n, 2, h, w), raw"""
    masks: npt.NDArray[np.float32]
    """(n, h, w) on the CAM's grid"""
    examples: tuple[Example, ...]

    @property
    def labels(self) -> npt.NDArray[np.int64]:
        return np.array([e.label for e in self.examples], np.int64)

    @property
    def margins(self) -> npt.NDArray[np.float64]:
        """Logit of class 1 minus logit of class 0."""
        return (self.logits[:, 1] - self.logits[:, 0]).astype(np.float64)

    @property
    def groups(self) -> list[str]:
        return [e.group for e in self.examples]

    @property
    def divergence(self) -> npt.NDArray[np.float32]:
        """D for the labelled class, (n, h, w)."""
        i, t = np.arange(len(self.examples)), self.labels
        return self.cams[i, t] - self.cams[i, 1 - t]

    def where(self, keep: Callable[[Example], bool]) -> Predictions:
        """The answers on some of the examples."""
        index = [i for i, e in enumerate(self.examples) if keep(e)]
        return Predictions(
            self.logits[index], self.cams[index], self.masks[index], tuple(self.examples[i] for i in index)
        )


def predict(
    network: Network,
    examples: Sequence[Example],
    preprocessing: Preprocessing,
    *,
    change: Change | None = None,
    device: str | torch.device = "cpu",
    progress: Callable[[int, int], None] | None = None,
    cancelled: CancelCheck | None = None,
) -> Predictions:
    """Run a network over images, one at a time.

    Parameters
    ----------
    change : callable, optional
        Applied to the values 0..255 before the network: a control.
    """
    folded = copy.deepcopy(network).fold().to(device)
    grid = network.cam_size(preprocessing.size)

    @torch.inference_mode()
    def one(example: Example) -> _Answer:
        image, mask = varied(example, preprocessing, NONE, generator(0, 0, example), change)
        out, pair = folded(torch.from_numpy(image[None]).permute(0, 3, 1, 2).to(device))
        return out[0].cpu().numpy(), pair[0].cpu().numpy(), shrink_mask(mask, grid).astype(np.float32)

    answers = []
    with Cores(usable_cores(device)) as cores:
        for answer in cores.map(one, unless(cancelled, examples)):
            answers.append(answer)
            if progress is not None:
                progress(len(answers), len(examples))
    return _stacked(answers, examples)


def predict_cached(network: Network, features: Features, cut: str, examples: Sequence[Example]) -> Predictions:
    """As :func:`predict`, from cached features of the frozen part."""
    folded = copy.deepcopy(network).fold()

    @torch.inference_mode()
    def one(i: int) -> _Answer:
        x, mask = features.inputs(np.array([i]), np.array([0]))
        out, pair = folded.tail(x, cut)
        return out[0].numpy(), pair[0].numpy(), mask[0].numpy()

    with Cores(usable_cores()) as cores:
        return _stacked(list(cores.map(one, range(len(features)))), examples)


_Answer = tuple[npt.NDArray[np.float32], npt.NDArray[np.float32], npt.NDArray[np.float32]]
"""Logits, CAM pair and mask of one image."""


def _stacked(answers: Sequence[_Answer], examples: Sequence[Example]) -> Predictions:
    logits, cams, masks = zip(*answers, strict=True)
    return Predictions(np.stack(logits), np.stack(cams), np.stack(masks), tuple(examples))


def report(p: Predictions, task: str = "", resamples: int = 1000) -> dict[str, Any]:
    """All figures of one set of answers; NaN becomes None, so that it is JSON.

    AUROC and AUPRC with 95 % bootstrap intervals by group, accuracy, sensitivity and specificity at probability 0.5,
    ECE and reliability curve; for attack tasks APCER, BPCER and ACER, and AUROC by kind against all authentic
    images; where masks exist the agreement of D with them.
    """
    labels, margins, groups = p.labels, p.margins, p.groups

    def on(score: Callable[..., float]) -> Callable[[npt.NDArray[np.int64]], float]:
        return lambda i: score(labels[i], margins[i])

    ece, curve = scores.reliability(labels, margins)
    found: dict[str, Any] = {
        "images": len(labels), "positives": int(labels.sum()), "groups": len(set(groups)),
        "auroc": scores.auroc(labels, margins),
        "auroc_95": list(scores.interval(on(scores.auroc), groups, resamples)),
        "auprc": scores.auprc(labels, margins),
        "auprc_95": list(scores.interval(on(scores.auprc), groups, resamples // 4)),
        **scores.threshold_scores(labels, margins), "ece": ece, "reliability": curve, "agreement": agreement(p),
    }
    kinds = [e.fields.get("kind", "") for e in p.examples]
    if task in ATTACK_TASKS:
        found["attack"] = scores.attack_scores(labels, margins, kinds)
        found["auroc_by_kind"] = {
            kind: scores.auroc(labels[keep], margins[keep])
            for kind in sorted({k for k, y in zip(kinds, labels, strict=True) if y == 1})
            if (keep := np.array([y == 0 or k == kind for k, y in zip(kinds, labels, strict=True)])).any()
        }
    cleaned: dict[str, Any] = _finite(found)
    return cleaned


def agreement(p: Predictions) -> dict[str, dict[str, float]]:
    """How well D matches the masks: energy inside, pointing game, IoU at Otsu's threshold, and what chance gives.

    Per class and for both, over images whose mask counts. ``chance`` is the mean share of the image that the mask
    covers: the energy inside of a flat map.
    """
    found = {}
    d, masks, labels = p.divergence, p.masks, p.labels
    for name, classes in (("positives", (1,)), ("negatives", (0,)), ("all", (0, 1))):
        index = [i for i, e in enumerate(p.examples) if e.weight and labels[i] in classes]
        if index:
            found[name] = {
                "images": float(len(index)),
                "energy": float(np.mean([scores.energy_inside(d[i], masks[i]) for i in index])),
                "pointing": float(np.mean([scores.pointing(d[i], masks[i]) for i in index])),
                "iou": float(np.mean([scores.iou_at_otsu(d[i], masks[i]) for i in index])),
                "chance": float(np.mean([masks[i].mean() for i in index])),
            }
    return found


def border_control(
    network: Network, examples: Sequence[Example], preprocessing: Preprocessing, *, device: str | torch.device = "cpu",
    progress: Callable[[int, int], None] | None = None, cancelled: CancelCheck | None = None,
) -> Predictions:
    """Answers when all but the outer 14 % is blanked. An AUROC well above 0.5 betrays shortcuts at the edge."""
    return predict(
        network, examples, preprocessing, change=keep_border, device=device, progress=progress, cancelled=cancelled
    )


def deletion_insertion(
    network: Network, examples: Sequence[Example], preprocessing: Preprocessing, p: Predictions, steps: int = 8,
    device: str | torch.device = "cpu",
) -> dict[str, float]:
    """Faithfulness of D (Petsiuk et al., RISE, BMVC 2018): cells replaced by the image's mean in order of D.

    Mean probability of the predicted class along the way, 0..1. Deleting from the strongest cell on should make it
    fall fast (low is good), inserting into the blanked image rise fast (high is good); ``random_deletion`` is the
    same in random order.

    Parameters
    ----------
    p : Predictions
        On the same examples.
    """
    folded = copy.deepcopy(network).fold().to(device)
    sums = {"deletion": 0.0, "insertion": 0.0, "random_deletion": 0.0}
    rng = np.random.default_rng(0)
    for i, example in enumerate(examples):
        image, _ = varied(example, preprocessing, NONE, rng)
        blank = np.broadcast_to(image.mean((0, 1)), image.shape)
        called = int(p.margins[i] > 0)
        d = p.cams[i, called] - p.cams[i, 1 - called]
        cells = d.shape[0]
        for name, order in (("evidence", np.argsort(-d.ravel())), ("random", rng.permutation(d.size))):
            rank = np.empty(d.size, np.int64)
            rank[order] = np.arange(d.size)
            side = -(-image.shape[0] // cells)
            up = np.repeat(np.repeat(rank.reshape(d.shape), side, 0), side, 1)
            up = up[: image.shape[0], : image.shape[1], None]
            cuts = np.linspace(0, d.size, steps + 1)[1:-1]
            deleted = [np.where(up < c, blank, image) for c in cuts]
            inserted = [np.where(up < c, image, blank) for c in cuts] if name == "evidence" else []
            with torch.inference_mode():
                x = torch.from_numpy(np.stack(deleted + inserted)).permute(0, 3, 1, 2).to(device)
                out = torch.softmax(folded(x)[0], 1)[:, called].cpu().numpy()
            if name == "evidence":
                sums["deletion"] += float(out[: len(cuts)].mean())
                sums["insertion"] += float(out[len(cuts) :].mean())
            else:
                sums["random_deletion"] += float(out.mean())
    return {name: total / len(examples) for name, total in sums.items()}


def randomised_head(
    network: Network, examples: Sequence[Example], p: Predictions, preprocessing: Preprocessing,
    device: str | torch.device = "cpu", heads: int = 10,
) -> float:
    """Sanity (Adebayo et al., NeurIPS 2018): mean correlation of D with D under random heads, -1..1.

    Near 0 is right; a map that stays the same when the head is thrown away shows the image, not the decision.
    """
    folded = copy.deepcopy(network).fold().to(device)
    # Not a seed that anyone trains with: a trained head stays so close to its start that the same start isn't random.
    generator_ = torch.Generator().manual_seed(20_261_123)
    bound = network.head.in_features**-0.5
    weights = torch.empty(heads, network.head.in_features).uniform_(-bound, bound, generator=generator_).to(device)
    found = []
    with torch.inference_mode():
        for example, d in zip(examples, p.divergence, strict=True):
            image, _ = varied(example, preprocessing, NONE, generator(0, 0, example))
            features = folded.features(torch.from_numpy(image[None]).permute(0, 3, 1, 2).to(device))[0]
            sign = 1 if example.label == 1 else -1
            others = sign * torch.einsum("rk,khw->rhw", weights, features).cpu().numpy()
            found += [_correlation(d, other) for other in others]
    return float(np.mean(found))


def _correlation(a: npt.NDArray[np.float32], b: npt.NDArray[np.float32]) -> float:
    a, b = a - a.mean(), b - b.mean()
    scale = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return float((a * b).sum()) / scale if scale > 0 else 0.0


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {k: _finite(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(v) for v in value]
    if isinstance(value, float):
        return round(value, 5) if math.isfinite(value) else None
    return value
