"""One iris of a picture: two circles, and the part around it that a model sees."""

from __future__ import annotations

from dataclasses import dataclass

from divisive_desktop.imaging.framing_rule import FramingRule, Square

Circle = tuple[float, float, float]
"""Centre x and y, radius."""


@dataclass(frozen=True)
class Iris:
    """One iris that was found; all in image pixels."""

    pupil: Circle
    limbus: Circle
    score: float
    """How much of the two edges is there, 0..1."""

    @property
    def box(self) -> tuple[float, float, float, float]:
        """The square around the limbus: x, y, width, height."""
        x, y, r = self.limbus
        return x - r, y - r, 2 * r, 2 * r

    @property
    def area(self) -> float:
        return self.box[2] * self.box[3]

    def contains(self, x: float, y: float) -> bool:
        return (x - self.limbus[0]) ** 2 + (y - self.limbus[1]) ** 2 <= self.limbus[2] ** 2

    def square(self, rule: FramingRule) -> Square:
        """What a model with this rule sees: so many limbus radii a side, around the pupil."""
        side = rule.factor * self.limbus[2]
        return self.pupil[0] - side / 2, self.pupil[1] - side / 2, side, side
