"""EXIF, GPS, XMP, IPTC and text blocks of a photograph as metadata rows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from PIL import ExifTags, Image, IptcImagePlugin

from divisive_desktop.imaging.exif import read_exif
from divisive_desktop.imaging.limits import check_size, max_pixels
from divisive_desktop.imaging.photograph import FORMATS
from divisive_desktop.imaging.tag import MAX_VALUE, Tag


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_IDENTIFYING = _words(
    """Artist Copyright XPAuthor XPComment XPTitle XPSubject XPKeywords CameraOwnerName BodySerialNumber
    LensSerialNumber UserComment ImageDescription ImageUniqueID HostComputer DocumentName MakerNote DateTime
    DateTimeOriginal DateTimeDigitized OffsetTime OffsetTimeOriginal OffsetTimeDigitized SubsecTime
    SubsecTimeOriginal SubsecTimeDigitized CameraSerialNumber OwnerName SerialNumber"""
)
_IPTC = {
    (2, 5): "Title", (2, 25): "Keywords", (2, 40): "Instructions", (2, 55): "Date created", (2, 60): "Time created",
    (2, 80): "By-line", (2, 85): "By-line title", (2, 90): "City", (2, 92): "Sub-location", (2, 95): "Province/State",
    (2, 101): "Country", (2, 103): "Transmission reference", (2, 105): "Headline", (2, 110): "Credit",
    (2, 115): "Source", (2, 116): "Copyright", (2, 118): "Contact", (2, 120): "Caption", (2, 122): "Caption writer",
    (2, 65): "Originating program", (2, 70): "Program version", (2, 0): "Record version",
}  # fmt: skip
_MAX_XMP = 4_000_000


def photograph_tags(path: Path) -> Iterator[Tag]:
    """Rows of everything that is written beside the pixels."""
    with Image.open(path, formats=FORMATS) as image:
        yield Tag("Picture", "", "Format", "Format", "", f"{image.format_description or image.format}")
        yield Tag("Picture", "", "Size", "Size", "", f"{image.width:,} x {image.height:,} pixels")
        yield Tag("Picture", "", "Mode", "Mode", "", image.mode)
        # Pillow decodes a PNG to look for an EXIF block behind the pixels.
        check_size(path.name, *image.size, max_pixels())
        yield from exif_tags(read_exif(image))
        xmp = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp")
        if xmp:
            yield from xmp_tags(xmp.encode() if isinstance(xmp, str) else bytes(xmp))
        for (record, number), value in (IptcImagePlugin.getiptcinfo(image) or {}).items():
            name = _IPTC.get((record, number), f"IPTC {record}:{number}")
            for part in value if isinstance(value, list) else [value]:
                text = _text(part)
                yield Tag("IPTC", f"{record}:{number}", name, name, "", text, identifying=record == 2 and number > 0)
        for key, value in image.info.items():
            text_block = image.format == "PNG" and isinstance(value, str) and not str(key).startswith("XML:")
            if key == "comment" or text_block:
                yield Tag("Text", "", str(key), str(key), "", _text(value), identifying=True)


def exif_tags(exif: Image.Exif) -> Iterator[Tag]:
    """Rows of the main, Exif, GPS, interoperability and thumbnail directories."""
    main = {tag: value for tag, value in exif.items() if tag not in (0x8769, 0x8825, 0xA005)}
    yield from _directory("EXIF", main, ExifTags.TAGS)
    yield from _directory("EXIF", exif.get_ifd(ExifTags.IFD.Exif), ExifTags.TAGS)
    yield from _directory("GPS", exif.get_ifd(ExifTags.IFD.GPSInfo), ExifTags.GPSTAGS)
    yield from _directory("Thumbnail", exif.get_ifd(ExifTags.IFD.IFD1), ExifTags.TAGS)


def _directory(group: str, tags: dict[int, Any], names: dict[int, str]) -> Iterator[Tag]:
    for tag, value in sorted(tags.items()):
        if isinstance(value, dict):
            continue
        name = names.get(tag, f"Tag {tag}")
        hidden = group == "GPS" or name in _IDENTIFYING or tag not in names
        yield Tag(group, f"0x{tag:04X}", name, name, "", _text(value), identifying=hidden)


def xmp_tags(packet: bytes) -> Iterator[Tag]:
    """Rows of an XMP packet: every property and attribute by its path."""
    text = packet[:_MAX_XMP].strip(b"\0 \r\n\t")
    # An XMP packet needs no document type; entities in one are an attack on the parser.
    if b"<!DOCTYPE" in text or b"<!ENTITY" in text:
        yield Tag("XMP", "", "", "XMP packet with a document type, not read", "", f"{len(packet):,} bytes")
        return
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as exc:
        yield Tag("XMP", "", "", "XMP packet that can't be read", "", str(exc))
        return
    yield from _xml(root, "")


def _xml(node: ElementTree.Element, path: str) -> Iterator[Tag]:
    stack = [(node, path)]
    while stack:
        element, above = stack.pop()
        name = element.tag.rpartition("}")[2]
        here = above if name in ("xmpmeta", "RDF", "Description", "Bag", "Seq", "Alt", "li") else f"{above}/{name}"
        for attribute, value in element.attrib.items():
            label = attribute.rpartition("}")[2]
            if label not in ("about", "parseType", "lang", "xmptk"):
                yield _xmp_row(f"{here}/{label}", value)
        if element.text and element.text.strip():
            yield _xmp_row(here, element.text.strip())
        stack.extend((child, here) for child in reversed(list(element)))


def _xmp_row(path: str, value: str) -> Tag:
    name = path.rpartition("/")[2]
    harmless = name in ("Format", "format", "ColorSpace", "Orientation", "PixelXDimension", "PixelYDimension")
    return Tag("XMP", path.lstrip("/"), name, name, "", _text(value), identifying=not harmless)


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        plain = value.rstrip(b"\0")
        decoded = plain.decode("utf-16-le" if plain[1:2] == b"\0" else "utf-8", errors="replace")
        readable = decoded.isprintable() and "\ufffd" not in decoded
        value = decoded if readable and len(decoded) <= MAX_VALUE else f"{len(value):,} bytes"
    text = str(value).strip("\0 ")
    return text if len(text) <= MAX_VALUE else f"{text[:MAX_VALUE]}… ({len(text):,} characters)"
