"""Faces in a photograph: what a detector found, which part of the picture the model sees, and why that part.

The detector itself runs in the engine (``networks.mtcnn``); this module has no torch.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import cv2
import numpy as np
import numpy.typing as npt

from divisive_desktop.geometry import Box
from divisive_desktop.imaging.display import default_voi, render
from divisive_desktop.imaging.record import ImageRecord

Point = tuple[float, float]
How = Literal["detected", "picked", "manual", "whole"]
"""Found by the detector and chosen as the largest · one of those found, picked by a person · drawn or given by a
person · the whole picture, because a person said so."""

DETECTION_SIDE = 1280
"""Longest side of the picture that the detector looks at."""
SMALLEST = 1 / 40
"""Faces smaller than this share of the longest side aren't looked for."""
SAME = 0.75
"""A picture that overlaps the crop by this much (intersection over union) is a face crop already and is left whole."""
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

    def contains(self, x: float, y: float) -> bool:
        left, top, width, height = self.box
        return left <= x < left + width and top <= y < top + height


@dataclass(frozen=True)
class Detector:
    """Names what found the faces."""

    name: str
    version: str
    weights_sha256: str
    licence: str


@dataclass(frozen=True)
class Faces:
    """What a detector found in one picture."""

    faces: tuple[Face, ...]
    """Largest first."""
    detector: Detector


@dataclass(frozen=True)
class Framing:
    """Which part of a picture is analysed, and how that was chosen; kept with the analysis."""

    how: How
    crop: Box | None = None
    """None: the whole picture."""
    faces: tuple[Face, ...] = ()
    chosen: int | None = None
    """Index of the face that the crop was made for."""
    detector: Detector | None = None

    def __post_init__(self) -> None:
        if self.chosen is not None and not 0 <= self.chosen < len(self.faces):
            raise ValueError("the chosen face must be one of those found")

    @property
    def face(self) -> Face | None:
        return self.faces[self.chosen] if self.chosen is not None else None

    @property
    def by_person(self) -> bool:
        """A person decided this: it is asked for again when the case is analysed anew."""
        return self.how != "detected"

    def as_dict(self) -> dict[str, Any]:
        """JSON types only, figures rounded to a hundredth of a pixel."""
        return {
            "how": self.how,
            "crop": list(self.crop) if self.crop is not None else None,
            "faces": [
                {
                    "box": [round(v, 2) for v in f.box],
                    "landmarks": [[round(v, 2) for v in p] for p in f.landmarks],
                    "score": round(f.score, 4),
                }
                for f in self.faces
            ],
            "chosen": self.chosen,
            "detector": asdict(self.detector) if self.detector is not None else None,
        }

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Framing:
        """The inverse of ``as_dict``.

        Raises
        ------
        ValueError, KeyError, TypeError
            It isn't one.
        """
        faces = tuple(Face(_numbers(f["box"], 4), _points(f["landmarks"]), float(f["score"])) for f in raw["faces"])
        if raw["how"] not in ("detected", "picked", "manual", "whole"):
            raise ValueError(f"unknown framing {raw['how']!r}")
        crop, detector = raw["crop"], raw["detector"]
        return cls(
            raw["how"],
            _whole_numbers(crop) if crop is not None else None,
            faces,
            raw["chosen"],
            Detector(**detector) if detector is not None else None,
        )


def framing_of(preprocessing: Mapping[str, Any]) -> Framing | None:
    """How the part of an analysis was chosen, from its ``preprocessing``; None where nothing was chosen.

    None also for what can't be read, as a later version of the program may write it: the region is known all the same.
    """
    raw = preprocessing.get("framing")
    if raw is None:
        return None
    try:
        return Framing.from_dict(raw)
    except (ValueError, KeyError, TypeError):
        return None


def in_words(framing: Framing) -> str:
    """One line for people: what was analysed and who chose it."""
    number = len(framing.faces)
    if framing.how == "whole":
        return "the whole picture, as asked for"
    if framing.how == "manual":
        return "a part chosen by hand"
    if framing.crop is None:
        return "the whole picture: it is a face crop already"
    if framing.how == "picked":
        return f"face {(framing.chosen or 0) + 1} of {number}, chosen by hand"
    return "the one face that was found" if number == 1 else f"the largest of {number} faces that were found"


def ideal_square(face: Face) -> tuple[float, float, float, float]:
    """The square that the face models were trained on: x, y, side, side; it may reach beyond the picture.

    FFHQ's rule: side = 2 max(2 x distance of the eyes, 1.8 x distance from eyes to mouth), centre = middle of the
    eyes + a tenth of the way to the mouth. Axis-aligned, as in the training data.
    """
    left, right, _, mouth_left, mouth_right = (np.array(p) for p in face.landmarks)
    eyes, mouth = (left + right) / 2, (mouth_left + mouth_right) / 2
    down = mouth - eyes
    side = 2 * max(2.0 * float(np.hypot(*(right - left))), 1.8 * float(np.hypot(*down)))
    x, y = eyes + 0.1 * down - side / 2
    return float(x), float(y), side, side


def face_crop(face: Face, width: int, height: int) -> Box | None:
    """What a face model should see of a picture: `ideal_square`, brought inside by `inside`.

    Returns
    -------
    (x, y, width, height) or None
        None: the picture as a whole is such a crop already (see `SAME`) and needn't be cut.
    """
    ideal = ideal_square(face)
    if _overlap(ideal, (0, 0, width, height)) >= SAME:
        return None
    return inside(ideal, width, height)


def inside(square: tuple[float, float, float, float], width: int, height: int) -> Box:
    """A square in whole pixels, moved into the picture; no larger than the picture's shorter side."""
    x, y, side, _ = square
    whole = max(1, min(round(side), width, height))
    left = round(x + (side - whole) / 2)
    top = round(y + (side - whole) / 2)
    return min(max(left, 0), width - whole), min(max(top, 0), height - whole), whole, whole


def automatic(found: Faces, width: int, height: int) -> Framing | None:
    """The largest face; None without any."""
    if not found.faces:
        return None
    return Framing("detected", face_crop(found.faces[0], width, height), found.faces, 0, found.detector)


def pick(framing: Framing, index: int, width: int, height: int) -> Framing:
    """Another one of the faces that were found."""
    crop = face_crop(framing.faces[index], width, height)
    return replace(framing, how="picked", crop=crop, chosen=index)


def by_hand(crop: Box, known: Framing | None = None) -> Framing:
    """A part chosen by a person; the faces found earlier stay known."""
    if known is None:
        return Framing("manual", crop)
    return replace(known, how="manual", crop=crop, chosen=None)


def whole(known: Framing | None = None) -> Framing:
    """The whole picture, as a person asked."""
    return Framing("whole") if known is None else replace(known, how="whole", crop=None, chosen=None)


def detection_picture(record: ImageRecord) -> tuple[npt.NDArray[np.uint8], float, float]:
    """What the detector looks at.

    Returns
    -------
    (uint8 (h, w, 3) RGB, float, float)
        At most `DETECTION_SIDE` pixels a side, and how many of its columns and rows make one of the image's.
    """
    shrink = min(1.0, DETECTION_SIDE / max(record.width, record.height))
    columns, rows = max(1, round(record.width * shrink)), max(1, round(record.height * shrink))
    across, down = columns / record.width, rows / record.height
    if shrink < 1.0:
        stored = record.stored
        if stored.dtype.kind in "iu" and stored.dtype.itemsize > 2:  # OpenCV resizes no 32-bit integers
            stored = stored.astype(np.float32)
        small = cv2.resize(np.ascontiguousarray(stored), (columns, rows), interpolation=cv2.INTER_AREA)
        record = replace(record, stored=small)
    shown = render(record, default_voi(record))
    if shown.ndim == 2:
        shown = np.repeat(shown[..., None], 3, axis=2)
    return np.ascontiguousarray(shown), across, down


def _overlap(a: Sequence[float], b: Sequence[float]) -> float:
    across = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    down = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    if across <= 0 or down <= 0:
        return 0.0
    return across * down / (a[2] * a[3] + b[2] * b[3] - across * down)


def _numbers(values: Sequence[Any], count: int) -> Any:
    if len(values) != count:
        raise ValueError(f"{count} numbers expected")
    return tuple(float(v) for v in values)


def _whole_numbers(values: Sequence[Any]) -> Any:
    return tuple(round(v) for v in _numbers(values, 4))


def _points(values: Sequence[Any]) -> Any:
    if len(values) != 5:
        raise ValueError("five landmarks expected")
    return tuple(_numbers(v, 2) for v in values)
