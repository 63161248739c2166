"""labelme JSON (version 5): one shape per region or outline; masks as PNG bitmaps, or polygons."""

from __future__ import annotations

import base64
import io
import json
import math
from typing import Any

import cv2
import numpy as np
from PIL import Image

from divisive_desktop.errors import MaskError
from divisive_desktop.masks.formats.common import Options, add_region, check_pixels, cut_note, damaged, weight_note
from divisive_desktop.masks.mask import Mask, to_bytes
from divisive_desktop.masks.outline import outlines
from divisive_desktop.masks.shapes import Stamp, ellipse, polygon, rectangle

VERSION = "5.5.0"
"""The version of labelme whose format is written."""


def encode(mask: Mask, options: Options) -> tuple[bytes, tuple[str, ...]]:
    """JSON bytes, and notes on what the format couldn't keep."""
    shapes = []
    for number, region in enumerate(mask.regions, 1):
        box = mask.bounds(region.id)
        if box is None:
            continue
        common = {"label": region.name, "group_id": number, "description": "", "flags": {}}
        outer, holes = outlines(mask.pixels(region.id)) if options.polygons else ([], [])
        if options.polygons and not holes:
            shapes += [
                {**common, "shape_type": "polygon", "points": line.tolist(), "mask": None} for line in outer
            ]
            continue
        x, y, w, h = box
        inside = mask.pixels(region.id, box) >= 128
        done, png = cv2.imencode(".png", to_bytes(inside), [cv2.IMWRITE_PNG_BILEVEL, 1])
        if not done:
            raise RuntimeError("OpenCV couldn't write the PNG")
        corners = [[x, y], [x + w - 1, y + h - 1]]  # labelme counts the last pixel in
        encoded = base64.b64encode(png.tobytes()).decode()
        shapes.append({**common, "shape_type": "mask", "points": corners, "mask": encoded})
    document: dict[str, Any] = {
        "version": VERSION,
        "flags": {},
        "shapes": shapes,
        "imagePath": options.image_name,
        "imageData": None,
        "imageHeight": mask.height,
        "imageWidth": mask.width,
    }
    notes = cut_note(mask, "labelme") + weight_note(mask, "labelme")
    return json.dumps(document, ensure_ascii=False, indent=2).encode(), notes


def decode(data: bytes, name: str) -> Mask:
    """A mask from a labelme file: shapes with one label and group become one region. Lines and points have no area
    and are left out.

    Raises
    ------
    MaskError
        Not labelme, damaged, or without any area.
    """
    try:
        document = json.loads(data)
        width, height = int(document["imageWidth"]), int(document["imageHeight"])
        check_pixels(width, height, name)
        grouped: dict[tuple[str, Any], list[Stamp]] = {}
        for shape in document["shapes"]:
            stamp = _stamp(shape, (width, height))
            if stamp is not None:
                grouped.setdefault((str(shape["label"]), shape.get("group_id")), []).append(stamp)
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, OSError, SyntaxError) as e:
        raise damaged(name, "labelme JSON", e) from e
    if document["shapes"] and not grouped:
        raise MaskError(f"{name} has no shape with an area.", "Draw polygons, rectangles, circles or masks.")
    mask = Mask(width, height)
    for (label, _), stamps in grouped.items():
        pixels = np.zeros((height, width), np.uint8)
        for stamp in stamps:
            x, y, w, h = stamp.box
            np.maximum(pixels[y : y + h, x : x + w], stamp.coverage, out=pixels[y : y + h, x : x + w])
        add_region(mask, pixels, label)
    return mask


def _stamp(shape: dict[str, Any], size: tuple[int, int]) -> Stamp | None:
    points = [(float(x), float(y)) for x, y in shape["points"]]
    kind = shape.get("shape_type", "polygon")
    if kind == "polygon":
        return polygon(points, size)
    if kind == "rectangle":
        return rectangle(points[0], points[1], size)
    if kind == "circle":
        (cx, cy), (px, py) = points
        r = math.hypot(px - cx, py - cy)
        return ellipse((cx - r, cy - r), (cx + r, cy + r), size)
    if kind == "mask":
        with Image.open(io.BytesIO(base64.b64decode(shape["mask"], validate=True))) as picture:
            check_pixels(*picture.size, "a shape")
            pixels = to_bytes(np.asarray(picture.convert("L")) > 0)
        alone = Mask(*size)
        add_region(alone, pixels, at=(round(points[0][0]), round(points[0][1])))
        box = alone.bounds(1)
        return Stamp(box, alone.pixels(1, box)) if box else None
    return None
