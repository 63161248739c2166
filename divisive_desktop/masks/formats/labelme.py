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

from divisive_desktop.masks.formats.common import (
    Options,
    Reading,
    add_region,
    check_pixels,
    cut_note,
    damaged,
    weight_note,
)
from divisive_desktop.masks.formats.drawing import Drawing
from divisive_desktop.masks.formats.json_text import base_name, picture_size, read_json
from divisive_desktop.masks.mask import Mask, to_bytes
from divisive_desktop.masks.outline import outlines
from divisive_desktop.masks.shapes import Point, Stamp, ellipse, polygon, rectangle

VERSION = "5.5.0"
"""The version of labelme whose format is written."""
_NO_AREA = {"line": "line", "linestrip": "line", "point": "point", "points": "point", "cuboid": "cuboid"}
"""Kinds of shapes without an area in the picture, and what they are called in messages."""
_KNOWN = ("polygon", "rectangle", "circle", "mask")
"""Other kinds with three corners or more, as X-AnyLabeling's *rotation*, are taken as polygons."""


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
        "imageData": base64.b64encode(options.picture).decode() if options.picture else None,
        "imageHeight": mask.height,
        "imageWidth": mask.width,
    }
    notes = cut_note(mask, "labelme") + weight_note(mask, "labelme")
    return json.dumps(document, ensure_ascii=False, indent=2).encode(errors="backslashreplace"), notes


def decode(data: bytes, name: str, size: tuple[int, int] | None = None) -> Reading:
    """A mask from a labelme or X-AnyLabeling file: shapes with one label and group become one region.

    Lines, points and shapes outside the picture have no area in it: they are left out, and the notes name them.

    Parameters
    ----------
    size : (int, int), optional
        Width and height to take where the file gives none.

    Raises
    ------
    MaskError
        Not labelme, damaged, or without any area.
    """
    try:
        document = read_json(data)
        if not isinstance(document, dict):
            raise ValueError("it isn't an object")
        picture, notes = picture_size(document, "imageWidth", "imageHeight", size)
        drawing = Drawing(picture, name)
        for shape in document["shapes"]:
            label = str(shape.get("label") or "").strip()
            kind = str(shape.get("shape_type") or "polygon")
            points = [(float(x), float(y)) for x, y in shape["points"]]
            if kind in _NO_AREA or (kind not in _KNOWN and len(points) < 3):
                drawing.leave_out(_NO_AREA.get(kind, kind), label)
            else:
                drawing.add(label, shape.get("group_id"), _stamp(shape, kind, points, picture))
        return drawing.reading(notes, base_name(document.get("imagePath")))
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, OSError, SyntaxError) as e:
        raise damaged(name, "labelme JSON", e) from e


def _stamp(shape: dict[str, Any], kind: str, points: list[Point], size: tuple[int, int]) -> Stamp | None:
    if not points or not np.isfinite(points).all():
        return None
    if kind == "mask" and shape.get("mask"):
        with Image.open(io.BytesIO(base64.b64decode(shape["mask"], validate=True)), formats=("PNG",)) as picture:
            check_pixels(*picture.size, "a shape")
            pixels = to_bytes(np.asarray(picture.convert("L")) > 0)
        alone = Mask(*size)
        add_region(alone, pixels, at=(round(points[0][0]), round(points[0][1])))
        box = alone.bounds(1)
        outside = int(np.count_nonzero(pixels)) - int(np.count_nonzero(alone.pixels(1)))
        return Stamp(box, alone.pixels(1, box), outside) if box else None
    if kind == "rectangle" and len(points) == 2:
        return rectangle(points[0], points[1], size)
    if kind == "rectangle":  # X-AnyLabeling: four corners, in whichever order
        x, y = np.mean(points, axis=0)
        return polygon(sorted(points, key=lambda p: math.atan2(p[1] - y, p[0] - x)), size)
    if kind == "circle" and len(points) == 2:
        (cx, cy), (px, py) = points
        r = math.hypot(px - cx, py - cy)
        return ellipse((cx - r, cy - r), (cx + r, cy + r), size)
    if kind in ("circle", "mask"):
        return None
    return polygon(points, size)
