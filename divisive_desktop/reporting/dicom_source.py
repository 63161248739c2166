"""What the DICOM objects of a report take over from the radiograph: patient, study, geometry; identified or not."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, SecondaryCaptureImageStorage

from divisive_desktop.errors import ReportError, in_words
from divisive_desktop.imaging.bounded_reader import BoundedReader
from divisive_desktop.imaging.dicom_file import read_dicom
from divisive_desktop.imaging.record import ImageRecord
from divisive_desktop.reporting.deid import Deidentifier
from divisive_desktop.reporting.deid_pixels import write_pixels_anew
from divisive_desktop.reporting.deid_text import pixel_warning

PATIENT_AND_STUDY = (
    "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime", "StudyID",
    "AccessionNumber", "ReferringPhysicianName",
)  # fmt: skip
"""Type 2 in every object: there, but empty where the source has none."""
_OPTIONAL = ("IssuerOfPatientID", "StudyDescription", "BodyPartExamined", "PatientOrientation", "TimezoneOffsetFromUTC")
_IMAGE = (
    "SamplesPerPixel", "PhotometricInterpretation", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation",
    "LossyImageCompression", "LossyImageCompressionRatio", "LossyImageCompressionMethod", "Modality",
)  # fmt: skip
_UIDS = ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")
_FRAME = "FrameOfReferenceUID"
_SLICES = ("CT", "MR", "PT", "NM", "RTDOSE", "OPT")
"""Modalities whose images lie in a frame of reference that objects of theirs must name (DICOM PS3.3 A.1.4)."""
_UID = re.compile(r"(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*))+")
_ELSEWHERE = "Choose PDF, HTML, JSON or CSV for it."


class NoStudyError(ReportError):
    """No DICOM objects can be written about this image; it may well be in the other files of a report."""

    kind = "no-study"


@dataclass(frozen=True)
class DicomSource:
    """The radiograph that a report's DICOM objects belong to."""

    header: Dataset
    """Patient and study as the objects state them; text is Unicode whatever the source was written in."""
    neutral: Dataset
    """The same study without a patient, for constructors that refuse real files' odd values; no pixels."""
    image: Dataset | None
    """The radiograph itself, de-identified, ready to be written; None when nothing was removed: it exists already."""
    deidentifier: Deidentifier | None
    burned_in: str | None
    """Warning about identifying text in the pixels, None where the file excludes it."""

    @property
    def reference(self) -> Dataset:
        """Item of a sequence that refers to the radiograph."""
        item = Dataset()
        item.ReferencedSOPClassUID = self.neutral.SOPClassUID
        item.ReferencedSOPInstanceUID = self.neutral.SOPInstanceUID
        return item


def read_source(record: ImageRecord, deidentifier: Deidentifier | None) -> DicomSource:
    """Read what the report's objects need from the file of a radiograph.

    Parameters
    ----------
    deidentifier : Deidentifier or None
        None: the objects carry the patient's identity and join the original's study. Otherwise the study's UIDs are
        replaced in the objects and in the copy of the radiograph that goes with them.

    Raises
    ------
    ReportError
        Not a DICOM file, several frames, no usable UID, or not the bytes that were analysed.
    """
    name = record.path.name
    if not record.transfer_syntax:
        raise NoStudyError(
            f"{name} is not a DICOM file, so there is no study that DICOM objects could join.", _ELSEWHERE
        )
    if record.frames > 1:
        raise NoStudyError(
            f"{name} has {record.frames} frames; DICOM objects are written for single radiographs.", _ELSEWHERE
        )
    original = _read(record)
    for keyword in _UIDS:
        uid = str(original.get(keyword) or "")
        if len(uid) > 64 or not _UID.fullmatch(uid):
            raise ReportError(f"{name} has no valid {keyword}, so other objects can't refer to it.", _ELSEWHERE)
    # What is no radiograph is asked about anyway now and then: a CT slice's objects lie in its patient coordinates.
    if original.get("Modality") in _SLICES and not original.get(_FRAME):
        raise ReportError(f"{name} has no {_FRAME}, which objects that refer to it would need.", _ELSEWHERE)
    burned_in = pixel_warning(original, record)
    image = None
    source = original
    if deidentifier is not None:
        source = image = deidentifier.dataset(original)
        _complete(image)
        syntax = UID(record.transfer_syntax)
        # Values uncompressed: the seal has to stand in the file as it is, and nothing else beside it.
        image.file_meta = FileMetaDataset()
        image.file_meta.TransferSyntaxUID = syntax
        stored = write_pixels_anew(record.path, image, syntax)
        image.file_meta.MediaStorageSOPClassUID = image.SOPClassUID
        image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID
        image.file_meta.TransferSyntaxUID = stored
    return DicomSource(header_of(source), _neutral(source, record), image, deidentifier, burned_in)


def _read(record: ImageRecord) -> Dataset:
    path = record.path
    try:
        with BoundedReader(path) as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != record.sha256:
                raise ReportError(
                    f"{path.name} has changed since it was opened, so no report was written.",
                    "Restore the original file, or analyse the changed one.",
                )
            dataset: Dataset = read_dicom(file)
    except OSError as e:
        raise ReportError(f"{path.name} can't be read: {in_words(e)}.", "Check its name and permissions.") from e
    return dataset


def _complete(image: Dataset) -> None:
    """Add what every image must state, empty where nobody knows it; take out a spacing of zero, which says nothing.

    Real files lack it often. The copy is a new object, and archives may refuse what isn't whole.
    """
    absent = [keyword for keyword in (*PATIENT_AND_STUDY, "SeriesNumber", "InstanceNumber") if keyword not in image]
    if "ImageOrientationPatient" not in image and "PatientOrientation" not in image:
        absent.append("PatientOrientation")
    if not any(keyword in image for keyword in ("Laterality", "ImageLaterality", "BodyPartExamined")):
        absent.append("Laterality")
    for keyword in absent:
        setattr(image, keyword, None)
    for keyword in ("PixelSpacing", "ImagerPixelSpacing"):
        values = image.get(keyword)
        if values is not None and not all(values):
            del image[keyword]
    if image.SOPClassUID == SecondaryCaptureImageStorage and not image.get("ConversionType"):
        image.ConversionType = "WSD"  # this copy was made on a workstation


def header_of(source: Dataset) -> Dataset:
    """Patient and study of a data set as objects of the same study state them."""
    header = Dataset()
    for keyword in PATIENT_AND_STUDY:
        setattr(header, keyword, source.get(keyword))
    for keyword in ("StudyInstanceUID", *_OPTIONAL):
        if source.get(keyword):
            setattr(header, keyword, source.get(keyword))
    side = source.get("Laterality") or source.get("ImageLaterality")
    header.Laterality = side if side in ("L", "R") else None
    return header


def _neutral(source: Dataset, record: ImageRecord) -> Dataset:
    neutral = Dataset()
    for keyword in PATIENT_AND_STUDY:
        setattr(neutral, keyword, None)
    for keyword in (*_UIDS, *_IMAGE, _FRAME):
        if source.get(keyword) is not None:
            setattr(neutral, keyword, source.get(keyword))
    neutral.SpecificCharacterSet = "ISO_IR 192"
    # Those of the pixels as they were analysed; a repair can have changed them.
    neutral.Rows, neutral.Columns = record.height, record.width
    if record.spacing is not None:
        neutral.PixelSpacing = [round(record.spacing.row_mm, 6), round(record.spacing.column_mm, 6)]
    return neutral
