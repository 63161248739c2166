"""A frame of one grey around a picture is measured on the network's input."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from divisive_desktop.library.card import Preprocessing
from divisive_desktop.networks.margins import flat_margins

GREY, COLOUR = (Preprocessing(200, colour, 0.5, 99.5, 127.0, 128.0, "area") for colour in ("grey", "rgb"))


def framed(top: int, bottom: int, left: int, right: int, grey: float = -1.0) -> npt.NDArray[np.float32]:
    """Noise, (3, 200, 200), in a frame of one grey."""
    pixels = np.random.default_rng(0).uniform(-1, 1, (200, 200)).astype(np.float32)
    inside = np.full((200, 200), grey, np.float32)
    inside[top : 200 - bottom, left : 200 - right] = pixels[top : 200 - bottom, left : 200 - right]
    return np.repeat(inside[None], 3, axis=0)


@pytest.mark.parametrize(("frame", "share"), [
    ((0, 0, 0, 0), 0.0), ((10, 10, 10, 10), 0.19), ((0, 0, 50, 50), 0.5), ((20, 0, 0, 0), 0.1), ((0, 0, 0, 40), 0.2),
])  # fmt: skip
@pytest.mark.parametrize("grey", [-1.0, 0.3, 1.0])
def test_share_of_a_frame(frame: tuple[int, int, int, int], share: float, grey: float) -> None:
    assert flat_margins(framed(*frame, grey=grey), GREY) == pytest.approx(share, abs=1e-6)


def test_what_jpeg_makes_of_one_grey_is_flat_and_a_soft_background_is_not() -> None:
    frame, noise = framed(20, 20, 20, 20), np.random.default_rng(1).uniform(0, 1, (3, 200, 200)).astype(np.float32)
    assert flat_margins(frame + noise * np.float32(3 / 128), GREY) == pytest.approx(0.36)
    assert flat_margins(frame + noise * np.float32(12 / 128), GREY) == 0.0


def test_colours_count_where_the_model_sees_them() -> None:
    striped = framed(20, 20, 20, 20)
    striped[2] = framed(0, 0, 0, 0)[2]
    assert flat_margins(striped, GREY) == pytest.approx(0.36)
    assert flat_margins(striped, COLOUR) == 0.0


def test_one_grey_is_all_margin() -> None:
    assert flat_margins(np.zeros((3, 200, 200), np.float32), GREY) == 1.0
