"""Which part of a picture the model sees, and why that part: around a face or an iris that was found, or by hand.

What finds them runs in the engine (``networks.mtcnn``, ``imaging.iris_finder``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import cv2
import numpy as np
import numpy.typing as npt

from divisive_desktop.geometry import Box
from divisive_desktop.imaging.display import default_voi, render
from divisive_desktop.imaging.faces import DETECTION_SIDE, Face
from divisive_desktop.imaging.framing_rule import FFHQ, IRIS, FramingRule, Square, Subject
from divisive_desktop.imaging.irises import Iris
from divisive_desktop.imaging.record import ImageRecord

Found = Face | Iris
How = Literal["detected", "picked", "manual", "whole"]
"""Found by the detector and chosen as the largest · one of those found, picked by a person · drawn or given by a
person · the whole picture, because a person said so."""

SAME = 0.75
"""A picture that overlaps the crop by this much (intersection over union) is such a crop already and is left whole."""


@dataclass(frozen=True)
class Detector:
    """Names what found the faces or the iris."""

    name: str
    version: str
    weights_sha256: str
    licence: str


@dataclass(frozen=True)
class Finds:
    """What a detector found in one picture."""

    found: tuple[Found, ...]
    """Largest first."""
    detector: Detector


@dataclass(frozen=True)
class Framing:
    """Which part of a picture is analysed, and how that was chosen; kept with the analysis."""

    how: How
    crop: Box | None = None
    """None: the whole picture."""
    found: tuple[Found, ...] = ()
    chosen: int | None = None
    """Index of what the crop was made for."""
    detector: Detector | None = None
    rule: FramingRule = FFHQ
    """By which a crop is made; analyses that keep none were made by FFHQ's."""

    def __post_init__(self) -> None:
        if self.chosen is not None and not 0 <= self.chosen < len(self.found):
            raise ValueError("what was chosen must be one of those found")

    @property
    def subject(self) -> Found | None:
        """The face or the iris that the crop was made for."""
        return self.found[self.chosen] if self.chosen is not None else None

    @property
    def face(self) -> Face | None:
        return self.subject if isinstance(self.subject, Face) else None

    @property
    def kind(self) -> Subject:
        """What was looked for."""
        return self.rule.kind

    @property
    def by_person(self) -> bool:
        """A person decided this: it is asked for again when the case is analysed anew."""
        return self.how != "detected"

    def as_dict(self) -> dict[str, Any]:
        """JSON types only, figures rounded to a hundredth of a pixel."""
        kept: dict[str, Any] = {
            "how": self.how,
            "crop": list(self.crop) if self.crop is not None else None,
            "faces": [
                {
                    "box": [round(v, 2) for v in f.box],
                    "landmarks": [[round(v, 2) for v in p] for p in f.landmarks],
                    "score": round(f.score, 4),
                }
                for f in self.found if isinstance(f, Face)
            ],
            "chosen": self.chosen,
            "detector": asdict(self.detector) if self.detector is not None else None,
            "rule": self.rule.as_dict(),
        }  # fmt: skip
        irises = [
            {"pupil": [round(v, 2) for v in i.pupil], "limbus": [round(v, 2) for v in i.limbus],
             "score": round(i.score, 4)}
            for i in self.found if isinstance(i, Iris)
        ]  # fmt: skip
        return {**kept, "irises": irises} if self.kind == "iris" else kept

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Framing:
        """The inverse of ``as_dict``.

        Raises
        ------
        ValueError, KeyError, TypeError
            It isn't one.
        """
        faces = tuple(Face(_numbers(f["box"], 4), _points(f["landmarks"]), float(f["score"])) for f in raw["faces"])
        irises = tuple(
            Iris(_numbers(i["pupil"], 3), _numbers(i["limbus"], 3), float(i["score"])) for i in raw.get("irises", ())
        )
        if raw["how"] not in ("detected", "picked", "manual", "whole"):
            raise ValueError(f"unknown framing {raw['how']!r}")
        crop, detector = raw["crop"], raw["detector"]
        return cls(
            raw["how"],
            _whole_numbers(crop) if crop is not None else None,
            faces or irises,
            raw["chosen"],
            Detector(**detector) if detector is not None else None,
            FramingRule.from_json(raw["rule"]) if "rule" in raw else FFHQ,
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
    number, one = len(framing.found), framing.kind
    many = "irises" if one == "iris" else "faces"
    if framing.how == "whole":
        return "the whole picture, as asked for"
    if framing.how == "manual":
        return "a part chosen by hand"
    if framing.crop is None:
        return f"the whole picture: it is {'an iris' if one == 'iris' else 'a face'} crop already"
    if framing.how == "picked":
        return f"{one} {(framing.chosen or 0) + 1} of {number}, chosen by hand"
    return f"the one {one} that was found" if number == 1 else f"the largest of {number} {many} that were found"


def crop_of(found: Found, rule: FramingRule, width: int, height: int) -> Box | None:
    """What a model should see of a picture: the rule's square, brought inside by `inside`.

    Returns
    -------
    (x, y, width, height) or None
        None: the picture as a whole is such a crop already (see `SAME`) and needn't be cut.
    """
    ideal = found.square(rule)
    if overlap(ideal, (0, 0, width, height)) >= SAME:
        return None
    return inside(ideal, width, height)


def inside(square: Square, width: int, height: int) -> Box:
    """A square in whole pixels, moved into the picture; no larger than the picture's shorter side."""
    x, y, side, _ = square
    whole = max(1, min(round(side), width, height))
    left = round(x + (side - whole) / 2)
    top = round(y + (side - whole) / 2)
    return min(max(left, 0), width - whole), min(max(top, 0), height - whole), whole, whole


def automatic(finds: Finds, rule: FramingRule, width: int, height: int) -> Framing | None:
    """The largest of what was found; None without any."""
    if not finds.found:
        return None
    return Framing("detected", crop_of(finds.found[0], rule, width, height), finds.found, 0, finds.detector, rule)


def pick(framing: Framing, index: int, width: int, height: int) -> Framing:
    """Another one of those that were found."""
    crop = crop_of(framing.found[index], framing.rule, width, height)
    return replace(framing, how="picked", crop=crop, chosen=index)


def by_hand(crop: Box, known: Framing | None = None) -> Framing:
    """A part chosen by a person; what was found earlier stays known."""
    if known is None:
        return Framing("manual", crop)
    return replace(known, how="manual", crop=crop, chosen=None)


def whole(known: Framing | None = None) -> Framing:
    """The whole picture, as a person asked."""
    return Framing("whole") if known is None else replace(known, how="whole", crop=None, chosen=None)


def detection_picture(
    record: ImageRecord, longest: int = DETECTION_SIDE
) -> tuple[npt.NDArray[np.uint8], float, float]:
    """What a detector looks at.

    Parameters
    ----------
    longest : int
        Most pixels a side.

    Returns
    -------
    (uint8 (h, w, 3) RGB, float, float)
        And how many of its columns and rows make one of the image's.
    """
    shrink = min(1.0, longest / max(record.width, record.height))
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


def overlap(a: Sequence[float], b: Sequence[float]) -> float:
    """Intersection over union of two boxes, 0..1."""
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


__all__ = [
    "FFHQ", "IRIS", "SAME", "Detector", "Finds", "Found", "Framing", "automatic", "by_hand", "crop_of",
    "detection_picture", "framing_of", "in_words", "inside", "overlap", "pick", "whole",
]  # fmt: skip
