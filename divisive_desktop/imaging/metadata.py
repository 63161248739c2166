"""Everything a file says about itself, row by row, for a metadata panel: DICOM attributes, EXIF, XMP, IPTC."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from divisive_desktop.errors import (
    DamagedImageError,
    ImageError,
    ImageTooLargeError,
    NotAnImageError,
    UnreadableFileError,
    in_words,
)
from divisive_desktop.imaging.bounded_reader import BoundedReader
from divisive_desktop.imaging.identifying import is_identifying
from divisive_desktop.imaging.sniff import HEAD_BYTES, sniff
from divisive_desktop.imaging.tag import MAX_VALUE, Tag

MAX_ROWS = 20_000
_MAX_DEPTH = 32


def read_metadata(path: str | os.PathLike[str]) -> tuple[Tag, ...]:
    """All rows of a file; pixels aren't decoded.

    Parameters
    ----------
    path : path
        DICOM file or photograph.

    Returns
    -------
    tuple of Tag
        At most ``MAX_ROWS``; a last row says when there were more.

    Raises
    ------
    ImageError
        When the file is neither, is damaged or can't be read.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            kind = sniff(file.read(HEAD_BYTES))
    except OSError as exc:
        raise UnreadableFileError(f"{path} can't be read ({in_words(exc)}).", "Check the name.") from exc
    if kind not in ("dicom", "dicomdir", "photograph"):
        raise NotAnImageError(f"{path.name} is no picture.", "Choose a DICOM file or a photograph.")
    try:
        if kind == "photograph":
            from divisive_desktop.imaging.photo_metadata import photograph_tags

            return _bounded(photograph_tags(path))
        return _bounded(_dicom_tags(path))
    except ImageError:
        raise
    except MemoryError as exc:
        raise ImageTooLargeError(
            f"There is not enough memory to read {path.name}.", "Close other pictures or programs and try again."
        ) from exc
    except Exception as exc:
        raise DamagedImageError(
            f"What {path.name} says about itself can't be read ({in_words(exc)}).",
            "Its header is damaged; ask for the file again.",
        ) from exc


def without_identity(tags: tuple[Tag, ...], placeholder: str = "hidden") -> tuple[Tag, ...]:
    """The same rows with the values of identifying ones replaced, for screens and exports without identity."""
    return tuple(replace(tag, value=placeholder) if tag.identifying and tag.value else tag for tag in tags)


def _bounded(rows: Iterator[Tag]) -> tuple[Tag, ...]:
    kept: list[Tag] = []
    for row in rows:
        if len(kept) >= MAX_ROWS:
            kept.append(Tag("More", "", "", f"Only the first {MAX_ROWS:,} rows are shown", "", ""))
            break
        kept.append(row)
    return tuple(kept)


def _dicom_tags(path: Path) -> Iterator[Tag]:
    from divisive_desktop.imaging.dicom_file import read_dicom

    with BoundedReader(path) as source:
        dataset = read_dicom(source, defer_size=65536)
        yield from _walk(dataset.file_meta, 0, False)
        yield from _walk(dataset, 0, False)


def _walk(dataset: Any, depth: int, hidden: bool) -> Iterator[Tag]:
    for tag in sorted(dataset.keys()):
        element = dataset.get_item(tag)
        # Pixels, and what else was too large to read at once, are told by their length.
        if getattr(element, "is_raw", False) and element.value is None and element.length:
            yield _row(tag, "", element.VR or "", f"{element.length:,} bytes", depth, hidden)
            continue
        element = dataset[tag]
        keyword, vr = element.keyword, str(element.VR)
        identifying = hidden or is_identifying(tag.group, tag.element, keyword, vr, element.value)
        if vr != "SQ":
            yield _row(tag, element.name, vr, _text(element.value), depth, identifying, keyword)
            continue
        items = list(element.value or [])
        count = f"{len(items)} item{'' if len(items) == 1 else 's'}"
        yield _row(tag, element.name, vr, count, depth, identifying, keyword)
        if depth < _MAX_DEPTH:
            for item in items:
                yield from _walk(item, depth + 1, identifying)


def _row(tag: Any, name: str, vr: str, value: str, depth: int, identifying: bool, keyword: str = "") -> Tag:
    if not keyword:
        from pydicom.datadict import dictionary_description, dictionary_has_tag, keyword_for_tag

        keyword = keyword_for_tag(tag)
        name = name or (dictionary_description(tag) if dictionary_has_tag(tag) else "Unknown")
    return Tag(
        group=_section(tag),
        tag=f"({tag.group:04X},{tag.element:04X})",
        keyword=keyword,
        name=name,
        vr=vr,
        value=value,
        depth=depth,
        private=bool(tag.is_private),
        identifying=identifying or (vr != "UI" and is_identifying(tag.group, tag.element, keyword, vr)),
    )


_SECTIONS = {
    0x0002: "File", 0x0004: "Directory", 0x0008: "Identification", 0x0010: "Patient", 0x0012: "Clinical trial",
    0x0018: "Acquisition", 0x0020: "Study and series", 0x0028: "Pixels", 0x0032: "Study", 0x0038: "Visit",
    0x0040: "Procedure", 0x0054: "Nuclear medicine", 0x2050: "Presentation", 0x7FE0: "Pixels",
}  # fmt: skip


def _section(tag: Any) -> str:
    if tag.is_private:
        return "Private"
    if 0x6000 <= tag.group <= 0x60FF:
        return "Overlay"
    return _SECTIONS.get(tag.group, "Other")


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, (bytes, bytearray)):
        text = f"{len(value):,} bytes"
        if 0 < len(value) <= 64 and bytes(value).rstrip(b"\0 ").isascii():
            plain = bytes(value).rstrip(b"\0 ").decode("ascii")
            text = plain if plain.isprintable() and plain else text
        return text
    if not isinstance(value, str) and hasattr(value, "__iter__") and not hasattr(value, "components"):
        text = " \\ ".join(str(part) for part in list(value)[:500])
    else:
        text = str(value)
    return text if len(text) <= MAX_VALUE else f"{text[:MAX_VALUE]}… ({len(text):,} characters)"
