"""DICOM file -> ImageRecord: read tolerantly, decode one frame, keep what the file says about its values."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from pydicom import Dataset, FileDataset
from pydicom.uid import UID, ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from divisive_desktop.errors import (
    DamagedImageError,
    ImageError,
    NoPixelDataError,
    NotAnImageError,
    TruncatedImageError,
)
from divisive_desktop.imaging import dicom_values as values
from divisive_desktop.imaging.bounded_reader import BoundedReader
from divisive_desktop.imaging.dicom_decode import decode, is_lossy, resolve_colour
from divisive_desktop.imaging.dicom_file import read_dicom
from divisive_desktop.imaging.dicom_graphics import read_overlays, read_shutter
from divisive_desktop.imaging.display import auto_voi, full_range_voi
from divisive_desktop.imaging.limits import check_size
from divisive_desktop.imaging.record import ImageRecord, Voi

HEADER_KEYWORDS = (
    "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "PatientAge", "StudyDate", "StudyTime",
    "StudyDescription", "SeriesDescription", "SeriesNumber", "InstanceNumber", "AccessionNumber", "Modality",
    "BodyPartExamined", "ViewPosition", "ImageLaterality", "Laterality", "PatientPosition", "InstitutionName",
    "Manufacturer", "ManufacturerModelName", "KVP", "Exposure", "ExposureTime", "BurnedInAnnotation",
    "SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "PhotometricInterpretation",
)  # fmt: skip

_PIXELS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")

_CAMERA = frozenset({"XC", "GM"})
"""Modalities whose pictures come from a camera: external photography, general microscopy."""


class DicomFile:
    """A file that was read, of which frames can be opened one after the other."""

    def __init__(self, path: Path, source: BoundedReader, limit: int) -> None:
        """Read all but the pixels' meaning.

        Parameters
        ----------
        path : Path
            For messages and for the records; bytes come from ``source``, which may be closed afterwards.
        source : BoundedReader
            The opened file.
        limit : int
            Largest number of pixels of a frame.

        Raises
        ------
        ImageError
            One of its subclasses, with the reason.
        """
        self._path, self._limit = path, limit
        self.sha256 = ""
        """Hash of the whole file, for the records; set by whoever knows it."""
        self._dataset = _read(path, source)
        if not len(self._dataset) and not _reaches_pixels(source):
            raise NotAnImageError(
                f"{path.name} holds no DICOM data.", "Check that it is the right file; it may be an empty export."
            )
        self._notes: list[str] = []
        self._syntax = _transfer_syntax(self._dataset, self._notes)
        keyword = next((word for word in _PIXELS if word in self._dataset), None)
        if keyword is None:
            raise _no_pixels(path, self._dataset, source)
        self._keyword = keyword
        self.frames = _check_geometry(path, self._dataset, limit, self._notes)
        """Number of frames."""

    def frame(self, frame: int) -> ImageRecord:
        """Decode one frame, 0-based; errors as in opening."""
        path, dataset, syntax = self._path, self._dataset, self._syntax
        if not 0 <= frame < self.frames:
            count = f"{self.frames} frame{'s' if self.frames > 1 else ''}"
            raise DamagedImageError(
                f"{path.name} has {count}; frame {frame + 1} doesn't exist.",
                "Choose one of the frames that exist.",
            )
        notes = list(self._notes)
        signed = bool(dataset.get("PixelRepresentation", 0)) and self._keyword == "PixelData"
        stored, photometric, decoder = decode(path, dataset, syntax, frame, self._keyword, self._limit)
        palette = photometric == "PALETTE COLOR"
        stored, photometric = resolve_colour(dataset, stored, photometric, notes)
        little = syntax != ExplicitVRBigEndian
        group = values.spacing(dataset, frame)
        grey = stored.ndim == 2
        bits = int(dataset.get("BitsStored") or dataset.get("BitsAllocated") or 8)
        draft = ImageRecord(
            path=path,
            sha256=self.sha256,
            kind="photograph" if not grey and dataset.get("Modality") in _CAMERA else "radiograph",
            stored=stored,
            photometric=photometric,
            modality=values.modality_transform(dataset, frame, little, signed, notes) if grey else ImageRecord.modality,
            spacing=group,
            pixel_aspect=values.pixel_aspect(dataset, group),
            frame=frame,
            frames=self.frames,
            padding=values.padding_range(dataset, signed) if grey else None,
            orientation=values.orientation(dataset, frame),
            transfer_syntax=str(syntax),
            decoder=decoder,
            bits_stored=bits if grey or (bits <= 16 and not palette) else 8 * stored.dtype.itemsize,
            lossy=str(dataset.get("LossyImageCompression", "")) == "01" or is_lossy(syntax),
            overlays=read_overlays(dataset, frame, not syntax.is_encapsulated, notes),
            shutter=read_shutter(dataset),
            header={w: str(text) for w in HEADER_KEYWORDS if (text := dataset.get(w)) not in (None, "")},
        )
        choices = values.voi_choices(dataset, frame, little, _signed_input(draft), notes) if grey else []
        return _complete(draft, choices, notes)


def _complete(draft: ImageRecord, choices: list[Voi], notes: list[str]) -> ImageRecord:
    full = full_range_voi(draft)
    if draft.is_colour:
        choices = [full]
    elif draft.stored.dtype.itemsize == 1 and not choices:
        choices = [full, auto_voi(draft)]
    else:
        choices = [*choices, auto_voi(draft), full]
    return replace(draft, voi=tuple(choices), notes=tuple(notes))


def _signed_input(record: ImageRecord) -> bool:
    """Whether modality values can be negative: then a VOI LUT's first mapped value is signed."""
    if record.modality.lut is not None:
        return False
    return record.stored.dtype.kind == "i" or record.modality.intercept < 0


def _read(path: Path, source: BoundedReader) -> FileDataset:
    try:
        dataset = read_dicom(source)
    except (ImageError, MemoryError):
        raise
    except Exception as exc:  # pydicom raises a dozen kinds on damaged bytes
        raise DamagedImageError(
            f"{path.name} begins like a DICOM file but can't be read ({exc}).",
            "Ask for the file again, or open another copy of it.",
        ) from exc
    return dataset


def _transfer_syntax(dataset: FileDataset, notes: list[str]) -> UID:
    stated = dataset.file_meta.get("TransferSyntaxUID") if hasattr(dataset, "file_meta") else None
    if stated:
        return UID(str(stated))
    implicit, little = dataset.original_encoding
    guess = ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian if little else ExplicitVRBigEndian
    dataset.file_meta.TransferSyntaxUID = guess
    notes.append(f"The file doesn't name its transfer syntax; {guess.name} was assumed.")
    return guess


def _no_pixels(path: Path, dataset: Dataset, source: BoundedReader) -> NoPixelDataError | TruncatedImageError:
    if _reaches_pixels(source):
        return TruncatedImageError(
            f"{path.name} is cut off: its compressed picture has no end.",
            "Copy or send the file again; the transfer probably stopped early.",
        )
    kind = UID(str(dataset.get("SOPClassUID") or "")).name or "DICOM object"
    if dataset.get("Rows") and dataset.get("Columns"):
        return NoPixelDataError(
            f"{path.name} describes a picture of {dataset.Columns} x {dataset.Rows} pixels ({kind}) but holds none.",
            "Its pixels were taken out or the file is damaged: ask for it again.",
        )
    return NoPixelDataError(
        f"{path.name} holds no picture ({kind}).", "Open the image that belongs to it; this file can't be shown."
    )


def _reaches_pixels(source: BoundedReader) -> bool:
    """Whether the bytes come as far as the tag of the pixel data: then they were lost for want of their end."""
    read_dicom(source, stop_before_pixels=True)
    return source.read(2) in (b"\xe0\x7f", b"\x7f\xe0")


def _check_geometry(path: Path, dataset: Dataset, limit: int, notes: list[str]) -> int:
    rows, columns = (values.number(dataset.get(word)) for word in ("Rows", "Columns"))
    if not rows or not columns or rows < 0 or columns < 0:
        raise DamagedImageError(
            f"{path.name} doesn't say how many rows and columns its picture has.",
            "The file is damaged: ask for it again.",
        )
    check_size(path.name, int(columns), int(rows), limit)
    frames = values.number(dataset.get("NumberOfFrames"))
    if "NumberOfFrames" in dataset and (frames is None or frames < 1):
        notes.append("The number of frames is missing or wrong; 1 was assumed.")
        dataset.NumberOfFrames = 1
    if "SamplesPerPixel" not in dataset:
        notes.append("Samples per Pixel is missing; 1 was assumed.")
        dataset.SamplesPerPixel = 1
    if "PhotometricInterpretation" not in dataset:
        guess = "MONOCHROME2" if dataset.SamplesPerPixel == 1 else "RGB"
        notes.append(f"Photometric Interpretation is missing; {guess} was assumed.")
        dataset.PhotometricInterpretation = guess
    if "PixelRepresentation" not in dataset and "PixelData" in dataset:
        notes.append("Pixel Representation is missing; unsigned was assumed.")
        dataset.PixelRepresentation = 0
    return int(frames) if frames and frames >= 1 else 1


