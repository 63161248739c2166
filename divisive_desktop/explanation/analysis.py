"""What one forward pass tells: logits, the CAM pair and its provenance. Crosses the process boundary."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from divisive_desktop.explanation import decision as deciding
from divisive_desktop.explanation.decision import Decision
from divisive_desktop.explanation.scope import BEFORE, ScopeCheck
from divisive_desktop.foreign.text import in_window
from divisive_desktop.geometry import Box
from divisive_desktop.imaging.record import Spacing

_LONGEST_NAME = 120
"""Characters; the rest of a longer one is left out."""


def _name(text: str) -> str:
    """A name as it may stand in a line of a terminal, a report or a window."""
    found = in_window(text)
    return found if len(found) <= _LONGEST_NAME else f"{found[:_LONGEST_NAME]}…"


@dataclass(frozen=True)
class ModelRef:
    """Names the model version that made a figure."""

    id: str
    version: str
    weights_sha256: str
    method: str
    """Training method, a name from the loss registry."""
    task: str
    classes: tuple[str, str]
    """Names of class 0 (negative) and class 1 (positive)."""

    def __post_init__(self) -> None:
        # They come from cards and casebooks that anybody may have made, and stand in the middle of sentences.
        for name in ("id", "version", "method", "task"):
            object.__setattr__(self, name, _name(getattr(self, name)))
        object.__setattr__(self, "classes", tuple(_name(text) for text in self.classes))

    @property
    def short_hash(self) -> str:
        return self.weights_sha256[:12]


@dataclass(frozen=True)
class Analysis:
    """Result of one forward pass on one image.

    ``cams`` holds the raw class activation maps of class 0 and class 1, float32 (2, h, w), such that
    ``cams[c].mean() + bias[c] == logits[c]`` (within 1e-4): global average pooling and a linear head,
    Zhou et al., CVPR 2016.
    """

    file: str
    sha256: str
    frame: int
    image_size: tuple[int, int]
    """Width and height of the original image in pixels."""
    region: Box
    """The part of the image that the model saw and that the CAMs cover, in image pixels."""
    model: ModelRef
    device: str
    precision: str
    logits: tuple[float, float]
    bias: tuple[float, float]
    cams: npt.NDArray[np.float32]
    preprocessing: Mapping[str, Any]
    timings_ms: Mapping[str, float] = field(default_factory=dict)
    """decode, preprocess, forward; the caller adds explain."""
    spacing: Spacing | None = None
    """Pixel spacing of the image, so that features can be measured where it is known."""
    scope: ScopeCheck = BEFORE
    """Whether the image is of the kind that the model was made for."""
    decision: Decision = deciding.BEFORE
    """Whether the model decides about it, and what that was measured on."""

    def __post_init__(self) -> None:
        if self.cams.ndim != 3 or self.cams.shape[0] != 2:
            raise ValueError(f"a CAM pair is (2, h, w), got {self.cams.shape}")
        if not (np.isfinite(self.cams).all() and np.isfinite(self.logits).all()):
            raise ValueError("the network gave a number that is not finite")

    @property
    def probability(self) -> float:
        """Softmax probability of class 1, in 0..1 (calibration is folded into the shipped heads)."""
        margin = self.logits[1] - self.logits[0]
        return float(1.0 / (1.0 + np.exp(-margin))) if margin >= 0 else float(np.exp(margin) / (1 + np.exp(margin)))

    @property
    def correction(self) -> str:
        """What the analyst mended about the picture first (``imaging.correction.Correction.parse``); '' for nothing."""
        return str(self.preprocessing.get("correction") or "")

    @property
    def runtime(self) -> str:
        """Library, version and provider that computed it; '' for analyses made before that was noted (by torch)."""
        return str(self.preprocessing.get("runtime") or "")

    @property
    def predicted(self) -> int:
        """0 or 1: the class on whose side of the card's threshold the logits lie, whether or not it is *decided*."""
        return int(self.logits[1] - self.logits[0] > self.decision.threshold)

    def true_class(self, label: int | None) -> int:
        """The class held true, 0 or 1: the analyst's label, else the class that the score is nearer to.

        Why it is that one depends on the answer: see `explanation.statement.Statement.held_true`.
        """
        return self.predicted if label is None else label

    def divergence(self, true_class: int) -> npt.NDArray[np.float32]:
        """Divergence map D = A_true - A_false, float32 (h, w); mean(D) + b_true - b_false is the logit difference."""
        return np.asarray(self.cams[true_class] - self.cams[1 - true_class], np.float32)
