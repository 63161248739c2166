"""Letters that were drawn into a picture near its border, where consoles and cameras put names, numbers and dates.

Measured on 220 films of the NIH set and 120 of JSRT: a line of four letters or more is seen in 9 (4 %) and in none.
Eight of them say PORTABLE, one has a marker with initials: all are letters, none is a patient's name. Of names that
were drawn there, letters of some 9 to 20 pixels on 1024, 61 and 48 % are seen: that none is seen proves nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset

from divisive_desktop.imaging.corrected import corrected
from divisive_desktop.imaging.display import render
from divisive_desktop.imaging.record import ImageRecord
from divisive_desktop.reporting.deid import ADVICE, burned_in_warning

LINE = 4
"""Letters side by side that are taken for text; a marker of the side has fewer."""
_SIDE = 1536
"""Pixels of the longer side at which letters are looked for."""
_BORDER = 0.15
_STEP = 70
"""Levels that a letter differs from what surrounds it."""
_HIGH, _WIDE, _FULL = (9, 70), 1.4, 0.15
"""Height of a letter in pixels, its width in heights, and how much of its box it fills."""
_KERNEL = np.ones((23, 23), np.uint8)


def pixel_warning(header: Dataset | Mapping[str, Any], record: ImageRecord) -> str | None:
    """What to tell a user before the pixels of a file leave, by its header and by what is seen in them.

    Parameters
    ----------
    header : data set or mapping
        As `burned_in_warning` takes it.
    record : ImageRecord
        The same file; it is looked at as it is stored, whatever was mended about it.
    """
    stated = burned_in_warning(header)
    if str(header.get("BurnedInAnnotation") or "").upper() == "YES":
        return stated
    in_file = corrected(record, record.correction.inverse()) if record.correction else record
    picture = render(in_file)
    letters = letters_at_border(picture if picture.ndim == 2 else cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY))
    if letters < LINE:
        return stated
    said = ", though the file says that there are none" if stated is None else ""
    return f"Letters seem to be drawn into the picture near its border ({letters} in a line){said}. {ADVICE}"


def letters_at_border(grey: npt.NDArray[Any]) -> int:
    """Most letters in a line near the border of a picture, uint8 (h, w)."""
    scale = _SIDE / max(grey.shape)
    size = max(1, round(grey.shape[1] * scale)), max(1, round(grey.shape[0] * scale))
    small = cv2.resize(grey, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    best = 0
    for lighter in (cv2.MORPH_TOPHAT, cv2.MORPH_BLACKHAT):
        stands_out = (cv2.morphologyEx(small, lighter, _KERNEL) > _STEP).astype(np.uint8)
        best = max(best, _longest(_letters(stands_out)))
    return best


def _letters(stands_out: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    """Boxes (x, y, width, height) near the border that may be letters, from left to right."""
    height, width = stands_out.shape
    _, _, found, centres = cv2.connectedComponentsWithStats(stands_out, connectivity=8)
    x, y, w, h, area = found.T.astype(np.int64)
    inner = (abs(centres[:, 0] / width - 0.5) < 0.5 - _BORDER) & (abs(centres[:, 1] / height - 0.5) < 0.5 - _BORDER)
    good = (h >= _HIGH[0]) & (h <= _HIGH[1]) & (w >= 2) & (w <= _WIDE * h) & (area >= _FULL * w * h) & ~inner
    boxes = np.stack([x, y, w, h], axis=1)[good]
    return np.asarray(boxes[np.argsort(boxes[:, 0], kind="stable")][:2000], np.int64)


def _longest(boxes: npt.NDArray[np.int64]) -> int:
    """Most boxes of about one height that stand side by side."""
    best = 0
    for x, y, w, h in boxes:
        middle = boxes[:, 1] + boxes[:, 3] / 2
        alike = (abs(middle - (y + h / 2)) < 0.35 * h) & (boxes[:, 3] > 0.6 * h) & (boxes[:, 3] < 1.6 * h)
        end, count = x + w, 1
        for next_x, _, next_w, _ in boxes[alike & (boxes[:, 0] > x)]:
            if next_x - end > 1.6 * h:
                break
            end, count = max(end, next_x + next_w), count + 1
        best = max(best, count)
    return best
