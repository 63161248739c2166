"""From stored values to the greys on the screen: modality -> VOI -> inversion, composed into one lookup table.

References
----------
DICOM PS3.3 C.11.1 (modality LUT), C.11.2 (VOI LUT), C.7.6.3.1.2 (MONOCHROME1); PS3.4 N.2 (order of transforms).
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from divisive_desktop.geometry import Box
from divisive_desktop.imaging.record import ImageRecord, Voi

_SAMPLE = 150_000
"""Percentiles are taken from at most about this many pixels: exact enough, and quick on large images."""


def apply_voi(values: npt.NDArray[Any], voi: Voi) -> npt.NDArray[np.float32]:
    """Map modality values to 0 (black) .. 1 (white), before any inversion.

    Parameters
    ----------
    values : ndarray
        Modality values, any shape.
    voi : Voi
        Formulas of PS3.3 C.11.2.1.2 (LINEAR), C.11.2.1.3.2 (LINEAR_EXACT) and C.11.2.1.3.1 (SIGMOID).

    Returns
    -------
    float32 ndarray of the same shape
    """
    x = np.asarray(values, np.float64)
    if voi.kind == "lut":
        assert voi.lut is not None
        low, high = voi.lut_range
        index = np.clip(np.rint(x - voi.lut_first), 0, len(voi.lut) - 1).astype(np.int64)
        y = (voi.lut[index] - low) / max(high - low, 1e-12)
    elif voi.kind == "sigmoid":
        y = 1.0 / (1.0 + np.exp(np.clip(-4.0 * (x - voi.center) / voi.width, -700, 700)))
    elif voi.kind == "linear" and voi.width > 1:
        y = (x - (voi.center - 0.5)) / (voi.width - 1.0) + 0.5
    elif voi.kind == "linear":  # width 1: a step
        y = (x > voi.center - 0.5).astype(np.float64)
    elif voi.kind == "linear_exact" and voi.width > 0:
        y = (x - voi.center) / voi.width + 0.5
    elif voi.kind == "linear_exact":
        y = (x > voi.center).astype(np.float64)
    else:  # identity: 8-bit values are greys
        y = x / 255.0
    shown: npt.NDArray[np.float32] = np.clip(y, 0.0, 1.0).astype(np.float32)
    return shown


def display_lut(record: ImageRecord, voi: Voi, invert: bool = False) -> npt.NDArray[np.uint8]:
    """Grey of every value that ``record.stored`` can hold.

    Parameters
    ----------
    record : ImageRecord
        With stored values of 8 or 16 bits.
    voi : Voi
        How values of interest are chosen.
    invert : bool
        The user's wish; it adds to the inversion of MONOCHROME1, which comes last.

    Returns
    -------
    uint8 (256,) or (65536,)
        Indexed by the stored value's bits seen as unsigned: entry ``v`` for v >= 0, entry ``v + 2**bits`` for v < 0.
    """
    dtype = record.stored.dtype
    if dtype.kind not in "iu" or dtype.itemsize > 2:
        raise ValueError(f"no lookup table over {dtype}: use render")
    unsigned = np.dtype(f"u{dtype.itemsize}")
    stored = np.arange(2 ** (8 * dtype.itemsize), dtype=unsigned).view(dtype)
    return _to_grey(apply_voi(record.modality(stored), voi), invert != record.inverted)


def render(
    record: ImageRecord,
    voi: Voi | None = None,
    invert: bool = False,
    region: Box | None = None,
    out: npt.NDArray[np.uint8] | None = None,
) -> npt.NDArray[np.uint8]:
    """The picture as shown.

    Parameters
    ----------
    record : ImageRecord
        What to show.
    voi : Voi, optional
        Default: the record's first choice.
    invert : bool
        Invert once more.
    region : (x, y, width, height), optional
        Only this part, in image pixels; cut to the image.
    out : uint8 ndarray, optional
        Filled and returned when its shape fits, so that dragging a window allocates nothing.

    Returns
    -------
    uint8 (h, w) for grey images, (h, w, 3) RGB for colour
        Read-only where it is the record's own pixels: an untouched photograph isn't copied.
    """
    voi = voi or default_voi(record)
    stored = crop(record.stored, region)
    if out is not None and (out.shape != stored.shape or out.dtype != np.uint8 or not out.flags.c_contiguous):
        out = None
    if stored.dtype.kind not in "iu" or stored.dtype.itemsize > 2:
        result = _render_wide(record, stored, voi, invert)
        if out is None:
            return result
        out[...] = result
        return out
    if voi.kind == "identity" and stored.dtype == np.uint8 and invert == record.inverted and out is None:
        shown = np.ascontiguousarray(stored).view()
        shown.flags.writeable = False
        return shown
    # OpenCV's table walk takes 16-bit indices, signed ones as their bits, and is three times as fast as numpy's.
    shown = cv2.LUT(np.ascontiguousarray(stored), display_lut(record, voi, invert), dst=out)
    return np.asarray(shown, np.uint8).reshape(stored.shape)


def default_voi(record: ImageRecord) -> Voi:
    """What is shown at opening: the file's first VOI choice, else 'Auto' or 'Full range'."""
    return record.voi[0] if record.voi else full_range_voi(record)


def full_range_voi(record: ImageRecord) -> Voi:
    """All values the stored bits can hold (16-bit photographs and wide types: all that occur), named 'Full range'."""
    dtype = record.stored.dtype
    if record.is_colour and dtype == np.uint8:
        return Voi("identity", explanation="Full range")
    if dtype.kind == "f" or dtype.itemsize > 2 or record.modality.lut is not None:
        values = record.modality(record.stored)
        low, high = float(values.min()), float(values.max())
    else:
        bits = min(record.bits_stored, 8 * dtype.itemsize)
        ends = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if dtype.kind == "i" else (0, 2**bits - 1)
        low, high = sorted(float(v) for v in record.modality(np.asarray(ends, np.int64)))
    return Voi("linear_exact", (low + high) / 2, max(high - low, 1e-6), "Full range")


def auto_voi(
    record: ImageRecord, region: Box | None = None, percentiles: tuple[float, float] = (0.5, 99.5)
) -> Voi:
    """Window between two percentiles of the modality values, padding left out; named 'Auto'.

    Parameters
    ----------
    record : ImageRecord
        What to look at.
    region : (x, y, width, height), optional
        Only this part, in image pixels ('auto from region').
    percentiles : (float, float)
        Lower and upper, 0..100.
    """
    stored = crop(record.stored, region)
    values, counts = _histogram(stored[:: max(1, stored.size // _SAMPLE)])  # whole rows: quicker to read
    if record.padding is not None:
        kept = (values < record.padding[0]) | (values > record.padding[1])
        if kept.any():
            values, counts = values[kept], counts[kept]
    shown = record.modality(values)
    order = np.argsort(shown, kind="stable")
    share = np.cumsum(counts[order]) / counts.sum()
    low, high = (shown[order[np.searchsorted(share, p / 100)]] for p in (percentiles[0], min(percentiles[1], 100)))
    name = "Auto" if region is None else "Auto from region"
    if high <= low:  # constant: show it mid-grey
        return Voi("linear_exact", float(low), 1.0, name)
    return Voi("linear_exact", float(low + high) / 2, float(high - low), name)


def _histogram(stored: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64]]:
    """Values that occur and how often; by counting where that is quicker than sorting."""
    dtype = stored.dtype
    if dtype.kind not in "iu" or dtype.itemsize > 2:
        values, sorted_counts = np.unique(stored, return_counts=True)
        return values, sorted_counts.astype(np.int64)
    bits = 8 * dtype.itemsize
    counts = np.bincount(np.ascontiguousarray(stored).view(f"u{dtype.itemsize}").reshape(-1), minlength=2**bits)
    present = np.flatnonzero(counts)
    return present.astype(f"u{dtype.itemsize}").view(dtype), counts[present].astype(np.int64)


def crop(pixels: npt.NDArray[Any], region: Box | None) -> npt.NDArray[Any]:
    """View of the part of ``pixels`` inside ``region`` (x, y, width, height), at least one pixel."""
    if region is None:
        return pixels
    x, y, width, height = region
    left, top = min(max(x, 0), pixels.shape[1] - 1), min(max(y, 0), pixels.shape[0] - 1)
    right, bottom = max(min(x + width, pixels.shape[1]), left + 1), max(min(y + height, pixels.shape[0]), top + 1)
    return pixels[top:bottom, left:right]




def _render_wide(
    record: ImageRecord, stored: npt.NDArray[Any], voi: Voi, invert: bool
) -> npt.NDArray[np.uint8]:
    """32-bit and floating-point pixels (dose maps, parametric maps) are computed strip by strip."""
    out = np.empty(stored.shape, np.uint8)
    for top in range(0, len(stored), 256):
        part = apply_voi(record.modality(stored[top : top + 256]), voi)
        out[top : top + 256] = _to_grey(part, invert != record.inverted)
    return out


def _to_grey(shown: npt.NDArray[np.float32], inverted: bool) -> npt.NDArray[np.uint8]:
    grey: npt.NDArray[np.uint8] = np.rint(shown * np.float32(255)).astype(np.uint8)
    return np.bitwise_not(grey) if inverted else grey
