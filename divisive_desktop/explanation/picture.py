"""The overlay picture for the command line and reports: image, both class maps, divergence with features. No window."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from divisive_desktop import RESEARCH_USE
from divisive_desktop.explanation import colours
from divisive_desktop.explanation.analysis import Analysis
from divisive_desktop.explanation.features import FeatureSet
from divisive_desktop.explanation.maps import normalise, on_image, shared_range, symmetric_range
from divisive_desktop.explanation.statement import Statement, pair_in_words, version_of
from divisive_desktop.language import capitalised

Picture = npt.NDArray[np.uint8]
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_ASCII = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "ß": "ss", "\u00a0": " "})
_PAPER, _INK, _DIM = (22, 22, 24), (235, 235, 235), (165, 165, 170)


def blend(grey: Picture, values: npt.NDArray[Any], limits: tuple[float, float], table: Picture) -> Picture:
    """Colour ``values`` over a picture; where the value is nearest to zero the picture shows through.

    Parameters
    ----------
    grey : uint8 (h, w) or (h, w, 3) RGB
    values : float (h, w)
    limits : (low, high)
        Raw values at the ends of the colour table.
    table : uint8 (256, 3)

    Returns
    -------
    uint8 (h, w, 3) RGB
    """
    base = grey if grey.ndim == 3 else np.repeat(grey[..., None], 3, axis=2)
    index = np.rint(normalise(values, limits) * 255).astype(np.uint8)
    alpha = (0.75 * colours.alpha(*limits)).astype(np.float32)[index][..., None]
    return np.asarray(np.rint(base * (1 - alpha) + table[index] * alpha), np.uint8)


def panels(
    grey: Picture, analysis: Analysis, features: FeatureSet, true_class: int, side: int = 640, mark: int | None = None
) -> list[Picture]:
    """The four pictures: image, true-class CAM, false-class CAM, divergence with numbered features.

    Parameters
    ----------
    grey : uint8 (h, w) or (h, w, 3)
        The whole image as displayed (``imaging.display.render``).
    side : int
        Longest side of each picture in pixels.
    mark : int, optional
        Radius of the numbered marks in pixels; default: 1/70 of ``side``.

    Returns
    -------
    list of four uint8 (h', w', 3) RGB arrays of one size
    """
    height, width = grey.shape[:2]
    scale = side / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    base = np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR), np.uint8)
    x, y, w, h = analysis.region
    left, top = round(x * scale), round(y * scale)
    right, bottom = max(left + 1, round((x + w) * scale)), max(top + 1, round((y + h) * scale))
    region = left, top, min(right, size[0]) - left, min(bottom, size[1]) - top
    true, false = analysis.cams[true_class], analysis.cams[1 - true_class]
    shared = shared_range(true, false)
    divergence = analysis.divergence(true_class)
    around_zero = symmetric_range(divergence)

    def coloured(cam: npt.NDArray[Any], limits: tuple[float, float], table: Picture) -> Picture:
        return blend(base, on_image(cam, size, region), limits, table)

    last = coloured(divergence, around_zero, colours.diverging())
    _draw_features(last, features, scale, mark or max(8, round(side / 70)))
    plain = base if base.ndim == 3 else np.repeat(base[..., None], 3, axis=2)
    sequential = colours.sequential()
    return [plain.copy(), coloured(true, shared, sequential), coloured(false, shared, sequential), last]


def sheet(pictures: Sequence[Picture], titles: Sequence[str], lines: Sequence[str]) -> Picture:
    """Pictures side by side with titles above and lines of provenance below, uint8 RGB."""
    gap, bar = 12, 34
    height, width = pictures[0].shape[:2]
    total = len(pictures) * (width + gap) + gap
    page = np.empty((bar + height + gap + 24 * (len(lines) + 1), total, 3), np.uint8)
    page[:] = _PAPER
    for i, (picture, title) in enumerate(zip(pictures, titles, strict=True)):
        left = gap + i * (width + gap)
        page[bar : bar + height, left : left + width] = picture
        _write(page, title, (left, 23), 0.52, _INK, width)
    for i, line in enumerate((*lines, RESEARCH_USE)):
        _write(page, line, (gap, bar + height + 24 + 24 * i), 0.46, _DIM, total - 2 * gap)
    return page


def overlay(
    grey: Picture, analysis: Analysis, features: FeatureSet, statement: Statement, label: int | None = None
) -> Picture:
    """The whole overlay picture of one image, with its answer and its provenance, uint8 RGB."""
    true_class, held = statement.held_true(analysis.predicted, label)
    names = analysis.model.classes
    first, second = (": ".join(words) for words in pair_in_words(names, true_class, held))
    x, y, w, h = analysis.region
    rows, columns = analysis.cams.shape[1:]
    shared = shared_range(analysis.cams)
    return sheet(
        panels(grey, analysis, features, true_class),
        ("Image", first, second, "Divergence, features"),
        (
            f"{capitalised(statement.words)}   P({names[1]}) = {analysis.probability:.3f}   logits "
            f"{analysis.logits[0]:.3f} {analysis.logits[1]:.3f}   "
            f"CAM {rows} x {columns} cells over {w} x {h} px at ({x}, {y}), scale {shared[0]:.2f} .. {shared[1]:.2f}",
            f"model {version_of(analysis.model)}, method {analysis.model.method}, weights "
            f"{analysis.model.short_hash}, image SHA-256 {analysis.sha256[:16]}",
        ),
    )


def _draw_features(picture: Picture, features: FeatureSet, scale: float, radius: int) -> None:
    for feature in reversed(features.features):
        colour = colours.TRUE_COLOUR if feature.favours == "true" else colours.FALSE_COLOUR
        contour = np.rint(feature.contour * scale).astype(np.int32).reshape(-1, 1, 2)
        cv2.drawContours(picture, [contour], -1, (0, 0, 0), 3, cv2.LINE_AA)
        cv2.drawContours(picture, [contour], -1, colour, 1, cv2.LINE_AA)
        top = feature.contour[int(np.argmin(feature.contour[:, 1]))] * scale
        x = int(np.clip(top[0], radius, max(radius, picture.shape[1] - radius - 1)))
        y = int(np.clip(top[1], radius, max(radius, picture.shape[0] - radius - 1)))
        cv2.circle(picture, (x, y), radius, (0, 0, 0), 2, cv2.LINE_AA)
        cv2.circle(picture, (x, y), radius, colour, cv2.FILLED, cv2.LINE_AA)
        size = radius / 18
        (w, h), _ = cv2.getTextSize(str(feature.rank), _FONT, size, 2)
        cv2.putText(picture, str(feature.rank), (x - w // 2, y + h // 2), _FONT, size, (0, 0, 0), 2, cv2.LINE_AA)


def _write(page: Picture, text: str, at: tuple[int, int], size: float, colour: tuple[int, int, int], room: int) -> None:
    """One line of text, made smaller where it wouldn't fit (OpenCV's fonts hold ASCII only)."""
    text = text.translate(_ASCII).encode("ascii", "replace").decode()
    needed = cv2.getTextSize(text, _FONT, size, 1)[0][0]
    cv2.putText(page, text, at, _FONT, size * min(1.0, room / max(needed, 1)), colour, 1, cv2.LINE_AA)
