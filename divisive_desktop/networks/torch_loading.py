"""Devices and model weights in torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy.typing as npt
import torch

from divisive_desktop.errors import EngineError
from divisive_desktop.networks.network import Network
from divisive_desktop.networks.pretrained import load_weights
from divisive_desktop.networks.runtime import Precision
from divisive_desktop.networks.torch_runtime import TorchRuntime


def pick_device(wanted: str = "auto") -> torch.device:
    """Device of this name, or the best there is.

    Parameters
    ----------
    wanted : str
        ``auto`` (cuda, else mps, else cpu), ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.

    Raises
    ------
    EngineError
        This machine doesn't have it.
    """
    if wanted == "auto":
        wanted = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        device = torch.device(wanted)
    except RuntimeError as e:
        raise EngineError(f"There is no kind of device called {wanted!r}.", "Choose auto, cpu, cuda or mps.") from e
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise EngineError(
            "This machine has no NVIDIA graphics card that the program can use.",
            "Choose the device auto or cpu, or install the CUDA build of torch (see the README).",
        )
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise EngineError("Apple's Metal isn't available on this machine.", "Choose the device auto or cpu.")
    if device.type not in ("cpu", "cuda", "mps"):
        raise EngineError(f"The program doesn't run on {wanted!r}.", "Choose auto, cpu, cuda or mps.")
    return device


def torch_runtime(
    backbone: str, dilate_last: bool, arrays: Mapping[str, npt.NDArray[Any]], device: str, precision: Precision
) -> TorchRuntime:
    """A network with these weights, ready on a device.

    Raises
    ------
    RuntimeError, ValueError
        The weights aren't those of this network; there is none of this name.
    OutOfMemoryError
    """
    with torch.device("meta"):
        network = Network(backbone, 2, dilate_last)
    load_weights(network, {name: torch.from_numpy(array) for name, array in arrays.items()})
    return TorchRuntime(network, torch.device(device), precision)
