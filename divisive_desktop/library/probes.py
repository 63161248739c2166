"""Is a film turned, upside down, inverted or mirrored, a picture treated? Probes on what scope looks at anyway."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from divisive_desktop.imaging.correction import MENDS

Float = npt.NDArray[np.float32]
MIRROR = "mirror"


@dataclass(frozen=True, eq=False)
class Probes:
    """Linear scores of the coarse layout of an image: one of the picture as it should be, one of each fault.

    Faults go by the name of what mends them. *Mirrored* is told apart by itself, from the two sides of one picture: it
    is far less certain than the others, which are told from each other and from the picture as it should be.
    """

    mends: tuple[str, ...]
    weights: Float
    """(1 + faults, g): as it should be, then the faults in the order of ``mends``."""
    bias: Float
    """(1 + faults,)"""

    def __post_init__(self) -> None:
        rows = 1 + len(self.mends)
        if not self.mends or len(set(self.mends)) != len(self.mends) or not set(self.mends) <= set(MENDS):
            raise ValueError("the probes of scope name what isn't a correction")
        if self.weights.ndim != 2 or len(self.weights) != rows or self.bias.shape != (rows,):
            raise ValueError("the probes of scope don't fit what the card names")
        if not (np.isfinite(self.weights).all() and np.isfinite(self.bias).all()):
            raise ValueError("the probes of scope hold what isn't a number")

    def askew(self, grid: Float) -> tuple[str | None, float]:
        """The likeliest fault but *mirrored*, and by how much it is likelier than none (a difference of logits)."""
        scores = self.weights @ grid + self.bias
        faults = [(float(scores[1 + i] - scores[0]), name) for i, name in enumerate(self.mends) if name != MIRROR]
        if not faults:
            return None, -np.inf
        margin, name = max(faults)
        return name, margin

    def mirrored(self, grid: Float) -> float:
        """Logit of the picture being mirrored; minus infinity where that isn't looked for."""
        if MIRROR not in self.mends:
            return -np.inf
        row = 1 + self.mends.index(MIRROR)
        return float(self.weights[row] @ grid + self.bias[row])


@dataclass(frozen=True, eq=False)
class TreatmentProbe:
    """A linear score of a picture having been denoised, blurred, covered or the like, over all that scope looks at."""

    weights: Float
    """(p + g,): of the pooled channels, then of the grid."""
    bias: float

    def __post_init__(self) -> None:
        if self.weights.ndim != 1 or not (np.isfinite(self.weights).all() and np.isfinite(self.bias)):
            raise ValueError("the probe of treatments in scope holds what isn't a number")

    def score(self, pooled: Float, grid: Float) -> float:
        """A logit: higher where the picture looks treated."""
        split = pooled.size
        return float(self.weights[:split] @ pooled + self.weights[split:] @ grid + self.bias)
