"""Shapes as stamps: which pixels a dab, a line, a polygon, a rectangle or an ellipse covers.

Coordinates are continuous image pixels: pixel (column j, row i) covers j <= x < j + 1, i <= y < i + 1, and belongs to
a shape when its centre (j + 0.5, i + 0.5) does. ``aspect`` is the height of a pixel over its width
(``ImageRecord.pixel_aspect``): what is round in the patient is round on the screen, and an ellipse in pixels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import cv2
import numpy as np
import numpy.typing as npt

from divisive_desktop.geometry import Box, clip
from divisive_desktop.masks.codec import Pixels

Point = tuple[float, float]
"""x, y in continuous image pixels."""

Rule = Literal["nonzero", "evenodd"]

MOST_CROSSINGS = 4_000_000
"""Rows of pixels that the edges of a polygon may cross, all together: each takes some 100 bytes on the way."""
_FAR = 1e9
"""Pixels."""
_RIM_STEPS = 24
"""A soft rim is computed at so many distances at least, and interpolated between."""


@dataclass(frozen=True)
class Stamp:
    """A patch of coverage: uint8 (h, w) of ``box``, 0 outside the shape, 255 inside, between at a soft edge."""

    box: Box
    coverage: Pixels
    outside: int = 0
    """Pixels of the shape that lie outside the picture."""

    def __post_init__(self) -> None:
        if self.coverage.shape != (self.box[3], self.box[2]) or self.coverage.dtype != np.uint8:
            raise ValueError(f"coverage {self.coverage.dtype} {self.coverage.shape} doesn't fit the box {self.box}")


@dataclass(frozen=True)
class Brush:
    """A round brush."""

    radius: float = 10.0
    """In pixel widths, 0.5 and more."""
    hardness: float = 1.0
    """1: a crisp edge, two levels. Below, coverage falls off from ``hardness * radius`` to the radius."""
    aspect: float = 1.0
    """Height of a pixel over its width."""

    def __post_init__(self) -> None:
        if not self.radius >= 0.5:
            raise ValueError("a brush has a radius of half a pixel at least")
        if not 0.0 <= self.hardness <= 1.0:
            raise ValueError("hardness is between 0 and 1")
        if not self.aspect > 0:
            raise ValueError("the pixel aspect is positive")

    def radius_at(self, pressure: float) -> float:
        """Radius under a pen's pressure 0..1 (a mouse reports 1): from a fifth of the full radius to all of it."""
        return max(0.5, self.radius * (0.2 + 0.8 * min(max(pressure, 0.0), 1.0)))


def dab(centre: Point, brush: Brush, size: tuple[int, int], pressure: float = 1.0) -> Stamp | None:
    """One dab of a brush; None when it lies outside the image of ``size`` = (width, height)."""
    radius = brush.radius_at(pressure)
    return _capsule(centre, centre, radius, radius, brush, size)


def segment(
    start: Point,
    end: Point,
    brush: Brush,
    size: tuple[int, int],
    pressure: tuple[float, float] = (1.0, 1.0),
) -> list[Stamp]:
    """A brush drawn in a straight line, as stamps that overlap at their ends.

    A long line is cut into short pieces: the cost follows its length, not the box around it.

    Parameters
    ----------
    start, end : Point
    brush : Brush
    size : (int, int)
        Width and height of the image.
    pressure : (float, float)
        At the start and at the end; the radius changes linearly between.
    """
    if start == end and pressure[0] == pressure[1]:
        stamp = dab(start, brush, size, pressure[0])
        return [] if stamp is None else [stamp]
    r0, r1 = brush.radius_at(pressure[0]), brush.radius_at(pressure[1])
    length = math.hypot(end[0] - start[0], (end[1] - start[1]) * brush.aspect)
    pieces = max(1, math.ceil(length / max(4 * max(r0, r1), 48.0)))
    stamps = []
    for i in range(pieces):
        a, b = i / pieces, (i + 1) / pieces
        stamp = _capsule(
            _between(start, end, a), _between(start, end, b), r0 + (r1 - r0) * a, r0 + (r1 - r0) * b, brush, size
        )
        if stamp is not None:
            stamps.append(stamp)
    return stamps


def _between(a: Point, b: Point, t: float) -> Point:
    return a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t


def _capsule(p: Point, q: Point, r0: float, r1: float, brush: Brush, size: tuple[int, int]) -> Stamp | None:
    """All pixels whose centre is within the radius (linear from r0 to r1) of the line from p to q."""
    reach = max(r0, r1)
    box = _box_around((p, q), reach, reach / brush.aspect, size)
    if box is None:
        return None
    x0, y0, w, h = box
    if brush.hardness >= 1.0 and r0 == r1 and r0 >= 1.0:
        return Stamp(box, _hard_capsule(box, p, q, r0, brush.aspect))
    # A wide soft rim changes slowly: it is computed for blocks of pixels and interpolated.
    block = int(reach * (1 - brush.hardness) * min(1.0, 1 / brush.aspect) / _RIM_STEPS)
    if block > 1:
        columns, rows = (-(-side // block) + 2 for side in (w, h))  # one block more on every side
        coarse = _coverage(
            (np.arange(columns, dtype=np.float32) - 0.5) * block + x0,
            (np.arange(rows, dtype=np.float32) - 0.5) * block + y0,
            p, q, r0, r1, brush,
        )  # fmt: skip
        fine = cv2.resize(coarse, (columns * block, rows * block), interpolation=cv2.INTER_LINEAR)
        coverage: Pixels = np.asarray(fine[block : block + h, block : block + w], np.uint8)
    else:
        centres = np.arange(x0 + 0.5, x0 + w), np.arange(y0 + 0.5, y0 + h)
        coverage = _coverage(centres[0][:w], centres[1][:h], p, q, r0, r1, brush)
    if reach < 1.0:
        # A thin brush could slip between pixel centres: the pixels under the line always belong to it.
        ends = [(math.floor(v[0]) - x0, math.floor(v[1]) - y0) for v in (p, q)]
        cv2.line(coverage, ends[0], ends[1], 255, 1)
    return Stamp(box, coverage)


def _coverage(
    xs: npt.NDArray[Any], ys: npt.NDArray[Any], p: Point, q: Point, r0: float, r1: float, brush: Brush
) -> Pixels:
    """What a brush drawn from p to q covers at every (x, y)."""
    # In pixel widths, relative to p.
    x = (xs - p[0]).astype(np.float32)[None, :]
    y = ((ys - p[1]) * brush.aspect).astype(np.float32)[:, None]
    dx, dy = q[0] - p[0], (q[1] - p[1]) * brush.aspect
    square = dx * dx + dy * dy
    radius: npt.NDArray[np.float32] | np.float32
    if square < 1e-12:
        distance2 = x * x + y * y
        radius = np.float32(max(r0, r1))
    else:
        along = np.clip(x * np.float32(dx / square) + y * np.float32(dy / square), 0, 1)
        ox, oy = x - along * np.float32(dx), y - along * np.float32(dy)
        distance2 = ox * ox + oy * oy
        radius = np.float32(r0) if r0 == r1 else np.float32(r0) + along * np.float32(r1 - r0)
    if brush.hardness >= 1.0:
        return _as_bytes(np.asarray(distance2 <= radius * radius))
    # From full at hardness * radius to nothing at the radius, smooth at both ends.
    edge = np.clip((radius - np.sqrt(distance2)) / (radius * np.float32(1 - brush.hardness)), 0, 1)
    return np.asarray(np.rint(edge * edge * (3 - 2 * edge) * 255), np.uint8)


def _hard_capsule(box: Box, p: Point, q: Point, radius: float, aspect: float) -> Pixels:
    """The common case, several times quicker: a capsule is convex, so every row of pixels is one run.

    The run is the hull of those of both end discs and of the strip between them.
    """
    x0, y0, w, h = box
    dx, dy = q[0] - p[0], (q[1] - p[1]) * aspect
    length = math.hypot(dx, dy)
    if length < 1e-6:
        x = np.arange(x0 + 0.5 - p[0], x0 + w - p[0], dtype=np.float32)[:w]
        y = np.arange(y0 + 0.5 - p[1], y0 + h - p[1], dtype=np.float32)[:h]
        if aspect != 1.0:
            y *= np.float32(aspect)
        reach: npt.NDArray[np.float32] = radius * radius - y * y
        return _as_bytes(x * x <= reach[:, None])
    rows = (np.arange(h) + (y0 + 0.5)) * aspect
    left, right = _disc_runs(rows, p[0], p[1] * aspect, radius)
    left_q, right_q = _disc_runs(rows, q[0], q[1] * aspect, radius)
    left, right = np.minimum(left, left_q), np.maximum(right, right_q)
    nx, ny = -dy / length * radius, dx / length * radius  # from the line to the two long sides
    if abs(dy) > 1e-9:
        for sx, sy in ((nx, ny), (-nx, -ny)):
            along = (rows - (p[1] * aspect + sy)) / dy
            on_side = p[0] + sx + along * dx
            crossed = (along >= 0) & (along <= 1)
            left = np.where(crossed, np.minimum(left, on_side), left)
            right = np.where(crossed, np.maximum(right, on_side), right)
    columns = np.arange(w) + (x0 + 0.5)
    return _as_bytes((columns >= left[:, None]) & (columns <= right[:, None]))


def _disc_runs(rows: npt.NDArray[Any], cx: float, cy: float, radius: float) -> tuple[Any, Any]:
    """Where a disc begins and ends on each row; an empty run where it doesn't reach."""
    square = radius * radius - (rows - cy) ** 2
    half = np.sqrt(np.maximum(square, 0))
    reached = square >= 0
    return np.where(reached, cx - half, np.inf), np.where(reached, cx + half, -np.inf)


def rectangle(corner: Point, opposite: Point, size: tuple[int, int]) -> Stamp | None:
    """The pixels whose centre lies in a rectangle given by two opposite corners."""
    (ax, bx), (ay, by) = sorted((corner[0], opposite[0])), sorted((corner[1], opposite[1]))
    x0, x1 = math.ceil(ax - 0.5), math.ceil(bx - 0.5)
    y0, y1 = math.ceil(ay - 0.5), math.ceil(by - 0.5)
    box = clip((x0, y0, x1 - x0, y1 - y0), *size)
    if box is None:
        return None
    return Stamp(box, np.full((box[3], box[2]), 255, np.uint8), (x1 - x0) * (y1 - y0) - box[2] * box[3])


def ellipse(corner: Point, opposite: Point, size: tuple[int, int]) -> Stamp | None:
    """The pixels whose centre lies in the ellipse that touches the four sides of a rectangle."""
    cx, cy = (corner[0] + opposite[0]) / 2, (corner[1] + opposite[1]) / 2
    rx, ry = abs(opposite[0] - corner[0]) / 2, abs(opposite[1] - corner[1]) / 2
    box = _box_around(((cx, cy),), rx, ry, size) if rx > 0 and ry > 0 else None
    if box is None:
        return None
    x0, y0, w, h = box
    x = (np.arange(x0, x0 + w) + 0.5 - cx) / rx
    y = (np.arange(y0, y0 + h) + 0.5 - cy) / ry
    inside = (x * x)[None, :] + (y * y)[:, None] <= 1.0
    cut = cx - rx < 0 or cy - ry < 0 or cx + rx > size[0] or cy + ry > size[1]
    outside = max(0, round(math.pi * rx * ry) - int(np.count_nonzero(inside))) if cut else 0
    return Stamp(box, _as_bytes(inside), outside) if inside.any() else None


def polygon(
    points: Sequence[Point] | npt.NDArray[np.floating], size: tuple[int, int], rule: Rule = "nonzero"
) -> Stamp | None:
    """The pixels whose centre lies in a closed polygon.

    Parameters
    ----------
    points : (n, 2) array or sequence of points
        Vertices in order; the last one is joined to the first.
    size : (int, int)
        Width and height of the image.
    rule : {'nonzero', 'evenodd'}
        What a polygon that crosses itself encloses: everything it runs around, or alternating parts.

    Returns
    -------
    Stamp or None
        None when no pixel centre lies inside.

    Raises
    ------
    ValueError
        Coordinates aren't finite, or the edges cross more than ``MOST_CROSSINGS`` rows of pixels.
    """
    vertices = np.asarray(points, dtype=np.float64).reshape(-1, 2)
    if len(vertices) < 3:
        return None
    if not (np.abs(vertices) < _FAR).all():
        raise ValueError("a polygon has a corner that lies nowhere near a picture")
    low, high = vertices.min(axis=0), vertices.max(axis=0)
    left, top = math.ceil(low[0] - 0.5), math.ceil(low[1] - 0.5)
    box = clip((left, top, math.ceil(high[0] - 0.5) - left, math.ceil(high[1] - 0.5) - top), *size)
    if box is None:
        return None
    coverage = np.zeros((box[3], box[2]), np.uint8)
    flat = coverage.reshape(-1)
    starts, ends = _spans(vertices, box, rule)
    for start, end in zip(starts, ends, strict=True):  # slices of one buffer: faster than any mask over all pixels
        flat[start:end] = 255
    if not starts:
        return None
    whole = left, top, math.ceil(high[0] - 0.5) - left, math.ceil(high[1] - 0.5) - top
    covered = sum(ends) - sum(starts)
    return Stamp(box, coverage, 0 if whole == box else _area(vertices, whole, rule) - covered)


def _area(vertices: npt.NDArray[np.float64], box: Box, rule: Rule) -> int:
    """Pixels of a whole polygon, wherever they lie."""
    if np.ptp(vertices[:, 1]) * len(vertices) > MOST_CROSSINGS:  # as far away as a slip of a digit puts it
        x, y = vertices[:, 0], vertices[:, 1]
        return round(abs(float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1)))) / 2)
    starts, ends = _spans(vertices, box, rule)
    return sum(ends) - sum(starts)


def _spans(vertices: npt.NDArray[np.float64], box: Box, rule: Rule) -> tuple[list[int], list[int]]:
    """Runs of inside pixels as start and end in the flattened box: scan lines through the pixel centres."""
    x0, y0, w, h = box
    following = np.roll(vertices, -1, axis=0)
    # Each edge crosses the scan lines y = i + 0.5 with  y_low <= y < y_high : a vertex on a line counts once.
    first = np.clip(np.ceil(np.minimum(vertices[:, 1], following[:, 1]) - 0.5), y0, y0 + h).astype(np.int64)
    last = np.clip(np.ceil(np.maximum(vertices[:, 1], following[:, 1]) - 0.5), y0, y0 + h).astype(np.int64)
    count = last - first
    if int(count.sum()) > MOST_CROSSINGS:
        raise ValueError("a polygon runs up and down too often")
    edge = np.repeat(np.arange(len(vertices)), count)
    if len(edge) == 0:
        return [], []
    row = np.arange(len(edge)) - np.repeat(np.cumsum(count) - count, count) + np.repeat(first, count)
    ax, ay = vertices[edge, 0], vertices[edge, 1]
    bx, by = following[edge, 0], following[edge, 1]
    crossing = ax + (row + 0.5 - ay) * (bx - ax) / (by - ay)
    direction = np.where(by > ay, 1, -1)
    order = np.lexsort((crossing, row))
    row, crossing, direction = row[order], crossing[order], direction[order]
    # Every row's directions sum to zero, so one running sum serves all rows.
    winding = np.cumsum(direction if rule == "nonzero" else np.ones_like(direction))
    inside = winding != 0 if rule == "nonzero" else winding % 2 == 1
    at = np.flatnonzero(inside)
    column = np.clip(np.ceil(crossing - 0.5), x0, x0 + w).astype(np.int64) - x0
    line = (row[at] - y0) * w
    starts, ends = line + column[at], line + column[at + 1]
    some = ends > starts
    return starts[some].tolist(), ends[some].tolist()


def _box_around(points: Sequence[Point], rx: float, ry: float, size: tuple[int, int]) -> Box | None:
    xs, ys = [p[0] for p in points], [p[1] for p in points]
    x0, y0 = math.floor(min(xs) - rx), math.floor(min(ys) - ry)
    x1, y1 = math.floor(max(xs) + rx) + 1, math.floor(max(ys) + ry) + 1
    return clip((x0, y0, x1 - x0, y1 - y0), *size)


def _as_bytes(inside: npt.NDArray[np.bool_]) -> Pixels:
    return np.negative(inside.view(np.uint8))  # True is 1, and -1 is 255
