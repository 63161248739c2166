"""Pixels of a de-identified copy: their values, and nothing that hides beside, above, between or behind them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import UID, ExplicitVRBigEndian, ExplicitVRLittleEndian

from divisive_desktop.imaging.dicom_decode import decode, is_lossy
from divisive_desktop.imaging.dicom_description import complete
from divisive_desktop.imaging.limits import max_pixels

_KEYWORDS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")


def write_pixels_anew(path: Path, dataset: Dataset, syntax: UID) -> UID:
    """Replace the pixel data of a data set of one frame by the values that they decode to, uncompressed.

    Comments and application segments of JPEG, JPEG 2000 and JPEG-LS, unused segments of RLE, bits that mean nothing,
    overlays in them, and bytes behind the last pixel or fragment can hold anything. None of it is a value, so nothing
    needs to be looked for: only values are written.

    Parameters
    ----------
    path : Path
        For messages.
    dataset : Dataset
        Changed: pixels, and what describes them. The values stay those that ``open_image`` gives.
    syntax : UID
        How the pixels are stored now.

    Returns
    -------
    UID
        How they are stored afterwards: Explicit VR Little Endian, or Big Endian where they were.

    Raises
    ------
    ImageError
        They can't be decoded.
    """
    keyword = next(word for word in _KEYWORDS if word in dataset)
    complete(path, dataset, syntax, keyword, max_pixels(), [])
    decoded = decode(path, dataset, syntax, 0, keyword, max_pixels())
    values = np.ascontiguousarray(decoded.values)
    big = syntax == ExplicitVRBigEndian
    size = values.dtype.itemsize
    if keyword == "PixelData":
        dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 8 * size, decoded.bits, decoded.bits - 1
        dataset.PixelRepresentation = int(values.dtype.kind == "i")
        dataset.PhotometricInterpretation = decoded.photometric
        dataset.SamplesPerPixel = 1 if values.ndim == 2 else values.shape[2]
        if values.ndim == 3:
            dataset.PlanarConfiguration = 0
    # Bytes are words' halves in big-endian files.
    order = np.dtype(f"{'>' if big else '<'}{values.dtype.kind}{size}")
    data = values.astype(order, copy=False).tobytes()
    data += b"\0" * (len(data) % 2)
    if big and size == 1:
        data = np.frombuffer(data, "<u2").astype(">u2").tobytes()
    for word in (*_KEYWORDS, "ExtendedOffsetTable", "ExtendedOffsetTableLengths"):
        if word in dataset and word != keyword:
            del dataset[word]
    element = dataset[keyword]
    element.value, element.is_undefined_length = data, False
    if keyword == "PixelData":
        element.VR = "OB" if size == 1 and not big else "OW"
    if is_lossy(syntax):
        dataset.LossyImageCompression = "01"
    return ExplicitVRBigEndian if big else ExplicitVRLittleEndian
