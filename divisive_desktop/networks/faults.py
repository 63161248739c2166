"""How a picture seems to be turned, inverted or mirrored, believed only where mending it helps."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from divisive_desktop.imaging.correction import UNCORRECTED, named
from divisive_desktop.library.card import Preprocessing
from divisive_desktop.library.probes import MIRROR
from divisive_desktop.library.scope import Features, Limits, References
from divisive_desktop.networks.preprocessing import correct_input

Float = npt.NDArray[np.float32]
_MOST = 2
"""Faults of one picture: turned and inverted."""


def faults_of(
    pixels: Float, features: Features, references: References, limits: Limits, settings: Preprocessing,
    look: Callable[[Float], Features],
) -> tuple[str, ...]:
    """Names of what would mend a picture, one after the other; empty: it is as it should be, or nobody can tell.

    Where a fault is suspected, the part that the features come from looks at the mended picture, too: only if that is
    as it should be and of the right kind is the fault believed. So a photograph of a cat, which the probes were never
    asked about, isn't called an inverted film.

    Parameters
    ----------
    pixels : float32 (3, size, size)
        The network's input.
    features : Features
        Of the forward pass on it.
    look : callable
        Gives the features of another input.
    """
    probes = references.probes
    if probes is None or not np.isfinite(features.grid).all():
        return ()
    found, mended, seen = list[str](), UNCORRECTED, features
    while len(found) <= _MOST:
        fault, margin = probes.askew(seen.grid)
        if fault is None or limits.askew is None or not margin > limits.askew:
            break
        found.append(fault)
        mended = mended.then(named(fault))
        seen = look(correct_input(pixels, mended, settings))
    if found:
        return tuple(found) if len(found) <= _MOST and references.far(seen) <= limits.far else ()
    if limits.mirrored is not None and probes.mirrored(features.grid) > limits.mirrored / 2:
        other = look(correct_input(pixels, named(MIRROR), settings))
        if probes.mirrored(features.grid) - probes.mirrored(other.grid) > limits.mirrored:
            return (MIRROR,)
    return ()
