"""Where the batches of a run come from, if not from cached features: images, varied anew each time."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from divisive_desktop.training.augment import NONE
from divisive_desktop.training.dataset import Example
from divisive_desktop.training.settings import Settings
from divisive_desktop.training.trunk_features import Change, generator, shrink_mask, varied

Index = npt.NDArray[np.int64]


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
