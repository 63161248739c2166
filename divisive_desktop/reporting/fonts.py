"""Fonts that a PDF embeds. Shipped: Latin, Greek, Cyrillic, Arabic, Hebrew, Chinese and kana; others from the system.

What no font at hand can show is never printed as empty boxes: it appears as Unicode numbers, and the report says so.
"""

from __future__ import annotations

import os
import sys
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import groupby
from pathlib import Path

from fontTools.ttLib import TTFont, TTLibError
from fpdf import FPDF
from fpdf.bidi import BidiParagraph, auto_detect_base_direction
from fpdf.enums import TextDirection

from divisive_desktop import paths
from divisive_desktop.errors import ReportError

FAMILY = "report"
_REGULAR, _BOLD, _HAN = "DejaVuSans.ttf", "DejaVuSans-Bold.ttf", "DroidSansFallbackFull.ttf"
_SYSTEM = (
    "NotoSansDevanagari-Regular.ttf", "NotoSansBengali-Regular.ttf", "NotoSansTamil-Regular.ttf",
    "NotoSansTelugu-Regular.ttf", "NotoSansGujarati-Regular.ttf", "NotoSansGurmukhi-Regular.ttf",
    "NotoSansKannada-Regular.ttf", "NotoSansMalayalam-Regular.ttf", "NotoSansSinhala-Regular.ttf",
    "NotoSansThai-Regular.ttf", "NotoSansLao-Regular.ttf", "NotoSansKhmer-Regular.ttf", "NotoSansMyanmar-Regular.ttf",
    "NotoSansEthiopic-Regular.ttf", "NotoSansKR-Regular.ttf", "UnDotum.ttf", "NanumGothic.ttf", "FreeSans.ttf",
    "Lohit-Devanagari.ttf", "Nirmala.ttf", "leelawui.ttf", "malgun.ttf", "Arial Unicode.ttf", "arialuni.ttf",
)  # fmt: skip
"""TrueType files that common systems have for other scripts."""
_JOINED = (
    (0x0590, 0x08FF),  # Hebrew, Arabic, Syriac, Thaana, N'Ko
    (0x0900, 0x0DFF),  # Indic
    (0x0E00, 0x109F),  # Thai, Lao, Tibetan, Myanmar
    (0x1780, 0x17FF),  # Khmer
    (0xFB1D, 0xFDFF), (0xFE70, 0xFEFC),  # presentation forms
)  # fmt: skip
_SHOWN_CODES = 4
TURNING = "\u202e\u202c"
"""Right-to-left override, and its end."""


@dataclass(frozen=True)
class FontPlan:
    """What the text of one report needs."""

    fallbacks: tuple[Path, ...]
    """Besides the regular and the bold font."""
    shaping: bool
    """Letters join, or run from right to left."""
    missing: frozenset[str]
    """Characters that no font at hand can show."""

    @property
    def missing_scripts(self) -> tuple[str, ...]:
        """Names of the missing characters' scripts, as Unicode calls them."""
        names = {unicodedata.name(c, "unnamed").split()[0].capitalize() for c in self.missing}
        return tuple(sorted(names))

    def printable(self, line: str) -> str:
        """A text with the characters that can't be shown replaced by their numbers."""
        if not self.missing or not self.missing.intersection(line):
            return line
        parts: list[str] = []
        run: list[str] = []
        for c in (*line, ""):
            if c and c in self.missing:
                run.append(c)
                continue
            if run:
                codes = " ".join(f"U+{ord(r):04X}" for r in run[:_SHOWN_CODES])
                parts.append(f"[{codes}{' …' if len(run) > _SHOWN_CODES else ''}]")
                run = []
            parts.append(c)
        return "".join(parts)


def plan(text: str) -> FontPlan:
    """Which fonts show this text.

    Raises
    ------
    ReportError
        The shipped fonts are missing.
    """
    wanted = {c for c in text if not _ignorable(c)}
    left = wanted - _characters(_shipped(_REGULAR)).keys()
    fallbacks: list[Path] = []
    for file in (_shipped(_HAN), *(_installed() if left else ())):
        found = left & _characters(file).keys() if left else set()
        if found:
            fallbacks.append(file)
            left -= found
    shaping = any(low <= ord(c) <= high for c in wanted - left for low, high in _JOINED)
    return FontPlan(tuple(fallbacks), shaping, frozenset(left))


def add_fonts(pdf: FPDF, needed: FontPlan) -> None:
    """Register the report's family and its fallbacks with a document."""
    pdf.add_font(FAMILY, "", _shipped(_REGULAR))
    pdf.add_font(FAMILY, "B", _shipped(_BOLD))
    for file in needed.fallbacks:
        pdf.add_font(file.stem, "", file)
    if needed.fallbacks:
        pdf.set_fallback_fonts([file.stem for file in needed.fallbacks], exact_match=False)
    pdf.set_text_shaping(needed.shaping)


def turn_numbers(line: str) -> str:
    """A line whose numbers inside right-to-left text stand reversed, marked as running that way, too.

    FPDF orders runs by their direction alone: in "Name: <Arabic> 1923 <Arabic>" it would put the number behind all of
    the Arabic. A reversed number that is part of the right-to-left run comes out as it should (Unicode Standard Annex
    9, rule L2, done by hand for the one case that FPDF leaves out).
    """
    if auto_detect_base_direction(line) != TextDirection.LTR:
        return line
    made: list[str] = []
    for level, run in groupby(BidiParagraph(line, preserve_bn_chars=True).characters, lambda c: c.embedding_level):
        text = "".join(c.character for c in run)
        made.append(f"{TURNING[0]}{text[::-1]}{TURNING[1]}" if level == 2 else text)
    return "".join(made)


def _ignorable(c: str) -> bool:
    """Line ends and marks that steer the layout need no glyph."""
    return unicodedata.category(c) in ("Cc", "Cf") or 0xFE00 <= ord(c) <= 0xFE0F


def _shipped(name: str) -> Path:
    file = paths.resources_dir() / "fonts" / name
    if not file.is_file():
        raise ReportError(f"The font {name} that reports embed is missing.", "Install the program again.")
    return file


@lru_cache(maxsize=64)
def _characters(file: Path) -> Mapping[str, None]:
    """The characters that a font has glyphs for; none where it can't be read or may not be embedded."""
    try:
        with TTFont(file, lazy=True) as font:
            restricted = "OS/2" in font and font["OS/2"].fsType & 0x0002
            return {} if restricted or "glyf" not in font else dict.fromkeys(map(chr, font.getBestCmap() or {}))
    except (OSError, TTLibError):
        return {}


@cache
def _installed() -> tuple[Path, ...]:
    """The system's fonts for other scripts."""
    if sys.platform == "win32":
        folders = [Path(os.environ.get("WINDIR", r"C:\Windows")) / "Fonts"]
    elif sys.platform == "darwin":
        folders = [Path("/System/Library/Fonts"), Path("/Library/Fonts")]
    else:
        folders = [Path("/usr/share/fonts"), Path("/usr/local/share/fonts"), Path.home() / ".local/share/fonts"]
    files = {f.name: f for folder in folders if folder.is_dir() for f in folder.rglob("*.ttf")}
    return tuple(files[name] for name in _SYSTEM if name in files)
