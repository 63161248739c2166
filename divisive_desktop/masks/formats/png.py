"""PNG: the saliency mask in 1, 8 or 16 bits of grey, or a label map."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, PngImagePlugin

from divisive_desktop.masks.formats.common import (
    Options,
    check_pixels,
    cut_note,
    damaged,
    from_grid,
    label_map,
    weight_note,
)
from divisive_desktop.masks.mask import Mask, to_bytes

_KEY = "Content"
_UNION = "saliency mask"
"""Written into the file, so that a faint mask isn't taken for a label map when it comes back."""


def encode(mask: Mask, options: Options) -> tuple[bytes, tuple[str, ...]]:
    """PNG bytes, and notes on what the format couldn't keep."""
    notes: tuple[str, ...] = ()
    if options.content == "labels":
        picture = Image.fromarray(label_map(mask))
        notes = cut_note(mask, "A label map") + weight_note(mask, "A label map")
    else:
        union = mask.union()
        if options.bits == 16:
            picture = Image.fromarray(np.rint(union * 65535).astype(np.uint16))
        elif options.bits == 1:
            picture = Image.fromarray(to_bytes(union >= 0.5)).convert("1", dither=Image.Dither.NONE)
            if not ((union == 0) | (union == 1)).all():
                notes = ("1-bit PNG has no soft edges or weights: the mask was cut at one half.",)
        else:
            picture = Image.fromarray(to_bytes(union))
    text = PngImagePlugin.PngInfo()
    text.add_text(_KEY, "label map" if options.content == "labels" else _UNION)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", pnginfo=text)
    return buffer.getvalue(), notes


def decode(data: bytes, name: str) -> Mask:
    """A mask from a PNG or another picture: grey as it is, palette indices as labels, colour by its brightest channel.

    Raises
    ------
    MaskError
        Not a picture, or damaged.
    """
    try:
        with Image.open(io.BytesIO(data)) as picture:
            check_pixels(*picture.size, name)
            labels = picture.info.get(_KEY) != _UNION
            if picture.mode in ("RGB", "RGBA", "LA", "CMYK"):
                return from_grid(np.asarray(picture.convert("RGB")).max(axis=2), name, labels)
            return from_grid(np.asarray(picture), name, labels)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as e:
        raise damaged(name, "a picture", e) from e
