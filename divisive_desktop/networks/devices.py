"""What this machine could compute on, with which library, and why it isn't used where it isn't.

Torch is imported only where it may have something to add: a build for graphics cards on a machine that has one.
"""

from __future__ import annotations

import importlib.metadata
import platform
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import onnxruntime as ort

from divisive_desktop.library.devices import Device
from divisive_desktop.networks.graph import PROVIDERS, threads
from divisive_desktop.version import can_teach, must_teach

_PACKAGED = getattr(sys, "frozen", False)
_CUDA_BUILD = (
    "use a package of this program built for NVIDIA cards"
    if _PACKAGED
    else "install the CUDA build of PyTorch (README, “NVIDIA GPUs”)"
)
_VIEWER = "The Viewer computes on the processor: PyTorch, which knows the card, doesn't come with it."


@dataclass(frozen=True)
class Chosen:
    """A device that is there."""

    name: str
    """``cpu``, ``cuda``, ``cuda:N`` or ``mps``."""
    by_graph: bool
    """Whether onnxruntime computes on it; else torch does."""

    @property
    def kind(self) -> str:
        """``cpu``, ``cuda`` or ``mps``."""
        return self.name.partition(":")[0]


def chosen_device(wanted: str = "auto") -> Chosen:
    """As `divisive_desktop.networks.torch_loading.pick_device`, which is asked only where torch may have an answer."""
    if wanted == "cpu" or (wanted == "auto" and not torch_may_help()):
        return Chosen("cpu", True)
    must_teach(f"Computing on {wanted}")
    from divisive_desktop.networks.torch_loading import pick_device

    found = str(pick_device(wanted))
    kind = found.partition(":")[0]
    return Chosen(found, PROVIDERS.get(kind) in ort.get_available_providers())


def device_name(device: Chosen) -> str:
    """What a device is called, or how much of it is used."""
    if device.kind == "cpu":
        return f"{threads()} thread{'s' * (threads() != 1)}"
    if device.kind == "mps":
        return "Apple GPU"
    import torch

    return torch.cuda.get_device_name(torch.device(device.name))


def runtime_name(device: Chosen) -> str:
    """The library that answers on a device, with its version."""
    if device.by_graph:
        return f"onnxruntime {ort.__version__}"
    import torch

    return f"PyTorch {torch.__version__}"


def torch_may_help() -> bool:
    """Whether torch could find a graphics card here; without importing it."""
    if not can_teach():
        return False
    if platform.system() == "Darwin":
        return platform.machine() == "arm64"
    return _nvidia_driver() and _torch_build() not in ("", "cpu")


def found_devices() -> tuple[Device, ...]:
    """The processor, then every graphics card that PyTorch or the system knows of."""
    count = threads()
    name = f"{_processor()}, {count} thread{'s' * (count != 1)}"
    return Device("cpu", name, True), *_nvidia(), *_apple()


def _nvidia_driver() -> bool:
    return Path("/proc/driver/nvidia/version").exists() or shutil.which("nvidia-smi") is not None


def _torch_build() -> str:
    """What torch was built for: ``cpu``, ``cu130`` … or ``unknown``; empty where there is none."""
    try:
        return importlib.metadata.version("torch").partition("+")[2] or "unknown"
    except importlib.metadata.PackageNotFoundError:
        return "unknown" if _PACKAGED else ""


def _nvidia() -> list[Device]:
    if not can_teach():
        return [Device("cuda", "NVIDIA graphics card", False, _VIEWER)]
    driver, build = _nvidia_driver(), _torch_build()
    if build in ("", "cpu"):
        if driver:
            why = f"There is an NVIDIA driver, but this PyTorch is a build without CUDA: {_CUDA_BUILD}."
        else:
            why = f"No NVIDIA driver was found, and this PyTorch is a build without CUDA. With a card: {_CUDA_BUILD}."
        return [Device("cuda", "NVIDIA graphics card", False, why)]
    if not driver:
        return [Device("cuda", "NVIDIA graphics card", False, "No NVIDIA driver was found.")]
    import torch

    if not torch.cuda.is_available():
        why = f"There is an NVIDIA driver, but PyTorch (CUDA {torch.version.cuda}) can't use it: update the driver."
        return [Device("cuda", "NVIDIA graphics card", False, why)]
    found = []
    for index in range(torch.cuda.device_count()):
        about = torch.cuda.get_device_properties(index)
        memory = f"{about.total_memory / 2**30:.0f} GB, compute capability {about.major}.{about.minor}"
        found.append(Device("cuda" if index == 0 else f"cuda:{index}", f"{about.name}, {memory}", True))
    return found


def _apple() -> list[Device]:
    if platform.system() != "Darwin":
        return []
    if not can_teach():
        return [Device("mps", "Apple GPU (Metal)", False, _VIEWER)]
    import torch

    if torch.backends.mps.is_available():
        return [Device("mps", "Apple GPU (Metal)", True)]
    built = torch.backends.mps.is_built()
    why = "Metal needs macOS 14 or newer." if built else "This PyTorch is a build without Metal."
    return [Device("mps", "Apple GPU (Metal)", False, why)]


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            names = [line.partition(":")[2].strip() for line in file if line.startswith("model name")]
    except OSError:
        names = []
    return names[0] if names else platform.processor() or platform.machine() or "Processor"
