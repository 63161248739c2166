"""What an explanation costs: CAM pair, divergence and features against the plain forward pass and pytorch-grad-cam.

Run: ``python tests/benchmarks/bench_cam.py``

The peer needs torchvision at import, which doesn't run beside the CPU build of torch; none of torchvision,
matplotlib and tqdm takes part in what is timed here, so empty modules stand in for them. To get the peer:
``.venv/bin/pip install --no-deps --target build/work/peers grad-cam==1.5.7 ttach``
(or any folder, named in the environment variable DIVISIVE_BENCH_PEERS).
"""

from __future__ import annotations

import copy
import importlib.abc
import importlib.machinery
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch

from divisive_desktop.explanation.features import important_features
from divisive_desktop.imaging.opening import open_image
from divisive_desktop.library.card import Card, Preprocessing
from divisive_desktop.networks.analyse import LoadedModel, analyse, forward, load_model
from divisive_desktop.networks.network import Network
from divisive_desktop.networks.pretrained import pretrained_network
from divisive_desktop.networks.saving import save_network

ROOT = Path(__file__).resolve().parents[2]
PEERS = Path(os.environ.get("DIVISIVE_BENCH_PEERS", ROOT / "build" / "work" / "peers"))
IMAGE_SIZE = (1841, 1955)
LIMIT_FORWARD, LIMIT_PEER = 1.10, 3.0


def quickest(jobs: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Milliseconds of each job's quickest round (what is slower was disturbed), all taken in turns."""
    times: dict[str, list[float]] = {name: [] for name in jobs}
    for turn in range(rounds + 3):
        for name, job in jobs.items():
            start = time.perf_counter()
            job()
            if turn >= 3:  # the first rounds warm up caches and memory pools
                times[name].append(1e3 * (time.perf_counter() - start))
    return {name: min(t) for name, t in times.items()}


class _Stubs(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Empty torchvision, matplotlib and tqdm: importable names, nothing behind them."""

    def find_spec(self, name: str, path: Any, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        if name.split(".")[0] in ("torchvision", "matplotlib", "tqdm"):
            return importlib.machinery.ModuleSpec(name, self, is_package=True)
        return None

    def exec_module(self, module: ModuleType) -> None:
        module.__getattr__ = lambda name: object  # type: ignore[method-assign]


def grad_cam(network: Network) -> Any | None:
    """pytorch-grad-cam's GradCAM on the last activation, or None where it isn't installed."""
    if PEERS.is_dir():
        sys.path.append(str(PEERS))
    sys.meta_path.insert(0, _Stubs())
    try:
        from pytorch_grad_cam import GradCAM
    except ModuleNotFoundError as e:
        print(f"pytorch-grad-cam is not installed ({e}). To compare with it:")
        print("  .venv/bin/pip install --no-deps --target build/work/peers grad-cam==1.5.7 ttach\n")
        return None
    finally:
        sys.meta_path.pop(0)

    class Plain(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = network

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.inner.logits(x)

    return GradCAM(model=Plain(), target_layers=[network.backbone.last])


def jobs_for(model: LoadedModel, inputs: np.ndarray) -> dict[str, Callable[[], object]]:
    """The plain pass, and the pass that explains itself; both start from the preprocessed array."""

    def plain() -> object:
        with torch.inference_mode():
            x = torch.from_numpy(inputs).contiguous(memory_format=torch.channels_last)
            return model.network.logits(x).numpy()

    def explain() -> object:
        logits, cams, _ = forward(model, inputs)
        true = int(logits[0, 1] > logits[0, 0])
        return important_features(cams[0, true] - cams[0, 1 - true], IMAGE_SIZE, (0, 0, *IMAGE_SIZE))

    return {"plain": plain, "explain": explain}


def peer_jobs(folded: Network, inputs: np.ndarray) -> dict[str, Callable[[], object]]:
    """GradCAM for both classes: in two calls, as one batch of two, and that with nothing but the last layer to learn.

    The peer gets the folded network too: the ratio shall not thank it for what folding brings.
    """
    network = copy.deepcopy(folded).requires_grad_(True)
    cam = grad_cam(network)
    if cam is None:
        return {}
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    x = torch.from_numpy(inputs).contiguous(memory_format=torch.channels_last)
    targets = [ClassifierOutputTarget(0), ClassifierOutputTarget(1)]
    frozen_network = copy.deepcopy(folded)
    frozen_network.backbone.last.requires_grad_(True)
    frozen = grad_cam(frozen_network)
    return {
        "two calls": lambda: [cam(input_tensor=x, targets=[t]) for t in targets],
        "one batch": lambda: cam(input_tensor=torch.cat([x, x]), targets=targets),
        "one batch, frozen up to the last layer": lambda: frozen(input_tensor=torch.cat([x, x]), targets=targets),
    }


def report(what: str, ms: float, ratio: float | None = None, limit: str = "", good: bool = True) -> None:
    shown = "" if ratio is None else f"{ratio:6.2f} x"
    print(f"  {what:<62}{ms:9.1f} ms  {shown:>9}  {limit}{'' if good else '  OVER THE LIMIT'}")


def bench(size: int, folder: Path, rounds: int = 25) -> None:
    network = pretrained_network(seed=0)
    card = Card(f"bench-{size}", "1", "chest-xray", ("a", "b"), "", "cross_entropy", "", Preprocessing(size=size))
    model = load_model(save_network(folder / card.id, network, card).folder, "cpu")
    from pydicom.data import get_testdata_file

    image = open_image(str(get_testdata_file("RG1_UNCR.dcm", download=False)))
    inputs = model.prepare(image).pixels[None]
    cells = network.cam_size(size)
    threads = torch.get_num_threads()
    print(f"EfficientNet-Lite0, {size} px input, {cells} x {cells} CAM, batch 1, cpu, {threads} thread(s)")
    unfolded = torch.from_numpy(inputs).contiguous(memory_format=torch.channels_last)

    def as_trained() -> object:
        with torch.inference_mode():
            return network.logits(unfolded)

    ours = jobs_for(model, inputs)
    peer = peer_jobs(model.network, inputs)
    times = quickest({**ours, "as trained": as_trained, **peer}, rounds)
    report("plain forward pass, batch norm not folded", times["as trained"])
    report("plain forward pass", times["plain"], 1.0)
    ratio = times["explain"] / times["plain"]
    limit = f"limit {LIMIT_FORWARD:.2f} x"
    report("CAM pair + divergence + important features", times["explain"], ratio, limit, ratio <= LIMIT_FORWARD)
    for name in peer:
        report(f"GradCAM, two classes, {name}", times[name], times[name] / times["plain"])
    if peer:
        gain = min(times["two calls"], times["one batch"]) / times["explain"]
        good = gain >= LIMIT_PEER
        report("  faster than the peer as documented by", times["explain"], gain, f"at least {LIMIT_PEER:.0f} x", good)

    steps = quickest(
        {
            "load": lambda: load_model(folder / card.id, "cpu"),
            "prepare": lambda: model.prepare(image),
            "analyse": lambda: analyse(model, image),
        },
        10,
    )
    report("preprocessing of a 1841 x 1955 film", steps["prepare"])
    report("analyse(): preprocessing and forward pass", steps["analyse"])
    report("loading and verifying the model", steps["load"])
    print()


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        for size in (224, 448):
            bench(size, Path(folder))


if __name__ == "__main__":
    main()
