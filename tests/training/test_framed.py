"""What a model is measured on is cut as an analysis cuts it, and left out where an analysis would answer nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from divisive_desktop.imaging.framing import automatic
from divisive_desktop.imaging.framing_rule import FramingRule
from divisive_desktop.imaging.opening import open_image
from divisive_desktop.networks.finders import Finders
from divisive_desktop.training.dataset import Example
from divisive_desktop.training.framed import framed
from tests.imaging.eyes import drawn_eye

RULE = FramingRule("iris", 3.0)


def test_examples_are_cut_around_what_is_found(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "eye.png"), drawn_eye(640, 480, (350, 230), 105, 34))
    cv2.imwrite(str(tmp_path / "noise.png"), np.random.default_rng(0).integers(0, 255, (480, 640), np.uint8))
    eye, noise = (Example(tmp_path / f"{name}.png", 0) for name in ("eye", "noise"))
    chosen = replace(noise, crop=(5, 6, 70, 80))
    finders, told = Finders(), list[tuple[int, int]]()

    found = framed([eye, noise, chosen], RULE, finders.irises, lambda done, total: told.append((done, total)))

    record = open_image(eye.file)
    framing = automatic(finders.irises(record), RULE, record.width, record.height)
    assert framing is not None
    assert framing.crop is not None
    assert found == [replace(eye, crop=framing.crop), chosen], "no iris, no figure; what a person chose stays"
    assert told == [(1, 3), (2, 3), (3, 3)]
