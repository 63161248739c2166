"""What the analyst chooses before a run. No widgets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Choices:
    """How a run shall go."""

    base: str
    """Model id."""
    method: str = "focus"
    stages: str = "last"
    """head, last, late or all."""
    epochs: int = 8
    alpha: float = 0.5
    """Share of the labels in what is learned; the masks have the rest."""
    seed: int = 0
    device: str = "auto"
    advanced: Mapping[str, Any] = field(default_factory=dict)
    """Further settings by name, only those that differ from what suits the data: lr, batch, copies, patience."""
    name: str = ""
    """Of the new version; '': the next free one."""

    def request_fields(self) -> dict[str, Any]:
        """As fields of a ``FineTune`` request."""
        return {
            "method": self.method, "stages": self.stages, "epochs": self.epochs, "alpha": self.alpha,
            "seed": self.seed, "device": self.device, "advanced": dict(self.advanced),
            "new_id": self.name,
        }  # fmt: skip


STAGES: tuple[tuple[str, str, str], ...] = (
    ("head", "Head only", "The last layer. For a handful of cases; can't learn to see anything new."),
    ("last", "Last stage", "The last stage and the head. Right for tens to hundreds of cases."),
    ("late", "Last two stages", "Learns more and forgets more. For some hundred cases."),
    ("all", "Whole network", "For thousands of cases and a graphics card; slow elsewhere."),
)
"""Id, name, when to choose it."""
