"""Makes a model folder with an ImageNet backbone and a seeded head: a real network without a training.

Run as a script, in a process of its own, so that the test process never imports torch.
"""

from __future__ import annotations

import sys
from pathlib import Path

from divisive_desktop.library.card import Card, Preprocessing
from divisive_desktop.networks.pretrained import pretrained_network
from divisive_desktop.networks.saving import save_network


def make(folder: Path, task: str = "chest-cardiomegaly") -> None:
    """Write the model folder."""
    card = Card(
        id=folder.name,
        version="1",
        task=task,
        classes=("no finding", "abnormal"),
        backbone="",
        method="none",
        weights_sha256="",
        preprocessing=Preprocessing(),
        default=True,
        intended_use="Tests of the window; its verdicts mean nothing.",
    )
    save_network(folder, pretrained_network(seed=7), card)


if __name__ == "__main__":
    make(Path(sys.argv[1]), *sys.argv[2:])
