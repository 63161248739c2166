"""What an analyst mended about a picture before anything looks at it: quarter turns, mirroring, greys inverted.

The file stays as it is. A correction belongs to the case, and is applied where a file becomes an ``ImageRecord``:
display, analysis, masks, measurements and reports are of the corrected picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from divisive_desktop.geometry import Box

Point = tuple[float, float]
"""x and y in the image; pixel (0, 0) covers 0 <= x < 1, 0 <= y < 1."""

_TURNS = {"turn-left": 1, "turn-over": 2, "turn-right": 3}
MENDS = ("invert", *_TURNS, "mirror")
"""Names of single corrections, as the command line and the casebook write them."""
ACTS = {
    "invert": "invert the greys",
    "turn-left": "turn left by 90 degrees",
    "turn-right": "turn right by 90 degrees",
    "turn-over": "turn by 180 degrees",
    "mirror": "mirror left and right",
}
"""What an analyst is offered to do."""
LOOKS = {
    "invert": "the film looks inverted",
    "turn-left": "the film looks turned to the right",
    "turn-right": "the film looks turned to the left",
    "turn-over": "the film looks upside down",
    "mirror": "the film may be mirrored",
}
"""The fault that each of them mends, as a reason of a model's scope."""
EYE_INVERTED = "the greys of the eye look inverted"
"""The same of a picture of an iris, which inverting mends, too."""
_DONE = {
    "mirror": "mirrored", "turn-left": "turned left by 90 degrees", "turn-over": "turned by 180 degrees",
    "turn-right": "turned right by 90 degrees", "invert": "greys inverted",
}  # fmt: skip


@dataclass(frozen=True)
class Correction:
    """How the corrected picture comes from the file's: mirrored, then turned, and its greys inverted."""

    mirror: bool = False
    """Left and right exchanged, before turning."""
    turns: int = 0
    """Quarter turns to the left (counter-clockwise), 0..3."""
    invert: bool = False

    def __post_init__(self) -> None:
        if self.turns not in (0, 1, 2, 3):
            raise ValueError(f"a picture is turned by 0 to 3 quarters, not {self.turns!r}")

    def __bool__(self) -> bool:
        """Whether anything is corrected."""
        return self != UNCORRECTED

    def __str__(self) -> str:
        """As the casebook writes it, for instance ``mirror+turn-left+invert``; '' where nothing is corrected."""
        return "+".join(self.names)

    @classmethod
    def parse(cls, text: str | None) -> Correction:
        """The inverse of ``str``; names may come in any order and often, and act one after the other.

        Raises
        ------
        ValueError
            A name that isn't in `MENDS`.
        """
        made = UNCORRECTED
        for name in (text or "").split("+"):
            if name:
                made = made.then(named(name))
        return made

    @property
    def words(self) -> str:
        """What was done, for people: "turned by 180 degrees and greys inverted by the analyst"; '' for nothing."""
        done = [_DONE[name] for name in self.names]
        return f"{', '.join(done[:-1])}{' and ' if len(done) > 1 else ''}{done[-1]} by the analyst" if done else ""

    @property
    def acts(self) -> str:
        """What is to be done, for people: "turn by 180 degrees and invert the greys"; '' for nothing."""
        return " and ".join(ACTS[name] for name in self.names)

    @property
    def moves(self) -> bool:
        """Whether pixels go to other places."""
        return self.mirror or bool(self.turns)

    @property
    def swaps(self) -> bool:
        """Whether rows become columns."""
        return self.turns % 2 == 1

    def then(self, other: Correction) -> Correction:
        """This one, and ``other`` applied to what it gives."""
        before = -self.turns if other.mirror else self.turns
        return Correction(self.mirror != other.mirror, (other.turns + before) % 4, self.invert != other.invert)

    def since(self, earlier: Correction) -> Correction:
        """What is to be done to a picture that ``earlier`` was done to, so that it is as this one makes it."""
        return earlier.inverse().then(self)

    def inverse(self) -> Correction:
        """What takes it back."""
        return Correction(self.mirror, self.turns if self.mirror else -self.turns % 4, self.invert)

    # ---- places ---------------------------------------------------------------------------------------------

    def pixels(self, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """An array (rows, columns, …) in its new place; greys stay as they are."""
        turned = np.rot90(np.fliplr(array) if self.mirror else array, self.turns)
        return np.ascontiguousarray(turned) if self.moves else array

    def size(self, width: int, height: int) -> tuple[int, int]:
        """Width and height of the corrected picture."""
        return (height, width) if self.swaps else (width, height)

    def point(self, point: Point, width: float, height: float) -> Point:
        """Where a point of a picture of ``width`` x ``height`` comes to lie."""
        x, y = point
        if self.mirror:
            x = width - x
        for _ in range(self.turns):
            x, y, width, height = y, width - x, height, width
        return x, y

    def box(self, box: Box, width: int, height: int) -> Box:
        """Where a box of a picture of ``width`` x ``height`` comes to lie."""
        x, y, w, h = box
        (ax, ay), (bx, by) = (self.point(p, width, height) for p in ((x, y), (x + w, y + h)))
        return round(min(ax, bx)), round(min(ay, by)), round(abs(bx - ax)), round(abs(by - ay))

    def directions(self, rows: str, columns: str) -> tuple[str, str] | None:
        """Patient Orientation of the corrected picture; None where a letter has no known opposite."""
        if self.mirror:
            rows = _opposite(rows)
        for _ in range(self.turns):
            rows, columns = columns, _opposite(rows)
        return (rows, columns) if rows and columns else None

    @property
    def names(self) -> list[str]:
        """Names of what is done, in the order in which it is done; see `MENDS`."""
        turn = [name for name, turns in _TURNS.items() if turns == self.turns]
        return ["mirror"] * self.mirror + turn + ["invert"] * self.invert


UNCORRECTED = Correction()


def named(name: str) -> Correction:
    """A single correction by its name in `MENDS`.

    Raises
    ------
    ValueError
    """
    if name not in MENDS:
        raise ValueError(f"a picture can be corrected by {', '.join(MENDS)}, not by {name!r}")
    return Correction(name == "mirror", _TURNS.get(name, 0), name == "invert")


def suggested_by(reasons: Sequence[str] | str) -> Correction:
    """What would mend all that reasons of a scope say, nothing where they speak of no such fault: words cross
    processes and are kept."""
    said = reasons if isinstance(reasons, str) else "; ".join(reasons)
    made = UNCORRECTED
    for name, look in LOOKS.items():
        if look in said:
            made = made.then(named(name))
    return made.then(named("invert")) if EYE_INVERTED in said else made


_OPPOSITES = dict(zip("LRAPHF", "RLPAFH", strict=True))


def _opposite(direction: str) -> str:
    found = [_OPPOSITES.get(letter, "") for letter in direction]
    return "".join(found) if all(found) else ""
