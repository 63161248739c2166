"""Outlines of a binary mask along the edges of its pixels, so that filling them gives the mask back exactly."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from divisive_desktop.masks.codec import Pixels

Polygon = npt.NDArray[np.float64]
"""(n, 2) vertices x, y in continuous image pixels, closed without repeating the first."""

_EAST, _SOUTH, _WEST, _NORTH = range(4)
_STEPS = ((1, 0), (0, 1), (-1, 0), (0, -1))


def outlines(pixels: Pixels) -> tuple[list[Polygon], list[Polygon]]:
    """Trace the borders of what is 128 or more.

    Parts that touch at a corner only are separate outlines.

    Parameters
    ----------
    pixels : uint8 (h, w)

    Returns
    -------
    (outer, holes)
        Outer borders run clockwise on the screen, holes anticlockwise; vertices are pixel corners, only where the
        border turns.
    """
    inside = np.pad(pixels >= 128, 1)
    # One directed unit edge per pixel side between inside and outside, inside on its right hand (y points down).
    down = inside[1:] != inside[:-1]
    rows, columns = np.nonzero(down)
    top_side = inside[1:][rows, columns]  # the pixel below is inside: its top side, eastwards
    east = (columns - 1 + ~top_side, rows, np.where(top_side, _EAST, _WEST))
    across = inside[:, 1:] != inside[:, :-1]
    rows, columns = np.nonzero(across)
    right_side = inside[:, :-1][rows, columns]  # the pixel to the left is inside: its right side, southwards
    south = (columns, rows - 1 + ~right_side, np.where(right_side, _SOUTH, _NORTH))
    edges: dict[tuple[int, int], list[int]] = {}
    for x, y, way in zip(*(np.concatenate(pair).tolist() for pair in zip(east, south, strict=True)), strict=True):
        edges.setdefault((x, y), []).append(way)

    outer: list[Polygon] = []
    holes: list[Polygon] = []
    while edges:
        start = next(iter(edges))
        line = _follow(edges, start)
        (holes if _signed_area(line) < 0 else outer).append(line)
    return outer, holes


def _follow(edges: dict[tuple[int, int], list[int]], start: tuple[int, int]) -> Polygon:
    corners: list[tuple[int, int]] = []
    x, y = start
    way = -1
    while (x, y) in edges:
        choices = edges[x, y]
        if len(choices) == 1 or way < 0:
            taken = choices[0]
        else:  # two parts touch here: turn right, to stay on this one
            taken = (way + 1) % 4
        choices.remove(taken)
        if not choices:
            del edges[x, y]
        if taken != way:
            corners.append((x, y))
            way = taken
        x, y = x + _STEPS[way][0], y + _STEPS[way][1]
    polygon = np.array(corners, np.float64)
    first = _heading(polygon[0], polygon[1])
    if len(polygon) > 3 and first == _heading(polygon[-1], polygon[0]):  # started in the middle of a side
        polygon = polygon[1:]
    return polygon


def _heading(a: Polygon, b: Polygon) -> tuple[float, float]:
    step = np.sign(b - a)
    return float(step[0]), float(step[1])


def _signed_area(line: Polygon) -> float:
    x, y = line.T
    return float((x * np.roll(y, -1) - np.roll(x, -1) * y).sum() / 2)
