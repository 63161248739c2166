"""One face of a picture: box and landmarks, and the part around it that a model sees.

The detector itself runs in the engine (``networks.mtcnn``); this module has no torch.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from divisive_desktop.imaging.framing_rule import FramingRule, Square

Point = tuple[float, float]

DETECTION_SIDE = 1280
"""Longest side of the picture that the detector looks at."""
SMALLEST = 1 / 40
"""Faces smaller than this share of the longest side aren't looked for."""
TILTED = 20.0
"""Degrees of roll from where on a crop is said to be unlike what the models were trained on."""


@dataclass(frozen=True)
class Face:
    """One face that was found."""

    box: tuple[float, float, float, float]
    """x, y, width, height in image pixels: forehead to chin, as the detector draws it."""
    landmarks: tuple[Point, Point, Point, Point, Point]
    """Eye at the left and at the right of the picture, nose, mouth's left and right corner; image pixels."""
    score: float
    """The detector's own, 0..1."""

    @property
    def area(self) -> float:
        return self.box[2] * self.box[3]

    @property
    def roll(self) -> float:
        """Degrees by which the line of the eyes is turned clockwise."""
        (x0, y0), (x1, y1) = self.landmarks[:2]
        return math.degrees(math.atan2(y1 - y0, x1 - x0))

    @property
    def length(self) -> float:
        """Distance from eyes to mouth over the distance of the eyes: about 1.06 of a face seen from the front."""
        left, right, _, mouth_left, mouth_right = (np.array(p) for p in self.landmarks)
        down, across = (mouth_left + mouth_right - left - right) / 2, right - left
        return float(np.hypot(*down) / max(float(np.hypot(*across)), 1e-6))

    def contains(self, x: float, y: float) -> bool:
        left, top, width, height = self.box
        return left <= x < left + width and top <= y < top + height

    def square(self, rule: FramingRule) -> Square:
        """What a model with this rule sees. Axis-aligned: a tilted face isn't turned, see ADR 6."""
        left, right, _, mouth_left, mouth_right = (np.array(p) for p in self.landmarks)
        eyes, mouth = (left + right) / 2, (mouth_left + mouth_right) / 2
        down = mouth - eyes
        side = rule.factor * max(float(np.hypot(*(right - left))), rule.mouth * float(np.hypot(*down)))
        x, y = eyes + rule.centre * down - side / 2
        return float(x), float(y), side, side
