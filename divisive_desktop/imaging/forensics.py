"""What a forensic examiner asks of a picture file before looking at the picture. The file is only read.

References
----------
JPEG: ITU-T T.81 annex B (markers) and K.1 (quantisation tables); the scaling by quality is libjpeg's.
"""

from __future__ import annotations

import hashlib
import io
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, UnidentifiedImageError

from divisive_desktop.errors import UnreadableFileError, in_words
from divisive_desktop.imaging import limits
from divisive_desktop.imaging.exif import png_exif, read_exif
from divisive_desktop.imaging.photograph import FORMATS, profile_name
from divisive_desktop.imaging.sniff import HEAD_BYTES, sniff

# ITU-T T.81, table K.1 (luminance) and K.2 (chrominance), row by row.
_LUMINANCE = np.array([
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56,
    14, 17, 22, 29, 51, 87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92,
    49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99,
])  # fmt: skip
_CHROMINANCE = np.array([
    17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99, 24, 26, 56, 99, 99, 99, 99, 99,
    47, 66, 99, 99, 99, 99, 99, 99, *[99] * 32,
])  # fmt: skip


@dataclass(frozen=True)
class FileFacts:
    """The file as an object on a disk."""

    sha256: str
    md5: str
    size: int
    """Bytes."""
    modified: datetime
    """Last change of the content, UTC; copying may set or keep it."""
    changed: datetime
    """Creation on Windows, last change of the directory entry elsewhere, UTC."""


@dataclass(frozen=True)
class JpegFacts:
    """How a JPEG was compressed."""

    tables: tuple[npt.NDArray[np.int64], ...]
    """Quantisation tables, (8, 8) each, row by row (not zigzag)."""
    quality: int | None
    """1..100: the libjpeg quality whose tables come nearest; None when no table was found."""
    quality_exact: bool
    """Whether the tables are exactly libjpeg's of that quality; cameras and Photoshop use tables of their own."""
    subsampling: str
    """'4:4:4', '4:2:2', '4:2:0', '4:1:1', 'grey', or the factors of every component."""
    progressive: bool
    markers: tuple[str, ...]
    """Names of the segments before the pixels, in order: an application's habit."""
    after_end: int
    """Bytes behind the end-of-image marker; 0 in an ordinary file."""


@dataclass(frozen=True)
class Thumbnail:
    """The small picture that a camera wrote into EXIF, against the picture itself."""

    pixels: npt.NDArray[np.uint8]
    """RGB, as stored (not turned upright)."""
    difference: float
    """Mean absolute difference from the picture made as small, in grey levels 0..255; above 20 is unusual."""
    same_shape: bool
    """False when the proportions differ by more than 3 %, black bars left out: cropped after the camera made it."""


@dataclass(frozen=True)
class Findings:
    """All of it; parts that don't apply are None."""

    file: FileFacts
    format: str
    """'JPEG', 'PNG', …, 'DICOM', '' when no picture format."""
    mode: str
    profile: str
    """Description of the ICC profile, '' without one."""
    jpeg: JpegFacts | None = None
    thumbnail: Thumbnail | None = None
    notes: tuple[str, ...] = ()
    """What deserves a look, in words; none of it is proof of anything."""


def examine(path: str | os.PathLike[str]) -> Findings:
    """Examine a photograph (other files get their hashes and times only).

    Raises
    ------
    UnreadableFileError
        When the file can't be read.
    """
    path = Path(path)
    try:
        with path.open("rb") as source:
            facts = file_facts(source.fileno(), source)
            source.seek(0)
            return _examine_picture(facts, source.read() if facts.size <= _MAX_BYTES else b"")
    except OSError as exc:
        raise UnreadableFileError(f"{path} can't be read ({in_words(exc)}).", "Check the name.") from exc


_MAX_BYTES = 1 << 30


def file_facts(descriptor: int, source: io.BufferedReader) -> FileFacts:
    """Hashes, size and times of an open file."""
    sha256, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
    source.seek(0)
    while block := source.read(1 << 20):
        sha256.update(block)
        md5.update(block)
    status = os.fstat(descriptor)
    born = getattr(status, "st_birthtime", status.st_ctime)
    return FileFacts(
        sha256.hexdigest(),
        md5.hexdigest(),
        status.st_size,
        datetime.fromtimestamp(status.st_mtime, UTC),
        datetime.fromtimestamp(born, UTC),
    )


def _examine_picture(facts: FileFacts, data: bytes) -> Findings:
    kind = sniff(data[:HEAD_BYTES])
    if kind != "photograph":  # a DICOM file may be a valid TIFF as well
        return Findings(facts, "DICOM" if kind == "dicom" else "", "", "")
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError):
        return Findings(facts, "", "", "")
    with image:
        profile = image.info.get("icc_profile")
        notes: list[str] = []
        jpeg = _jpeg_facts(image, data) if image.format in ("JPEG", "MPO") else None
        thumbnail = _thumbnail(image, notes)
        software = read_exif(image).get(ExifTags.Base.Software) if image.format != "PNG" else image.info.get("Software")
        if software:
            notes.append(f"Written by '{str(software).strip()}'.")
        if jpeg and jpeg.after_end and image.format == "JPEG":
            notes.append(f"{jpeg.after_end:,} bytes follow the end of the picture.")
        stated = _stated_size(png_exif(io.BytesIO(data), []) if image.format == "PNG" else read_exif(image))
        if stated and stated not in (image.size, image.size[::-1]):
            notes.append(
                f"EXIF says {stated[0]:,} x {stated[1]:,} pixels, the picture has {image.width:,} x {image.height:,}: "
                "it was cropped or resized after it was taken."
            )
        if thumbnail and not thumbnail.same_shape:
            notes.append("The embedded thumbnail has other proportions than the picture: it may have been cropped.")
        if thumbnail and thumbnail.difference > 20:
            notes.append("The embedded thumbnail differs from the picture: it may show an earlier state.")
        return Findings(
            facts,
            image.format or "",
            image.mode,
            profile_name(profile) if profile else "",
            jpeg,
            thumbnail,
            tuple(notes),
        )


def _stated_size(exif: Image.Exif) -> tuple[int, int] | None:
    """Width and height that EXIF gives the picture; None where it doesn't."""
    try:
        found = exif.get_ifd(ExifTags.IFD.Exif)
        sides = int(found.get(0xA002) or 0), int(found.get(0xA003) or 0)
    except Exception:  # noqa: BLE001  Pillow raises anything on damaged EXIF
        return None
    return sides if min(sides) > 0 else None


def _jpeg_facts(image: Image.Image, data: bytes) -> JpegFacts:
    stored: dict[int, list[int]] = getattr(image, "quantization", {})
    tables = tuple(np.asarray(stored[key], np.int64).reshape(8, 8) for key in sorted(stored))
    quality, exact = estimate_quality(tables)
    layers = [(h, v) for _id, h, v, _table in getattr(image, "layer", [])]
    markers, after = _structure(data)
    return JpegFacts(
        tables, quality, exact, _subsampling(layers), bool(image.info.get("progressive")), tuple(markers), after
    )


def estimate_quality(tables: tuple[npt.NDArray[np.int64], ...]) -> tuple[int | None, bool]:
    """libjpeg quality whose quantisation tables come nearest to these, and whether they are equal.

    Parameters
    ----------
    tables : tuple of (8, 8) arrays
        Luminance first, then chrominance where there is one.
    """
    if not tables:
        return None, False
    pairs = list(zip((_LUMINANCE, _CHROMINANCE), tables, strict=False))
    best, least = 0, float("inf")
    for quality in range(1, 101):
        scale = 5000 // quality if quality < 50 else 200 - 2 * quality
        apart = 0.0
        for basis, table in pairs:
            wanted = np.clip((basis * scale + 50) // 100, 1, 255)
            apart += float(np.abs(wanted - table.reshape(-1)).sum()) / (1 + float(wanted.sum()))
        if apart < least:
            best, least = quality, apart
    return best, least == 0


def _subsampling(layers: list[tuple[int, int]]) -> str:
    if len(layers) == 1:
        return "grey"
    if len(layers) == 3 and layers[1] == layers[2] == (1, 1):
        known = {(1, 1): "4:4:4", (2, 1): "4:2:2", (2, 2): "4:2:0", (4, 1): "4:1:1", (1, 2): "4:4:0"}
        if layers[0] in known:
            return known[layers[0]]
    return ", ".join(f"{h}x{v}" for h, v in layers)


_NAMES = {0xC0: "SOF0", 0xC1: "SOF1", 0xC2: "SOF2", 0xC4: "DHT", 0xDB: "DQT", 0xDD: "DRI", 0xFE: "COM", 0xDA: "SOS"}


def _structure(data: bytes) -> tuple[list[str], int]:
    """Names of the segments up to the first scan, and the number of bytes behind the end-of-image marker."""
    names, at = ["SOI"], 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        code = data[at + 1]
        if code == 0xFF:  # fill byte
            at += 1
            continue
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        label = f"APP{code - 0xE0}" if 0xE0 <= code <= 0xEF else _NAMES.get(code, f"{code:02X}")
        if 0xE0 <= code <= 0xEF:
            kind = data[at + 4 : at + 20].split(b"\0")[0][:14]
            label += f" {kind.decode('ascii')}" if kind.isascii() and kind.decode("ascii").isprintable() else ""
        names.append(label)
        at += 2 + max(length, 2)
        if code == 0xDA:
            break
    # Inside a scan every 0xFF is followed by 0 or a restart marker, so that FFD9 is the end of the picture.
    while (found := data.find(b"\xff", at)) >= 0 and found + 1 < len(data):
        code = data[found + 1]
        if code == 0xD9:
            return names, len(data) - found - 2
        if code in (0x00, 0xFF) or 0xD0 <= code <= 0xD7:
            at = found + (1 if code == 0xFF else 2)
        else:  # a table or another scan of a progressive picture
            at = found + 2 + max(int.from_bytes(data[found + 2 : found + 4], "big"), 2)
    return names, 0


def _thumbnail(image: Image.Image, notes: list[str]) -> Thumbnail | None:
    raw = image.info.get("exif")
    if not raw or image.width * image.height > limits.max_pixels():
        return None
    directory = read_exif(image).get_ifd(ExifTags.IFD.IFD1)
    offset, length = directory.get(513), directory.get(514)
    if not isinstance(offset, int) or not isinstance(length, int) or length <= 0:
        return None
    tiff = raw[6:] if raw.startswith(b"Exif\0\0") else raw
    try:
        with Image.open(io.BytesIO(tiff[offset : offset + length]), formats=("JPEG",)) as small:
            if small.width * small.height > 4_000_000:
                return None
            pixels = np.asarray(small.convert("RGB"))
        # A JPEG can be decoded at an eighth of its size at once.
        image.draft("RGB", (4 * pixels.shape[1], 4 * pixels.shape[0]))
        whole = np.asarray(image.convert("RGB"))
    except (OSError, SyntaxError, ValueError):
        notes.append("The embedded thumbnail or the picture can't be decoded.")
        return None
    inside = _without_bars(pixels)
    height, width = inside.shape[:2]
    ratio = (width / height) / (whole.shape[1] / whole.shape[0])
    made_small = cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA)
    grey = [cv2.cvtColor(np.ascontiguousarray(part), cv2.COLOR_RGB2GRAY) for part in (inside, made_small)]
    difference = float(np.abs(grey[0].astype(np.float32) - grey[1].astype(np.float32)).mean())
    return Thumbnail(pixels, difference, abs(ratio - 1) <= 0.03)


def _without_bars(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Cameras fill a 4:3 thumbnail of a 3:2 picture with black bars."""
    bright = pixels.max(axis=2) > 24
    rows, columns = np.flatnonzero(bright.mean(axis=1) > 0.02), np.flatnonzero(bright.mean(axis=0) > 0.02)
    if not rows.size or not columns.size:
        return pixels
    return pixels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
