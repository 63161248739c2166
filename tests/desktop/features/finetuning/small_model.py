"""Makes model folders with a tiny input, a seeded head, and a parent: real networks that learn in seconds.

Run as a script, in a process of its own, so that the test process never imports torch.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import torch

from divisive_desktop.library.card import Card, Preprocessing
from divisive_desktop.networks.pretrained import pretrained_network
from divisive_desktop.networks.saving import save_network


def main(root: Path) -> None:
    """Write ``root/models/small-1`` and its child ``small-2``."""
    network = pretrained_network(seed=3)
    torch.nn.init.normal_(network.head.weight, std=0.05, generator=torch.Generator().manual_seed(3))
    torch.nn.init.zeros_(network.head.bias)
    card = Card(
        "small-1", "1", "chest-cardiomegaly", ("no finding", "abnormal"), "efficientnet-lite0", "cross_entropy", "",
        Preprocessing(size=96), default=True, intended_use="Tests of the window; its verdicts mean nothing.",
        author="tests", created="2026-01-01T00:00:00Z",
    )
    save_network(root / "models" / "small-1", network, card)
    with torch.no_grad():
        network.head.weight.mul_(1.5)
    child = replace(
        card, id="small-2", version="2", parent="small-1", method="difference", default=False,
        created="2026-01-02T00:00:00Z", metrics={"holdout": {"after": {"auroc": {"value": 0.75}}}},
    )
    save_network(root / "models" / "small-2", network, child)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
