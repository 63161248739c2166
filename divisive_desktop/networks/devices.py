"""What this machine could compute on, and why it isn't used where it isn't."""

from __future__ import annotations

import platform
import shutil
import sys
from pathlib import Path

import torch

from divisive_desktop.library.devices import Device

_PACKAGED = getattr(sys, "frozen", False)
_CUDA_BUILD = (
    "use a package of this program built for NVIDIA cards"
    if _PACKAGED
    else "install the CUDA build of PyTorch (README, “NVIDIA GPUs”)"
)


def found_devices() -> tuple[Device, ...]:
    """The processor, then every graphics card that PyTorch or the system knows of."""
    threads = torch.get_num_threads()
    name = f"{_processor()}, {threads} thread{'s' * (threads != 1)}"
    return Device("cpu", name, True), *_nvidia(), *_apple()


def _nvidia() -> list[Device]:
    if torch.cuda.is_available():
        found = []
        for index in range(torch.cuda.device_count()):
            about = torch.cuda.get_device_properties(index)
            memory = f"{about.total_memory / 2**30:.0f} GB, compute capability {about.major}.{about.minor}"
            found.append(Device("cuda" if index == 0 else f"cuda:{index}", f"{about.name}, {memory}", True))
        return found
    driver = Path("/proc/driver/nvidia/version").exists() or shutil.which("nvidia-smi") is not None
    built = torch.version.cuda is not None
    if driver and not built:
        why = f"There is an NVIDIA driver, but this PyTorch is a build without CUDA: {_CUDA_BUILD}."
    elif driver:
        why = f"There is an NVIDIA driver, but PyTorch (CUDA {torch.version.cuda}) can't use it: update the driver."
    elif built:
        why = "No NVIDIA driver was found."
    else:
        why = f"No NVIDIA driver was found, and this PyTorch is a build without CUDA. With a card: {_CUDA_BUILD}."
    return [Device("cuda", "NVIDIA graphics card", False, why)]


def _apple() -> list[Device]:
    if torch.backends.mps.is_available():
        return [Device("mps", "Apple GPU (Metal)", True)]
    if platform.system() != "Darwin":
        return []
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
