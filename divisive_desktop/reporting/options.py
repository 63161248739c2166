"""What a user chooses about a report, and how the program remembers it."""

from __future__ import annotations

import base64
import binascii
import io
import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal

from PIL import Image

from divisive_desktop import paths
from divisive_desktop.errors import ReportError, in_words
from divisive_desktop.explanation.decision import Wanted
from divisive_desktop.foreign.files import read_whole
from divisive_desktop.foreign.parsing import MOST_BYTES, read_json
from divisive_desktop.foreign.text import plain

VOLUME = 50
"""Cases in one PDF or HTML file: what a reader can still open, and what bounds the memory."""
SECTIONS = ("mask", "before_after", "model_card", "audit", "signature")
"""What may be left out. Where the numbers come from, error rates, limitations and the research-use line always stay."""
PAPERS = ("A4", "Letter")
Dates = Literal["remove", "shift", "keep"]
"""Of de-identified DICOM objects: the basic profile; with its option 'modified dates'; with 'full dates'."""
DATES: tuple[Dates, ...] = ("remove", "shift", "keep")
CONCLUSION_LIMIT = 4000
"""Characters of the analyst's conclusion."""
LOGO_LIMIT = 8 * 2**20
_LOGO_SIDE = 600


@dataclass(frozen=True)
class Options:
    """One report's settings; those of the last report are the next one's defaults."""

    formats: tuple[str, ...] = ("pdf",)
    language: str = "en"
    paper: str = "A4"
    institution: str = ""
    logo: bytes = b""
    """PNG shown at the head of the first page; empty: none."""
    left_out: tuple[str, ...] = ()
    """Names in `SECTIONS`."""
    analyst: str = ""
    conclusion: str = ""
    """Of the one case, or about all cases of the report. Not remembered."""
    deidentify: bool = True
    dates: Dates = "remove"
    """What becomes of dates in de-identified DICOM objects."""
    pixelate_faces: bool = False
    """Make faces in the pictures unrecognisable."""
    sign: bool = False
    """Sign with the user's own key."""
    folder: str = ""
    rates: Wanted | None = None
    """Error rates at which answers are decided; None, also for one of the two: each card's own.
    A setting of the window, not of reports."""

    def __post_init__(self) -> None:
        # From a command line or a file: what isn't text can't be written into a report, and a name is one line.
        object.__setattr__(self, "institution", plain(self.institution))
        object.__setattr__(self, "analyst", plain(self.analyst))
        object.__setattr__(self, "conclusion", plain(self.conclusion, lines=True))
        if self.paper not in PAPERS:
            raise ReportError(f"There is no paper size '{self.paper}'.", f"Choose one of {', '.join(PAPERS)}.")
        if self.dates not in DATES:
            raise ReportError(f"Dates can't be treated as '{self.dates}'.", f"Choose one of {', '.join(DATES)}.")
        unknown = [name for name in self.left_out if name not in SECTIONS]
        if unknown:
            raise ReportError(
                f"There is no section '{unknown[0]}' to leave out.", f"Choose among {', '.join(SECTIONS)}."
            )
        if len(self.conclusion) > CONCLUSION_LIMIT:
            raise ReportError(
                f"The conclusion has {len(self.conclusion):,} characters; {CONCLUSION_LIMIT:,} fit.", "Shorten it."
            )


def read_logo(path: Path) -> bytes:
    """A picture file as a small PNG without metadata.

    Raises
    ------
    ReportError
        It can't be read, or isn't a picture.
    """
    remedy = "Choose a PNG or JPEG file of at most 8 MB."
    try:
        if path.stat().st_size > LOGO_LIMIT:
            raise ReportError(f"{path.name} is too large for a logo.", remedy)
        data = read_whole(path, LOGO_LIMIT)
    except OSError as e:
        raise ReportError(f"The logo {path.name} can't be read: {in_words(e)}.", remedy) from e
    try:
        return _as_logo(data)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as e:
        raise ReportError(f"{path.name} is not a picture that can be a logo.", remedy) from e


def _as_logo(data: bytes) -> bytes:
    with Image.open(io.BytesIO(data), formats=("PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP")) as picture:
        rgba = picture.convert("RGBA")
    rgba.thumbnail((_LOGO_SIDE, _LOGO_SIDE))
    flat = Image.new("RGB", rgba.size, "white")  # transparency is not for print
    flat.paste(rgba, mask=rgba.getchannel("A"))
    out = io.BytesIO()
    flat.save(out, format="PNG")
    return out.getvalue()


def load_last() -> Options:
    """The settings of the last report; defaults where there are none or they can't be read."""
    try:
        raw = read_json(read_whole(_file(), MOST_BYTES))
    except (OSError, ValueError):
        return Options()
    return _parsed(raw) if isinstance(raw, dict) else Options()


def save_last(options: Options) -> None:
    """Remember these settings, conclusion and error rates left out.

    Raises
    ------
    ReportError
        The folder of settings can't be written to.
    """
    raw = {**asdict(replace(options, conclusion="", rates=None)), "logo": base64.b64encode(options.logo).decode()}
    file = _file()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        handle, partial = tempfile.mkstemp(prefix=".report", dir=file.parent)
        with os.fdopen(handle, "w", encoding="utf-8") as out:
            json.dump(raw, out, ensure_ascii=False, indent=1)
        os.replace(partial, file)
    except OSError as e:
        raise ReportError(
            f"The settings of the report could not be kept: {in_words(e)}.", "The report itself is not affected."
        ) from e


def _parsed(raw: Mapping[str, Any]) -> Options:
    """Tolerant: a setting that makes no sense any more falls back to its default."""
    options = Options()
    for field in fields(Options):
        if field.name not in raw or field.name in ("conclusion", "rates"):
            continue
        value = raw[field.name]
        try:
            if field.name == "logo":
                value = base64.b64decode(str(value), validate=True)
                value = _as_logo(value) if value else b""
            elif field.name in ("formats", "left_out"):
                value = tuple(str(v) for v in value)
            elif not isinstance(value, type(getattr(options, field.name))):
                continue
            options = replace(options, **{field.name: value})
        except (ReportError, TypeError, ValueError, OSError, SyntaxError, binascii.Error):
            continue
    return options


def _file() -> Path:
    return paths.user_data_dir() / "report.json"
