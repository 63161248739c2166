"""A crop box under the mouse: where it is taken, how it moves, and that it stays inside the picture. No Qt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Crop = tuple[int, int, int, int]
"""x, y, width, height in image pixels."""
Grip = Literal["nw", "n", "ne", "e", "se", "s", "sw", "w", "inside", "new"]
"""One of the eight handles, the box itself, or a new box drawn beside it."""
LEAST = 16
"""Smallest side in image pixels (of pictures that have as many)."""

HANDLES: tuple[Grip, ...] = ("nw", "n", "ne", "e", "se", "s", "sw", "w")


@dataclass(frozen=True)
class CropBox:
    """A box in a picture of a known size; every change gives a new one."""

    x: int
    y: int
    width: int
    height: int
    picture: tuple[int, int]

    @classmethod
    def of(cls, crop: Crop, picture: tuple[int, int]) -> CropBox:
        return cls(*crop, picture)

    @property
    def crop(self) -> Crop:
        return self.x, self.y, self.width, self.height

    def handle(self, grip: Grip) -> tuple[float, float]:
        """Where a handle lies."""
        across = 0.0 if "w" in grip else 1.0 if "e" in grip else 0.5
        down = 0.0 if "n" in grip else 1.0 if "s" in grip else 0.5
        return self.x + across * self.width, self.y + down * self.height

    def contains(self, x: float, y: float) -> bool:
        return self.x <= x <= self.x + self.width and self.y <= y <= self.y + self.height

    def moved(self, dx: float, dy: float) -> CropBox:
        """The same box elsewhere, as far as the picture goes."""
        x = min(max(round(self.x + dx), 0), self.picture[0] - self.width)
        y = min(max(round(self.y + dy), 0), self.picture[1] - self.height)
        return CropBox(x, y, self.width, self.height, self.picture)

    def grown(self, by: int) -> CropBox:
        """Larger (or smaller) by so many pixels at each side, keeping its shape and, if it can, its centre."""
        shape = self.width / self.height
        most = min(self.picture[0], self.picture[1] * shape)
        least = min(LEAST * max(shape, 1.0), most)
        width = min(max(self.width + 2 * by, least), most)
        height = width / shape
        box = CropBox(self.x, self.y, round(width), round(height), self.picture)
        return box.moved((self.width - box.width) / 2, (self.height - box.height) / 2)

    def dragged(self, grip: Grip, x: float, y: float, square: bool) -> CropBox:
        """A side or corner brought to a position; the opposite one stays where it is.

        With ``square`` the box becomes (or stays) one; a side then grows around its middle.
        """
        if square:
            return self._dragged_square(grip, x, y)
        wide, high = self.picture
        least_x, least_y = min(LEAST, wide), min(LEAST, high)
        left, top, right, bottom = self.x, self.y, self.x + self.width, self.y + self.height
        if "w" in grip:
            left = min(max(round(x), 0), right - least_x)
        if "e" in grip:
            right = max(min(round(x), wide), left + least_x)
        if "n" in grip:
            top = min(max(round(y), 0), bottom - least_y)
        if "s" in grip:
            bottom = max(min(round(y), high), top + least_y)
        return drawn(left, top, right, bottom, self.picture, square=False)

    def _dragged_square(self, grip: Grip, x: float, y: float) -> CropBox:
        wide, high = self.picture
        least = min(LEAST, wide, high)
        # The point that stays: the opposite corner, or the middle of the opposite side.
        fixed = self.handle(_OPPOSITE[grip])
        room_x = fixed[0] if "w" in grip else wide - fixed[0] if "e" in grip else 2 * min(fixed[0], wide - fixed[0])
        room_y = fixed[1] if "n" in grip else high - fixed[1] if "s" in grip else 2 * min(fixed[1], high - fixed[1])
        along_x = abs(x - fixed[0]) if "w" in grip or "e" in grip else 0.0
        along_y = abs(y - fixed[1]) if "n" in grip or "s" in grip else 0.0
        side = max(least, int(min(round(max(along_x, along_y)), room_x, room_y)))
        left = fixed[0] - side if "w" in grip else fixed[0] if "e" in grip else fixed[0] - side / 2
        top = fixed[1] - side if "n" in grip else fixed[1] if "s" in grip else fixed[1] - side / 2
        return CropBox(round(left), round(top), side, side, self.picture).moved(0, 0)


_OPPOSITE: dict[Grip, Grip] = {
    "nw": "se", "n": "s", "ne": "sw", "e": "w", "se": "nw", "s": "n", "sw": "ne", "w": "e",
}  # fmt: skip


def drawn(x0: float, y0: float, x1: float, y1: float, picture: tuple[int, int], *, square: bool) -> CropBox:
    """The box between two corners, the first of which stays; cut to the picture, never smaller than it may be."""
    wide, high = picture
    x0, x1 = min(max(x0, 0), wide), min(max(x1, 0), wide)
    y0, y1 = min(max(y0, 0), high), min(max(y1, 0), high)
    width, height = abs(x1 - x0), abs(y1 - y0)
    if square:
        room_x = x0 if x1 < x0 else wide - x0
        room_y = y0 if y1 < y0 else high - y0
        width = height = min(max(width, height), room_x, room_y)
    width, height = max(round(width), min(LEAST, wide)), max(round(height), min(LEAST, high))
    if square:
        width = height = min(max(width, height), wide, high)
    left = round(x0 - width if x1 < x0 else x0)
    top = round(y0 - height if y1 < y0 else y0)
    return CropBox(left, top, width, height, picture).moved(0, 0)
