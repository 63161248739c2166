"""Pixel data of a DICOM frame -> array: which decoder, what it may cost, and what to say when none can."""

from __future__ import annotations

from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom import Dataset, FileDataset
from pydicom.encaps import encapsulate, get_frame
from pydicom.pixels.decoders.base import Decoder, get_decoder
from pydicom.pixels.processing import apply_color_lut
from pydicom.uid import (
    UID,
    JPEG2000TransferSyntaxes,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLSNearLossless,
    RLELossless,
)

from divisive_desktop.errors import DamagedImageError, MissingDecoderError, TruncatedImageError
from divisive_desktop.imaging.codestream import codestream_size

_JPEG_END = b"\xff\xd9"

# Fastest first among those that agree with each other (tests/benchmarks/bench_imaging.py). GDCM isn't used even where
# it is installed: it ends the whole process on damaged JPEG data (tests/benchmarks/fuzz_imaging.py finds such files).
_PLUGINS = ("pyjpegls", "pylibjpeg", "pydicom", "pillow")
_PLUGINS_JPEG = ("pillow", "pylibjpeg")


def decode(
    path: Path, dataset: FileDataset, syntax: UID, frame: int, keyword: str, limit: int
) -> tuple[npt.NDArray[Any], str, str]:
    """Decode one frame.

    Parameters
    ----------
    path : Path
        For messages.
    dataset : FileDataset
        With its pixel data and a complete description of them.
    syntax : UID
        Transfer syntax.
    frame : int
        Index of the frame, 0-based.
    keyword : str
        PixelData, FloatPixelData or DoubleFloatPixelData.
    limit : int
        Largest number of pixels.

    Returns
    -------
    (ndarray, str, str)
        Pixels as the file stores them (YBR resolved to RGB), their photometric interpretation, and the library that
        decoded them, with its version.

    Raises
    ------
    ImageError
        TruncatedImageError, MissingDecoderError or DamagedImageError.
    """
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
            pixels, properties = _decoded(decoder, dataset, syntax, frame, plugin, keyword)
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


def _decoded(
    decoder: Decoder, dataset: FileDataset, syntax: UID, frame: int, plugin: str, keyword: str
) -> tuple[npt.NDArray[Any], dict[str, Any]]:
    """As pydicom gives them; greys that need no conversion without copying them once or twice more."""
    plain = dataset.SamplesPerPixel == 1 and dataset.BitsAllocated in (8, 16, 32) and keyword == "PixelData"
    # A view keeps all frames in memory: only for files that have but one.
    if plain and decoder.is_native and int(dataset.get("NumberOfFrames") or 1) == 1:
        options: Any = {"view_only": True, "correct_unused_bits": False}  # their annotation in pydicom is wrong
        pixels, properties = decoder.as_array(dataset, index=frame, **options)
        return _without_unused_bits(pixels, int(dataset.BitsStored)), properties
    if plain and syntax == RLELossless and int(dataset.get("NumberOfFrames") or 1) == 1 and plugin == "pylibjpeg":
        return _decoded_rle(dataset)
    if plain and syntax == RLELossless:
        buffer, properties = decoder.as_buffer(dataset, index=frame, decoding_plugin=plugin)
        form = {name: int(properties[name]) for name in ("rows", "columns", "bits_allocated", "pixel_representation")}
        kind = "i" if form["pixel_representation"] else "u"
        flat = np.frombuffer(buffer, f"<{kind}{form['bits_allocated'] // 8}")
        pixels = flat.reshape(form["rows"], form["columns"])
        return _without_unused_bits(pixels, int(dataset.BitsStored)), properties
    return decoder.as_array(dataset, index=frame, decoding_plugin=plugin)


def _decoded_rle(dataset: FileDataset) -> tuple[npt.NDArray[Any], dict[str, Any]]:
    """The only frame; what is encoded makes room before it is decoded, for the decoder needs room twice."""
    from rle.utils import decode_pixel_data

    encoded = get_frame(dataset.PixelData, 0, number_of_frames=1)
    dataset["PixelData"].value = b""
    bits = int(dataset.BitsAllocated)
    try:
        form = {"rows": dataset.Rows, "columns": dataset.Columns, "bits_allocated": bits, "samples_per_pixel": 1}
        buffer = decode_pixel_data(encoded, version=2, **form)
        flat = np.frombuffer(buffer, f"<{'i' if dataset.get('PixelRepresentation') else 'u'}{bits // 8}")
        pixels = flat.reshape(dataset.Rows, dataset.Columns)
    except Exception:
        dataset["PixelData"].value = encapsulate([encoded])  # the next decoder may try
        raise
    return _without_unused_bits(pixels, int(dataset.BitsStored)), {
        "photometric_interpretation": str(dataset.PhotometricInterpretation)
    }


def _without_unused_bits(pixels: npt.NDArray[Any], bits: int) -> npt.NDArray[Any]:
    """Bits above Bits Stored mean nothing (PS3.5 8.1.1); in nearly all files they are as they should be."""
    spare = 8 * pixels.dtype.itemsize - bits
    if spare <= 0:
        return pixels
    low, high = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if pixels.dtype.kind == "i" else (0, (1 << bits) - 1)
    if int(pixels.max()) <= high and (low == 0 or int(pixels.min()) >= low):
        return pixels
    return (pixels << spare) >> spare


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


def resolve_colour(
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


def is_lossy(syntax: UID) -> bool:
    """Whether the syntax itself is lossy; JPEG 2000 and HTJ2K may be either and say so in the data set."""
    return syntax in (JPEGBaseline8Bit, JPEGExtended12Bit, JPEGLSNearLossless)
