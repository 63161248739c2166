"""What the formats share: options, and pixel grids to regions and back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from divisive_desktop.errors import MaskError
from divisive_desktop.imaging.limits import max_pixels
from divisive_desktop.masks.codec import Pixels
from divisive_desktop.masks.mask import Mask, is_binary, to_bytes
from divisive_desktop.masks.ops import apply
from divisive_desktop.masks.shapes import Stamp

Content = Literal["union", "labels"]

MOST_LABELS = 32
"""An integer image with no value above this is taken as a label map: one region per value."""


@dataclass(frozen=True)
class Options:
    """Choices in exporting; each format uses those that mean something to it."""

    content: Content = "union"
    """PNG, NumPy, NIfTI: the saliency mask itself, or a label map (1 for the first region, 2 for the second, ...)."""
    bits: Literal[1, 8, 16] = 8
    """PNG: bits per pixel."""
    polygons: bool = False
    """COCO, labelme: outlines instead of run lengths or bitmaps. Regions with holes stay as they are."""
    image_name: str = ""
    """COCO, labelme: file name of the image that the mask belongs to."""
    pixel_mm: tuple[float, float] | None = None
    """NIfTI: width and height of a pixel in millimetres."""
    source: Path | None = None
    """DICOM SEG: the DICOM file that was painted on."""
    identity: bool = True
    """DICOM SEG: name the patient as the source does; without, the study and image are still referred to by UID."""
    fractional: bool | None = None
    """DICOM SEG: keep soft edges (FRACTIONAL); None: only when there are any."""


def union_bytes(mask: Mask) -> Pixels:
    """The saliency mask as uint8 0..255."""
    return to_bytes(mask.union())


def label_map(mask: Mask) -> Pixels:
    """1 where the first region is, 2 where the second is, ...; half covered counts as inside.

    Raises
    ------
    MaskError
        Two regions share pixels, or there are too many of them.
    """
    if len(mask.regions) > MOST_LABELS:
        raise MaskError(f"A label map holds {MOST_LABELS} regions at most.", "Export DICOM SEG or COCO instead.")
    labels = np.zeros((mask.height, mask.width), np.uint8)
    for number, region in enumerate(mask.regions, 1):
        inside = mask.pixels(region.id) >= 128
        if labels[inside].any():
            raise MaskError(
                f"“{region.name}” overlaps another region, and a label map has room for one label per pixel.",
                "Export the union, or a format that keeps overlapping regions (DICOM SEG, COCO, labelme).",
            )
        labels[inside] = number
    return labels


def from_grid(grid: npt.NDArray[Any], name: str, labels: bool = True) -> Mask:
    """A mask from a 2-D array whose meaning follows from its type and values.

    bool, {0, 1} and {0, 255}: inside and outside. Floats 0..1, uint8 and uint16: soft coverage, scaled to 255.
    Integers no higher than ``MOST_LABELS`` with 2 or more: a label map, unless ``labels`` is False.
    """
    grid = np.asarray(grid)
    if grid.ndim != 2 or 0 in grid.shape:
        raise MaskError(
            f"{name} holds an array of shape {'x'.join(map(str, grid.shape))}, not one picture.",
            "Export a single two-dimensional mask.",
        )
    check_pixels(grid.shape[1], grid.shape[0], name)
    if grid.dtype == np.bool_:
        return Mask.from_array(grid)
    if np.issubdtype(grid.dtype, np.floating):
        if not np.isfinite(grid).all() or grid.min() < 0:
            raise MaskError(f"{name} holds values below zero or not finite.", "Scale the mask to 0..1.")
        whole = bool((grid == np.rint(grid)).all())
        if grid.max() <= 1:
            return Mask.from_array(grid)
        if not whole or grid.max() > 65535:
            raise MaskError(f"{name} holds values up to {grid.max():g}; a mask ends at 1.", "Scale the mask to 0..1.")
        grid = grid.astype(np.int64)  # labels that were stored as floats
    low, high = int(grid.min()), int(grid.max())
    if low < 0 or high > 65535:
        raise MaskError(f"{name} holds values from {low} to {high}.", "Use 0..255, 0..65535 or labels from 0.")
    if high <= 1 and labels:
        return Mask.from_array(grid != 0)
    if high <= MOST_LABELS and labels:
        mask = Mask(grid.shape[1], grid.shape[0])
        for label in range(1, high + 1):
            inside = grid == label
            if inside.any():
                add_region(mask, inside, f"label {label}")
        return mask
    if high <= 255:
        return Mask.from_array(grid.astype(np.uint8))
    return Mask.from_array(np.rint(grid.astype(np.float32) * np.float32(255 / 65535)).astype(np.uint8))


def add_region(
    mask: Mask,
    pixels: npt.NDArray[Any],
    name: str = "",
    colour: str = "",
    weight: float = 1.0,
    at: tuple[int, int] = (0, 0),
) -> None:
    """Add a region with these pixels (uint8, bool or float) at column and row ``at``."""
    region = mask.add(name, colour, weight=weight)
    x, y = at
    left, top = max(0, -x), max(0, -y)
    part = pixels[top : mask.height - y, left : mask.width - x]
    if part.size:
        apply(mask, region.id, Stamp((x + left, y + top, part.shape[1], part.shape[0]), to_bytes(part)))


def cut_note(mask: Mask, name: str) -> tuple[str, ...]:
    """A note for formats that know inside and outside only."""
    soft = [r.name for r in mask.regions if not is_binary(mask.pixels(r.id))]
    return (f"{name} has no soft edges: {', '.join(soft)} was cut at one half.",) if soft else ()


def weight_note(mask: Mask, name: str) -> tuple[str, ...]:
    """A note for formats that have no place for weights."""
    weighted = any(r.weight != 1 for r in mask.regions)
    return (f"{name} has no place for the regions' weights; they were left out.",) if weighted else ()


def check_pixels(width: int, height: int, name: str) -> None:
    """Refuse a forged size before memory is taken for it."""
    if width < 1 or height < 1 or width * height > max_pixels():
        raise MaskError(
            f"{name} says it is {width} x {height} pixels.", "Check the file, or raise the limit for large images."
        )


def damaged(name: str, kind: str, error: Exception | str) -> MaskError:
    """The error for a file that isn't what it should be."""
    return MaskError(f"{name} can't be read as {kind}: {error}.", "Export it again, or choose another format.")


def needs(package: str, kind: str, extra: str) -> MaskError:
    """The error for an optional library that isn't there."""
    return MaskError(f"{kind} files need {package}, which isn't installed.", f"Install divisive-desktop[{extra}].")
