"""One named region of a mask: everything but its pixels."""

from __future__ import annotations

from dataclasses import dataclass

from divisive_desktop.foreign.text import plain

PALETTE = ("#009e73", "#cc79a7", "#f0e442", "#56b4e9", "#e69f00", "#0072b2", "#d55e00")
"""Colours of new regions in turn: Okabe and Ito's, told apart with every kind of colour vision; those
of maps and features (orange, blue) come late."""

_LONGEST_NAME = 200
DEFAULT_NAME = "important"


@dataclass(frozen=True)
class Region:
    """What is known about one region besides its pixels."""

    id: int
    """Unique within its mask, never used twice."""
    name: str
    """The analyst's label, e.g. "effusion" or "left eye blend"."""
    colour: str = PALETTE[0]
    """``#rrggbb``"""
    visible: bool = True
    """Display only: a hidden region still counts in the union."""
    locked: bool = False
    """Pixels can't be changed."""
    weight: float = 1.0
    """How important the region is, 0..1; multiplies its pixels in the union."""

    def __post_init__(self) -> None:
        if not 0.0 <= self.weight <= 1.0:
            raise ValueError(f"a region's weight is between 0 and 1, got {self.weight}")
        digits = self.colour[1:]
        if self.colour[:1] != "#" or len(digits) != 6 or set(digits) - set("0123456789abcdefABCDEF"):
            raise ValueError(f"a colour is #rrggbb, got {self.colour!r}")
        if not self.name.strip():
            raise ValueError("a region needs a name")
        object.__setattr__(self, "name", plain(self.name)[:_LONGEST_NAME])  # files of others bring anything

    @property
    def rgb(self) -> tuple[int, int, int]:
        """Colour as three numbers 0..255."""
        return tuple(bytes.fromhex(self.colour[1:]))  # type: ignore[return-value]
