"""VGG Image Annotator (VIA 1 and 2): projects and exported annotations in JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from divisive_desktop.errors import MaskError
from divisive_desktop.masks.formats.common import Reading, damaged
from divisive_desktop.masks.formats.drawing import Drawing, turned_ellipse
from divisive_desktop.masks.formats.json_text import base_name, pick_picture, read_json
from divisive_desktop.masks.shapes import Stamp, ellipse, polygon, rectangle

_SHAPES = ("polygon", "rect", "circle", "ellipse")
_NO_AREA = {"polyline": "line", "line": "line", "point": "point"}
_NAMES = ("name", "label", "class", "type", "category")
"""Attributes of a region that are its name, rather than others."""


def is_via(document: object) -> bool:
    """Whether a JSON document is a VIA project or its annotations."""
    return bool(_pictures(document))


def names(document: object) -> tuple[str, ...]:
    """The names, without folders, of the pictures in a document; none if it isn't VIA's."""
    return tuple(base_name(p["filename"]) for p in _pictures(document))


def decode(data: bytes, name: str, image_name: str = "", size: tuple[int, int] | None = None) -> Reading:
    """A mask from a VIA file: shapes with one name become one region; those without an area are named.

    Parameters
    ----------
    image_name : str
        Which of the file's pictures, when there are several.
    size : (int, int), optional
        Width and height of the picture, which VIA doesn't write.

    Raises
    ------
    MaskError
        Not VIA's, damaged, without any area, or the picture isn't in it.
    """
    try:
        pictures = _pictures(read_json(data))
        picture = pick_picture(pictures, "filename", name, image_name)
        if size is None:
            raise MaskError(
                f"{name} comes from VIA, which doesn't say how large a picture is.", "Import it on the picture's case."
            )
        drawing = Drawing(size, name)
        regions = picture.get("regions") or ()
        for region in regions.values() if isinstance(regions, Mapping) else regions:
            shape = region["shape_attributes"]
            kind, label = str(shape["name"]), _label(region.get("region_attributes"))
            if kind in _SHAPES:
                drawing.add(label, 0, _stamp(shape, kind, size))
            else:
                drawing.leave_out(_NO_AREA.get(kind, kind), label)
        return drawing.reading(picture=base_name(picture["filename"]))
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, OverflowError) as e:
        raise damaged(name, "VIA JSON", e) from e


def _pictures(document: object) -> list[Mapping[str, Any]]:
    """Descriptions of pictures; none when it is something else."""
    if isinstance(document, Mapping):
        document = document.get("_via_img_metadata", document)
    if not isinstance(document, Mapping):
        return []
    found = [p for p in document.values() if isinstance(p, Mapping) and isinstance(p.get("filename"), str)]
    return found if all("regions" in p for p in found) else []


def _stamp(shape: Mapping[str, Any], kind: str, size: tuple[int, int]) -> Stamp | None:
    if kind == "polygon":
        xs, ys = shape["all_points_x"], shape["all_points_y"]
        return polygon([(float(x), float(y)) for x, y in zip(xs, ys, strict=True)], size)
    if kind == "rect":
        x, y = float(shape["x"]), float(shape["y"])
        return rectangle((x, y), (x + float(shape["width"]), y + float(shape["height"])), size)
    x, y = float(shape["cx"]), float(shape["cy"])
    if kind == "circle":
        r = float(shape["r"])
        return ellipse((x - r, y - r), (x + r, y + r), size)
    return turned_ellipse((x, y), (float(shape["rx"]), float(shape["ry"])), float(shape.get("theta") or 0), size)


def _label(attributes: object) -> str:
    """The name of a region among its attributes, of which the project's author chose the words."""
    if not isinstance(attributes, Mapping):
        return ""
    first = [a for a in _NAMES if a in attributes]
    for attribute in (*first, *attributes):
        value = attributes[attribute]
        if isinstance(value, Mapping):  # check boxes
            value = ", ".join(str(k) for k, ticked in value.items() if ticked)
        if isinstance(value, str) and value.strip():
            return value.strip()
    return ""
