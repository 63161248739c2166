"""Selecting by what the image shows: bucket, magic wand, threshold, smart select. Each proposes a stamp.

The image is grey, float32 or uint8 (h, w), or RGB uint8 (h, w, 3); levels and tolerances are in its units.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from divisive_desktop.geometry import Box, clip, enclose, grow, slices
from divisive_desktop.masks.codec import Pixels
from divisive_desktop.masks.mask import Mask
from divisive_desktop.masks.shapes import Point, Stamp

Image = npt.NDArray[Any]

WORKING_SIDE = 320
"""Longest side in pixels of the grid on which smart select computes first."""
FINE_SIDE = 2560
"""Longest side of the grid on which the border that was found there is looked for again, in a narrow band."""
_TILE = 128

_FOUND = 255
_WALL = 1


def wand(
    image: Image,
    seed: Point,
    tolerance: float,
    *,
    contiguous: bool = True,
    sample: int = 1,
    within: Box | None = None,
) -> Stamp | None:
    """Magic wand: the pixels whose level is within ``tolerance`` of the level at ``seed``.

    Parameters
    ----------
    contiguous : bool
        Only what hangs together with the seed (4-neighbourhood), or everywhere.
    sample : int
        Side of the square around the seed whose mean is the level looked for, so that noise matters less.
    within : Box, optional
        Look only here.
    """
    x, y = int(seed[0]), int(seed[1])
    height, width = image.shape[:2]
    box = clip(within, width, height) if within else (0, 0, width, height)
    if box is None or not (box[0] <= x < box[0] + box[2] and box[1] <= y < box[1] + box[3]):
        return None
    part = _fillable(image[slices(box)])
    x, y = x - box[0], y - box[1]
    alike = np.asarray(cv2.inRange(part, *_limits(part, _level(part, x, y, sample), tolerance)), np.uint8)
    if not contiguous:
        return _cropped(alike, box)
    # The pixel under the pointer may be noise and unlike its surroundings: start from the nearest one that is alike.
    reach = max(0, sample // 2)
    top, left = max(0, y - reach), max(0, x - reach)
    rows, columns = np.nonzero(alike[top : y + reach + 1, left : x + reach + 1])
    if len(rows) == 0:
        return None
    nearest = int(np.argmin((rows + top - y) ** 2 + (columns + left - x) ** 2))
    seed_at = int(columns[nearest]) + left, int(rows[nearest]) + top
    found = _flood(alike, np.zeros((box[3] + 2, box[2] + 2), np.uint8), seed_at, 0, 0)
    return None if found is None else _moved(found, box)


def bucket(
    mask: Mask, region: int, seed: Point, image: Image | None = None, tolerance: float = 0.0
) -> Stamp | None:
    """Paint bucket: from ``seed`` through unpainted pixels; what is painted in the region stops it.

    Parameters
    ----------
    image, tolerance
        With an image, levels that differ from the seed's by more than the tolerance stop it too.

    Returns
    -------
    Stamp or None
        None when the seed lies outside the image or on a painted pixel.
    """
    x, y = int(seed[0]), int(seed[1])
    if not (0 <= x < mask.width and 0 <= y < mask.height) or mask.pixels(region)[y, x]:
        return None
    reach = np.zeros((mask.height + 2, mask.width + 2), np.uint8)
    painted = mask.bounds(region)
    if painted is not None:
        px, py, w, h = painted
        np.minimum(mask.pixels(region, painted), _WALL, out=reach[py + 1 : py + 1 + h, px + 1 : px + 1 + w])
    if image is None:
        image, tolerance = np.zeros((mask.height, mask.width), np.uint8), 0.0
    return _flood(_fillable(image), reach, (x, y), tolerance, tolerance)


def connected(mask: Mask, region: int, seed: Point) -> Stamp | None:
    """The painted part of a region that hangs together with ``seed`` (to remove it with one click)."""
    x, y = int(seed[0]), int(seed[1])
    box = mask.bounds(region)
    if box is None or not (box[0] <= x < box[0] + box[2] and box[1] <= y < box[1] + box[3]):
        return None
    painted = (mask.pixels(region, box) != 0).view(np.uint8)
    if not painted[y - box[1], x - box[0]]:
        return None
    found = _flood(painted, np.zeros((box[3] + 2, box[2] + 2), np.uint8), (x - box[0], y - box[1]), 0, 0)
    return None if found is None else _moved(found, box)


def threshold(image: Image, low: float, high: float, inside: Stamp) -> Stamp | None:
    """The pixels of ``inside`` (a shape the user drew) whose level is in ``low..high``; RGB is taken as grey."""
    part = image[slices(inside.box)]
    if part.ndim == 3:
        part = cv2.cvtColor(part, cv2.COLOR_RGB2GRAY)
    chosen = (part >= low) & (part <= high)
    coverage = np.where(chosen, inside.coverage, np.uint8(0))
    return Stamp(inside.box, coverage) if coverage.any() else None


def smart_select(
    image: Image,
    scribbles: Mask,
    inside: int,
    outside: int,
    iterations: int = 4,
    first: Callable[[Stamp | None], None] | None = None,
    wanted: Callable[[], bool] = lambda: True,
) -> Stamp | None:
    """GrabCut from scribbles: what belongs together with one and not with the other.

    Works on the surroundings of the scribbles, scaled to at most ``WORKING_SIDE`` pixels; the border found there is
    looked for again at up to ``FINE_SIDE`` pixels, in a narrow band around it. Without a scribble outside, the border
    of the surroundings counts as outside, but not where the image ends. The surroundings grow until what is found ends
    within them. Only parts that a scribble inside touches are kept.

    Parameters
    ----------
    image : uint8 (h, w) or (h, w, 3)
        As displayed.
    scribbles : Mask
        Holds two regions, ``inside`` and ``outside`` (ids).
    iterations : int
        Rounds of GrabCut.
    first : callable, optional
        Gets what was found on the coarse grid, before it is looked for further out or more finely.
    wanted : callable
        Asked now and then: False when nobody waits for the proposal any more.

    Returns
    -------
    Stamp or None
        The proposal, None when nothing was scribbled inside.

    References
    ----------
    Rother, Kolmogorov, Blake, ACM Trans. Graph. 23 (2004) 309-314.
    """
    core, rim = scribbles.bounds(inside), scribbles.bounds(outside)
    drawn = enclose(core, rim)
    if core is None or drawn is None:
        return None
    extent = max(drawn[2], drawn[3])
    # Without a scribble outside, look far enough for the border to be something else.
    margin = max(16, extent // 3) if rim is not None else max(extent * 3 // 2, max(scribbles.size) // 6)
    while True:
        box = grow(drawn, margin, scribbles.width, scribbles.height)
        found = _coarse(image, scribbles, inside, outside, box, iterations)
        # Nothing says that it ends where the surroundings do: look further.
        last = cv2.dilate(_rim(found.shape, box, scribbles.size).view(np.uint8), np.ones((3, 3), np.uint8))
        ends = not cv2.bitwise_and(found, last).any()
        fine = max(box[2], box[3]) > WORKING_SIDE and bool(found.any()) and not found.all()
        if first is not None and (fine or not ends):
            first(_proposal(found, box))
        if ends or not wanted():
            break
        margin *= 2
    if fine:
        drawn_on = scribbles.pixels(inside, box), scribbles.pixels(outside, box)
        found = _refined(image[slices(box)], found, *drawn_on, wanted)
    return _proposal(found, box)


def _proposal(found: Pixels, box: Box) -> Stamp | None:
    return _cropped(_enlarged(found, (box[2], box[3])) * np.uint8(255), box)


def _coarse(image: Image, scribbles: Mask, inside: int, outside: int, box: Box, iterations: int) -> Pixels:
    """GrabCut on a grid of at most ``WORKING_SIDE``: 0 or 1 for the surroundings ``box`` of the scribbles."""
    scale = min(1.0, WORKING_SIDE / max(box[2], box[3]))
    size = max(4, round(box[2] * scale)), max(4, round(box[3] * scale))
    small = _dithered(_as_rgb(cv2.resize(image[slices(box)], size, interpolation=cv2.INTER_AREA)))
    yes = _shrunk(scribbles.pixels(inside, box), size)
    no = _shrunk(scribbles.pixels(outside, box), size) & ~yes
    if not no.any():
        no = _rim(yes.shape, box, scribbles.size) & ~yes
    if yes.all():
        return yes.view(np.uint8)
    labels = np.full(yes.shape, cv2.GC_PR_BGD, np.uint8)
    labels[no], labels[yes] = cv2.GC_BGD, cv2.GC_FGD
    cv2.setRNGSeed(1)  # its k-means starts at random: the same scribbles shall give the same proposal
    cv2.grabCut(small, labels, (0, 0, 1, 1), np.zeros((1, 65)), np.zeros((1, 65)), iterations, cv2.GC_INIT_WITH_MASK)
    chosen = ((labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD)).view(np.uint8)
    return _touched(chosen, yes)


def _touched(chosen: Pixels, yes: npt.NDArray[np.bool_]) -> Pixels:
    """The parts that a scribble inside touches."""
    x, y, w, h = cv2.boundingRect(chosen)
    part = slice(y, y + h), slice(x, x + w)
    count, parts = cv2.connectedComponents(chosen[part], connectivity=4)
    touched = np.zeros(count, np.bool_)
    touched[parts[yes[part]]] = True
    touched[0] = False
    found = np.zeros_like(chosen)
    found[part] = touched[parts]
    return found


def _refined(
    image: Image, coarse: Pixels, inside: Pixels, outside: Pixels, wanted: Callable[[], bool]
) -> Pixels:
    """Look for the border again at a finer scale: GrabCut tile by tile, only near the border that was found.

    Parameters
    ----------
    image : uint8 (h, w) or (h, w, 3)
    coarse : uint8
        0 or 1 on the coarse grid.
    inside, outside : uint8 (h, w)
        The scribbles, which keep their say.

    Returns
    -------
    uint8
        0 or 1 on the fine grid.
    """
    height, width = image.shape[:2]
    scale = min(1.0, FINE_SIDE / max(height, width))
    size = max(4, round(width * scale)), max(4, round(height * scale))
    picture = cv2.resize(image, size, interpolation=cv2.INTER_AREA) if scale < 1 else image
    found = _enlarged(coarse, size)
    # The border may be off by a cell and a half of the coarse grid.
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))
    near = cv2.compare(cv2.dilate(coarse, kernel), cv2.erode(coarse, kernel), cv2.CMP_NE)
    band = np.asarray(cv2.resize(near, size, interpolation=cv2.INTER_NEAREST), np.uint8)
    reach = int(np.ceil(1.5 * size[0] / coarse.shape[1])) + 2
    labels = found + (band & np.uint8(2))  # 0, 1: surely outside, inside; 2, 3: probably
    yes = _shrunk(inside, size)
    labels[_shrunk(outside, size) & ~yes] = cv2.GC_BGD
    labels[yes] = cv2.GC_FGD
    result, around = found.copy(), 2 * reach

    def look(corner: tuple[int, int]) -> None:
        """Find the border within one tile; tiles don't overlap, so several can be looked at side by side."""
        top, left = corner
        x, y, w, h = cv2.boundingRect(band[top : top + _TILE, left : left + _TILE])
        if w == 0 or not wanted():
            return
        x, y = x + left, y + top
        x0, y0 = max(0, x - around), max(0, y - around)
        part = slice(y0, y + h + around), slice(x0, x + w + around)
        local = labels[part].copy()
        sure = np.bincount(local.ravel(), minlength=4)
        if min(sure[cv2.GC_FGD], sure[cv2.GC_BGD]) < 50:  # too little to learn the two sides from
            return
        cv2.setRNGSeed(1)
        models = np.zeros((1, 65)), np.zeros((1, 65))
        seen = _dithered(_as_rgb(cv2.GaussianBlur(picture[part], (0, 0), 1.0)))
        cv2.grabCut(seen, local, (0, 0, 1, 1), *models, 1, cv2.GC_INIT_WITH_MASK)
        result[y : y + h, x : x + w] = np.asarray(local[y - y0 : y - y0 + h, x - x0 : x - x0 + w], np.uint8) & 1

    # OpenCV lets go of the interpreter meanwhile. One core stays free for the window.
    with ThreadPoolExecutor(max_workers=max(1, (os.cpu_count() or 2) - 1)) as pool:
        corners = itertools.product(range(0, size[1], _TILE), range(0, size[0], _TILE))
        list(pool.map(look, corners))
    cv2.copyTo(cv2.medianBlur(result, 5), band, result)
    return _touched(result, yes)


def _rim(shape: tuple[int, int], box: Box, image: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """The border of the surroundings, but for the sides where the image ends: what is meant may go on there."""
    rim = np.zeros(shape, np.bool_)
    rim[0], rim[-1] = box[1] > 0, box[1] + box[3] < image[1]
    rim[:, 0] |= box[0] > 0
    rim[:, -1] |= box[0] + box[2] < image[0]
    return rim


def _enlarged(found: Pixels, size: tuple[int, int]) -> Pixels:
    """0 or 1 on another grid, (w, h), with smooth borders."""
    if found.shape == size[::-1]:
        return found
    full = cv2.resize(found * np.uint8(254), size, interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.threshold(full, 126, 1, cv2.THRESH_BINARY)[1], np.uint8)


# ---- helpers --------------------------------------------------------------------------------------------


def _flood(image: Image, reach: Pixels, seed: tuple[int, int], below: Any, above: Any) -> Stamp | None:
    """Flood from a seed into ``reach``, which is framed by one pixel and holds the walls."""
    flags = 4 | (_FOUND << 8) | cv2.FLOODFILL_FIXED_RANGE | cv2.FLOODFILL_MASK_ONLY
    area, _, _, (x, y, w, h) = cv2.floodFill(image, reach, seed, 0, _scalar(below), _scalar(above), flags)
    if area == 0:
        return None
    found = reach[y + 1 : y + 1 + h, x + 1 : x + 1 + w]
    return Stamp((x, y, w, h), np.where(found == _FOUND, np.uint8(255), np.uint8(0)))


def _scalar(value: Any) -> Any:
    values = np.atleast_1d(np.asarray(value, np.float64))
    return tuple(float(v) for v in (values if len(values) > 1 else np.repeat(values, 3)))


def _fillable(image: Image) -> Image:
    """An array that ``floodFill`` takes: uint8 or float32, writable (it isn't written to)."""
    if image.dtype not in (np.uint8, np.float32):
        image = image.astype(np.float32)
    return np.require(image, requirements=["C", "W"])


def _level(image: Image, x: int, y: int, sample: int) -> npt.NDArray[np.float64]:
    reach = max(0, sample // 2)
    around = image[max(0, y - reach) : y + reach + 1, max(0, x - reach) : x + reach + 1]
    return np.asarray(around.mean(axis=(0, 1), dtype=np.float64))


def _limits(image: Image, level: npt.NDArray[np.float64], tolerance: float) -> tuple[Any, Any]:
    low, high = np.atleast_1d(level - tolerance), np.atleast_1d(level + tolerance)
    if image.dtype == np.uint8:
        low, high = np.ceil(np.clip(low, 0, 255)), np.floor(np.clip(high, 0, 255))
    return low, high


def _moved(stamp: Stamp, box: Box) -> Stamp:
    x, y, w, h = stamp.box
    return Stamp((x + box[0], y + box[1], w, h), stamp.coverage)


def _cropped(coverage: Pixels, box: Box) -> Stamp | None:
    x, y, w, h = cv2.boundingRect(coverage)
    if w == 0:
        return None
    return Stamp((box[0] + x, box[1] + y, w, h), np.ascontiguousarray(coverage[y : y + h, x : x + w]))


def _as_rgb(image: Image) -> Image:
    return image if image.ndim == 3 else cv2.cvtColor(image, cv2.COLOR_GRAY2RGB)


def _dithered(image: Image) -> Image:
    """Two levels of noise, always the same: GrabCut's Gaussians break down on areas without any."""
    noise = np.random.default_rng(1).integers(-2, 3, image.shape, np.int16)
    return np.asarray(np.clip(image.astype(np.int16) + noise, 0, 255), np.uint8)


def _shrunk(pixels: Pixels, size: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """Scribbles on the working grid: thin ones stay."""
    painted = cv2.threshold(pixels, 0, 255, cv2.THRESH_BINARY)[1]
    return np.asarray(cv2.resize(painted, size, interpolation=cv2.INTER_AREA)) > 5


__all__ = ["bucket", "connected", "smart_select", "threshold", "wand"]
