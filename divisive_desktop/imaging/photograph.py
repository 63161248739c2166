"""PNG, JPEG, TIFF, WebP, BMP... -> ImageRecord: always upright, always RGB order or grey, 16 bits kept."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import cv2
import numpy as np
import numpy.typing as npt
import PIL
from PIL import ExifTags, Image, ImageCms, ImageFile, UnidentifiedImageError

from divisive_desktop.errors import DamagedImageError, NotAnImageError, TruncatedImageError
from divisive_desktop.imaging.display import auto_voi, full_range_voi
from divisive_desktop.imaging.limits import check_size
from divisive_desktop.imaging.record import ImageRecord

# ``check_size`` does this with a limit that the user can raise, and an error instead of a warning.
Image.MAX_IMAGE_PIXELS = None

FORMATS = ("PNG", "JPEG", "TIFF", "WEBP", "BMP", "GIF", "JPEG2000")
"""What is tried. Pillow knows more (EPS, PSD...), some of which start other programs."""

_STRIP = 64
_HEADER_TAGS = ("Make", "Model", "Software", "DateTime", "DateTimeOriginal", "Artist", "Copyright")


def open_photograph(path: Path, source: BinaryIO, frame: int, limit: int) -> ImageRecord:
    """Read one picture; parameters and errors as ``DicomFile``."""
    try:
        image = Image.open(source, formats=FORMATS)
    except UnidentifiedImageError as exc:
        raise NotAnImageError(
            f"{path.name} begins like a picture but isn't one that can be read.",
            "Check the file, or save it as PNG, JPEG or TIFF.",
        ) from exc
    with image:
        check_size(path.name, *image.size, limit)
        frames = getattr(image, "n_frames", 1) if image.format in ("TIFF", "GIF", "WEBP") else 1
        if not 0 <= frame < frames:
            raise DamagedImageError(
                f"{path.name} has {frames} picture{'s' if frames > 1 else ''}; number {frame + 1} doesn't exist.",
                "Choose one of those that exist.",
            )
        if frame:
            image.seek(frame)
            check_size(path.name, *image.size, limit)
        notes: list[str] = []
        deep = _deep_colour(image)
        if deep:
            pixels, decoder = _decode_deep(path, source, frame, notes), f"opencv {cv2.__version__}"
        else:
            pixels, decoder = _decode(path, image, notes), f"pillow {PIL.__version__}"
        # A PNG's EXIF block may follow the pixels, so that asking Pillow for it decodes them: not twice.
        exif = Image.Exif() if deep and image.format == "PNG" and "exif" not in image.info else image.getexif()
        header = _header(image, exif)
        orientation = exif.get(ExifTags.Base.Orientation, 1)
        lossy = image.format in ("JPEG", "MPO") or (image.format == "WEBP" and not image.info.get("lossless"))
    pixels = _upright(pixels, orientation, notes)
    pixels = _collapse_grey(pixels, notes)
    grey = pixels.ndim == 2
    radiograph = grey and not (header.get("Make") or header.get("Model"))
    if radiograph:
        notes.append("A grey picture without camera data: taken for a radiograph.")
    bits = 8 * pixels.dtype.itemsize
    draft = ImageRecord(
        path=path,
        sha256="",
        kind="radiograph" if radiograph else "photograph",
        stored=pixels,
        photometric="MONOCHROME2" if grey else "RGB",
        frame=frame,
        frames=frames,
        decoder=decoder,
        bits_stored=bits,
        lossy=lossy,
        notes=tuple(notes),
        header=header,
    )
    return _with_voi(draft)


def _with_voi(draft: ImageRecord) -> ImageRecord:
    full = full_range_voi(draft)
    if draft.is_colour:
        return replace(draft, voi=(full,))
    auto = auto_voi(draft)
    # 12-bit values in a 16-bit file would be black on the full range.
    dim = draft.stored.dtype.itemsize > 1 and float(draft.stored.max()) < 0.25 * (full.center + full.width / 2)
    return replace(draft, voi=(auto, full) if dim else (full, auto))


def _header(image: Image.Image, exif: Image.Exif) -> dict[str, str]:
    tags = {**exif, **exif.get_ifd(ExifTags.IFD.Exif)}
    named = {ExifTags.TAGS.get(tag, ""): value for tag, value in tags.items()}
    header = {name: str(named[name]).strip("\0 ") for name in _HEADER_TAGS if named.get(name)}
    header["Format"] = f"{image.format} {image.mode}"
    return header


def _deep_colour(image: Image.Image) -> bool:
    """Colour with 16 bits per sample, which Pillow would cut to 8."""
    if image.format == "PNG" and image.mode in ("RGB", "RGBA", "LA"):
        rawmodes = [str(tile[3]) for tile in image.tile]  # type: ignore[attr-defined]
        return any("16" in mode for mode in rawmodes)
    if image.format == "TIFF":
        bits = image.tag_v2.get(258, ())  # type: ignore[attr-defined]
        return len(bits) >= 3 and max(bits) > 8
    return False


def _decode(path: Path, image: Image.Image, notes: list[str]) -> npt.NDArray[Any]:
    profile = image.info.get("icc_profile")
    try:
        image.load()
    except (OSError, SyntaxError, ValueError, EOFError) as exc:
        raise _broken(path, exc) from exc
    if image.mode == "CMYK":
        image = _cmyk_to_rgb(image, profile, notes)
    elif profile:
        notes.append(f"Colour profile '{profile_name(profile)}' is noted, not applied.")
    if image.mode in ("I;16", "I;16L", "I;16B", "I;16N", "I", "F"):
        return _narrow(_to_array(image))
    if image.mode in ("1", "L"):
        return _to_array(image.convert("L"))
    if image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info:
        return _flatten(image, notes)
    return _to_array(image if image.mode == "RGB" else image.convert("RGB"))


def _to_array(image: Image.Image) -> npt.NDArray[Any]:
    """Strip by strip: ``np.asarray`` on a whole picture makes two copies more."""
    step = max(_STRIP, 4_000_000 // max(image.width, 1))
    strips = (np.asarray(image.crop((0, top, image.width, min(top + step, image.height))))
              for top in range(0, image.height, step))  # fmt: skip
    first = next(strips)
    out = np.empty((image.height, *first.shape[1:]), first.dtype.newbyteorder("="))
    out[: len(first)] = first
    top = len(first)
    for strip in strips:
        out[top : top + len(strip)] = strip
        top += len(strip)
    return out


def _narrow(pixels: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """32-bit integers to 16 bits when they fit; no NaN."""
    if pixels.dtype.kind == "f":
        return np.nan_to_num(pixels.astype(np.float32, copy=False), copy=False, nan=0.0)
    if pixels.dtype.itemsize <= 2:
        return pixels
    low, high = int(pixels.min()), int(pixels.max())
    for dtype in (np.uint16, np.int16):
        if np.iinfo(dtype).min <= low and high <= np.iinfo(dtype).max:
            return pixels.astype(dtype, copy=False)
    return pixels


def _flatten(image: Image.Image, notes: list[str]) -> npt.NDArray[np.uint8]:
    """Transparent parts are shown on white, as a page would."""
    grey = image.mode in ("LA", "La") or (image.mode == "L")
    with_alpha = image.convert("LA" if grey else "RGBA")
    alpha = with_alpha.getchannel("A")
    opaque = with_alpha.convert("L" if grey else "RGB")
    if alpha.getextrema() != (255, 255):
        notes.append("Transparent parts are shown on white.")
        opaque = Image.composite(opaque, Image.new(opaque.mode, opaque.size, "white"), alpha)
    return _to_array(opaque)


def _cmyk_to_rgb(image: Image.Image, profile: bytes | None, notes: list[str]) -> Image.Image:
    if profile:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
        except ImageCms.PyCMSError:
            notes.append("The colour profile of this CMYK picture is damaged; colours are approximate.")
        else:
            notes.append(f"CMYK was converted to RGB with its colour profile '{profile_name(profile)}'.")
            assert converted is not None
            return converted
    notes.append("CMYK without a usable colour profile was converted to RGB; colours are approximate.")
    return image.convert("RGB")


def profile_name(profile: bytes) -> str:
    """What an ICC profile calls itself."""
    try:
        return ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(profile))).strip() or "unnamed"
    except (ImageCms.PyCMSError, OSError, TypeError):
        return "unreadable"


def _decode_deep(path: Path, source: BinaryIO, frame: int, notes: list[str]) -> npt.NDArray[np.uint16]:
    source.seek(0)
    data = np.frombuffer(source.read(), np.uint8)
    ok, pages = cv2.imdecodemulti(data, cv2.IMREAD_UNCHANGED, range=(frame, frame + 1))
    if not ok:
        raise DamagedImageError(f"The 16-bit picture in {path.name} can't be decoded.", "Save it as PNG or TIFF again.")
    pixels: npt.NDArray[Any] = pages[0]
    if pixels.dtype != np.uint16:
        notes.append(f"Colours of type {pixels.dtype} were scaled to 16 bits.")
        high = float(np.nanmax(pixels))
        scale = 65535 / high if high > 0 else 0.0
        pixels = (np.clip(np.nan_to_num(pixels), 0, None) * scale).astype(np.uint16)
    if pixels.ndim == 3 and pixels.shape[2] == 4:
        pixels = _flatten_deep(pixels, notes)
    for top in range(0, len(pixels), _STRIP):  # BGR -> RGB in place
        strip = pixels[top : top + _STRIP]
        strip[...] = strip[..., ::-1].copy()
    return pixels


def _flatten_deep(pixels: npt.NDArray[np.uint16], notes: list[str]) -> npt.NDArray[np.uint16]:
    if pixels[..., 3].min() < 65535:
        notes.append("Transparent parts are shown on white.")
        for top in range(0, len(pixels), _STRIP):
            strip = pixels[top : top + _STRIP]
            alpha = strip[..., 3:].astype(np.float32) / 65535
            strip[..., :3] = np.rint(strip[..., :3] * alpha + 65535 * (1 - alpha))
    return np.ascontiguousarray(pixels[..., :3])


def _broken(path: Path, exc: Exception) -> TruncatedImageError | DamagedImageError:
    text = str(exc)
    if "truncated" in text or "incomplete" in text or "EOF" in text or isinstance(exc, EOFError):
        return TruncatedImageError(
            f"{path.name} is cut off: the end of the picture is missing ({text}).",
            "Copy or download the file again; the transfer probably stopped early.",
        )
    return DamagedImageError(f"The picture in {path.name} is damaged ({text}).", "Open another copy of the file.")


def _upright(pixels: npt.NDArray[Any], orientation: int, notes: list[str]) -> npt.NDArray[Any]:
    """Turn and mirror as EXIF Orientation (tag 274) says."""
    turned = {
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.swapaxes(0, 1),
        6: lambda a: a.swapaxes(0, 1)[:, ::-1],
        7: lambda a: a.swapaxes(0, 1)[::-1, ::-1],
        8: lambda a: a.swapaxes(0, 1)[::-1],
    }.get(orientation)
    if turned is None:
        return pixels
    notes.append(f"Turned upright as EXIF orientation {orientation} says.")
    return np.ascontiguousarray(turned(pixels))


def _collapse_grey(pixels: npt.NDArray[Any], notes: list[str]) -> npt.NDArray[Any]:
    """A colour file whose channels are all equal is a grey picture."""
    if pixels.ndim == 2:
        return pixels
    for part in (pixels[:: max(1, len(pixels) // 16)], pixels):  # most colour pictures show it in a few rows
        if not (np.array_equal(part[..., 0], part[..., 1]) and np.array_equal(part[..., 1], part[..., 2])):
            return pixels
    notes.append("Stored in colour, but red, green and blue are equal everywhere: read as grey.")
    return np.ascontiguousarray(pixels[..., 0])


# A truncated JPEG must be an error here, whatever another library asked Pillow for.
ImageFile.LOAD_TRUNCATED_IMAGES = False
