"""What a library that computes a network's answers must offer. Torch-free."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from divisive_desktop.errors import OutOfMemoryError
from divisive_desktop.library.scope import Features

Precision = Literal["float32", "bf16"]
Float = npt.NDArray[np.float32]
GRID = 4
"""Cells along a side of the coarse layout of the middle features."""


@dataclass(frozen=True, eq=False)
class Answers:
    """One forward pass on B inputs."""

    logits: Float
    """(B, 2)."""
    cams: Float
    """(B, 2, h, w): raw class activation maps, ``cams[:, c].mean((1, 2)) + bias[c] = logits[:, c]`` within 1e-4."""
    features: list[Features]
    """B, from the same pass; empty where nobody asked for them."""


class Runtime(Protocol):
    """A network's weights on a device, ready for inference; safe to use from several threads."""

    @property
    def name(self) -> str:
        """Library, version and, where it has several, what it computes with."""

    @property
    def device(self) -> str:
        """``cpu``, ``cuda``, ``cuda:N`` or ``mps``."""

    @property
    def precision(self) -> Precision: ...

    @property
    def bias(self) -> tuple[float, float]:
        """The head's biases."""

    @property
    def tap_sizes(self) -> tuple[int, int]:
        """Numbers that ``pooled`` and ``grid`` of an image's features hold."""

    def answer(self, inputs: Float, with_features: bool) -> Answers:
        """Network input (B, 3, S, S) -> logits, CAM pairs and, if asked for, features.

        Raises
        ------
        OutOfMemoryError
        """

    def look(self, inputs: Float) -> list[Features]:
        """Network input (B, 3, S, S) -> features alone."""


def no_memory(graphics: bool) -> OutOfMemoryError:
    """What is said where a device is full."""
    if graphics:
        return OutOfMemoryError(
            "The graphics card has too little free memory.",
            "Close other programs that use it, or choose the processor (cpu) as device.",
        )
    return OutOfMemoryError("This machine has too little free memory.", "Close other programs, then try again.")
