"""CVAT for images 1.1: the XML that CVAT itself exports, with boxes, polygons, ellipses and bitmaps, turned or not."""

from __future__ import annotations

import io
from collections.abc import Mapping
from xml.etree import ElementTree

import numpy as np

from divisive_desktop.masks.formats import rle
from divisive_desktop.masks.formats.common import Reading, add_region, check_pixels, damaged
from divisive_desktop.masks.formats.drawing import Drawing, turned_ellipse, turned_rectangle
from divisive_desktop.masks.formats.json_text import base_name, pick_picture
from divisive_desktop.masks.mask import Mask
from divisive_desktop.masks.shapes import Point, Stamp, polygon, rectangle

_SHAPES = ("polygon", "box", "ellipse", "mask")
_NO_AREA = {"polyline": "line", "points": "point", "tag": "tag", "cuboid": "cuboid", "skeleton": "skeleton"}
_MOST_DEPTH = 16
_MOST_ELEMENTS = 1_000_000
_MOST_BYTES = 64 << 20


def looks_like_xml(data: bytes) -> bool:
    """Whether a file begins as XML does, in whichever encoding."""
    head = data[:256].removeprefix(b"\xef\xbb\xbf").removeprefix(b"\xff\xfe").removeprefix(b"\xfe\xff")
    return head.replace(b"\0", b"").lstrip().startswith((b"<?xml", b"<annotation", b"<!DOCTYPE annotation"))


def image_names(data: bytes) -> tuple[str, ...]:
    """The names, without folders, of the pictures that a file describes; none if it is something else."""
    try:
        return tuple(base_name(p.get("name")) for p in _read(data).iter("image"))
    except ValueError:
        return ()


def decode(data: bytes, name: str, image_name: str = "") -> Reading:
    """A mask from a CVAT file: shapes with one label and group become one region; those without an area are named.

    Parameters
    ----------
    image_name : str
        Which of the file's pictures, when there are several.

    Raises
    ------
    MaskError
        Not CVAT's, damaged, without any area, or the picture isn't in it.
    """
    try:
        root = _read(data)
        pictures = {id(p.attrib): p for p in root.findall("image")}
        if root.tag != "annotations" or not pictures:
            raise ValueError("it describes no images, as “CVAT for images 1.1” does")
        chosen = pictures[id(pick_picture([p.attrib for p in pictures.values()], "name", name, image_name))]
        drawing = Drawing((int(chosen.attrib["width"]), int(chosen.attrib["height"])), name)
        for shape in chosen:
            label = shape.get("label", "").strip()
            if shape.tag in _SHAPES:
                stamp = _stamp(shape.tag, shape.attrib, drawing.size)
                drawing.add(label, shape.get("group_id") or "0", stamp)
            else:
                drawing.leave_out(_NO_AREA.get(shape.tag, shape.tag), label)
        return drawing.reading(picture=base_name(chosen.attrib["name"]))
    except (ValueError, KeyError, TypeError, OverflowError) as e:
        raise damaged(name, "CVAT's XML", e) from e


def _stamp(kind: str, at: Mapping[str, str], size: tuple[int, int]) -> Stamp | None:
    degrees = float(at.get("rotation") or 0)
    if kind == "polygon":
        return polygon(_points(at["points"]), size)
    if kind == "box":
        corner, opposite = (float(at["xtl"]), float(at["ytl"])), (float(at["xbr"]), float(at["ybr"]))
        return turned_rectangle(corner, opposite, degrees, size) if degrees else rectangle(corner, opposite, size)
    if kind == "ellipse":
        radii = float(at["rx"]), float(at["ry"])
        return turned_ellipse((float(at["cx"]), float(at["cy"])), radii, float(np.deg2rad(degrees)), size)
    width, height = int(at["width"]), int(at["height"])
    check_pixels(width, height, "a shape")
    # Rows first, where COCO's run lengths go down the columns.
    pixels = rle.decode([int(run) for run in at["rle"].split(",")], height, width).T
    alone = Mask(*size)
    add_region(alone, pixels, at=(int(at["left"]), int(at["top"])))
    box = alone.bounds(1)
    outside = int(np.count_nonzero(pixels)) - int(np.count_nonzero(alone.pixels(1)))
    return Stamp(box, alone.pixels(1, box), outside) if box else None


def _points(text: str) -> list[Point]:
    pairs = (pair.split(",") for pair in text.split(";"))
    return [(float(x), float(y)) for x, y in pairs]


def _read(data: bytes) -> ElementTree.Element:
    """The document, without anything that a document type could do.

    Raises
    ------
    ValueError
        It isn't XML, or is too long or nested too deeply.
    """
    if len(data) > _MOST_BYTES:
        raise ValueError(f"it is longer than {_MOST_BYTES:,} bytes")
    bare = data.replace(b"\0", b"")
    if b"<!DOCTYPE" in bare or b"<!ENTITY" in bare:
        raise ValueError("it has a document type, which isn't read")
    depth = elements = 0
    root: ElementTree.Element | None = None
    try:
        for event, element in ElementTree.iterparse(io.BytesIO(data), ("start", "end")):
            root = element if root is None else root
            depth += 1 if event == "start" else -1
            elements += event == "start"
            if depth > _MOST_DEPTH or elements > _MOST_ELEMENTS:
                raise ValueError("it is nested too deeply, or holds too many elements")
    except ElementTree.ParseError as e:
        raise ValueError(str(e)) from e
    if root is None:
        raise ValueError("it holds nothing")
    return root
