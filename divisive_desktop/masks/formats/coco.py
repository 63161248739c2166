"""COCO JSON: one annotation per region, as run lengths or polygons; readable with pycocotools."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np

from divisive_desktop.errors import MaskError
from divisive_desktop.masks.codec import Pixels
from divisive_desktop.masks.formats import rle
from divisive_desktop.masks.formats.common import (
    Options,
    Reading,
    add_region,
    check_pixels,
    check_regions,
    cut_note,
    damaged,
    outside_note,
)
from divisive_desktop.masks.formats.drawing import turned_rectangle
from divisive_desktop.masks.formats.json_text import base_name, counted, pick_picture, picture_size, read_json
from divisive_desktop.masks.mask import Mask
from divisive_desktop.masks.outline import outlines
from divisive_desktop.masks.shapes import Stamp, polygon, rectangle


def encode(mask: Mask, options: Options) -> tuple[bytes, tuple[str, ...]]:
    """JSON bytes, and notes on what the format couldn't keep. Weights and colours travel as additional fields."""
    names = list(dict.fromkeys(region.name for region in mask.regions))
    annotations: list[dict[str, Any]] = []
    for region in mask.regions:
        box = mask.bounds(region.id)
        if box is None:
            continue
        pixels = mask.pixels(region.id)
        inside = pixels >= 128
        segmentation: Any = None
        if options.polygons:
            outer, holes = outlines(pixels)
            if not holes:
                segmentation = [line.reshape(-1).tolist() for line in outer]
        if segmentation is None:
            counts = rle.to_text(rle.encode(inside))
            segmentation = {"size": [mask.height, mask.width], "counts": counts}
        annotations.append(
            {
                "id": len(annotations) + 1,
                "image_id": 1,
                "category_id": names.index(region.name) + 1,
                "segmentation": segmentation,
                "area": int(np.count_nonzero(inside)),
                "bbox": list(box),
                "iscrowd": int(isinstance(segmentation, dict)),
                "weight": region.weight,
                "colour": region.colour,
            }
        )
    document = {
        "info": {"description": "Saliency mask", "version": "1.0"},
        "images": [{"id": 1, "file_name": options.image_name, "width": mask.width, "height": mask.height}],
        "annotations": annotations,
        "categories": [{"id": i, "name": name, "supercategory": "saliency"} for i, name in enumerate(names, 1)],
    }
    return json.dumps(document, ensure_ascii=False, indent=1).encode(errors="backslashreplace"), cut_note(mask, "COCO")


def decode(data: bytes, name: str, image_name: str = "", size: tuple[int, int] | None = None) -> Reading:
    """A mask from a COCO file. Ids may be numbers or texts; annotations without an outline count as their box.

    Parameters
    ----------
    image_name : str
        Which of the file's images, when there are several; one with the same name but for the suffix will do.
    size : (int, int), optional
        Width and height to take where the file gives none.

    Raises
    ------
    MaskError
        Not COCO, damaged, or the image isn't in it.
    """
    left_out: list[str] = []
    boxes: list[str] = []
    outside = 0
    try:
        document = read_json(data)
        if not isinstance(document, dict) or "images" not in document or "annotations" not in document:
            raise ValueError("it has neither shapes, as labelme writes, nor images and annotations, as COCO has")
        image = pick_picture(document["images"], "file_name", name, image_name)
        (width, height), notes = picture_size(image, "width", "height", size)
        check_pixels(width, height, name)
        categories = _categories(document.get("categories"))
        mask = Mask(width, height)
        annotations = [one for one in document["annotations"] if _key(one["image_id"]) == _key(image["id"])]
        check_regions(len(annotations), width, height)
        known = {_key(one["id"]) for one in document["images"]}
        homeless = sum(_key(one["image_id"]) not in known for one in document["annotations"])
        if document["annotations"] and not annotations:
            called = base_name(image.get("file_name")) or "this image"
            notes = (*notes, f"None of its {len(document['annotations'])} annotations is of {called}.")
        for annotation in annotations:
            category = annotation.get("category_id")
            label = categories.get(_key(category)) or (f"category {category}" if category is not None else "")
            pixels, over = _pixels(annotation.get("segmentation"), width, height)
            if pixels is None and annotation.get("bbox"):
                pixels, over = _box(annotation, width, height)
                boxes.append(label)
            outside += over
            if pixels is None or not pixels.any():
                left_out.append(label)
            else:
                add_region(mask, pixels, label, _valid_colour(annotation.get("colour")), _valid_weight(annotation))
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as e:
        raise damaged(name, "COCO JSON", e) from e
    if left_out and not mask.regions:
        raise MaskError(
            f"{name} has no annotation with an area in the picture: "
            f"{counted(left_out, 'annotation', 'annotations')} without one.",
            "Draw polygons, boxes or masks.",
        )
    notes = (*notes, *outside_note(outside))
    if homeless:
        notes = (*notes, f"{counted([''] * homeless, 'annotation', 'annotations')} of no image in it: left out.")
    if boxes:
        notes = (*notes, f"Only a box is given for {counted(boxes, 'region', 'regions')}: all of it was taken.")
    if left_out:
        notes = (*notes, f"Left out: {counted(left_out, 'annotation', 'annotations')} without an area in the picture.")
    return Reading(mask, notes, base_name(image.get("file_name")))


def names(document: object) -> tuple[str, ...]:
    """The names, without folders, of the images in a document; none if it isn't COCO's."""
    images = document.get("images") if isinstance(document, dict) else None
    try:
        return tuple(base_name(i.get("file_name")) for i in images or ())
    except (TypeError, AttributeError):
        return ()


def _pixels(segmentation: Any, width: int, height: int) -> tuple[Pixels | None, int]:
    """Coverage of the whole picture, None when there is no segmentation; and how many pixels lie outside."""
    if not segmentation:
        return None, 0
    if isinstance(segmentation, dict):
        if segmentation["size"] != [height, width]:
            raise ValueError("a segmentation has another size than its image")
        counts = segmentation["counts"]
        return rle.decode(rle.from_text(counts) if isinstance(counts, str) else counts, width, height), 0
    pixels = np.zeros((height, width), np.uint8)
    outside = 0
    for line in segmentation if isinstance(segmentation[0], list) else [segmentation]:
        stamp = polygon(np.asarray(line, np.float64).reshape(-1, 2), (width, height))
        if stamp is not None:
            _lay(pixels, stamp)
            outside += stamp.outside
    return pixels, outside


def _box(annotation: dict[str, Any], width: int, height: int) -> tuple[Pixels, int]:
    x, y, w, h = (float(v) for v in annotation["bbox"])
    attributes = annotation.get("attributes")
    degrees = float(attributes.get("rotation") or 0) if isinstance(attributes, dict) else 0.0  # as CVAT writes it
    corner, opposite = (x, y), (x + w, y + h)
    pixels = np.zeros((height, width), np.uint8)
    if degrees:
        stamp = turned_rectangle(corner, opposite, degrees, (width, height))
    else:
        stamp = rectangle(corner, opposite, (width, height))
    if stamp is not None:
        _lay(pixels, stamp)
    return pixels, 0 if stamp is None else stamp.outside


def _lay(pixels: Pixels, stamp: Stamp) -> None:
    x, y, w, h = stamp.box
    np.maximum(pixels[y : y + h, x : x + w], stamp.coverage, out=pixels[y : y + h, x : x + w])


def _categories(described: Any) -> dict[str, str]:
    """Names of the categories by id; those without an id, as other programs write them, count from 0 or say nothing."""
    if isinstance(described, dict):
        return {_key(number): str(name).strip() for number, name in described.items()}
    names: dict[str, str] = {}
    for number, one in enumerate(described if isinstance(described, list) else ()):
        if isinstance(one, dict):
            names[_key(one.get("id", number))] = str(one.get("name") or "").strip()
        else:
            names[str(number)] = str(one).strip()
    return names


def _key(number: object) -> str:
    """An id as it can be compared: 1, 1.0 and "1" are the same."""
    return str(int(number)) if isinstance(number, float) and number.is_integer() else str(number).strip()


def _valid_colour(value: Any) -> str:
    """'' for what is no colour: one of our own will do."""
    return value if isinstance(value, str) and re.fullmatch("#[0-9a-fA-F]{6}", value) else ""


def _valid_weight(annotation: dict[str, Any]) -> float:
    """1 where another program means something else by the word."""
    value = annotation.get("weight")
    return float(value) if isinstance(value, int | float) and 0 <= value <= 1 else 1.0
