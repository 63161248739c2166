"""The recipe in words says what the figures say, and the picture is the input."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from divisive_desktop.desktop.features.inspection.model_input import as_picture, recipe
from divisive_desktop.explanation.analysis import Analysis
from divisive_desktop.imaging.framing import by_hand

GREY = {
    "size": 224, "colour": "grey", "low_percentile": 0.5, "high_percentile": 99.5, "mean": 127.0, "scale": 128.0,
    "resize": "area", "negated": True, "range": [-23571.5, -1839.0], "range_source": "percentiles",
}  # fmt: skip
RGB = {**GREY, "colour": "rgb", "negated": False, "range": [0.0, 255.0], "range_source": "8 bit"}


def steps(analysis: Analysis, **changes: Any) -> list[str]:
    return recipe(replace(analysis, **changes))


def test_a_film(analysis: Analysis) -> None:
    part, values, size, span, last = steps(analysis, preprocessing=GREY)
    assert part == "Part: the whole picture, 560 × 420 px."
    assert "MONOCHROME1: negated" in values
    assert size == (
        "Resized to 224 × 224 px, averaged by area (shrunk 2.50 × across, shrunk 1.88 × down: proportions aren't kept)."
    )
    assert span.startswith("−23571.5 becomes 0 and −1839 becomes 255 (percentiles 0.5 and 99.5")
    assert last == "Input of the network = (value − 127) / 128."


def test_a_part_of_a_photograph(analysis: Analysis) -> None:
    framing = by_hand((10, 20, 112, 112))
    part, values, size, span, _ = steps(
        analysis, preprocessing={**RGB, "framing": framing.as_dict()}, region=(10, 20, 112, 112)
    )
    assert part == "Part: 112 × 112 px at 10, 20 (a part chosen by hand)."
    assert values.startswith("Pixel values of the file")
    assert values.endswith("Colours kept.")
    assert size == "Resized to 224 × 224 px, linearly (enlarged 2.00 ×)."
    assert span == "Its values 0 to 255 are used as they are."


def test_sixteen_bits(analysis: Analysis) -> None:
    span = steps(analysis, preprocessing={**RGB, "range": [0, 65535], "range_source": "16 bit"})[3]
    assert span == "0 becomes 0 and 65535 becomes 255: the file's own 16 bit scale."


def test_the_picture_is_the_input() -> None:
    values = np.random.default_rng(0).integers(0, 256, (6, 6, 3)).astype(np.float32)
    pixels = ((values - 127) / 128).transpose(2, 0, 1).astype(np.float32)
    assert np.array_equal(as_picture(pixels, RGB), values.astype(np.uint8))
