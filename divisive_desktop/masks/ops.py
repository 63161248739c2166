"""What the tools do to a region: each changes one box and returns it, None when nothing changed.

Pixels of the image (for tools that look at it) are a grey float32 or uint8 array (h, w), or uint8 RGB (h, w, 3).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

from divisive_desktop.geometry import Box, clip, enclose, grow, intersect, slices
from divisive_desktop.masks.codec import Pixels
from divisive_desktop.masks.mask import Mask, is_binary, to_bytes
from divisive_desktop.masks.shapes import Brush, Point, Stamp, dab, segment

Mode = Literal["add", "subtract", "intersect", "replace"]


def apply(mask: Mask, region: int, stamp: Stamp | None, mode: Mode = "add", level: int = 255) -> Box | None:
    """Combine a stamp with a region.

    Parameters
    ----------
    mask, region
        Where to.
    stamp : Stamp or None
        None covers nothing: it adds and subtracts nothing, and leaves nothing when intersecting or replacing.
    mode : {'add', 'subtract', 'intersect', 'replace'}
        ``add`` sets fully covered pixels to ``level``; at a soft edge it only ever raises, so that overlapping dabs
        don't pile up. ``subtract`` lowers to what the stamp leaves. ``intersect`` and ``replace`` also clear what
        lies outside the stamp.
    level : int
        1..255, what a fully covered pixel gets in ``add`` and ``replace``.

    Returns
    -------
    Box or None
        The pixels that may have changed.
    """
    if mode in ("intersect", "replace"):
        return _narrow(mask, region, stamp, mode, level)
    if stamp is None:
        return None
    with mask.editing(region, stamp.box) as pixels:
        if mode == "subtract":
            np.minimum(pixels, np.bitwise_not(stamp.coverage), out=pixels)
        elif level == 255:
            cv2.max(pixels, stamp.coverage, dst=pixels)  # twice as quick as numpy on views
        else:
            soft = cv2.multiply(stamp.coverage, np.ones_like(stamp.coverage), scale=level / 255)
            full = stamp.coverage == 255
            np.maximum(pixels, soft, out=pixels)
            pixels[full] = level
    return stamp.box


def _narrow(mask: Mask, region: int, stamp: Stamp | None, mode: Mode, level: int) -> Box | None:
    painted = mask.bounds(region)
    touched = enclose(painted, stamp.box if stamp and mode == "replace" else None)
    if touched is None:
        return None
    with mask.editing(region, touched) as pixels:
        shared = intersect(touched, stamp.box) if stamp else None
        kept = None
        if stamp is not None and shared is not None:
            x, y = touched[:2]
            inside = pixels[slices((shared[0] - x, shared[1] - y, shared[2], shared[3]))]
            part = stamp.coverage[slices((shared[0] - stamp.box[0], shared[1] - stamp.box[1], shared[2], shared[3]))]
            if mode == "intersect":
                kept = np.minimum(inside, part)
            else:
                kept = part if level == 255 else cv2.multiply(part, np.ones_like(part), scale=level / 255)
        pixels[:] = 0
        if kept is not None:
            inside[:] = kept
    return touched


# ---- brush ----------------------------------------------------------------------------------------------


def stroke(
    mask: Mask,
    region: int,
    points: Sequence[Point],
    brush: Brush,
    *,
    erase: bool = False,
    level: int = 255,
    pressure: Sequence[float] | None = None,
) -> Box | None:
    """Draw a brush along a line through ``points``; one point is a dab, two are a straight line."""
    if len(points) == 1:
        one = dab(points[0], brush, mask.size, pressure[0] if pressure is not None else 1.0)
        return apply(mask, region, one, "subtract" if erase else "add", level)
    changed: Box | None = None
    for stamp in stroke_stamps(mask.size, points, brush, pressure):
        changed = enclose(changed, apply(mask, region, stamp, "subtract" if erase else "add", level))
    return changed


def stroke_stamps(
    size: tuple[int, int], points: Sequence[Point], brush: Brush, pressure: Sequence[float] | None = None
) -> Iterator[Stamp]:
    """The stamps of a stroke on an image of ``size`` = (width, height), for whoever wants to change them first."""
    pressures = list(pressure) if pressure is not None else [1.0] * len(points)
    if len(pressures) != len(points):
        raise ValueError("as many pressures as points")
    ends = list(zip(points, pressures, strict=True))
    for (p, p0), (q, p1) in zip(ends, ends[1:] or ends, strict=False):
        yield from segment(p, q, brush, size, (p0, p1))


# ---- on what is painted already -------------------------------------------------------------------------


def clear(mask: Mask, region: int | None = None) -> Box | None:
    """Empty one region, or all that aren't locked."""
    chosen = [region] if region is not None else [r.id for r in mask.regions if not r.locked]
    changed: Box | None = None
    for each in chosen:
        changed = enclose(changed, apply(mask, each, None, "replace"))
    return changed


def fill_holes(mask: Mask, region: int, largest: float | None = None) -> Box | None:
    """Fill what is enclosed by painted pixels; ``largest`` leaves holes alone that have more pixels than that."""
    box = mask.bounds(region)
    if box is None:
        return None
    framed = np.zeros((box[3] + 2, box[2] + 2), np.uint8)
    framed[1:-1, 1:-1] = mask.pixels(region, box) != 0
    cv2.floodFill(framed, None, (0, 0), 1)  # from the frame: what isn't reached is a hole
    holes = framed[1:-1, 1:-1] == 0
    if largest is not None:
        _, labels, stats, _ = cv2.connectedComponentsWithStats(holes.view(np.uint8), connectivity=4)
        small = stats[:, cv2.CC_STAT_AREA] <= largest
        small[0] = False
        holes = small[labels]
    if not holes.any():
        return None
    return apply(mask, region, Stamp(box, np.negative(holes.view(np.uint8))))


def remove_specks(mask: Mask, region: int, smallest: float) -> Box | None:
    """Remove connected parts that have fewer pixels than ``smallest``."""
    box = mask.bounds(region)
    if box is None:
        return None
    painted = (mask.pixels(region, box) != 0).view(np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(painted, connectivity=8)
    small = stats[:, cv2.CC_STAT_AREA] < smallest
    small[0] = False
    specks = small[labels]
    return apply(mask, region, Stamp(box, np.negative(specks.view(np.uint8))), "subtract") if specks.any() else None


def grow_by(mask: Mask, region: int, pixels: float, aspect: float = 1.0) -> Box | None:
    """Grow a region (or shrink it, negative) by a distance in pixel widths, round at corners.

    The border of the image counts as outside when growing and as inside when shrinking: shrinking a region that
    reaches the edge doesn't pull it off the edge.
    """
    painted = mask.bounds(region)
    if painted is None or pixels == 0:
        return None
    reach = int(np.ceil(abs(pixels) * max(1.0, 1.0 / aspect))) + 1
    box = grow(painted, reach, mask.width, mask.height)
    old = mask.pixels(region, box)
    new: Pixels
    if is_binary(old) and aspect == 1.0 and abs(pixels) > 3:
        new = _grow_binary(old, pixels)
    else:
        kernel = _disc(abs(pixels), aspect)
        new = to_bytes(cv2.dilate(old, kernel) if pixels > 0 else cv2.erode(old, kernel))
    return _put(mask, region, box, new)


def _grow_binary(old: Pixels, pixels: float) -> Pixels:
    # Euclidean distance: the cost doesn't depend on how far.
    outwards = pixels > 0
    distance = cv2.distanceTransform(np.bitwise_not(old) if outwards else old, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    inside = distance <= pixels if outwards else distance > -pixels
    return np.negative(inside.view(np.uint8))


def _disc(radius: float, aspect: float) -> Pixels:
    rx, ry = int(radius), int(radius / aspect)
    x = np.arange(-rx, rx + 1)
    y = np.arange(-ry, ry + 1) * aspect
    return ((x * x)[None, :] + (y * y)[:, None] <= radius * radius).astype(np.uint8)


def smooth(mask: Mask, region: int, radius: float) -> Box | None:
    """Round off a region's outline: details smaller than ``radius`` pixels go. Soft content is median-filtered."""
    painted = mask.bounds(region)
    if painted is None or radius < 0.5:
        return None
    box = grow(painted, int(np.ceil(radius)) + 1, mask.width, mask.height)
    old = mask.pixels(region, box)
    if is_binary(old):
        # Half of a Gaussian neighbourhood inside keeps straight edges where they are.
        blurred = cv2.GaussianBlur(old, (0, 0), radius / 2, borderType=cv2.BORDER_REPLICATE)
        new = np.where(blurred >= 128, np.uint8(255), np.uint8(0))
    else:
        new = cv2.medianBlur(old, 2 * max(1, round(radius / 2)) + 1)
    return _put(mask, region, box, new)


def invert(mask: Mask, region: int) -> Box | None:
    """Swap inside and outside over the whole image."""
    with mask.editing(region, mask.box) as pixels:
        np.bitwise_not(pixels, out=pixels)
    return mask.box


def _put(mask: Mask, region: int, box: Box, new: Pixels) -> Box | None:
    if np.array_equal(mask.pixels(region, box), new):
        return None
    with mask.editing(region, box) as pixels:
        pixels[:] = new
    return box


# ---- from elsewhere -------------------------------------------------------------------------------------


def from_polygons(
    contours: Iterable[npt.NDArray[np.integer] | npt.NDArray[np.floating]], size: tuple[int, int]
) -> Stamp | None:
    """Contours of pixel centres, (n, 2) each as OpenCV and ``FeatureSet`` give them, filled, as one stamp."""
    lines = [np.rint(np.asarray(c)).astype(np.int32).reshape(-1, 1, 2) for c in contours]
    if not lines:
        return None
    joined = np.concatenate(lines)[:, 0]
    (left, top), (right, bottom) = joined.min(axis=0).tolist(), joined.max(axis=0).tolist()
    box = clip((left, top, right - left + 1, bottom - top + 1), *size)
    if box is None:
        return None
    coverage = np.zeros((box[3], box[2]), np.uint8)
    cv2.drawContours(coverage, lines, -1, 255, cv2.FILLED, offset=(-box[0], -box[1]))
    return Stamp(box, coverage)


def from_map(
    cam: npt.NDArray[np.floating], threshold: float, region: Box, size: tuple[int, int]
) -> Stamp | None:
    """Where a map (a CAM or D, any cells over ``region``) is at least ``threshold``: bilinear, as it is displayed."""
    box = intersect(region, (0, 0, *size))
    if box is None or region != box:
        raise ValueError(f"the region {region} isn't inside the image {size}")
    surface = cv2.resize(np.ascontiguousarray(cam, np.float32), box[2:], interpolation=cv2.INTER_LINEAR)
    inside = surface >= threshold
    return Stamp(box, np.negative(inside.view(np.uint8))) if inside.any() else None


def copy_regions(mask: Mask, source: Mask) -> Box | None:
    """Add another mask's regions (the previous case's), as new regions; another size is resampled to this one."""
    if source.size != mask.size:
        source = source.resampled(*mask.size)
    changed: Box | None = None
    for region in source.regions:
        box = source.bounds(region.id)
        if box is None:
            continue
        new = mask.add(region.name, region.colour, weight=region.weight)
        changed = enclose(changed, apply(mask, new.id, Stamp(box, source.pixels(region.id, box))))
    return changed
