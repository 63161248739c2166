"""State of a run after each epoch: tensors as safetensors, everything else as JSON. Nothing is pickled."""

from __future__ import annotations

import json
import os
from dataclasses import MISSING, asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from divisive_desktop.errors import TrainingError, in_words
from divisive_desktop.networks.network import Network
from divisive_desktop.training.settings import Settings

_STATE, _TENSORS, _BEST = "state.json", "state.safetensors", "best.safetensors"


@dataclass(frozen=True)
class RunState:
    """Where a run stands."""

    epoch: int = 0
    """Epochs done."""
    step: int = 0
    best_epoch: int = 0
    """Epoch (from 1) whose weights are kept, 0: none yet."""
    best_score: float = float("-inf")
    history: tuple[dict[str, float], ...] = ()
    settings: dict[str, Any] = field(default_factory=dict)
    finished: bool = False


def learned(network: Network) -> dict[str, Tensor]:
    """The tensors that a run changes: parameters that learn, and the normalisation's statistics when they move."""
    tensors = {n: p.detach() for n, p in network.named_parameters() if p.requires_grad}
    if not network.frozen_norm:
        tensors |= {n: b for n, b in network.named_buffers() if not n.endswith("num_batches_tracked")}
    return tensors


def save_state(
    folder: Path, network: Network, optimiser: torch.optim.Optimizer, ema: dict[str, Tensor], state: RunState,
    best: bool,
) -> None:
    """Write the state. A kill at any moment leaves the previous one or this one, never a mixture.

    Tensors go to a file named after the epoch; ``state.json``, renamed into place last, says which one counts.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {f"net.{n}": t for n, t in learned(network).items()}
    tensors |= {f"ema.{n}": t for n, t in ema.items()}
    for i, per_parameter in optimiser.state_dict()["state"].items():
        tensors |= {f"optim.{i}.{n}": t for n, t in per_parameter.items() if isinstance(t, Tensor)}
    name = f"{state.epoch:04d}-{_TENSORS}"
    _write_tensors(folder / name, tensors)
    if best:
        _write_tensors(folder / _BEST, {n: ema.get(n, t) for n, t in learned(network).items()})
    _write_bytes(folder / _STATE, json.dumps({**asdict(state), "tensors": name}, indent=1).encode())
    for old in folder.glob(f"*-{_TENSORS}"):
        if old.name != name:
            old.unlink()


def load_state(
    folder: Path, network: Network, optimiser: torch.optim.Optimizer, settings: dict[str, Any]
) -> tuple[RunState, dict[str, Tensor]]:
    """Bring network and optimiser to where the run in ``folder`` stopped; a fresh state where there is none.

    Raises
    ------
    TrainingError
        The folder holds a run with other settings, or is damaged.
    """
    path = folder / _STATE
    if not path.is_file():
        return RunState(settings=settings), {}
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        name = raw.pop("tensors")
        state = RunState(**{**raw, "history": tuple(raw["history"])})
        # A finished run keeps its weights elsewhere and needs no optimiser any more.
        tensors = {} if state.finished else load_file(folder / name)
    except (OSError, ValueError, KeyError, TypeError) as e:
        raise TrainingError(
            f"The interrupted run in {folder} is damaged: {in_words(e)}.", "Start it again elsewhere."
        ) from e
    if _comparable(state.settings) != _comparable(settings):
        raise TrainingError(
            f"{folder} holds a run with other settings.", "Continue it with its own settings, or choose another folder."
        )
    if state.finished:
        return state, {}
    with torch.no_grad():
        for n, t in learned(network).items():
            t.copy_(tensors[f"net.{n}"])
    packed = optimiser.state_dict()
    packed["state"] = {}
    for key, tensor in tensors.items():
        if key.startswith("optim."):
            _, i, n = key.split(".", 2)
            packed["state"].setdefault(int(i), {})[n] = tensor
    optimiser.load_state_dict(packed)
    ema = {n[4:]: t for n, t in tensors.items() if n.startswith("ema.")}
    return state, ema


def _comparable(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings as JSON, without what may differ when a run goes on.

    The device may change, for instance from a full graphics card to the processor. Settings that came with a later
    version of the program are missing in an older run, which had their defaults.
    """
    defaults = {f.name: f.default for f in fields(Settings) if f.default is not MISSING}
    complete: dict[str, Any] = json.loads(json.dumps({**defaults, **settings, "device": ""}))
    return complete


def kept_history(folder: Path) -> tuple[dict[str, float], ...]:
    """Figures of the epochs that a run in ``folder`` has done, finished or not; empty where there is none."""
    path = folder / _STATE
    if not path.is_file():
        return ()
    try:
        return tuple(json.loads(path.read_text(encoding="utf-8"))["history"])
    except (OSError, ValueError, KeyError, TypeError) as e:
        raise TrainingError(
            f"The interrupted run in {folder} is damaged: {in_words(e)}.", "Start it again elsewhere."
        ) from e


def load_kept(folder: Path, network: Network) -> RunState:
    """Give a network the weights of the epoch that a finished run keeps."""
    state = json.loads((folder / _STATE).read_text(encoding="utf-8"))
    kept = load_file(folder / _BEST)
    with torch.no_grad():
        for n, t in learned(network).items():
            t.copy_(kept[n])
    state.pop("tensors")
    return RunState(**{**state, "history": tuple(state["history"])})


def _write_tensors(path: Path, tensors: dict[str, Tensor]) -> None:
    part = path.with_suffix(".part")
    # A copy of its own for each: safetensors refuses tensors that share memory, and wants the standard layout.
    save_file({n: t.detach().cpu().contiguous().clone() for n, t in tensors.items()}, part)
    os.replace(part, path)


def _write_bytes(path: Path, data: bytes) -> None:
    part = path.with_suffix(".part")
    with part.open("wb") as handle:
        handle.write(data)
        handle.flush()
        os.fsync(handle.fileno())
    os.replace(part, path)
