"""DICOM files of every form that pixels come in, made from the bits that they hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jpeg_ls
import numpy as np
import numpy.typing as npt
from openjpeg.utils import encode_array
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    UID,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
    generate_uid,
)
from rle.utils import encode_pixel_data

SYNTAXES = (
    ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian, RLELossless, JPEGLSLossless, JPEG2000Lossless,
)  # fmt: skip
PACKED = frozenset({RLELossless, JPEGLSLossless, JPEG2000Lossless})


def encoded(container: npt.NDArray[Any], syntax: UID, precision: int | None = None) -> bytes:
    """One frame of unsigned greys, compressed; the codestream says ``precision`` bits (default: all)."""
    bits = precision or 8 * container.dtype.itemsize
    if syntax == RLELossless:
        return bytes(encode_pixel_data(
            container.tobytes(), rows=container.shape[0], columns=container.shape[1], samples_per_pixel=1,
            bits_allocated=8 * container.dtype.itemsize, byteorder="<",
        ))  # fmt: skip
    if syntax == JPEGLSLossless:
        return bytes(jpeg_ls.encode_pixel_data(
            container.tobytes(), rows=container.shape[0], columns=container.shape[1], samples_per_pixel=1,
            bits_allocated=8 * container.dtype.itemsize, bits_stored=bits,
        ))  # fmt: skip
    return bytes(encode_array(container, bits_stored=bits))


def write(
    path: Path,
    container: npt.NDArray[Any],
    syntax: UID = ExplicitVRLittleEndian,
    *,
    precision: int | None = None,
    **attributes: Any,
) -> Path:
    """A grey radiograph whose pixels have these bits, all of them; attributes override or add to the description."""
    dataset = FileDataset(
        str(path), {}, file_meta=FileMetaDataset(), preamble=b"\0" * 128, is_implicit_VR=syntax.is_implicit_VR,
        is_little_endian=syntax.is_little_endian,
    )  # fmt: skip
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.1"
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = generate_uid(), generate_uid()
    dataset.Modality, dataset.PatientName = "CR", "Test^Subject"
    bits = 8 * container.dtype.itemsize
    dataset.Rows, dataset.Columns = container.shape
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = bits
    dataset.HighBit, dataset.PixelRepresentation = bits - 1, 0
    if syntax in PACKED:
        dataset.PixelData = encapsulate([encoded(container, syntax, precision)])
    elif syntax == ExplicitVRBigEndian and bits == 8:  # OW: the bytes of words are swapped
        flat = container.tobytes() + b"\0" * (container.size % 2)
        dataset.PixelData = np.frombuffer(flat, "<u2").astype(">u2").tobytes()
    else:
        order = ">" if syntax == ExplicitVRBigEndian else "<"
        data = container.astype(container.dtype.newbyteorder(order)).tobytes()
        dataset.PixelData = data + b"\0" * (len(data) % 2)
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    dataset["PixelData"].VR = "OB" if syntax in PACKED else "OW"
    dataset["PixelData"].is_undefined_length = syntax in PACKED
    dataset.save_as(path, enforce_file_format=True)
    return path
