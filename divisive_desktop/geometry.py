"""Boxes in image pixels, and arithmetic on them; None is the empty box."""

from __future__ import annotations

Box = tuple[int, int, int, int]
"""x, y, width, height in image pixels."""


def clip(box: Box | None, right: int, bottom: int, left: int = 0, top: int = 0) -> Box | None:
    """The part of a box that lies in ``left <= x < right`` and ``top <= y < bottom``."""
    if box is None:
        return None
    x0, y0 = max(box[0], left), max(box[1], top)
    x1, y1 = min(box[0] + box[2], right), min(box[1] + box[3], bottom)
    return (x0, y0, x1 - x0, y1 - y0) if x1 > x0 and y1 > y0 else None


def intersect(a: Box | None, b: Box | None) -> Box | None:
    """What two boxes share."""
    return None if b is None else clip(a, b[0] + b[2], b[1] + b[3], b[0], b[1])


def enclose(a: Box | None, b: Box | None) -> Box | None:
    """The smallest box around both."""
    if a is None or b is None:
        return a or b
    x0, y0 = min(a[0], b[0]), min(a[1], b[1])
    x1, y1 = max(a[0] + a[2], b[0] + b[2]), max(a[1] + a[3], b[1] + b[3])
    return x0, y0, x1 - x0, y1 - y0


def grow(box: Box, by: int, width: int, height: int) -> Box:
    """A box with a margin, kept inside the image."""
    grown = clip((box[0] - by, box[1] - by, box[2] + 2 * by, box[3] + 2 * by), width, height)
    if grown is None:
        raise ValueError(f"the box {box} lies outside {width} x {height}")
    return grown


def slices(box: Box) -> tuple[slice, slice]:
    """Index of a box in an array (rows, columns)."""
    return slice(box[1], box[1] + box[3]), slice(box[0], box[0] + box[2])


def covering(box: tuple[float, float, float, float]) -> Box:
    """The whole pixels that a box with fractions touches."""
    left, top, width, height = box
    return int(left), int(top), int(width) + 2, int(height) + 2
