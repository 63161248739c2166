"""How much of a picture is a frame around it: a film on a canvas, in a slide, with bars at its sides."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from divisive_desktop.library.card import Preprocessing

_FLAT = 4.0
"""Most that the greys of a margin's row may differ, of 255: what JPEG makes of one grey."""


def flat_margins(pixels: npt.NDArray[np.float32], settings: Preprocessing) -> float:
    """Share of a picture, 0..1, that lies in rows and columns of one grey at its edges; 1 where all of it does.

    Parameters
    ----------
    pixels : float32 (3, size, size)
        The network's input.
    """
    planes = pixels if settings.colour == "rgb" else pixels[:1]
    left, most = 1.0, _FLAT / settings.scale
    for axis in (1, 2):
        edges = planes[:, :, [0, -1]] if axis == 1 else planes[:, [0, -1]]
        if (np.ptp(edges, axis=axis) > most).any(0).all():  # neither side has a margin: nearly all pictures
            continue
        flat = (np.ptp(planes, axis=axis) <= most).all(0)
        if flat.all():
            return 1.0
        left *= 1.0 - (int(np.argmin(flat)) + int(np.argmin(flat[::-1]))) / len(flat)
    return 1.0 - left
