"""The rule by which a model's pictures were cut: which part around a face or an iris it is to see."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

Square = tuple[float, float, float, float]
"""x, y, side, side in image pixels; it may reach beyond the picture."""
Subject = Literal["face", "iris"]


@dataclass(frozen=True)
class FramingRule:
    """A square around what is looked for. Field names are those of a card's ``framing``."""

    kind: Subject
    factor: float
    """Side of the square: for a face in units of max(distance of the eyes, ``mouth`` x distance from eyes to mouth),
    for an iris in radii of the limbus."""
    mouth: float = 0.9
    centre: float = 0.1
    """Faces: where its centre lies on the way from the middle of the eyes (0) to the mouth (1). Irises: the pupil."""

    def __post_init__(self) -> None:
        if self.kind not in ("face", "iris"):
            raise ValueError(f"framing.kind must be face or iris, not {self.kind!r}")
        for name, low, high in (("factor", 0.5, 10.0), ("mouth", 0.1, 5.0), ("centre", -1.0, 2.0)):
            value = getattr(self, name)
            number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
            if not (number and low <= value <= high):
                raise ValueError(f"framing.{name} must be a number from {low} to {high}, not {value!r}")

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> FramingRule:
        """From a card.

        Raises
        ------
        ValueError, TypeError
            It isn't one.
        """
        if not isinstance(raw, Mapping):
            raise TypeError("framing must be an object")
        unknown = set(raw) - set(cls.__dataclass_fields__)
        if unknown:
            raise ValueError(f"framing has unknown fields: {', '.join(sorted(unknown))}")
        return cls(**raw)

    def as_dict(self) -> dict[str, Any]:
        """JSON types only."""
        return asdict(self)

    @property
    def words(self) -> str:
        """What is cut, for people."""
        if self.kind == "iris":
            return f"a square of {self.factor:g} iris radii around the pupil"
        return f"a square of {self.factor:g} eye distances around the face"


FFHQ = FramingRule("face", 4.0, 0.9, 0.1)
"""FFHQ's rule, by which faces are cut where a card says nothing: all models of photographs up to 0.1.0 had it."""
IRIS = FramingRule("iris", 2.5)
