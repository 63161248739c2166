"""Writes resources/selftest/: one small picture in every DICOM transfer syntax that the program decodes.

Run by hand when a syntax is added; the files are kept in the repository. Needs pydicom with pylibjpeg and pyjpegls,
imagecodecs (for HTJ2K, which nothing else at hand encodes) and DCMTK's dcmcjpeg (for JPEG).
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import imagecodecs
import numpy as np
import numpy.typing as npt
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import UID, ExplicitVRBigEndian, ExplicitVRLittleEndian, SecondaryCaptureImageStorage

TARGET = Path(__file__).resolve().parent.parent / "resources" / "selftest"
SIDE = 64

PLAIN = {"implicit-little": "1.2.840.10008.1.2", "explicit-little": "1.2.840.10008.1.2.1",
         "explicit-big": "1.2.840.10008.1.2.2", "deflated": "1.2.840.10008.1.2.1.99"}  # fmt: skip
PYDICOM = {"rle": "1.2.840.10008.1.2.5", "jpeg-ls": "1.2.840.10008.1.2.4.80", "jpeg-ls-near": "1.2.840.10008.1.2.4.81",
           "jpeg-2000-lossless": "1.2.840.10008.1.2.4.90", "jpeg-2000": "1.2.840.10008.1.2.4.91"}  # fmt: skip
HTJ2K = {"htj2k-lossless": "1.2.840.10008.1.2.4.201", "htj2k-rpcl": "1.2.840.10008.1.2.4.202",
         "htj2k": "1.2.840.10008.1.2.4.203"}  # fmt: skip
DCMTK = {"jpeg-baseline": ("+eb", 8), "jpeg-extended": ("+ee", 12), "jpeg-lossless-57": ("+el", 12),
         "jpeg-lossless": ("+e1", 12)}  # fmt: skip


def picture(bits: int) -> npt.NDArray[np.uint16]:
    """Smooth, without symmetry, the full range of ``bits``: a shifted, turned or cut plane shows."""
    y, x = np.mgrid[0:SIDE, 0:SIDE] / (SIDE - 1)
    values = 0.45 * x + 0.35 * y**2 + 0.2 * np.sin(5 * x * y) ** 2
    values -= values.min()
    return np.round(values / values.max() * ((1 << bits) - 1)).astype(np.uint16)


def dataset(bits: int) -> Dataset:
    """Without a patient, uncompressed."""
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.file_meta.MediaStorageSOPClassUID = made.SOPClassUID = SecondaryCaptureImageStorage
    made.file_meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID = UID(f"2.25.{1000 + bits}")
    made.StudyInstanceUID, made.SeriesInstanceUID = UID("2.25.1"), UID("2.25.2")
    made.PatientName, made.PatientID, made.StudyDate, made.StudyTime = "", "", "", ""
    made.AccessionNumber, made.StudyID, made.ReferringPhysicianName = "", "", ""
    made.PatientBirthDate, made.PatientSex, made.SeriesNumber, made.InstanceNumber = "", "", 1, 1
    made.Modality, made.ConversionType = "OT", "SYN"
    made.Rows = made.Columns = SIDE
    made.SamplesPerPixel, made.PhotometricInterpretation, made.PixelRepresentation = 1, "MONOCHROME2", 0
    made.BitsStored, made.HighBit, made.BitsAllocated = bits, bits - 1, 8 if bits == 8 else 16
    pixels = picture(bits)
    made.PixelData = (pixels.astype(np.uint8) if bits == 8 else pixels.astype("<u2")).tobytes()
    made["PixelData"].VR = "OB" if bits == 8 else "OW"
    return made


def main() -> None:
    TARGET.mkdir(parents=True, exist_ok=True)
    for name, syntax in PLAIN.items():
        made = dataset(12)
        made.file_meta.TransferSyntaxUID = UID(syntax)
        if UID(syntax) == ExplicitVRBigEndian:
            made.PixelData = picture(12).astype(">u2").tobytes()
        made.save_as(TARGET / f"{name}.dcm", enforce_file_format=True)
    for name, syntax in PYDICOM.items():
        made = dataset(12)
        options = {"jpeg-ls-near": {"jls_error": 4}, "jpeg-2000": {"j2k_cr": [6]}}.get(name, {})
        made.compress(UID(syntax), generate_instance_uid=False, **options)
        made.save_as(TARGET / f"{name}.dcm", enforce_file_format=True)
    for name, syntax in HTJ2K.items():
        made = dataset(12)
        made.PixelData = encapsulate([imagecodecs.htj2k_encode(picture(12), reversible=name != "htj2k")])
        made["PixelData"].VR = "OB"
        made["PixelData"].is_undefined_length = True
        made.file_meta.TransferSyntaxUID = UID(syntax)
        made.save_as(TARGET / f"{name}.dcm", enforce_file_format=True)
    for name, (option, bits) in DCMTK.items():
        plain = TARGET / "plain.tmp"
        dataset(bits).save_as(plain, enforce_file_format=True)
        subprocess.run(["dcmcjpeg", option, "+un", plain, TARGET / f"{name}.dcm"], check=True)
        plain.unlink()


if __name__ == "__main__":
    main()
