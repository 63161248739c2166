"""What the formats share: options, and pixel grids to regions and back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
import numpy.typing as npt

from divisive_desktop.errors import MaskError, in_words
from divisive_desktop.imaging.limits import max_pixels
from divisive_desktop.masks.codec import Pixels
from divisive_desktop.masks.mask import Mask, is_binary, to_bytes
from divisive_desktop.masks.ops import apply
from divisive_desktop.masks.shapes import Stamp

Content = Literal["union", "labels"]

MOST_LABELS = 32
"""An integer image with no value above this is taken as a label map: one region per value."""


_MOST_LEVELS = 4
"""More plain levels of grey than these are soft coverage and not so many regions."""
_PLAIN = 5
"""Pixels: a level that fills no square of this side somewhere is an edge and not a region."""
MOST_JSON = 256 << 20
"""Bytes of a JSON mask: labelme may put the whole picture into it."""
MOST_STAMPED = 1 << 30
"""Pixels of all regions together, a byte each: room for four in the largest picture, for 1,000 in a radiograph."""
MOST_REGIONS = 1000


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
    picture: bytes = b""
    """labelme: the image itself as PNG, without which labelme opens the file only beside a picture of that name."""
    pixel_mm: tuple[float, float] | None = None
    """NIfTI: width and height of a pixel in millimetres."""
    source: Path | None = None
    """DICOM SEG: the DICOM file that was painted on."""
    identity: bool = True
    """DICOM SEG: name the patient as the source does; without, the study and image are still referred to by UID."""
    fractional: bool | None = None
    """DICOM SEG: keep soft edges (FRACTIONAL); None: only when there are any."""


@dataclass(frozen=True)
class Reading:
    """What a mask file held."""

    mask: Mask
    notes: tuple[str, ...] = ()
    """What was left out or had to be guessed, in sentences for the user."""
    picture: str = ""
    """File name, without folders, of the image that the file says it was drawn on; empty when it names none."""


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


def from_grid(grid: npt.NDArray[Any], name: str, labels: bool = True) -> Reading:
    """A mask from a 2-D array whose meaning follows from its type and values.

    bool and two whole numbers of which one is 0: inside and outside. Floats 0..1: soft coverage. Whole numbers no
    higher than ``MOST_LABELS``: a label map, in which the highest number of the type (255, 65535) is *not labelled*.
    Other whole numbers: soft coverage of 255, or of 65535 where they go beyond; a few plain levels of it are regions
    with such weights.

    Parameters
    ----------
    grid : array (h, w)
    name : str
        Of the file, for messages.
    labels : bool
        False: soft coverage, however few and low the values are.

    Raises
    ------
    MaskError
        Not two-dimensional, too large, or values that are no mask.
    """
    grid = np.asarray(grid)
    if grid.ndim == 3 and 1 in (grid.shape[0], grid.shape[2]):
        grid = grid[0] if grid.shape[0] == 1 else grid[..., 0]  # a single channel
    if grid.ndim != 2 or 0 in grid.shape:
        raise MaskError(
            f"{name} holds an array of shape {'x'.join(map(str, grid.shape))}, not one picture.",
            "Export a single two-dimensional mask.",
        )
    check_pixels(grid.shape[1], grid.shape[0], name)
    if grid.dtype == np.bool_:
        return Reading(Mask.from_array(grid))
    if np.issubdtype(grid.dtype, np.floating):
        if not np.isfinite(grid).all() or grid.min() < 0:
            raise MaskError(f"{name} holds values below zero or not finite.", "Scale the mask to 0..1.")
        whole = bool((grid == np.rint(grid)).all())
        if grid.max() <= 1:
            return Reading(Mask.from_array(grid))
        if not whole or grid.max() > 65535:
            raise MaskError(f"{name} holds values up to {grid.max():g}; a mask ends at 1.", "Scale the mask to 0..1.")
        grid = grid.astype(np.int64)  # labels that were stored as floats
    low, high = int(grid.min()), int(grid.max())
    if low < 0 or high > 65535:
        raise MaskError(f"{name} holds values from {low} to {high}.", "Use 0..255, 0..65535 or labels from 0.")
    if labels:
        grid = grid.astype(np.uint16, copy=False)
        values = np.flatnonzero(np.bincount(grid.reshape(-1))).tolist()
        found = _labelled(grid, values)
        if found is not None:
            return found
    # Cameras and converters put 10 or 12 bits into 16: then nothing comes near to 65535.
    top = 255 if high <= 255 else 65535 if high >= 32768 else high
    notes = () if top in (255, 65535) else (f"Its values end at {high} of 65535: {high} was taken as fully inside.",)
    plain = _plain_levels(grid) if labels else []
    if plain:
        mask = Mask(grid.shape[1], grid.shape[0])
        for level in plain:
            add_region(mask, grid == level, f"level {level}", weight=level / top)
        listed = ", ".join(f"{level / top:.2f} (level {level})" for level in plain)
        return Reading(mask, (*notes, f"Its levels of grey were taken as regions with these weights: {listed}."))
    scaled = grid if top == 255 else np.rint(grid.astype(np.float32) * np.float32(255 / top))
    return Reading(Mask.from_array(scaled.astype(np.uint8)), notes)


def _plain_levels(grid: npt.NDArray[Any]) -> list[int]:
    """The levels of a picture of two to four regions; none where its levels are soft coverage, as at edges."""
    levels = [int(level) for level in np.unique(grid) if level]
    if not 2 <= len(levels) <= _MOST_LEVELS or int(grid.min()) != 0:
        return []
    square = np.ones((_PLAIN, _PLAIN), np.uint8)
    plain = (cv2.erode((grid == level).astype(np.uint8), square, borderValue=0).any() for level in levels)
    return levels if all(plain) else []


def _labelled(grid: npt.NDArray[Any], values: list[int]) -> Reading | None:
    """A mask of two levels or of labels, None when the values are rather soft coverage."""
    small = [v for v in values if 0 < v <= MOST_LABELS]
    large = [v for v in values if v > MOST_LABELS]
    if values == [0] or (small == [1] and not large):
        return Reading(Mask.from_array(grid != 0))
    if small and (not large or large in ([255], [65535])):
        mask = Mask(grid.shape[1], grid.shape[0])
        for label in small:
            add_region(mask, grid == label, f"label {label}")
        return Reading(mask, (void_note(f"with the value {large[0]}"),) if large else ())
    if not small and len(large) == 1 and values[0] == 0:
        note = f"Its only level is {large[0]}, and was taken as fully inside."
        return Reading(Mask.from_array(grid != 0), () if large[0] in (255, 65535) else (note,))
    return None


def void_note(which: str) -> str:
    """A note on pixels that nobody labelled."""
    return f"The pixels {which} mean “not labelled” and were left out."


def outside_note(pixels: int) -> tuple[str, ...]:
    """A note on parts of shapes that lie over the edge."""
    if pixels <= 0:
        return ()
    lie = "1 pixel lies" if pixels == 1 else f"{pixels:,} pixels lie"
    return (f"{lie} outside the picture and {'was' if pixels == 1 else 'were'} cut off: was it drawn on this picture?",)


def add_region(
    mask: Mask,
    pixels: npt.NDArray[Any],
    name: str = "",
    colour: str = "",
    weight: float = 1.0,
    at: tuple[int, int] = (0, 0),
) -> None:
    """Add a region with these pixels (uint8, bool or float) at column and row ``at``; ValueError beyond the bounds."""
    check_regions(len(mask.regions) + 1, mask.width, mask.height)
    region = mask.add(name.strip(), colour, weight=weight)
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


def check_regions(count: int, width: int, height: int) -> None:
    """Refuse more regions than there is memory for.

    Raises
    ------
    ValueError
        Says so.
    """
    if count > MOST_REGIONS or count * width * height > MOST_STAMPED:
        raise ValueError(f"{count:,} regions of {width} x {height} pixels are too many")


def damaged(name: str, kind: str, error: Exception | str) -> MaskError:
    """The error for a file that isn't what it should be."""
    said = error if isinstance(error, str) else in_words(error)
    return MaskError(f"{name} can't be read as {kind}: {said}.", "Export it again, or choose another format.")


def needs(package: str, kind: str, extra: str) -> MaskError:
    """The error for an optional library that isn't there."""
    return MaskError(f"{kind} files need {package}, which isn't installed.", f"Install divisive-desktop[{extra}].")
