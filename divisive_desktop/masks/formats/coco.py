"""COCO JSON: one annotation per region, as run lengths or polygons; readable with pycocotools."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from divisive_desktop.errors import MaskError
from divisive_desktop.masks.formats import rle
from divisive_desktop.masks.formats.common import Options, add_region, check_pixels, cut_note, damaged
from divisive_desktop.masks.mask import Mask
from divisive_desktop.masks.outline import outlines
from divisive_desktop.masks.shapes import polygon


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
    return json.dumps(document, ensure_ascii=False, indent=1).encode(), cut_note(mask, "COCO")


def decode(data: bytes, name: str, image_name: str = "") -> Mask:
    """A mask from a COCO file.

    Parameters
    ----------
    image_name : str
        Which of the file's images, when there are several.

    Raises
    ------
    MaskError
        Not COCO, damaged, or the image isn't in it.
    """
    try:
        document = json.loads(data)
        image = _image(document["images"], name, image_name)
        width, height = int(image["width"]), int(image["height"])
        check_pixels(width, height, name)
        categories = {c["id"]: str(c["name"]) for c in document.get("categories", ())}
        mask = Mask(width, height)
        for annotation in document["annotations"]:
            if annotation["image_id"] != image["id"]:
                continue
            pixels = _pixels(annotation["segmentation"], width, height)
            label = categories.get(annotation["category_id"], f"category {annotation['category_id']}")
            weight = float(annotation.get("weight", 1.0))
            add_region(mask, pixels, label, str(annotation.get("colour", "")), weight)
        return mask
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as e:
        raise damaged(name, "COCO JSON", e) from e


def _image(images: list[dict[str, Any]], name: str, wanted: str) -> dict[str, Any]:
    found = [i for i in images if str(i.get("file_name", "")).rpartition("/")[2] == wanted] if wanted else []
    if not found and len(images) == 1:
        found = images
    if len(found) != 1:
        raise MaskError(
            f"{name} describes {len(images)} images, and {wanted or 'none'} is not the name of exactly one of them.",
            "Choose the COCO file that belongs to this image, or rename the image as it is called there.",
        )
    return found[0]


def _pixels(segmentation: Any, width: int, height: int) -> Any:
    if isinstance(segmentation, dict):
        if segmentation["size"] != [height, width]:
            raise ValueError("a segmentation has another size than its image")
        counts = segmentation["counts"]
        return rle.decode(rle.from_text(counts) if isinstance(counts, str) else counts, width, height)
    pixels = np.zeros((height, width), np.uint8)
    for line in segmentation:
        stamp = polygon(np.asarray(line, np.float64).reshape(-1, 2), (width, height))
        if stamp is not None:
            x, y, w, h = stamp.box
            np.maximum(pixels[y : y + h, x : x + w], stamp.coverage, out=pixels[y : y + h, x : x + w])
    return pixels
