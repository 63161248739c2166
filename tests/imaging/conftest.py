"""Small DICOM files made to measure, written by pydicom, and the names of real ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from pydicom import Dataset, FileDataset
from pydicom.data import get_testdata_file
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

MakeDicom = Callable[..., Path]


@pytest.fixture
def make_dicom(tmp_path: Path) -> MakeDicom:
    """``make(pixels, name=…, **attributes)`` writes a computed radiograph; attributes override or add to it."""

    def make(
        pixels: npt.NDArray[Any] | None,
        name: str = "made.dcm",
        syntax: str = ExplicitVRLittleEndian,
        **attributes: Any,
    ) -> Path:
        meta = FileMetaDataset()
        meta.TransferSyntaxUID = syntax
        meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.1"
        meta.MediaStorageSOPInstanceUID = generate_uid()
        path = tmp_path / name
        dataset = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
        dataset.SOPClassUID = meta.MediaStorageSOPClassUID
        dataset.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
        dataset.Modality = "CR"
        dataset.PatientName = "Test^Subject"
        if pixels is not None:
            colour = pixels.ndim == 3
            dataset.Rows, dataset.Columns = pixels.shape[:2]
            dataset.SamplesPerPixel = 3 if colour else 1
            if colour:
                dataset.PlanarConfiguration = 0
            dataset.PhotometricInterpretation = "RGB" if colour else "MONOCHROME2"
            dataset.BitsAllocated = dataset.BitsStored = 8 * pixels.dtype.itemsize
            dataset.HighBit = dataset.BitsStored - 1
            dataset.PixelRepresentation = int(pixels.dtype.kind == "i")
            dataset.PixelData = pixels.tobytes() + b"\0" * (pixels.nbytes % 2)
            dataset["PixelData"].VR = "OB" if pixels.dtype.itemsize == 1 else "OW"
        for keyword, value in attributes.items():
            setattr(dataset, keyword, value)
        if dataset.file_meta.TransferSyntaxUID.is_encapsulated and "PixelData" in dataset:
            dataset["PixelData"].VR = "OB"
            dataset["PixelData"].is_undefined_length = True
        dataset.save_as(path, enforce_file_format=True)
        return path

    return make


@pytest.fixture(scope="session")
def sample() -> Callable[[str], Path]:
    """Path of a file from the pydicom or pydicom-data package."""

    def find(name: str) -> Path:
        path = get_testdata_file(name, download=False)
        assert path, f"{name} is in neither pydicom nor pydicom-data: install the samples extra"
        return Path(str(path))

    return find


def lut_item(descriptor: list[int], data: list[int], explanation: str = "") -> Dataset:
    """An item of a Modality or VOI LUT Sequence."""
    item = Dataset()
    item.add_new("LUTDescriptor", "US", descriptor)
    item.add_new("LUTData", "OW", np.asarray(data, "<u2").tobytes())
    if explanation:
        item.LUTExplanation = explanation
    return item


@pytest.fixture
def lut() -> Callable[..., Dataset]:
    return lut_item
