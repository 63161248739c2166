"""The card of a model version: everything known about it, as JSON beside the weights. Torch-free."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from divisive_desktop.errors import ModelIntegrityError
from divisive_desktop.explanation.analysis import ModelRef

FORMAT = 1


@dataclass(frozen=True)
class Preprocessing:
    """The task's declared recipe from modality values to network input. Display settings play no part in it."""

    size: int = 448
    """Side of the square network input in pixels."""
    colour: str = "grey"
    """``grey``: one channel (high = bright, MONOCHROME1 inverted, colours as luma) repeated three times; ``rgb``."""
    low_percentile: float = 0.0
    high_percentile: float = 100.0
    """``grey``: modality values at these percentiles (padding left out, at the network's resolution) map to 0 and 255,
    whatever the file format. ``rgb``: photographs keep their own scale, 0..255 or 0..65535; others as ``grey``."""
    mean: float = 127.0
    scale: float = 128.0
    """Input = (value in 0..255 - mean) / scale, as the ImageNet weights were trained."""
    resize: str = "area"
    """OpenCV interpolation when shrinking (enlarging is bilinear); the aspect ratio is not kept."""


@dataclass(frozen=True)
class Card:
    """What is known about a model version. Field names are the JSON's."""

    id: str
    version: str
    task: str
    """One of the glossary's tasks: chest-xray, chest-planted, face-synthetic, face-manipulation."""
    classes: tuple[str, str]
    backbone: str
    method: str
    weights_sha256: str
    preprocessing: Preprocessing
    network: Mapping[str, Any] = field(default_factory=dict)
    """Settings of the network other than weights: e.g. {"dilate_last": false}."""
    training: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)
    calibration: Mapping[str, Any] = field(default_factory=dict)
    """{"temperature": T, "folded": true, ...}: T is already divided into the head."""
    parent: str | None = None
    default: bool = False
    """Analyses of this task use this model unless another is chosen."""
    licence: str = "Apache-2.0"
    attribution: tuple[str, ...] = ()
    intended_use: str = ""
    limits: tuple[str, ...] = ()
    author: str = ""
    created: str = ""
    """UTC, ISO 8601."""
    reference: Mapping[str, Any] = field(default_factory=dict)
    """A known input and the logits stored for it: ``models --verify`` recomputes them."""
    format: int = FORMAT

    @property
    def ref(self) -> ModelRef:
        return ModelRef(self.id, self.version, self.weights_sha256, self.method, self.task, self.classes)

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n"


def read_card(path: Path) -> Card:
    """Read ``card.json``. Unknown fields are ignored (tolerant on read).

    Raises
    ------
    ModelIntegrityError
        The card is missing, not JSON, or lacks a field without which the model can't be used.
    """
    remedy = "Import the model again, or choose another one."
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as e:
        raise ModelIntegrityError(f"The model in {path.parent.name} has no card.", remedy) from e
    except (OSError, ValueError) as e:
        raise ModelIntegrityError(f"The card of model {path.parent.name} can't be read.", remedy) from e
    try:
        known = {name: raw[name] for name in Card.__dataclass_fields__ if name in raw}
        if known.get("format", FORMAT) > FORMAT:
            raise ModelIntegrityError(
                f"The model {path.parent.name} was written by a newer version of this program.", "Update the program."
            )
        fields = Preprocessing.__dataclass_fields__
        known["preprocessing"] = Preprocessing(**{k: v for k, v in raw["preprocessing"].items() if k in fields})
        for name in ("classes", "attribution", "limits"):
            if name in known:
                known[name] = tuple(known[name])
        card = Card(**known)
    except (TypeError, KeyError, AttributeError) as e:
        raise ModelIntegrityError(f"The card of model {path.parent.name} is incomplete: {e}.", remedy) from e
    if len(card.classes) != 2:
        raise ModelIntegrityError(f"The card of model {card.id} doesn't name two classes.", remedy)
    return card
