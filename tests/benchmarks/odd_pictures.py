"""Pictures of the right kind that were spoilt on their way: stretched, on a canvas, in a collage, photographed, tiny.

Each function takes a picture, uint8 (h, w) or (h, w, 3), and gives another one.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import cv2
import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
Change = Callable[[Pixels], Pixels]


def stretched(pixels: Pixels, aspect: float) -> Pixels:
    """Height over width becomes ``aspect`` times what it was, at about as many pixels."""
    height, width = pixels.shape[:2]
    size = round(width / aspect**0.5), round(height * aspect**0.5)
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)


def framed(pixels: Pixels, across: float, down: float, grey: int) -> Pixels:
    """In the middle of a canvas ``across`` and ``down`` times as large."""
    height, width = pixels.shape[:2]
    canvas = np.full((round(height * down), round(width * across), *pixels.shape[2:]), grey, np.uint8)
    top, left = (len(canvas) - height) // 2, (len(canvas[0]) - width) // 2
    canvas[top : top + height, left : left + width] = pixels
    return canvas


def pair(pixels: Pixels, other: Pixels) -> Pixels:
    """Two pictures side by side on a black square."""
    both = np.concatenate([pixels, cv2.resize(other, (len(pixels[0]), len(pixels)))], axis=1)
    return framed(np.asarray(both, np.uint8), 1.0, len(both[0]) / len(both), 0)


def page(pixels: Pixels) -> Pixels:
    """In a document: a heading, the picture, lines of text below."""
    height, width = pixels.shape[:2]
    sheet = np.full((round(2.0 * height), round(1.41 * width), *pixels.shape[2:]), 250, np.uint8)
    left, top = (len(sheet[0]) - width) // 2, height // 4
    sheet[top : top + height, left : left + width] = pixels
    for line in [height // 8, *range(top + height + 30, len(sheet) - 20, 22)]:
        cv2.putText(sheet, "The quick brown fox jumps over the lazy dog", (left, line), 0, width / 900, (30, 30, 30), 1)
    return sheet


def photographed(pixels: Pixels, tilt: float, screen: bool = False) -> Pixels:
    """At an angle, in a dim room; of a screen, with its grid."""
    height, width = pixels.shape[:2]
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    inside = np.array([[0.12 + tilt, 0.1], [0.92, 0.06 + tilt], [0.97 - tilt / 2, 0.9], [0.06, 0.95 - tilt / 2]])
    matrix = cv2.getPerspectiveTransform(corners, (inside * [width, height]).astype(np.float32))
    shown = pixels
    if screen:
        grid = 1 - 0.25 * ((np.indices((height, width)).sum(0) % 3) == 0)
        shown = np.asarray(pixels * (grid[..., None] if pixels.ndim == 3 else grid), np.uint8)
    wall = (70,) * 3 if pixels.ndim == 3 else (70,)
    seen = cv2.warpPerspective(shown, matrix, (width, height), borderValue=wall)
    light = np.linspace(0.7, 1.1, width)[None]
    seen = seen * (light[..., None] if pixels.ndim == 3 else light)
    return np.asarray(np.clip(cv2.GaussianBlur(seen.astype(np.float32), (0, 0), 1.0), 0, 255), np.uint8)


def tiny(pixels: Pixels, side: int) -> Pixels:
    """Shrunk to ``side`` pixels and enlarged again, as from a thumbnail."""
    height, width = pixels.shape[:2]
    small = cv2.resize(pixels, (side, side), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def blurred(pixels: Pixels, share: float) -> Pixels:
    """Out of focus by ``share`` of the width."""
    return np.asarray(cv2.GaussianBlur(pixels, (0, 0), share * len(pixels[0])), np.uint8)


def drawn(pixels: Pixels) -> Pixels:
    """A pencil sketch of it."""
    soft = cv2.GaussianBlur(255 - pixels, (0, 0), 9)
    return np.asarray(np.clip(pixels.astype(np.float32) * 256 / (256.0 - soft), 0, 255), np.uint8)


def cartoon(pixels: Pixels) -> Pixels:
    """Few flat tones with dark outlines."""
    flat = pixels
    for _ in range(3):
        flat = np.asarray(cv2.bilateralFilter(flat, 9, 40, 9), np.uint8)
    flat = np.asarray((flat // 32) * 32 + 16, np.uint8)
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY) if pixels.ndim == 3 else pixels
    lines = cv2.adaptiveThreshold(cv2.medianBlur(grey, 5), 255, cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY, 9, 4)
    return np.where((lines == 0)[..., None] if pixels.ndim == 3 else lines == 0, np.uint8(20), flat)


def painted(pixels: Pixels) -> Pixels:
    """As if by brush: strokes of the local main tone (median over larger and larger places), and a canvas's weave."""
    strokes = np.asarray(cv2.medianBlur(cv2.medianBlur(pixels, 11), 7), np.int16)
    rows, columns = np.indices(pixels.shape[:2])
    weave = np.asarray(6 * (np.sin(rows * 1.6) + np.sin(columns * 1.6)), np.int16)
    return np.asarray(np.clip(strokes + (weave[..., None] if pixels.ndim == 3 else weave), 0, 255), np.uint8)


def statue(pixels: Pixels) -> Pixels:
    """Colourless as stone, in the tint of a lamp."""
    if pixels.ndim == 2:
        return np.asarray(255.0 * (pixels / 255.0) ** 0.6, np.uint8)
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(np.float32)
    return np.asarray(np.clip(grey[..., None] * [1.05, 0.97, 0.8], 0, 255), np.uint8)


def spoilt() -> dict[str, Change]:
    """What may happen to any picture, by name."""
    changes: dict[str, Change] = {
        f"stretched, height / width {a:g}": partial(stretched, aspect=a)
        for a in (0.25, 0.5, 0.67, 0.8, 0.9, 1.1, 1.25, 1.5, 2.0, 4.0)
    }
    for words, grey in (("black", 0), ("white", 255)):
        for share in (1.1, 1.25, 1.5, 2.0, 3.0):
            changes[f"{words} canvas, {share:g} times"] = partial(framed, across=share, down=share, grey=grey)
    changes["black margins left and right, a square from 3:4"] = (
        lambda p: framed(stretched(p, 4 / 3), stretched(p, 4 / 3).shape[0] / stretched(p, 4 / 3).shape[1], 1.0, 0)
    )
    changes["black bars left and right, half of the width"] = partial(framed, across=2.0, down=1.0, grey=0)
    changes["two of it side by side"] = lambda p: pair(p, p[:, ::-1].copy())
    changes["in a document's page"] = page
    for tilt in (0.03, 0.1):
        changes[f"photographed film, tilt {tilt:g}"] = partial(photographed, tilt=tilt)
        changes[f"photographed screen, tilt {tilt:g}"] = partial(photographed, tilt=tilt, screen=True)
    for side in (32, 64, 128):
        changes[f"from {side} pixels"] = partial(tiny, side=side)
    return changes


def treated() -> dict[str, Change]:
    """What editors and messengers do to whole pictures, and what damages them; by name. The program's own probes were
    taught with other strengths, and never with the edge-preserving filter or the box."""

    def coded(p: Pixels, suffix: str, flag: int, quality: int) -> Pixels:
        data = cv2.imencode(suffix, p, [flag, quality])[1]
        return np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE if p.ndim == 2 else cv2.IMREAD_COLOR), np.uint8)

    def means(p: Pixels) -> Pixels:
        if p.ndim == 2:
            return np.asarray(cv2.fastNlMeansDenoising(p, None, 4, 7, 21), np.uint8)
        return np.asarray(cv2.fastNlMeansDenoisingColored(p, None, 4, 4, 7, 21), np.uint8)

    def edges_kept(p: Pixels) -> Pixels:
        shown = p if p.ndim == 3 else cv2.cvtColor(p, cv2.COLOR_GRAY2BGR)
        found = np.asarray(cv2.edgePreservingFilter(shown, flags=1, sigma_s=10, sigma_r=0.15), np.uint8)
        return found if p.ndim == 3 else found[..., 0]

    def unsharp(p: Pixels) -> Pixels:
        return np.asarray(cv2.addWeighted(p, 2.0, cv2.GaussianBlur(p, (0, 0), 1.5), -1.0, 0), np.uint8)

    def grained(p: Pixels) -> Pixels:
        return np.clip(p + np.random.default_rng(0).normal(0, 10, p.shape), 0, 255).astype(np.uint8)

    def disc(p: Pixels) -> Pixels:
        found, (rows, columns) = p.copy(), p.shape[:2]
        cv2.circle(found, (columns // 2, int(rows * 0.6)), min(rows, columns) // 5, (128, 128, 128), -1)
        return found

    def half(p: Pixels, fill: Callable[[Pixels], Pixels]) -> Pixels:
        found, middle = p.copy(), p.shape[1] // 2
        found[:, :middle] = fill(p)[:, :middle]
        return found

    def ghost(p: Pixels) -> Pixels:
        return np.asarray(cv2.addWeighted(p, 0.6, np.roll(p, p.shape[1] // 8, 1), 0.4, 0), np.uint8)

    return {
        "denoised, non-local means 4": means,
        "bilateral filter 9/50/7": lambda p: np.asarray(cv2.bilateralFilter(p, 9, 50, 7), np.uint8),
        "edge-preserving filter": edges_kept,
        "box of 3": lambda p: np.asarray(cv2.blur(p, (3, 3)), np.uint8),
        "WebP, quality 50": partial(coded, suffix=".webp", flag=cv2.IMWRITE_WEBP_QUALITY, quality=50),
        "JPEG, quality 60": partial(coded, suffix=".jpg", flag=cv2.IMWRITE_JPEG_QUALITY, quality=60),
        "JPEG, quality 85": partial(coded, suffix=".jpg", flag=cv2.IMWRITE_JPEG_QUALITY, quality=85),
        "unsharp mask": unsharp,
        "noise of 10 greys": grained,
        "a grey disc over the middle": disc,
        "one half inverted": partial(half, fill=lambda p: 255 - p),
        "one half mirrored": partial(half, fill=lambda p: p[:, ::-1]),
        "a ghost of itself": ghost,
    }


def no_photographs() -> dict[str, Change]:
    """What makes something else of a photograph, by name."""
    return {
        "sketch": drawn, "cartoon": cartoon, "painting": painted, "statue": statue,
        "blurred by 1 %": partial(blurred, share=0.01), "blurred by 3 %": partial(blurred, share=0.03),
    }  # fmt: skip
