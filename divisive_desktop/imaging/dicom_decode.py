"""Pixel data of a DICOM frame -> array: which decoder, what it may cost, and what to say when none can."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom import Dataset
from pydicom.encaps import encapsulate, get_frame
from pydicom.pixels.decoders.base import Decoder, get_decoder
from pydicom.pixels.processing import apply_color_lut
from pydicom.uid import (
    UID,
    JPEG2000TransferSyntaxes,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSNearLossless,
    JPEGLSTransferSyntaxes,
    RLELossless,
)

from divisive_desktop import __version__
from divisive_desktop.errors import DamagedImageError, MissingDecoderError, TruncatedImageError, in_words
from divisive_desktop.imaging import jpeg_plugin
from divisive_desktop.imaging.codestream import (
    Codestream,
    CodestreamKind,
    looks_like_rle,
    names_its_colours,
    read_codestream,
)

_JPEG_END = b"\xff\xd9"
_ITEM = b"\xfe\xff\x00\xe0"
_KINDS: dict[str, CodestreamKind] = {
    **dict.fromkeys([JPEGBaseline8Bit, JPEGExtended12Bit], "JPEG"),
    **dict.fromkeys([JPEGLossless, JPEGLosslessSV1], "lossless JPEG"),
    **dict.fromkeys(JPEGLSTransferSyntaxes, "JPEG-LS"),
    **dict.fromkeys(JPEG2000TransferSyntaxes, "JPEG 2000"),
}
"""Transfer syntax -> what its codestreams are."""

# Those that agree with each other (tests/benchmarks/bench_imaging.py), ours first: they can't write out of bounds. What
# comes along is under permissive licences; pylibjpeg's libjpeg, under the GPL, is used where it was installed. GDCM
# isn't: it ends the process on damaged JPEG data (tests/benchmarks/fuzz_imaging.py finds such files).
_PLUGINS = ("pyjpegls", jpeg_plugin.NAME, "pylibjpeg", "pydicom", "pillow")
_PLUGINS_JPEG = ("pillow", jpeg_plugin.NAME, "pylibjpeg")

for _syntax in jpeg_plugin.DECODER_DEPENDENCIES:
    if jpeg_plugin.NAME not in get_decoder(_syntax).available_plugins:
        get_decoder(_syntax).add_plugin(jpeg_plugin.NAME, (jpeg_plugin.__name__, "decode_frame"))


@dataclass(frozen=True)
class Decoded:
    """One frame as a decoder gave it."""

    container: npt.NDArray[Any]
    """(rows, columns) or (rows, columns, samples), YBR resolved to RGB: every allocated bit, those without a meaning,
    too. May be read-only."""
    photometric: str
    library: str
    """What decoded it, with its version."""
    bits: int
    """How many bits of a value mean something: Bits Stored, or what a codestream says that knows better."""
    lowest: int = 0
    """The lowest of them: above 0 where High Bit says so."""
    held: str = ""
    """What kind of codestream it was, where the file's label says another one."""
    colours_are_guessed: bool = False
    """Whether only the file's label says that a JPEG's colours are RGB; many writers label YCbCr so."""

    @property
    def values(self) -> npt.NDArray[Any]:
        """The pixels' values: the container's bits that mean something, with their sign."""
        return _meaning(self.container, self.lowest, self.bits)


def decode(path: Path, dataset: Dataset, syntax: UID, frame: int, keyword: str, limit: int) -> Decoded:
    """Decode one frame.

    Parameters
    ----------
    path : Path
        For messages.
    dataset : Dataset
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
    Decoded

    Raises
    ------
    ImageError
        TruncatedImageError, MissingDecoderError or DamagedImageError.
    """
    try:
        decoder = get_decoder(syntax)
    except NotImplementedError:
        raise _undecodable(path, syntax, "") from None
    stream = None
    if decoder.is_native:
        _check_length(path, dataset, syntax, keyword)
        plugins: list[str] = [""]
    else:
        known = _PLUGINS_JPEG if syntax in (JPEGBaseline8Bit, JPEGExtended12Bit) else _PLUGINS
        plugins = [name for name in known if name in decoder.available_plugins]
        if not plugins:
            raise _undecodable(path, syntax, "; ".join(decoder.missing_dependencies))
        stream = _check_codestream(path, dataset, syntax, frame, limit)
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
        bits, lowest = _meaningful_bits(dataset, pixels, stream) if keyword == "PixelData" else (0, 0)
        photometric = str(properties["photometric_interpretation"])
        guessed = stream is not None and stream.kind == "JPEG" and _only_labelled_rgb(dataset, frame)
        held = stream.kind if stream is not None and stream.kind != _KINDS.get(str(syntax)) else ""
        return Decoded(pixels, photometric, _decoder_name(plugin, syntax), bits, lowest, held, guessed)
    raise _decoding_failed(path, dataset, syntax, stream, failures)


def _only_labelled_rgb(dataset: Dataset, frame: int) -> bool:
    if dataset.PhotometricInterpretation != "RGB":
        return False
    data = get_frame(dataset.PixelData, frame, number_of_frames=int(dataset.get("NumberOfFrames") or 1))
    return not names_its_colours(data)


def _decoded(
    decoder: Decoder, dataset: Dataset, syntax: UID, frame: int, plugin: str, keyword: str
) -> tuple[npt.NDArray[Any], dict[str, Any]]:
    """As pydicom gives them, all bits; greys that need no conversion without copying them once or twice more."""
    plain = dataset.SamplesPerPixel == 1 and dataset.BitsAllocated in (8, 16, 32) and keyword == "PixelData"
    # Which bits mean something is decided once, for all decoders, by ``Decoded.values``.
    options: Any = {"correct_unused_bits": False, "apply_jls_sign_correction": False}  # annotated wrongly in pydicom
    view: Any = {**options, "view_only": True}
    # A view keeps all frames in memory: only for files that have but one.
    single = int(dataset.get("NumberOfFrames") or 1) == 1
    if plain and decoder.is_native and single:
        return decoder.as_array(dataset, index=frame, **view)
    if plain and syntax == RLELossless and single and plugin == "pylibjpeg":
        return _decoded_rle(dataset)
    if plain and syntax == RLELossless:
        buffer, properties = decoder.as_buffer(dataset, index=frame, decoding_plugin=plugin)
        form = {name: int(properties[name]) for name in ("rows", "columns", "bits_allocated", "pixel_representation")}
        kind = "i" if form["pixel_representation"] else "u"
        flat = np.frombuffer(buffer, f"<{kind}{form['bits_allocated'] // 8}")
        return flat.reshape(form["rows"], form["columns"]), properties
    return decoder.as_array(dataset, index=frame, decoding_plugin=plugin, **options)


def _decoded_rle(dataset: Dataset) -> tuple[npt.NDArray[Any], dict[str, Any]]:
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
    return pixels, {"photometric_interpretation": str(dataset.PhotometricInterpretation)}


def _meaningful_bits(dataset: Dataset, pixels: npt.NDArray[Any], stream: Codestream | None) -> tuple[int, int]:
    """How many bits of the decoded container hold the value, and the lowest of them (PS3.5 8.1.1)."""
    container = 8 * pixels.dtype.itemsize
    stored, high = int(dataset.BitsStored), int(dataset.HighBit)
    precision = stream.precision if stream is not None else container
    if precision <= high:  # the codestream has no bits there: whoever wrote it has moved the values down
        high = stored - 1
    if stream is not None and (precision < stored or (precision > stored and _knows_better(dataset, stream))):
        return precision, 0
    return min(stored, container), max(0, min(high, container - 1) + 1 - stored)


def _knows_better(dataset: Dataset, stream: Codestream) -> bool:
    """Whether a codestream deeper than Bits Stored is right: JPEG 2000 whose extra bits hold no overlay, nor rubbish.

    Encoders of JPEG 2000 state the depth of the values; with that of the container they have taken all bits along.
    """
    overlays = range(0x6000, 0x6020, 2)
    hidden = any((group, 0x0102) in dataset and (group, 0x3000) not in dataset for group in overlays)
    return stream.kind == "JPEG 2000" and stream.precision != int(dataset.BitsAllocated) and not hidden


def _meaning(pixels: npt.NDArray[Any], lowest: int, bits: int) -> npt.NDArray[Any]:
    """Bits above Bits Stored mean nothing (PS3.5 8.1.1); in nearly all files they are as they should be."""
    if pixels.dtype.kind not in "iu":
        return pixels
    spare = 8 * pixels.dtype.itemsize - bits
    if spare <= 0:
        return pixels
    if lowest == 0:
        top = 1 << bits
        low, high = (-(top >> 1), (top >> 1) - 1) if pixels.dtype.kind == "i" else (0, top - 1)
        if int(pixels.max()) <= high and (low == 0 or int(pixels.min()) >= low):
            return pixels
    return (pixels << (spare - lowest)) >> spare


def _check_codestream(path: Path, dataset: Dataset, syntax: UID, frame: int, limit: int) -> Codestream | None:
    """Head of the frame's codestream, None for RLE; refuse one larger than the limit, whatever Rows and Columns say."""
    try:
        data = get_frame(dataset.PixelData, frame, number_of_frames=int(dataset.get("NumberOfFrames") or 1))
    except MemoryError:
        raise
    except Exception as exc:
        if len(dataset.PixelData or b"") // 2 * 2 >= _native_length(dataset, "PixelData"):
            raise wrong_syntax(path, syntax, "uncompressed values") from exc
        raise DamagedImageError(
            f"The compressed picture in {path.name} isn't packed as DICOM asks ({in_words(exc)}).",
            "Ask for the file again."
        ) from exc
    stream = read_codestream(data)
    if stream is not None and stream.width * stream.height > limit:
        raise DamagedImageError(
            f"{path.name} says {dataset.Columns} x {dataset.Rows} pixels, but its compressed picture "
            f"{stream.width:,} x {stream.height:,}.",
            "The file is damaged: ask for it again.",
        )
    return stream


def _first_frame(dataset: Dataset) -> bytes:
    return get_frame(dataset.PixelData, 0, number_of_frames=int(dataset.get("NumberOfFrames") or 1))


def _check_length(path: Path, dataset: Dataset, syntax: UID, keyword: str) -> None:
    """Native pixel data must be as long as rows, columns and frames make it."""
    data = dataset[keyword].value or b""
    needed = _native_length(dataset, keyword)
    if len(data) >= needed:
        return
    # Behind the item that holds the table of offsets, and the head of the next one.
    at = 16 + int.from_bytes(data[4:8], "little") if data[:4] == _ITEM else 0
    stream = read_codestream(data[at:])
    if stream is not None or data[:4] == _ITEM:
        raise wrong_syntax(path, syntax, f"a {stream.kind} codestream" if stream else "a compressed picture")
    raise TruncatedImageError(
        f"{path.name} is cut off: {len(data):,} of {needed:,} bytes of the picture are there.",
        "Copy or send the file again; the transfer probably stopped early.",
    )


def wrong_syntax(path: Path, syntax: UID | None, held: str) -> DamagedImageError:
    """What to tell of a file that holds something else than it says; ``syntax`` None where it couldn't be read."""
    said = f"says that its picture is stored as {syntax.name}" if syntax is not None else "names a transfer syntax"
    return DamagedImageError(
        f"{path.name} {said}, but holds {held}: the transfer syntax is "
        "wrong.",
        "Ask for the file again and say so: the program that wrote or forwarded it labels its pictures wrongly.",
    )


def _native_length(dataset: Dataset, keyword: str) -> int:
    """Bytes of all frames, uncompressed."""
    bits = {"PixelData": int(dataset.get("BitsAllocated") or 0), "FloatPixelData": 32, "DoubleFloatPixelData": 64}
    frames = int(dataset.get("NumberOfFrames") or 1)
    samples = 2 if dataset.PhotometricInterpretation == "YBR_FULL_422" else int(dataset.SamplesPerPixel)
    return int(dataset.Rows * dataset.Columns * samples * frames * bits[keyword] + 7) // 8


def _decoding_failed(
    path: Path, dataset: Dataset, syntax: UID, stream: Codestream | None, failures: list[str]
) -> TruncatedImageError | MissingDecoderError | DamagedImageError:
    reasons = "; ".join(failures)
    if not syntax.is_encapsulated:
        return DamagedImageError(
            f"The picture in {path.name} contradicts its own description ({reasons}).",
            "The file is damaged: ask for it again.",
        )
    if stream is not None and stream.kind != _KINDS.get(str(syntax)):
        return wrong_syntax(path, syntax, f"a {stream.kind} codestream")
    if stream is None and syntax != RLELossless and looks_like_rle(_first_frame(dataset)):
        return wrong_syntax(path, syntax, "run lengths (RLE)")
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
    "1.2.840.10008.1.2.4.50": "Install a JPEG decoder: 'pip install pillow'.",
    "1.2.840.10008.1.2.4.51": "Make an uncompressed copy with 'dcmdjpeg' (DCMTK), which reads more of 12-bit JPEG.",
    "1.2.840.10008.1.2.4.80": "Install a JPEG-LS decoder: 'pip install pyjpegls'.",
    "1.2.840.10008.1.2.4.81": "Install a JPEG-LS decoder: 'pip install pyjpegls'.",
    **dict.fromkeys([f"1.2.840.10008.1.2.4.{n}" for n in (90, 91, 92, 93, 201, 202, 203)], _JPEG_2000),
    **dict.fromkeys([f"1.2.840.10008.1.2.4.10{n}" for n in range(9)], _VIDEO),
    "1.2.840.10008.1.2.4.100.1": _VIDEO,
}


def _decoder_name(plugin: str, syntax: UID) -> str:
    package = plugin or "pydicom"
    if plugin == jpeg_plugin.NAME:
        return f"{plugin} {__version__}"
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
            notes.append("The palette's 16-bit entries hold 8-bit colours, and were read as such.")
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
