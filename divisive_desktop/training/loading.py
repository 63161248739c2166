"""Stored models as networks that can be trained on."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load

from divisive_desktop.library.card import Card
from divisive_desktop.library.store import find_model, verified_bytes
from divisive_desktop.networks.network import Network
from divisive_desktop.networks.pretrained import load_weights


def load_network(model_id: str) -> tuple[Network, Card]:
    """An installed model as a network that can be trained on, and its card.

    Raises
    ------
    ModelNotFoundError, ModelIntegrityError
    """
    return read_network(find_model(model_id).folder)


def read_network(folder: Path) -> tuple[Network, Card]:
    """The network of a model folder as it is stored, and its card.

    Raises
    ------
    ModelIntegrityError
    """
    card, data = verified_bytes(folder)
    with torch.device("meta"):
        network = Network(card.backbone, 2, bool(card.network.get("dilate_last", False)))
    load_weights(network, load(data))
    return network, card
