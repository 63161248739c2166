"""A fault is believed only where mending it makes the picture what it should be."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from divisive_desktop.imaging import open_image
from divisive_desktop.imaging.corrected import corrected
from divisive_desktop.imaging.correction import MENDS, Correction
from divisive_desktop.library.card import Preprocessing
from divisive_desktop.library.probes import Probes
from divisive_desktop.library.scope import Features, Limits, References
from divisive_desktop.networks.faults import faults_of
from divisive_desktop.networks.preprocessing import correct_input, prepare
from tests.conftest import dicom_sample

SETTINGS = Preprocessing(size=32)
Float = npt.NDArray[np.float32]


def look(pixels: Float) -> Features:
    """In place of a network: brightness above, below, left and right of the middle."""
    p, half = pixels[0], 16
    grid = np.array([p[:half].mean(), p[half:].mean(), p[:, :half].mean(), p[:, half:].mean()], np.float32)
    return Features(np.zeros(0, np.float32), grid)


def references(seen: Float) -> References:
    """Of pictures like this one: bright above and at the right; faults are told by where it is bright instead."""
    right, points = look(seen).grid, np.zeros((8, 2), np.float32)
    rows = [right, *(look(correct_input(seen, Correction.parse(m).inverse(), SETTINGS)).grid for m in MENDS)]
    weights = np.stack(rows).astype(np.float32)
    bias = -0.5 * (weights**2).sum(1)  # nearest of them
    weights[-1], bias[-1] = rows[-1] - rows[0], bias[-1] - bias[0]
    return References(
        right, np.array([[1, 0, 0, 0]], np.float32), points, np.zeros(0, np.float32), np.zeros((0, 0), np.float32),
        Probes(MENDS, weights, bias.astype(np.float32)),
    )  # fmt: skip


LIMITS = Limits(far_mean=-2.0, far_sd=0.1, far=-1.0, unlike=None, askew=0.0, mirrored=0.01)


@pytest.fixture
def upright() -> Float:
    ramp = np.linspace(-0.9, 0.5, 32, dtype=np.float32)
    return np.repeat((ramp[::-1, None] + 0.4 * ramp[None, :])[None], 3, axis=0)


def told(pixels: Float, known: References) -> tuple[str, ...]:
    return faults_of(pixels, look(pixels), known, LIMITS, SETTINGS, look)


def test_each_fault_is_told_by_what_mends_it(upright: Float) -> None:
    known = references(upright)
    assert told(upright, known) == ()
    for name in MENDS:
        faulty = correct_input(upright, Correction.parse(name).inverse(), SETTINGS)
        assert told(faulty, known) == (name,), name


def test_a_fault_that_mending_does_not_help_is_not_believed(upright: Float) -> None:
    known = references(upright)
    assert told(3 * upright[:, ::-1], known) == ()
    assert told(np.full_like(upright, np.nan), known) == ()
    assert told(upright[:, ::-1], replace(known, probes=None)) == ()


def test_the_input_of_a_mended_picture_is_the_mended_input() -> None:
    record = open_image(dicom_sample("RG1_UNCR.dcm"))
    settings = Preprocessing(size=64)
    for text in ("invert", "turn-left", "turn-right+invert", "mirror+turn-over"):
        correction = Correction.parse(text)
        wanted = prepare(corrected(record, correction), settings).pixels
        found = correct_input(prepare(record, settings).pixels, correction, settings)
        assert np.abs(wanted - found).max() < 0.02, text
