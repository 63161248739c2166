"""Letters near the border of a picture, drawn by the test itself."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from divisive_desktop.imaging import open_image
from divisive_desktop.imaging.corrected import corrected
from divisive_desktop.imaging.correction import Correction
from divisive_desktop.reporting.deid_text import LINE, letters_at_border, pixel_warning

FONT = cv2.FONT_HERSHEY_SIMPLEX


def film(seed: int = 0) -> np.ndarray:
    """Soft shapes as radiographs have them, with noise."""
    coarse = np.random.default_rng(seed).integers(20, 200, (9, 8)).astype(np.uint8)
    smooth = cv2.resize(coarse, (1000, 1200), interpolation=cv2.INTER_CUBIC).astype(np.int16)
    return np.clip(smooth + np.random.default_rng(1).integers(-6, 7, smooth.shape), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("at", [(20, 60), (20, 1180), (560, 60)])
@pytest.mark.parametrize("level", [0, 255])
def test_a_name_at_the_border_is_seen(at: tuple[int, int], level: int) -> None:
    picture = film() // 2 + 60
    cv2.putText(picture, "DOE JANE 1950", at, FONT, 1.2, level, 3, cv2.LINE_AA)
    assert letters_at_border(picture) >= LINE


@pytest.mark.parametrize("seed", range(4))
def test_a_film_with_a_marker_of_its_side_has_none(seed: int) -> None:
    picture = film(seed)
    cv2.putText(picture, "L", (940, 60), FONT, 1.5, 255, 3, cv2.LINE_AA)
    assert letters_at_border(picture) < LINE


def test_words_in_the_middle_are_anatomy_to_it() -> None:
    picture = film() // 2 + 60
    cv2.putText(picture, "DOE JANE", (350, 600), FONT, 1.2, 255, 3, cv2.LINE_AA)
    assert letters_at_border(picture) < LINE


def test_what_is_seen_is_told_whatever_the_header_says(rg1: Path) -> None:
    record = open_image(rg1)
    assert pixel_warning({"BurnedInAnnotation": "NO"}, record) is None
    drawn = record.stored.copy()
    top = int(drawn.max())
    drawn[:160] = drawn.min()
    letters = np.zeros(drawn.shape[:2], np.uint8)
    cv2.putText(letters, "DOE JANE 1950", (30, 100), FONT, 2.5, 255, 6, cv2.LINE_AA)
    drawn[letters > 127] = top
    with_name = replace(record, stored=drawn)
    said = pixel_warning({"BurnedInAnnotation": "NO"}, with_name)
    assert said is not None
    assert "though the file says that there are none" in said
    assert "Letters seem to be drawn" in (pixel_warning({}, with_name) or "")
    turned = corrected(with_name, Correction.parse("turn-left"))
    assert pixel_warning({"BurnedInAnnotation": "NO"}, turned) == said, "the file is looked at, not what was mended"
    assert "burned into its pixels" in (pixel_warning({"BurnedInAnnotation": "YES"}, with_name) or "")
