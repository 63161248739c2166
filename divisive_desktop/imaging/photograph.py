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

from divisive_desktop.errors import DamagedImageError, NotAnImageError, TruncatedImageError, in_words
from divisive_desktop.imaging.display import auto_voi, full_range_voi
from divisive_desktop.imaging.exif import orientation, png_exif, read_exif
from divisive_desktop.imaging.limits import check_size
from divisive_desktop.imaging.missing_pixels import missing_pixels
from divisive_desktop.imaging.record import ImageRecord
from divisive_desktop.imaging.tiff import TiffForm, grey_plane, left_out_samples, read_form

# ``check_size`` does this with a limit that the user can raise, and an error instead of a warning.
Image.MAX_IMAGE_PIXELS = None

FORMATS = ("PNG", "JPEG", "TIFF", "WEBP", "BMP", "GIF", "JPEG2000")
"""What is tried. Pillow knows more (EPS, PSD...), some of which start other programs."""

_STRIP = 64
_LOOKED_AT = 16
"""Pictures of a file that are compared with the first in size."""
_HEADER_TAGS = ("Make", "Model", "Software", "DateTime", "DateTimeOriginal", "Artist", "Copyright")


def open_photograph(path: Path, source: BinaryIO, frame: int, limit: int) -> ImageRecord:
    """Read one picture; parameters and errors as ``DicomFile``."""
    form = read_form(source, frame) or read_form(source, 0)
    if form is not None:
        _check_frame(path, frame, form.pages)
        check_size(path.name, *form.size, limit)
    source.seek(0)
    try:
        stream = io.BytesIO(grey_plane(source, form, 0)) if form is not None and form.rewritten else source
        image = Image.open(stream, formats=FORMATS)
    except UnidentifiedImageError as exc:
        source.seek(0)
        words = "BigTIFF, big-endian" if source.read(4) == b"MM\0+" else form.words if form is not None else ""
        raise NotAnImageError(
            f"{path.name} is a TIFF of a kind that can't be read ({words})."
            if words
            else f"{path.name} begins like a picture but isn't one that can be read.",
            "Check the file, or save it as PNG, JPEG or TIFF.",
        ) from exc
    with image:
        check_size(path.name, *image.size, limit)
        frames = getattr(image, "n_frames", 1) if image.format in ("TIFF", "GIF", "WEBP") and form is None else 1
        frames = form.pages if form is not None else frames
        _check_frame(path, frame, frames)
        if frame and stream is source:
            image.seek(frame)
            check_size(path.name, *image.size, limit)
        notes: list[str] = []
        if form is not None and form.number(254, 0) & 1 and form.pages == 1:
            notes.append("The file says that this is a small copy of a larger picture: a camera's raw file, perhaps.")
        if form is not None:
            notes.extend(left_out_samples(form))
            notes.extend(_smaller_first(source, form, frame))
        if image.format == "PNG" and image.mode == "P" and image.palette is None:
            raise DamagedImageError(
                f"{path.name} is a picture in the colours of a palette, and holds no palette.",
                "Save it again as PNG or TIFF.",
            )
        deep = form.own_colour if form is not None else _deep_png(image)
        if deep:
            pixels, decoder, turned = _decode_deep(path, source, frame, form, notes)
        else:
            turned = image.format == "TIFF"  # Pillow does it, and forgets what it did
            pixels, decoder = _decode(path, image, form, notes), f"pillow {PIL.__version__}"
        # A PNG's EXIF block may follow the pixels, so that asking Pillow for it decodes them: not twice.
        exif = png_exif(source, notes) if deep and image.format == "PNG" else read_exif(image, notes)
        # OpenCV, which reads the deep ones, refuses what isn't whole itself.
        missing = form.missing_pieces if form is not None else "" if deep else missing_pixels(source, image)
        if missing:
            raise _cut_off(path, missing)
        header = _header(image, exif)
        turn = form.orientation if form is not None else orientation(exif)
        lossy = image.format in ("JPEG", "MPO") or (image.format == "WEBP" and not image.info.get("lossless"))
    pixels = upright(pixels, turn, turned, notes)
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


def _smaller_first(source: BinaryIO, form: TiffForm, frame: int) -> list[str]:
    """A note where the first picture of several is a small copy of a later one."""
    if frame or form.pages < 2:
        return []
    place = source.tell()
    width, height = form.size
    others = [(page, other.size) for page in range(1, min(form.pages, _LOOKED_AT))
              if (other := read_form(source, page)) is not None]  # fmt: skip
    source.seek(place)
    larger = [(w * h, page, w, h) for page, (w, h) in others if w >= 2 * width and h >= 2 * height]
    if not larger and not form.number(254, 0) & 1:
        return []
    if not larger:
        return ["The file says that this picture is a small copy of another one in it."]
    _, page, w, h = max(larger)
    return [f"This is the first picture of {form.pages} and {width} x {height} pixels small; picture {page + 1} has "
            f"{w} x {h}: the first may be a small copy of it."]  # fmt: skip


def _check_frame(path: Path, frame: int, frames: int) -> None:
    if not 0 <= frame < frames:
        raise DamagedImageError(
            f"{path.name} has {frames} picture{'s' if frames > 1 else ''}; number {frame + 1} doesn't exist.",
            "Choose one of those that exist.",
        )


def _with_voi(draft: ImageRecord) -> ImageRecord:
    full = full_range_voi(draft)
    if draft.is_colour:
        return replace(draft, voi=(full,))
    auto = auto_voi(draft)
    # 12-bit values in a 16-bit file would be black on the full range.
    dim = draft.stored.dtype.itemsize > 1 and float(draft.stored.max()) < 0.25 * (full.center + full.width / 2)
    return replace(draft, voi=(auto, full) if dim else (full, auto))


def _header(image: Image.Image, exif: Image.Exif) -> dict[str, str]:
    named = {ExifTags.TAGS.get(tag, ""): value for tag, value in {**exif, **exif.get_ifd(ExifTags.IFD.Exif)}.items()}
    header = {name: str(named[name]).strip("\0 ") for name in _HEADER_TAGS if named.get(name)}
    header["Format"] = f"{image.format} {image.mode}"
    return header


def _deep_png(image: Image.Image) -> bool:
    """Colour with 16 bits per sample, which Pillow would cut to 8."""
    if image.format != "PNG" or image.mode not in ("RGB", "RGBA", "LA"):
        return False
    return any("16" in str(tile[3]) for tile in image.tile)  # type: ignore[attr-defined]


def _decode(path: Path, image: Image.Image, form: TiffForm | None, notes: list[str]) -> npt.NDArray[Any]:
    profile = image.info.get("icc_profile")
    try:
        image.load()
    except (OSError, SyntaxError, ValueError, EOFError) as exc:
        raise _broken(path, exc) from exc
    if form is not None and image.mode in ("L", "I;16", "I;16L", "I;16B", "I;16N", "I", "F") and form.samples == 1:
        return grey_tiff(_to_array(image), form, notes)
    if image.mode == "CMYK":
        if form is not None and form.bits > 8:
            notes.append(f"{form.bits} bits per colour were reduced to 8.")
        image = _cmyk_to_rgb(image, profile, notes)
    elif profile:
        notes.append(f"Colour profile '{profile_name(profile)}' is noted, not applied.")
    if image.mode in ("I;16", "I;16L", "I;16B", "I;16N", "I", "F"):
        return _narrow(_to_array(image), notes)
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


def grey_tiff(pixels: npt.NDArray[Any], form: TiffForm, notes: list[str]) -> npt.NDArray[Any]:
    """Values with the sign that the file states, high ones bright; what no number is becomes 0."""
    bits, kind = 8 * pixels.dtype.itemsize, pixels.dtype.kind
    if form.turned_twice and form.bits == 32:
        pixels = pixels.byteswap()
    if kind in "iu" and bits == form.bits and form.sample_format in (1, 2):
        pixels = pixels.view(f"{'ui'[form.sample_format - 1]}{bits // 8}")
    pixels = _narrow(pixels, notes)
    if form.photometric != 0:
        return pixels
    notes.append("White is zero in this TIFF: its values were turned round, so that high ones are bright.")
    if form.bits <= 8 and not form.refused_grey:  # Pillow has turned it
        return pixels
    if form.bits == 12:
        turned = 4095 - pixels
    elif pixels.dtype.kind in "iu" and pixels.dtype.itemsize <= 2:
        turned = ~pixels
    else:
        turned = (pixels.max() - pixels) + pixels.min()
    return np.asarray(turned, pixels.dtype)


def _finite(pixels: npt.NDArray[Any], notes: list[str]) -> npt.NDArray[Any]:
    """Floating values that are all numbers, in place; a note says what was put where there was none."""
    strange = ~np.isfinite(pixels)
    if not strange.any():
        return pixels
    missing, endless = np.isnan(pixels), np.isinf(pixels)
    said = [f"{_counted(int(missing.sum()))} no number (NaN); 0 was put in its place"] if missing.any() else []
    pixels[missing] = 0
    if endless.any():
        real = pixels[~strange]
        low, high = (float(real.min()), float(real.max())) if real.size else (0.0, 0.0)
        pixels[endless] = np.where(pixels[endless] > 0, np.float32(high), np.float32(low))
        said.append(f"{_counted(int(endless.sum()))} without end; the {'highest' if high else 'nearest'} number of the "
                    "picture was put in its place, or the lowest for one below zero")  # fmt: skip
    notes.append(f"{'. '.join(said)}.")
    return pixels


def _counted(pixels: int) -> str:
    return "1 value is" if pixels == 1 else f"{pixels:,} values are each"


def _narrow(pixels: npt.NDArray[Any], notes: list[str]) -> npt.NDArray[Any]:
    """32-bit integers to 16 bits when they fit; no NaN."""
    if pixels.dtype.kind == "f":
        return _finite(np.array(pixels, np.float32), notes)
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


def _decode_deep(
    path: Path, source: BinaryIO, frame: int, form: TiffForm | None, notes: list[str]
) -> tuple[npt.NDArray[Any], str, bool]:
    """Colours of more than 8 bits as RGB, what decoded them, and whether they were turned upright."""
    try:
        if form is not None and form.planar:
            planes = []
            for index in range(form.samples):
                with Image.open(io.BytesIO(grey_plane(source, form, index)), formats=("TIFF",)) as plane:
                    planes.append(grey_tiff(_to_array(plane), replace(form, tags={**form.tags, 262: 1}), notes))
            notes[:] = dict.fromkeys(notes)  # what each of the planes had to say
            pixels, library, turned = np.stack(planes, axis=-1), f"pillow {PIL.__version__}", False
        else:
            source.seek(0)
            data = np.frombuffer(source.read(), np.uint8)
            ok, pages = cv2.imdecodemulti(data, cv2.IMREAD_UNCHANGED, range=(frame, frame + 1))
            if not ok:
                raise ValueError("the decoder gives no reason")
            library, turned = f"opencv {cv2.__version__}", form is not None  # OpenCV turns TIFFs, and only those
            pixels = pages[0]
            for top in range(0, len(pixels) if pixels.ndim == 3 else 0, _STRIP):  # BGR -> RGB in place
                strip = pixels[top : top + _STRIP]
                strip[..., :3] = strip[..., 2::-1].copy()
    except (OSError, SyntaxError, ValueError, cv2.error) as exc:
        reason = form.words if form is not None else "16 bits"
        raise DamagedImageError(
            f"The picture in {path.name} ({reason}) can't be decoded ({in_words(exc)}).",
            "Save it as PNG or TIFF again."
        ) from exc
    if pixels.dtype not in (np.uint16, np.uint8):
        notes.append(f"Colours of type {pixels.dtype} were scaled to 16 bits.")
        if pixels.dtype.kind == "f":
            pixels = _finite(pixels, notes)
        high = float(pixels.max())
        scale = 65535 / high if high > 0 else 0.0
        pixels = (np.clip(pixels, 0, None) * scale).astype(np.uint16)
    if pixels.ndim == 3 and pixels.shape[2] == 4:
        pixels = _flatten_deep(pixels, form.alpha if form is not None else "straight", notes)
    return pixels, library, turned


def _flatten_deep(pixels: npt.NDArray[Any], kind: str, notes: list[str]) -> npt.NDArray[Any]:
    top = np.iinfo(pixels.dtype).max
    if kind == "unknown":
        notes.append("A fourth sample whose meaning the file doesn't say was left out.")
    elif pixels[..., 3].min() < top:
        notes.append("Transparent parts are shown on white.")
        for row in range(0, len(pixels), _STRIP):
            strip = pixels[row : row + _STRIP]
            alpha = strip[..., 3:].astype(np.float32) / top
            colour = strip[..., :3] * (alpha if kind == "straight" else np.float32(1))
            strip[..., :3] = np.rint(np.clip(colour + top * (1 - alpha), 0, top))
    return np.ascontiguousarray(pixels[..., :3])


def _broken(path: Path, exc: Exception) -> TruncatedImageError | DamagedImageError:
    text = str(exc)
    if "truncated" in text or "incomplete" in text or "EOF" in text or isinstance(exc, EOFError):
        return _cut_off(path, text)
    return DamagedImageError(f"The picture in {path.name} is damaged ({text}).", "Open another copy of the file.")


def _cut_off(path: Path, reason: str) -> TruncatedImageError:
    return TruncatedImageError(
        f"{path.name} is cut off: the end of the picture is missing ({reason}).",
        "Copy or download the file again; the transfer probably stopped early.",
    )


def upright(pixels: npt.NDArray[Any], turn: int, done: bool, notes: list[str]) -> npt.NDArray[Any]:
    """Turn and mirror as EXIF Orientation (tag 274) says, unless the decoder has done it."""
    turned = {
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.swapaxes(0, 1),
        6: lambda a: a.swapaxes(0, 1)[:, ::-1],
        7: lambda a: a.swapaxes(0, 1)[::-1, ::-1],
        8: lambda a: a.swapaxes(0, 1)[::-1],
    }.get(turn)
    if turned is None:
        return pixels
    notes.append(f"Turned upright as EXIF orientation {turn} says.")
    return pixels if done else np.ascontiguousarray(turned(pixels))


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
