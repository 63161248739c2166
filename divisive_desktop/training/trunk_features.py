"""What the network's trainable part is fed with: images, or cached features of the frozen part."""

from __future__ import annotations

import copy
import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from divisive_desktop.errors import CancelledError
from divisive_desktop.library.card import Preprocessing
from divisive_desktop.networks.network import Network
from divisive_desktop.training.augment import NONE, Augmentation, augment
from divisive_desktop.training.cores import Cores, usable_cores
from divisive_desktop.training.dataset import Example, load_mask
from divisive_desktop.training.pixels import load_values, normalise
from divisive_desktop.training.settings import CancelCheck

T = TypeVar("T")
Image = npt.NDArray[np.float32]
Change = Callable[[Image], Image]


@dataclass(frozen=True)
class Features:
    """Inputs of the trainable part for a list of examples, in copies.

    ``x`` is float16 (n, copies, h, w, channels), possibly memory-mapped; channels last, as convolutions like it.
    """

    x: npt.NDArray[np.float16]
    masks: npt.NDArray[np.float16]
    """(n, copies, g, g) on the CAM's grid, 0..1."""
    labels: npt.NDArray[np.int64]
    weights: npt.NDArray[np.float32]
    """How much each mask counts; 0 without one."""

    def __len__(self) -> int:
        return len(self.labels)

    def inputs(self, index: npt.NDArray[np.int64], copies: npt.NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        """float32 (b, channels, h, w) in channels_last memory, and masks float32 (b, g, g)."""
        x = torch.from_numpy(np.ascontiguousarray(self.x[index, copies])).float().permute(0, 3, 1, 2)
        return x, torch.from_numpy(self.masks[index, copies].astype(np.float32))


def varied(
    example: Example, preprocessing: Preprocessing, augmentation: Augmentation, rng: np.random.Generator,
    change: Change | None = None,
) -> tuple[Image, Image]:
    """One augmented, preprocessed image, float32 (size, size, 3), and its mask, float32 (size, size)."""
    return vary(*load(example, preprocessing), preprocessing, augmentation, rng, change)


def load(example: Example, preprocessing: Preprocessing) -> tuple[Image, Image]:
    """Values 0..255, float32 (size, size) or (size, size, 3), and mask, float32 (size, size), as in the files."""
    values = load_values(example.file, preprocessing, example.frame, example.crop, example.correction)
    return values, load_mask(example, preprocessing.size)


def vary(
    values: Image, mask: Image, preprocessing: Preprocessing, augmentation: Augmentation, rng: np.random.Generator,
    change: Change | None = None,
) -> tuple[Image, Image]:
    """As :func:`varied`, from what :func:`load` gave; leaves its arguments as they are."""
    if augmentation != NONE:
        values, mask = augment(values, mask, augmentation, rng)
    if change is not None:
        values = change(values)
    return normalise(values, preprocessing), mask


def generator(seed: int, copy_number: int, example: Example) -> np.random.Generator:
    """The chance behind one copy of one image: depends on nothing but these three."""
    frame = f"#{example.frame}" if example.frame else ""
    name = int.from_bytes(hashlib.sha256(f"{example.file.name}{frame}".encode()).digest()[:8])
    return np.random.default_rng((seed, copy_number, name))


def shrink_mask(mask: Image, grid: int) -> npt.NDArray[np.float16]:
    """Mask averaged to the CAM's grid (the same as :func:`losses.mask_on_grid`)."""
    m = torch.from_numpy(mask)[None, None]
    small: npt.NDArray[np.float16] = torch.nn.functional.adaptive_avg_pool2d(m, grid)[0, 0].numpy().astype(np.float16)
    return small


def compute_features(
    network: Network,
    examples: Sequence[Example],
    cut: str,
    preprocessing: Preprocessing,
    *,
    augmentation: Augmentation = NONE,
    copies: int = 1,
    seed: int = 0,
    folder: Path | None = None,
    change: Change | None = None,
    device: str | torch.device = "cpu",
    progress: Callable[[int, int], None] | None = None,
    cancelled: CancelCheck | None = None,
) -> Features:
    """Run the frozen part once per image and copy.

    Parameters
    ----------
    network : Network
        In eval mode; only what lies before ``cut`` is used.
    cut : str
        Name of the network's cut.
    folder : Path, optional
        Keep the features there, under a name that depends on everything that decides them, and take them from there
        the next time. Needed for data that don't fit into memory.
    change : callable, optional
        Applied to the values (0..255) after augmentation, for controls; a named function, since its name tells
        kept features apart.
    progress : callable, optional
        Called with images done and images in all.
    cancelled : callable, optional
        Asked before every image.

    Raises
    ------
    CancelledError
    ImageError, TrainingError
        A file can't be read.
    """
    copies = copies if augmentation != NONE else 1
    labels = np.array([e.label for e in examples], np.int64)
    weights = np.array([e.weight for e in examples], np.float32)
    grid = network.cam_size(preprocessing.size)
    target = None
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        target = folder / _key(network, examples, cut, preprocessing, augmentation, copies, seed, change)
        if target.with_suffix(".masks.npy").is_file():
            x = np.load(target.with_suffix(".x.npy"), mmap_mode="r")
            return Features(x, np.load(target.with_suffix(".masks.npy")), labels, weights)
    masks = np.zeros((len(examples), copies, grid, grid), np.float16)
    x = None
    # Folded and image by image: on a CPU almost four times as fast as a batch of 16, whose maps leave the cache.
    trunk = copy.deepcopy(network).fold().to(device)

    @torch.inference_mode()
    def one(example: Example) -> list[tuple[npt.NDArray[np.float32], npt.NDArray[np.float16]]]:
        values, drawn = load(example, preprocessing)
        found = []
        for c in range(copies):
            image, mask = vary(values, drawn, preprocessing, augmentation, generator(seed, c, example), change)
            inputs = torch.from_numpy(image[None]).permute(0, 3, 1, 2).to(device)
            found.append((trunk.trunk(inputs, cut)[0].permute(1, 2, 0).cpu().numpy(), shrink_mask(mask, grid)))
        return found

    with Cores(usable_cores(device)) as cores:
        for i, found in enumerate(cores.map(one, unless(cancelled, examples))):
            for c, (out, mask) in enumerate(found):
                if x is None:
                    x = _allocate((len(examples), copies, *out.shape), target)
                x[i, c], masks[i, c] = out, mask
            if progress is not None:
                progress(i + 1, len(examples))
    assert x is not None, "no examples"
    if target is not None:
        assert isinstance(x, np.memmap)
        x.flush()
        part = _part(target)
        np.save(part.with_suffix(".masks.npy"), masks)
        os.replace(part, target.with_suffix(".x.npy"))
        os.replace(part.with_suffix(".masks.npy"), target.with_suffix(".masks.npy"))
        x = np.load(target.with_suffix(".x.npy"), mmap_mode="r")
    return Features(x, masks, labels, weights)


def unless(cancelled: CancelCheck | None, items: Iterable[T]) -> Iterator[T]:
    """The items, until it was cancelled: that raises ``CancelledError``."""
    for item in items:
        if cancelled is not None and cancelled():
            raise CancelledError()
        yield item


def _part(target: Path) -> Path:
    return target.with_name(f"{target.name}-{os.getpid()}.part.npy")


def _allocate(shape: tuple[int, ...], target: Path | None) -> npt.NDArray[np.float16]:
    if target is None:
        return np.zeros(shape, np.float16)
    return np.lib.format.open_memmap(_part(target), "w+", np.float16, shape)


def trunk_digest(network: Network, cut: str) -> str:
    """SHA-256 of the weights in front of a cut: what cached features stand and fall with."""
    return _trunk_hash(network, cut).hexdigest()


def _trunk_hash(network: Network, cut: str) -> hashlib._Hash:
    digest = hashlib.sha256()
    names = network.cuts[: network.cuts.index(cut) + 1]
    for name, stage in network.backbone.stages():
        if name in names:
            for tensor in stage.state_dict().values():
                digest.update(tensor.cpu().contiguous().numpy().tobytes())
    return digest


def _key(
    network: Network, examples: Sequence[Example], cut: str, preprocessing: Preprocessing, augmentation: Augmentation,
    copies: int, seed: int, change: Change | None,
) -> str:
    digest = _trunk_hash(network, cut)
    control = None if change is None else change.__qualname__
    about = [control, cut, asdict(preprocessing), asdict(augmentation), copies, seed, network.dilate_last]
    digest.update(json.dumps(about, sort_keys=True).encode())
    for e in examples:
        for path in (e.file, e.mask):
            if path is not None:
                stat = path.stat()
                digest.update(f"{path.resolve()}|{stat.st_size}|{stat.st_mtime_ns}\n".encode())
        if e.frame or e.crop:
            digest.update(f"{e.frame}|{e.crop}\n".encode())
        if e.correction:
            digest.update(f"{e.correction}\n".encode())
    return digest.hexdigest()[:24]
