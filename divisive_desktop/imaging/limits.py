"""How large a picture may be before it is refused, so that a forged header can't take the machine down."""

from __future__ import annotations

import os

from divisive_desktop.errors import ImageTooLargeError

DEFAULT_MAX_PIXELS = 256_000_000
"""Room for 12,000 x 12,000 and for the 200-megapixel telephones; a colour picture of it takes 0.8 GB."""

_VARIABLE = "DIVISIVE_DESKTOP_MAX_PIXELS"


def max_pixels() -> int:
    """Largest number of pixels (rows x columns) that is opened."""
    text = os.environ.get(_VARIABLE, "")
    return int(text) if text.isdecimal() and int(text) > 0 else DEFAULT_MAX_PIXELS


def set_max_pixels(pixels: int) -> None:
    """Change the limit for this process and those started after it (kept in an environment variable)."""
    if pixels <= 0:
        raise ValueError("the limit must be positive")
    os.environ[_VARIABLE] = str(pixels)


def check_size(name: str, width: int, height: int, limit: int) -> None:
    """Refuse a picture of more than ``limit`` pixels.

    Raises
    ------
    ImageTooLargeError
        Names the size and the limit.
    """
    if width * height > limit:
        raise ImageTooLargeError(
            f"{name} says it is {width:,} x {height:,} pixels, more than the limit of {limit:,} pixels.",
            "If you trust the file, raise the limit (max_pixels) in the settings and open it again.",
        )
