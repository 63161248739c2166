"""The few cases that are watched while a run learns: their CAM pair before it and after each epoch."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from divisive_desktop.engine.finetuning.messages import CasePair, GalleryUpdate
from divisive_desktop.networks.network import Network
from divisive_desktop.training import scores
from divisive_desktop.training.dataset import Example
from divisive_desktop.training.pixels import normalise
from divisive_desktop.training.settings import Settings
from divisive_desktop.training.trunk_features import compute_features, load, shrink_mask


class Gallery:
    """Watched cases with what goes into the part that learns, computed once.

    Parameters
    ----------
    base : Network
        Whose frozen part the run keeps.
    examples : sequence of (int, Example)
        Case ids and cases.
    settings : Settings
    cancelled : callable
    """

    def __init__(
        self, base: Network, examples: Sequence[tuple[int, Example]], settings: Settings,
        cancelled: Callable[[], bool],
    ) -> None:
        self._examples, self._cut = examples, settings.cut if settings.cached else None
        if not examples:
            return
        members = [e for _, e in examples]
        if self._cut is not None:
            cached = compute_features(base, members, self._cut, settings.preprocessing, cancelled=cancelled)
            self._x, self._masks = cached.inputs(np.arange(len(members)), np.zeros(len(members), np.int64))
            return
        grid = base.cam_size(settings.preprocessing.size)
        loaded = [load(e, settings.preprocessing) for e in members]
        images = np.stack([normalise(values, settings.preprocessing) for values, _ in loaded])
        self._x = torch.from_numpy(images).permute(0, 3, 1, 2)
        self._masks = torch.from_numpy(np.stack([shrink_mask(m, grid) for _, m in loaded])).float()

    @torch.no_grad()
    def look(self, network: Network, epoch: int, method: str) -> GalleryUpdate | None:
        """How the network sees them now; None without any."""
        if not self._examples:
            return None
        where = next(network.parameters()).device
        pairs = []
        for i, (case, example) in enumerate(self._examples):
            x = self._x[i : i + 1].to(where)
            logits, cams = network.tail(x, self._cut) if self._cut is not None else network(x)
            pairs.append(_pair(case, example, logits, cams, self._masks[i]))
        return GalleryUpdate(epoch, tuple(pairs), method)


def _pair(case: int, example: Example, logits: Tensor, cams: Tensor, mask: Tensor) -> CasePair:
    pair, t = cams[0].float().cpu().numpy(), example.label
    d = pair[t] - pair[1 - t]
    probability = float(torch.sigmoid((logits[0, 1] - logits[0, 0]).float()))
    energy = scores.energy_inside(d, mask.numpy()) if example.weight else None
    return CasePair(case, t, pair[t], pair[1 - t], d, probability, energy)
