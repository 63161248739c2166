"""PNG: the saliency mask in 1, 8 or 16 bits of grey, or a label map."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, PngImagePlugin, UnidentifiedImageError

from divisive_desktop.errors import MaskError
from divisive_desktop.imaging.exif import orientation, read_exif
from divisive_desktop.imaging.foreign_formats import foreign_format
from divisive_desktop.imaging.missing_pixels import missing_pixels
from divisive_desktop.imaging.photograph import FORMATS, grey_tiff, upright
from divisive_desktop.imaging.tiff import TiffForm, grey_plane, read_form
from divisive_desktop.masks.codec import Pixels
from divisive_desktop.masks.formats.colours import deep_pixels, from_colours, from_palette, scaled
from divisive_desktop.masks.formats.common import (
    Options,
    Reading,
    check_pixels,
    cut_note,
    damaged,
    from_grid,
    label_map,
    weight_note,
)
from divisive_desktop.masks.mask import Mask, to_bytes

Grid = npt.NDArray[Any]

_GREYS = ("L", "I", "F")
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


def decode(data: bytes, name: str) -> Reading:
    """A mask from a PNG or another picture: greys as they are, palettes, colours and transparency by their meaning.

    Raises
    ------
    MaskError
        Not a picture, or damaged.
    """
    source = io.BytesIO(data)
    form = read_form(source, 0)
    source.seek(0)
    try:
        rewritten = form is not None and form.rewritten and form.samples == 1
        stream = io.BytesIO(grey_plane(source, form, 0)) if form is not None and rewritten else source
        with Image.open(stream, formats=FORMATS) as picture:
            check_pixels(*picture.size, name)
            reading = _decode(picture, form, data, name)
            pages = form.pages if form is not None else getattr(picture, "n_frames", 1)
            missing = missing_pixels(source, picture) if form is None else form.missing_pieces
    except UnidentifiedImageError as e:
        raise _no_mask(data, name) from e
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as e:
        raise damaged(name, "a picture", e) from e
    if missing:
        raise damaged(name, "a picture", ValueError(missing))
    if pages > 1:
        return replace(reading, notes=(*reading.notes, f"It holds {pages} pictures; the first one was read."))
    return reading


def _no_mask(data: bytes, name: str) -> MaskError:
    """The error for a file that is no picture either, by what it is."""
    known = foreign_format(data[:400])
    if data.startswith(b"filename,file_size,file_attributes"):
        what = "a table of VIA"
    elif known is not None:
        what = known.name
    else:
        what = "a file of another kind"
    return MaskError(
        f"{name} is {what}, and no mask.",
        "Masks are pictures (PNG, TIFF …), NumPy arrays, NIfTI, DICOM SEG, or shapes of COCO, labelme, VIA (JSON) and "
        "CVAT for images (XML).",
    )


def _decode(picture: Image.Image, form: TiffForm | None, data: bytes, name: str) -> Reading:
    """The meaning of the first picture, upright and with high values bright as ``open_photograph`` shows it."""
    notes: list[str] = []
    pixels = np.array(picture)
    if form is not None and form.samples == 1 and (picture.mode in _GREYS or picture.mode.startswith("I;16")):
        # What is no number must stay so: a mask that holds such is refused.
        pixels = grey_tiff(pixels, form, notes) if np.isfinite(pixels).all() else pixels
    # Pillow turns TIFFs itself, and only those.
    turn = 1 if form is not None else orientation(read_exif(picture, notes))
    reading = _meaning(picture, upright(pixels, turn, False, notes), lambda a: upright(a, turn, False, []), data, name)
    return replace(reading, notes=(*notes, *reading.notes))


def _meaning(
    picture: Image.Image, pixels: Grid, turned: Callable[[Grid], Grid], data: bytes, name: str
) -> Reading:
    """By the picture's mode: from its upright ``pixels``, or from others that ``turned`` makes upright."""
    if picture.info.get(_KEY) == _UNION and picture.mode in ("1", "L", "I;16", "I"):
        return from_grid(pixels, name, labels=False)
    deep = deep_pixels(data)
    if deep is not None:
        deep = turned(deep)
        rgb, alpha = deep[..., :3], deep[..., 3] if deep.shape[2] == 4 else None
        return from_colours(scaled(rgb), scaled(alpha) if alpha is not None else None, name)
    if picture.mode == "P":
        return from_palette(pixels, _palette(picture), name)
    if "transparency" in picture.info or picture.mode in ("RGBA", "LA", "PA", "La", "RGBa"):
        pixels = turned(np.asarray(picture.convert("RGBA")))
        return from_colours(pixels[..., :3], pixels[..., 3], name)
    if picture.mode in ("1", *_GREYS) or picture.mode.startswith("I;16"):
        return from_grid(pixels, name)
    return from_colours(turned(np.asarray(picture.convert("RGB"))), None, name)


def _palette(picture: Image.Image) -> Pixels:
    """Colours and alpha of a palette, uint8 (n, 4)."""
    colours = np.array(picture.getpalette("RGB") or [], np.uint8).reshape(-1, 3)
    alpha = np.full(len(colours), 255, np.uint8)
    clear = picture.info.get("transparency")
    if isinstance(clear, int) and clear < len(alpha):
        alpha[clear] = 0
    elif isinstance(clear, bytes):
        known = np.frombuffer(clear, np.uint8)[: len(alpha)]
        alpha[: len(known)] = known
    return np.column_stack([colours, alpha])
