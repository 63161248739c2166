"""Whether what a file shows to people is what its sealed content says: its pages are made once more and compared."""

from __future__ import annotations

import base64
import binascii
import io
import re
import zlib
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from divisive_desktop.imaging.record import ImageRecord
from divisive_desktop.reporting.content import Report
from divisive_desktop.reporting.deid import HIDDEN
from divisive_desktop.reporting.finding import Finding
from divisive_desktop.reporting.html import write_html
from divisive_desktop.reporting.options import PAPERS
from divisive_desktop.reporting.pdf import write_pdf
from divisive_desktop.reporting.pictures import case_pictures, differing
from divisive_desktop.reporting.reread import features_of, reread, reread_analysis
from divisive_desktop.reporting.seal import unsealed

LARGEST = 256 << 20
"""Bytes of a stream of a PDF, unpacked."""
_STREAM = re.compile(rb"<<((?:(?!>>\nstream|endobj).)*)>>\nstream\r?\n", re.DOTALL)
_LENGTH = re.compile(rb"/Length (\d{1,10})\b")
_DATA_URL = re.compile(rb'src="data:image/(?:png|jpeg);base64,([A-Za-z0-9+/=]*)"')
_SAME = "what the page shows is what the sealed content says, letter by letter"
_PICTURES = "Not compared: whether the pictures show this image and these maps (give the image with --original)."


def page_shows_content(
    data: bytes, content: Mapping[str, Any], *, same_maker: bool, record: ImageRecord | None = None
) -> list[Finding]:
    """Compare the pages of an exported PDF or HTML file with its content.

    Parameters
    ----------
    data : bytes
        The file.
    same_maker : bool
        This very program made it, so that every byte of it can be made again.
    record : ImageRecord, optional
        The image of one of the cases: its pictures are drawn once more, too.

    Returns
    -------
    list of Finding
        Empty for other kinds of files.
    """
    if data.startswith(b"%PDF"):
        pictures = list(_pictures_in_pdf(data))
        papers = [paper for paper in PAPERS if f"/MediaBox [0 0 {_SIZES[paper]}]".encode() in data] or ["A4"]
        write = partial(write_pdf, paper=papers[0])
    elif b'id="report">' in data:
        pictures, write = list(_pictures_in_html(data)), partial(write_html)
    else:
        return []
    report = reread(content, pictures)
    missing = [
        f"{case.title}: {name}" for case, raw in zip(report.cases, content["cases"], strict=True)
        for name in raw["pictures"] if name not in case.pictures
    ]  # fmt: skip
    if missing and same_maker:
        return [Finding("broken", f"The pictures shown are not those that the content names ({missing[0]}).")]
    if not missing and write(report) == unsealed(data):
        same = Finding("holds", f"{_SAME[0].upper()}{_SAME[1:]}.")
        return [same, *_pictures(report, content, record, same_maker)]
    if same_maker:
        return [Finding("broken", "What the page shows is not what its sealed content says.")]
    return [Finding("unknown", _by_eye(report))]


def _pictures(
    report: Report, content: Mapping[str, Any], record: ImageRecord | None, same_maker: bool
) -> list[Finding]:
    """Whether the pictures are those of the image and of the class maps that the content holds."""
    findings = []
    unseen = [f"{case.title}: {', '.join(case.pictures)}" for case in report.cases if record is None
              or case.image.sha256 != record.sha256]  # fmt: skip
    if record is None:
        return [Finding("unknown", _PICTURES)]
    for case, raw in zip(report.cases, content["cases"], strict=True):
        if case.image.sha256 != record.sha256 or "image" not in case.pictures:
            continue
        analysis, held = reread_analysis(raw), {name: _decoded(data) for name, data in case.pictures.items()}
        side = max(held["image"].shape[:2])
        lossless = not case.pictures["image"].startswith(b"\xff\xd8")
        features = features_of(analysis, case.true_class)
        again = case_pictures(record, analysis, features, case.true_class, None, side, lossless)
        wrong = [name for name, data in again.encoded.items() if name not in held
                 or (data != case.pictures[name] and differing(_decoded(data), held[name]))]  # fmt: skip
        if again.cropped != case.cropped or again.scale_bar_mm != case.scale_bar_mm:
            wrong.append("their scale")
        if not wrong:
            what = f"{case.title}: the pictures are those that the original and the class maps give."
            findings.append(Finding("holds", what))
        elif same_maker and not any(HIDDEN in note for note in case.image.notes):
            findings.append(Finding("broken", f"{case.title}: the pictures don't show the original and the class maps "
                                    f"({', '.join(wrong)})."))  # fmt: skip
        else:
            why = "parts were made unrecognisable" if same_maker else "another version of the program drew them"
            findings.append(Finding("unknown", f"{case.title}: the pictures can't be compared: {why}."))
        unseen += [f"{case.title}: {name}" for name in held if name not in again.encoded]
    if unseen:
        findings.append(Finding("unknown", f"Not compared: the pictures of {'; '.join(unseen)}."))
    return findings


def _decoded(data: bytes) -> npt.NDArray[np.uint8]:
    with Image.open(io.BytesIO(data), formats=("PNG", "JPEG")) as picture:
        return np.asarray(picture.convert("RGB"))


def _by_eye(report: Report) -> str:
    """What to look for on a page that can't be made again here."""
    said = "; ".join(f"{case.title}: {case.statement.line}" for case in report.cases[:3])
    return (
        "Another version of the program made this file, so its pages can't be made again here and compared. "
        f"Read them against the sealed content: {said}"
    )


def _pictures_in_html(data: bytes) -> Iterator[bytes]:
    for match in _DATA_URL.finditer(data):
        try:
            yield base64.b64decode(match[1], validate=True)
        except binascii.Error:
            continue


def _pictures_in_pdf(data: bytes) -> Iterator[bytes]:
    """JPEG as it stands there; others are stored as rows of pixels and become the PNG again that they were."""
    for head, body in streams(data):
        if b"/Subtype /Image" not in head:
            continue
        if b"/DCTDecode" in head:
            yield body
            continue
        width, height = (re.search(rb"/%s (\d{1,5})\b" % name, head) for name in (b"Width", b"Height"))
        rows = unpacked(body)
        if width is None or height is None or rows is None:
            continue
        shape = int(height[1]), 1 + 3 * int(width[1])  # a byte that says how the row is filtered, then RGB
        if len(rows) != shape[0] * shape[1]:
            continue
        pixels = np.frombuffer(rows, np.uint8).reshape(shape)[:, 1:].reshape(shape[0], -1, 3)
        out = io.BytesIO()
        Image.fromarray(np.ascontiguousarray(pixels)).save(out, format="PNG", compress_level=6)
        yield out.getvalue()


def streams(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Dictionary and bytes of each stream of a PDF, cut by the length that it states: the bytes may end like a line."""
    for match in _STREAM.finditer(data):
        length = _LENGTH.search(match[1])
        if length is not None:
            yield match[1], data[match.end() : match.end() + int(length[1])]


def unpacked(body: bytes) -> bytes | None:
    """A deflated stream of a PDF; None where it isn't one, or is larger than `LARGEST`."""
    stream = zlib.decompressobj()
    try:
        made = stream.decompress(body, LARGEST)
    except zlib.error:
        return None
    return made if stream.eof else None


_SIZES = {"A4": "595.28 841.89", "Letter": "612.00 792.00"}
