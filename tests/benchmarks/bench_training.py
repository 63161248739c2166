"""What a training step costs with each loss, against cross-entropy and against the structure of CYBORG's code.

Run: ``python tests/benchmarks/bench_training.py``. Ratios are measured in one run, in turns, on the same batch; the
median of the rounds counts. CYBORG's published structure is written here from its description: a second forward pass
for the feature maps, and a Python loop over the batch for the CAM, its min-max and the comparison with the mask.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from divisive_desktop.library.card import Preprocessing
from divisive_desktop.networks.network import Network
from divisive_desktop.networks.pretrained import pretrained_network
from divisive_desktop.training.augment import MILD
from divisive_desktop.training.dataset import Example
from divisive_desktop.training.finetune import finetune
from divisive_desktop.training.losses import REGISTRY, Objective
from divisive_desktop.training.settings import Settings

BATCH, SIZE, ROUNDS = 8, 224, 3
LIMIT_STEP, LIMIT_CYBORG, LIMIT_CACHED_S = 1.10, 1.8, 60.0


def published_structure(network: Network, x: Tensor, labels: Tensor, masks: Tensor) -> Tensor:
    """CYBORG's loss as its code is built: two forward passes and a loop."""
    logits = network.logits(x)
    features = network.features(x)
    weights = network.head.weight
    predicted = logits.argmax(1)
    total = torch.zeros(())
    for i in range(len(x)):
        cam = torch.matmul(weights[predicted[i]], features[i].reshape(features.shape[1], -1))
        cam = cam.reshape(features.shape[2:])
        cam = (cam - cam.min()) / (cam.max() - cam.min())
        target = F.interpolate(masks[i][None, None], size=cam.shape, mode="bilinear")[0, 0]
        total = total + F.mse_loss(cam, target)
    return 0.5 * F.cross_entropy(logits, labels) + 0.5 * total / len(x)


def steps() -> dict[str, float]:
    """Median seconds of a training step of the whole network, by loss."""
    torch.manual_seed(0)
    network = pretrained_network(seed=0)
    network.train()
    optimiser = torch.optim.SGD(network.parameters(), lr=1e-4)
    x = torch.randn(BATCH, 3, SIZE, SIZE).contiguous(memory_format=torch.channels_last)
    labels, masks = torch.arange(BATCH) % 2, torch.rand(BATCH, SIZE, SIZE)

    def ours(name: str) -> Callable[[], Tensor]:
        objective = Objective(name)

        def loss() -> Tensor:
            logits, cams = network(x)
            return objective(logits, cams, labels, masks).total

        return loss

    kinds = {name: ours(name) for name in REGISTRY}
    kinds["published CYBORG"] = lambda: published_structure(network, x, labels, masks)
    times: dict[str, list[float]] = {name: [] for name in kinds}
    for round_ in range(ROUNDS + 1):
        for name, loss in kinds.items():
            start = time.process_time()  # CPU time: other programs on the machine don't count
            optimiser.zero_grad()
            loss().backward()
            optimiser.step()
            if round_:
                times[name].append(time.process_time() - start)
    return {name: statistics.median(t) for name, t in times.items()}


def cached_run() -> tuple[float, float]:
    """Seconds (wall, CPU) of 10 epochs of the last stages on 100 images, after their features were cached."""
    settings = Settings(
        task="chest-planted", method="difference", stages="last", epochs=10, batch=16, copies=1, device="cpu",
        augmentation=replace(MILD, flip=False), preprocessing=Preprocessing(size=SIZE),
    )
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        examples = []
        for i in range(110):
            image, mask = rng.integers(0, 255, (256, 256), np.uint8), np.zeros((256, 256), np.uint8)
            cv2.circle(mask, tuple(int(v) for v in rng.integers(40, 216, 2)), 30, 255, -1)
            image[mask > 0] = image[mask > 0] // 2 + (127 if i % 2 else 0)
            cv2.imwrite(str(folder / f"{i}.png"), image)
            cv2.imwrite(str(folder / f"{i}m.png"), mask)
            examples.append(Example(folder / f"{i}.png", i % 2, "train" if i < 100 else "val", folder / f"{i}m.png"))
        finetune(replace(settings, epochs=1), examples, folder / "warm", features_folder=folder / "features")
        start, cpu = time.perf_counter(), time.process_time()
        finetune(settings, examples, folder / "run", features_folder=folder / "features")
        return time.perf_counter() - start, time.process_time() - cpu


def main() -> None:
    torch.set_num_threads(1)  # two threads would wait for each other on a busy machine
    found = steps()
    base = found["cross_entropy"]
    print(f"Training step, whole network, batch {BATCH} of {SIZE} px, CPU time, median of {ROUNDS}")
    print(f"{'loss':22}{'ms':>8}{'x cross_entropy':>18}")
    for name, seconds in found.items():
        print(f"{name:22}{1e3 * seconds:8.0f}{seconds / base:18.3f}")
    worst = max(found[name] / base for name in REGISTRY)
    speedup = found["published CYBORG"] / max(found[n] for n in REGISTRY if REGISTRY[n].guided)
    print(f"slowest of ours against cross_entropy: {worst:.3f} x (limit {LIMIT_STEP})")
    print(f"published CYBORG against the slowest of ours: {speedup:.2f} x (wanted {LIMIT_CYBORG})")
    wall, cpu = cached_run()
    print(f"last stages, 100 cached images, 10 epochs: {wall:.1f} s, {cpu:.1f} s of CPU (limit {LIMIT_CACHED_S:.0f} s)")


if __name__ == "__main__":
    main()
