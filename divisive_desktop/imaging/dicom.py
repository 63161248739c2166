"""DICOM file -> ImageRecord: read tolerantly, decode one frame, keep what the file says about its values."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom import Dataset, FileDataset
from pydicom.encaps import get_frame
from pydicom.pixels.decoders.base import get_decoder
from pydicom.pixels.processing import apply_color_lut
from pydicom.uid import (
    UID,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000TransferSyntaxes,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLSNearLossless,
    RLELossless,
)

from divisive_desktop.errors import (
    DamagedImageError,
    ImageError,
    MissingDecoderError,
    NoPixelDataError,
    NotAnImageError,
    TruncatedImageError,
)
from divisive_desktop.imaging import dicom_values as values
from divisive_desktop.imaging.codestream import codestream_size
from divisive_desktop.imaging.dicom_file import read_dicom
from divisive_desktop.imaging.dicom_graphics import read_overlays, read_shutter
from divisive_desktop.imaging.display import auto_voi, full_range_voi
from divisive_desktop.imaging.limits import check_size
from divisive_desktop.imaging.reading import BoundedReader
from divisive_desktop.imaging.record import ImageRecord, Voi

HEADER_KEYWORDS = (
    "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "PatientAge", "StudyDate", "StudyTime",
    "StudyDescription", "SeriesDescription", "SeriesNumber", "InstanceNumber", "AccessionNumber", "Modality",
    "BodyPartExamined", "ViewPosition", "ImageLaterality", "Laterality", "PatientPosition", "InstitutionName",
    "Manufacturer", "ManufacturerModelName", "KVP", "Exposure", "ExposureTime", "BurnedInAnnotation",
    "SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "PhotometricInterpretation",
)  # fmt: skip

_JPEG_END = b"\xff\xd9"
_PIXELS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")

# Fastest first among those that agree with each other (tests/benchmarks/bench_imaging.py). GDCM isn't used even where
# it is installed: it ends the whole process on damaged JPEG data (tests/benchmarks/fuzz_imaging.py finds such files).
_PLUGINS = ("pyjpegls", "pylibjpeg", "pydicom", "pillow")
_PLUGINS_JPEG = ("pillow", "pylibjpeg")


def open_dicom(path: Path, source: BoundedReader, sha256: str, frame: int, limit: int) -> ImageRecord:
    """Read one frame.

    Parameters
    ----------
    path : Path
        For messages and for the record; bytes come from ``source``.
    source : BoundedReader
        The opened file.
    sha256 : str
        Hash of the whole file.
    frame : int
        Index of the frame, 0-based.
    limit : int
        Largest number of pixels.

    Raises
    ------
    ImageError
        One of its subclasses, with the reason.
    """
    dataset = _read(path, source)
    if not len(dataset) and not _reaches_pixels(source):
        raise NotAnImageError(
            f"{path.name} holds no DICOM data.", "Check that it is the right file; it may be an empty export."
        )
    notes: list[str] = []
    syntax = _transfer_syntax(dataset, notes)
    keyword = next((word for word in _PIXELS if word in dataset), None)
    if keyword is None:
        raise _no_pixels(path, dataset, source)
    frames = _check_geometry(path, dataset, limit, notes)
    if not 0 <= frame < frames:
        raise DamagedImageError(
            f"{path.name} has {frames} frame{'s' if frames > 1 else ''}; frame {frame + 1} doesn't exist.",
            "Choose one of the frames that exist.",
        )
    signed = bool(dataset.get("PixelRepresentation", 0)) and keyword == "PixelData"
    stored, photometric, decoder = _decode(path, dataset, syntax, frame, keyword, limit)
    stored, photometric = _resolve_colour(dataset, stored, photometric, notes)
    little = syntax != ExplicitVRBigEndian
    group = values.spacing(dataset, frame)
    header = {word: str(dataset.get(word)) for word in HEADER_KEYWORDS if dataset.get(word) not in (None, "")}
    bits = int(dataset.get("BitsStored") or dataset.get("BitsAllocated") or 8)
    grey = stored.ndim == 2
    draft = ImageRecord(
        path=path,
        sha256=sha256,
        kind="radiograph",
        stored=stored,
        photometric=photometric,
        modality=values.modality_transform(dataset, frame, little, signed, notes) if grey else ImageRecord.modality,
        spacing=group,
        pixel_aspect=values.pixel_aspect(dataset, group),
        frame=frame,
        frames=frames,
        padding=values.padding_range(dataset, signed) if grey else None,
        orientation=values.orientation(dataset, frame),
        transfer_syntax=str(syntax),
        decoder=decoder,
        bits_stored=bits if grey else 8 * stored.dtype.itemsize,
        lossy=str(dataset.get("LossyImageCompression", "")) == "01" or _is_lossy(syntax),
        overlays=read_overlays(dataset, frame, not syntax.is_encapsulated, notes),
        shutter=read_shutter(dataset),
        header=header,
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


def _decode(
    path: Path, dataset: FileDataset, syntax: UID, frame: int, keyword: str, limit: int
) -> tuple[npt.NDArray[Any], str, str]:
    """Pixels of one frame as the file stores them (YBR resolved to RGB), their photometric, and who decoded."""
    try:
        decoder = get_decoder(syntax)
    except NotImplementedError:
        raise _undecodable(path, syntax, "") from None
    if decoder.is_native:
        _check_length(path, dataset, keyword)
        plugins: list[str] = [""]
    else:
        known = _PLUGINS_JPEG if syntax in (JPEGBaseline8Bit, JPEGExtended12Bit) else _PLUGINS
        plugins = [name for name in known if name in decoder.available_plugins]
        if not plugins:
            raise _undecodable(path, syntax, "; ".join(decoder.missing_dependencies))
        _check_codestream(path, dataset, frame, limit)
    failures = []
    for plugin in plugins:
        try:
            pixels, properties = decoder.as_array(dataset, index=frame, decoding_plugin=plugin)
        except MemoryError:
            raise
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as exc:  # noqa: BLE001  decoders raise anything, Rust's panics included; told below
            reason = str(exc).rpartition(f"{plugin}: ")[2] if plugin else str(exc)
            failures.append(f"{plugin or 'pydicom'}: {' '.join(reason.split())[:120]}")
            continue
        return pixels, str(properties["photometric_interpretation"]), _decoder_name(plugin, syntax)
    raise _decoding_failed(path, dataset, syntax, frame, failures)


def _check_codestream(path: Path, dataset: Dataset, frame: int, limit: int) -> None:
    """Refuse a frame whose codestream is larger than the limit, whatever Rows and Columns say."""
    try:
        data = get_frame(dataset.PixelData, frame, number_of_frames=int(dataset.get("NumberOfFrames") or 1))
    except MemoryError:
        raise
    except Exception as exc:
        raise DamagedImageError(
            f"The compressed picture in {path.name} isn't packed as DICOM asks ({exc}).", "Ask for the file again."
        ) from exc
    size = codestream_size(data)
    if size is not None and size[0] * size[1] > limit:
        raise DamagedImageError(
            f"{path.name} says {dataset.Columns} x {dataset.Rows} pixels, but its compressed picture {size[0]:,} x "
            f"{size[1]:,}.",
            "The file is damaged: ask for it again.",
        )


def _check_length(path: Path, dataset: Dataset, keyword: str) -> None:
    """Native pixel data must be as long as rows, columns and frames make it."""
    data = dataset[keyword].value
    bits = {"PixelData": int(dataset.get("BitsAllocated") or 0), "FloatPixelData": 32, "DoubleFloatPixelData": 64}
    frames = int(dataset.get("NumberOfFrames") or 1)
    samples = 2 if dataset.PhotometricInterpretation == "YBR_FULL_422" else int(dataset.SamplesPerPixel)
    needed = (dataset.Rows * dataset.Columns * samples * frames * bits[keyword] + 7) // 8
    if needed and len(data or b"") < needed:
        raise TruncatedImageError(
            f"{path.name} is cut off: {len(data or b''):,} of {needed:,} bytes of the picture are there.",
            "Copy or send the file again; the transfer probably stopped early.",
        )


def _decoding_failed(
    path: Path, dataset: FileDataset, syntax: UID, frame: int, failures: list[str]
) -> TruncatedImageError | MissingDecoderError | DamagedImageError:
    reasons = "; ".join(failures)
    if not syntax.is_encapsulated:
        return DamagedImageError(
            f"The picture in {path.name} contradicts its own description ({reasons}).",
            "The file is damaged: ask for it again.",
        )
    if _JPEG_END not in bytes(dataset.PixelData[-64:]):
        return TruncatedImageError(
            f"{path.name} is cut off: its compressed picture ({syntax.name}) has no end ({reasons}).",
            "Copy or send the file again; the transfer probably stopped early.",
        )
    if syntax == JPEGExtended12Bit:
        return _undecodable(path, syntax, reasons)
    return DamagedImageError(
        f"The compressed picture in {path.name} ({syntax.name}) can't be decoded ({reasons}).",
        "The file is probably damaged: ask for it again, or for an uncompressed copy ('gdcmconv --raw').",
    )


def _undecodable(path: Path, syntax: UID, reasons: str) -> MissingDecoderError:
    """No decoder for the syntax, or only decoders that can't do this variety of it."""
    name = f"{syntax.name} ({syntax})" if syntax.name != str(syntax) else str(syntax)
    return MissingDecoderError(
        f"{path.name} is compressed as {name}, which none of the installed decoders reads"
        + (f" ({reasons})." if reasons else "."),
        _NEEDED.get(str(syntax), _CONVERT),
    )


_CONVERT = "Make an uncompressed copy with 'dcmdjpeg' (DCMTK) or 'gdcmconv --raw' (GDCM) and open that."
_VIDEO = "It is a video stream, which this program doesn't play: export single frames from the workstation."
_JPEG_2000 = "Install a JPEG 2000 decoder: 'pip install pylibjpeg pylibjpeg-openjpeg'."
_NEEDED = {
    "1.2.840.10008.1.2.4.50": "Install a JPEG decoder: 'pip install pillow' or 'pip install pylibjpeg-libjpeg'.",
    "1.2.840.10008.1.2.4.51": "It needs a decoder for 12-bit JPEG. Make an uncompressed copy with 'dcmdjpeg' (DCMTK).",
    "1.2.840.10008.1.2.4.57": "Install a lossless JPEG decoder: 'pip install pylibjpeg pylibjpeg-libjpeg'.",
    "1.2.840.10008.1.2.4.70": "Install a lossless JPEG decoder: 'pip install pylibjpeg pylibjpeg-libjpeg'.",
    "1.2.840.10008.1.2.4.80": "Install a JPEG-LS decoder: 'pip install pyjpegls'.",
    "1.2.840.10008.1.2.4.81": "Install a JPEG-LS decoder: 'pip install pyjpegls'.",
    **dict.fromkeys([f"1.2.840.10008.1.2.4.{n}" for n in (90, 91, 92, 93, 201, 202, 203)], _JPEG_2000),
    **dict.fromkeys([f"1.2.840.10008.1.2.4.10{n}" for n in range(9)], _VIDEO),
    "1.2.840.10008.1.2.4.100.1": _VIDEO,
}


def _decoder_name(plugin: str, syntax: UID) -> str:
    package = plugin or "pydicom"
    if plugin == "pylibjpeg":  # a frame around three packages
        jpeg_2000 = syntax in JPEG2000TransferSyntaxes
        part = "rle" if syntax == RLELossless else "openjpeg" if jpeg_2000 else "libjpeg"
        package = f"pylibjpeg-{part}"
    return f"{package} {_version(package)}"


@cache
def _version(package: str) -> str:
    return metadata.version(package)


def _resolve_colour(
    dataset: Dataset, pixels: npt.NDArray[Any], photometric: str, notes: list[str]
) -> tuple[npt.NDArray[Any], str]:
    """Palette -> RGB; native byte order; at most 16 bits per colour sample, wide greys narrowed when they fit."""
    if photometric == "PALETTE COLOR":
        pixels = apply_color_lut(pixels, dataset)[..., :3]
        if pixels.dtype.itemsize == 2 and pixels.max() < 256:  # 8-bit palettes are often stored in 16
            pixels = pixels.astype(np.uint8)
        photometric = "RGB"
    pixels = pixels.astype(pixels.dtype.newbyteorder("="), copy=False)
    if pixels.ndim == 3:
        if pixels.shape[2] != 3:
            raise DamagedImageError(
                f"The picture has {pixels.shape[2]} samples per pixel; only 1 or 3 make sense.",
                "Ask for the file again in a common format.",
            )
        if pixels.dtype.kind == "i":
            pixels = pixels.view(pixels.dtype.str.replace("i", "u"))
        if pixels.dtype.itemsize > 2:
            notes.append(f"Colours of {8 * pixels.dtype.itemsize} bits per sample were reduced to 16.")
            pixels = (pixels >> (8 * pixels.dtype.itemsize - 16)).astype(np.uint16)
        if photometric != "RGB":
            notes.append(f"The colours are stored as {photometric} and are shown as RGB.")
            photometric = "RGB"
    elif pixels.dtype.kind in "iu" and pixels.dtype.itemsize > 2:
        low, high = int(pixels.min()), int(pixels.max())
        for dtype in (np.uint16, np.int16, np.int32):
            if np.iinfo(dtype).min <= low and high <= np.iinfo(dtype).max:
                pixels = pixels.astype(dtype)
                break
    if pixels.dtype.kind == "f" and not np.isfinite(pixels).all():
        notes.append("Values that are no numbers were replaced by the lowest value.")
        finite = pixels[np.isfinite(pixels)]
        pixels = np.where(np.isfinite(pixels), pixels, finite.min() if finite.size else 0)
    return np.ascontiguousarray(pixels), photometric


def _is_lossy(syntax: UID) -> bool:
    """Whether the syntax itself is lossy; JPEG 2000 and HTJ2K may be either and say so in the data set."""
    return syntax in (JPEGBaseline8Bit, JPEGExtended12Bit, JPEGLSNearLossless)
