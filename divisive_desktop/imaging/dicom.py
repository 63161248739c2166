"""DICOM file -> ImageRecord: read tolerantly, decode one frame, keep what the file says about its values."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from pydicom import Dataset, FileDataset
from pydicom.encaps import get_frame
from pydicom.uid import (
    UID,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
)

from divisive_desktop.errors import (
    DamagedImageError,
    ImageError,
    NoPixelDataError,
    NotAnImageError,
    TruncatedImageError,
    in_words,
)
from divisive_desktop.imaging import dicom_values as values
from divisive_desktop.imaging.bounded_reader import BoundedReader
from divisive_desktop.imaging.dicom_decode import decode, is_lossy, resolve_colour, wrong_syntax
from divisive_desktop.imaging.dicom_description import complete
from divisive_desktop.imaging.dicom_file import held_instead, read_dicom
from divisive_desktop.imaging.dicom_graphics import read_overlays, read_shutter
from divisive_desktop.imaging.dicom_header import header_of
from divisive_desktop.imaging.display import auto_voi, full_range_voi
from divisive_desktop.imaging.missing_pixels import is_filler, runs_out
from divisive_desktop.imaging.record import ImageRecord, Voi

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
            held = held_instead(source)
            if held:
                raise wrong_syntax(path, self._syntax, held)
            raise _no_pixels(path, self._dataset, source)
        self._keyword = keyword
        self.frames = complete(path, self._dataset, self._syntax, keyword, limit, self._notes)
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
        decoded = decode(path, dataset, syntax, frame, self._keyword, self._limit)
        filled = syntax in (JPEGBaseline8Bit, JPEGExtended12Bit) and is_filler(decoded.container[-1, -1])
        if filled and runs_out(get_frame(dataset.PixelData, frame, number_of_frames=self.frames)):
            raise TruncatedImageError(
                f"{path.name} is cut off: the data of its JPEG end before its last row.",
                "Copy or send the file again; the transfer probably stopped early.",
            )
        if decoded.held:
            notes.append(
                f"The transfer syntax is wrong: it says {syntax.name}, but the picture is a {decoded.held} codestream, "
                "and was read as such."
            )
        if decoded.lowest:
            notes.append(
                f"The values lie in bits {decoded.lowest} to {decoded.lowest + decoded.bits - 1} of "
                f"{dataset.BitsAllocated} (High Bit) and were moved down."
            )
        if decoded.colours_are_guessed:
            notes.append("Only a label says that the colours of this JPEG are RGB; if they look wrong, they are YCbCr.")
        palette = decoded.photometric == "PALETTE COLOR"
        stored, photometric = resolve_colour(dataset, decoded.values, decoded.photometric, notes)
        little = syntax != ExplicitVRBigEndian
        group = values.spacing(dataset, frame)
        notes.extend(values.odd_spacing(dataset, frame))
        grey = stored.ndim == 2
        bits = decoded.bits or 8 * stored.dtype.itemsize
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
            decoder=decoded.library,
            bits_stored=bits if grey or (bits <= 16 and not palette) else 8 * stored.dtype.itemsize,
            lossy=str(dataset.get("LossyImageCompression", "")) == "01" or is_lossy(syntax),
            overlays=read_overlays(dataset, frame, decoded if grey else None, little, notes),
            shutter=read_shutter(dataset),
            header=header_of(dataset),
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
        held = held_instead(source)
        if held:
            raise wrong_syntax(path, None, held) from exc
        raise DamagedImageError(
            f"{path.name} begins like a DICOM file but can't be read ({in_words(exc)}).",
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
    if kind.endswith("Image Storage"):
        return NoPixelDataError(
            f"{path.name} is an image without its pixels ({kind}).", "Ask for the file again, with its picture."
        )
    return NoPixelDataError(
        f"{path.name} holds no picture ({kind}).", "Open the image that belongs to it; this file can't be shown."
    )


def _reaches_pixels(source: BoundedReader) -> bool:
    """Whether the bytes come as far as the tag of the pixel data: then they were lost for want of their end."""
    read_dicom(source, stop_before_pixels=True)
    return source.read(2) in (b"\xe0\x7f", b"\x7f\xe0")
