"""What pictures in colour, with a palette or with transparency mean as masks."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from divisive_desktop.errors import MaskError
from divisive_desktop.masks.codec import Pixels
from divisive_desktop.masks.formats.common import MOST_LABELS, Reading, add_region, from_grid, void_note
from divisive_desktop.masks.mask import Mask

VOID = (224, 224, 192)
"""The colour of PASCAL VOC, and of what copies its palette, for pixels that nobody labelled."""
_BLACK = (0, 0, 0)
_MOST_SHADES = 4
"""More shades of one colour than these are a soft edge and not so many regions."""


def from_palette(indices: Pixels, palette: Pixels, name: str) -> Reading:
    """A mask from palette indices (h, w) and their colours with alpha (n, 4).

    Greys count by their brightness, whichever way round the palette has them. With colours it is a label map: black,
    or else what is transparent, or else index 0, is outside; 255 and VOC's void aren't labelled.

    Raises
    ------
    MaskError
        More labels than a mask may have.
    """
    used = np.flatnonzero(np.bincount(indices.reshape(-1)))
    if used[-1] >= len(palette):
        palette = np.vstack([palette, np.full((used[-1] + 1 - len(palette), 4), (0, 0, 0, 255), np.uint8)])
    rgb, alpha = palette[:, :3], palette[:, 3]
    if not np.isin(alpha[used], (0, 255)).all():
        return from_colours(rgb[indices], alpha[indices], name)
    clear = [int(i) for i in used if alpha[i] == 0]
    shown = used[alpha[used] > 0]
    if clear and len(np.unique(rgb[shown], axis=0)) == 1:
        return Reading(Mask.from_array(alpha[indices]))
    if (rgb[shown] == rgb[shown, :1]).all():
        return from_grid(np.where(alpha > 0, rgb[:, 0], 0).astype(np.uint8)[indices], name)
    named = {int(i): (int(rgb[i, 0]), int(rgb[i, 1]), int(rgb[i, 2])) for i in shown}
    outside = next((i for i, colour in named.items() if colour == _BLACK), -1 if clear else 0)
    void = [i for i, colour in named.items() if len(named) > 1 and i != outside and (i == 255 or colour == VOID)]
    labels = [i for i in named if i != outside and i not in void]
    if len(labels) > MOST_LABELS:
        raise MaskError(
            f"{name} holds {len(labels)} labels; a mask has {MOST_LABELS} regions at most.", "Export fewer classes."
        )
    mask = Mask(indices.shape[1], indices.shape[0])
    for label in labels:
        add_region(mask, indices == label, f"label {label}", _hex(named[label]))
    return Reading(mask, tuple(void_note(f"with the palette index {i}") for i in void))


def from_colours(rgb: Pixels, alpha: Pixels | None, name: str) -> Reading:
    """A mask from a picture in colour.

    A shape in the alpha channel alone is taken from there. Greys count by their brightness. A few plain colours are
    regions; black, what is transparent, or else the commonest colour of the border is outside.

    Parameters
    ----------
    rgb : uint8 (h, w, 3)
    alpha : uint8 (h, w), optional
    name : str
        Of the file, for messages.
    """
    if alpha is not None and alpha.min() == alpha.max():
        alpha = None  # says nothing about shapes
    packed = rgb[..., 0].astype(np.uint32) << 16 | rgb[..., 1].astype(np.uint32) << 8 | rgb[..., 2]
    seen = np.zeros(1 << 24, np.bool_)
    seen[packed if alpha is None else packed[alpha > 0]] = True
    codes = np.flatnonzero(seen)
    if alpha is not None and len(codes) == 1:
        return Reading(Mask.from_array(alpha))
    colours = [_colour(code) for code in codes.tolist()]
    if all(r == g == b for r, g, b in colours):
        grey = rgb[..., 0]
        if alpha is None:
            return from_grid(grey, name)
        return Reading(Mask.from_array(np.rint(grey * (alpha / np.float32(255))).astype(np.uint8)))
    if alpha is not None:
        outside = -1
    elif _BLACK in colours:
        outside = 0
    else:
        border = np.concatenate([packed[0], packed[-1], packed[:, 0], packed[:, -1]])
        values, counts = np.unique(border, return_counts=True)
        outside = int(values[counts.argmax()])
    inside = [c for c in colours if _code(c) != outside]
    if len(inside) > MOST_LABELS or (len(inside) > _MOST_SHADES and _one_hue(inside)):
        return _by_brightness(rgb, alpha, inside)
    void = [c for c in inside if c == VOID and len(inside) > 1]
    mask = Mask(rgb.shape[1], rgb.shape[0])
    kept = [c for c in inside if c not in void]
    for colour in kept:
        pixels = packed == _code(colour)
        if alpha is not None:
            pixels &= alpha >= 128
        add_region(mask, pixels, f"colour {_hex(colour)}" if len(kept) > 1 else "", _hex(colour))
    return Reading(mask, tuple(void_note(f"of the colour {_hex(c)}") for c in void))


def _by_brightness(rgb: Pixels, alpha: Pixels | None, inside: list[tuple[int, int, int]]) -> Reading:
    """Soft coverage from the brightest channel."""
    level = rgb.max(axis=2).astype(np.float32)
    if alpha is not None:
        level *= alpha / np.float32(255)
    if _one_hue(inside):
        return Reading(Mask.from_array(np.minimum(level / max(max(c) for c in inside), 1)))
    note = f"It holds {len(inside)} colours: they weren't told apart, the brightest channel was taken."
    return Reading(Mask.from_array(level / 255), (note,))


def _one_hue(colours: list[tuple[int, int, int]]) -> bool:
    """Whether these are shades of one colour, as at the soft edge of a shape."""
    values = np.array(colours, np.float32)
    peak = values[values.max(axis=1).argmax()]
    expected = values.max(axis=1, keepdims=True) / peak.max() * peak
    return bool(np.abs(values - expected).max() <= 4)


def _colour(code: int) -> tuple[int, int, int]:
    return code >> 16, code >> 8 & 255, code & 255


def _code(colour: tuple[int, int, int]) -> int:
    return colour[0] << 16 | colour[1] << 8 | colour[2]


def _hex(colour: tuple[int, int, int]) -> str:
    return f"#{_code(colour):06x}"


def deep_pixels(data: bytes) -> npt.NDArray[np.uint16] | None:
    """A PNG with 16 bits and several channels as uint16 (h, w, 3 or 4), R first; None for other files.

    Pillow keeps the upper byte alone, in which a mask of 0 and 255, or 0 and 1, is empty.
    """
    if data[:8] != b"\x89PNG\r\n\x1a\n" or data[24:25] != b"\x10" or data[25:26] not in (b"\x02", b"\x04", b"\x06"):
        return None
    import cv2

    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.dtype != np.uint16 or pixels.ndim != 3:
        return None
    order = [2, 1, 0, 3][: pixels.shape[2]]
    return np.asarray(pixels[..., order], np.uint16)


def scaled(channels: npt.NDArray[np.uint16]) -> Pixels:
    """16-bit channels as uint8: values that end at 1 or at 255 keep their meaning, others are divided by 257."""
    high = int(channels.max())
    if high <= 1:
        return np.asarray(channels * 255, np.uint8)
    return np.asarray(channels if high <= 255 else np.rint(channels / np.float32(257)), np.uint8)
