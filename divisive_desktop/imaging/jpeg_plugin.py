"""Our own JPEG decoders in the form in which pydicom calls decoders."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydicom.uid import JPEGExtended12Bit, JPEGLossless, JPEGLosslessSV1

from divisive_desktop.imaging.extended_jpeg import decode_extended
from divisive_desktop.imaging.lossless_jpeg import decode_lossless

if TYPE_CHECKING:
    from pydicom.pixels.decoders.base import DecodeRunner

NAME = "divisive-desktop"
DECODER_DEPENDENCIES = dict.fromkeys((JPEGExtended12Bit, JPEGLossless, JPEGLosslessSV1), ("numpy",))
"""Transfer syntax -> what has to be installed."""


def is_available(uid: str) -> bool:
    """Whether frames of this transfer syntax can be decoded here."""
    return uid in DECODER_DEPENDENCIES


def decode_frame(src: bytes, runner: DecodeRunner) -> bytearray:
    """The samples, little endian, colours pixel by pixel."""
    pixels = decode_extended(src) if runner.transfer_syntax == JPEGExtended12Bit else decode_lossless(src)
    runner.set_option("bits_allocated", 8 * pixels.dtype.itemsize)
    if pixels.ndim == 3:
        runner.set_option("planar_configuration", 0)
    return bytearray(pixels.astype(pixels.dtype.newbyteorder("<"), copy=False).tobytes())
