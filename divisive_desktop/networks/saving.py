"""A trained network -> model folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from divisive_desktop.errors import ModelError
from divisive_desktop.library.card import Card, Preprocessing
from divisive_desktop.library.store import StoredModel, save_model
from divisive_desktop.networks.network import Network
from divisive_desktop.networks.preprocessing import prepare
from divisive_desktop.networks.pretrained import load_weights
from divisive_desktop.networks.reference import PATTERN, reference_image


def weights_of(network: Network, half: bool = True) -> dict[str, npt.NDArray[Any]]:
    """The network's tensors as arrays, float16 (or float32), without batch counters.

    Raises
    ------
    ModelError
        A weight is not finite, or too large for float16.
    """
    dtype = np.float16 if half else np.float32
    with np.errstate(over="ignore"):  # an overflow shows as infinity and is reported below
        arrays = {
            name: np.ascontiguousarray(tensor.detach().float().cpu().numpy().astype(dtype))
            for name, tensor in network.state_dict().items()
            if not name.endswith("num_batches_tracked")
        }
    broken = [name for name, array in arrays.items() if not np.isfinite(array).all()]
    if broken:
        raise ModelError(
            f"The network can't be saved: its weights are not finite ({broken[0]}).",
            "Train again with a smaller learning rate, or start from an earlier checkpoint.",
        )
    return arrays


def save_network(
    folder: Path,
    network: Network,
    card: Card,
    *,
    half: bool = True,
    extras: Mapping[str, bytes] | None = None,
    replace_existing: bool = False,
) -> StoredModel:
    """Write a model folder from an unfolded network.

    Fills in the card's ``backbone``, ``network``, ``reference`` and ``weights_sha256``. The reference answer is
    computed from the weights as they are stored, after rounding to float16.

    Raises
    ------
    ModelError
        See `weights_of` and `divisive_desktop.library.store.save_model`.
    """
    arrays = weights_of(network, half)
    with torch.device("meta"):
        stored = Network(network.backbone_name, 2, network.dilate_last)
    load_weights(stored, {name: torch.from_numpy(array) for name, array in arrays.items()})
    card = replace(
        card,
        backbone=network.backbone_name,
        network={**card.network, "dilate_last": network.dilate_last},
        reference=reference_answer(stored, card.preprocessing),
    )
    return save_model(folder, card, arrays, extras, replace_existing=replace_existing)


@torch.inference_mode()
def reference_answer(network: Network, settings: Preprocessing) -> dict[str, Any]:
    """What goes into a card's ``reference``: name of the image and the network's two logits (float32)."""
    seen = prepare(reference_image(settings.colour), settings)
    device = network.head.weight.device
    logits = network(torch.from_numpy(seen.pixels)[None].to(device))[0][0]
    return {"image": PATTERN, "logits": [round(float(v), 6) for v in logits]}
