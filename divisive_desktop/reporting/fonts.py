"""Fonts that a PDF embeds: found on the system, with fallbacks so that Greek, Arabic and Chinese names render."""

from __future__ import annotations

import os
import sys
from functools import cache
from pathlib import Path

from fpdf import FPDF

from divisive_desktop import paths
from divisive_desktop.errors import ReportError

FAMILY = "report"
_REGULAR = ("DejaVuSans.ttf", "NotoSans-Regular.ttf", "LiberationSans-Regular.ttf", "arial.ttf", "Arial.ttf")
_BOLD = ("DejaVuSans-Bold.ttf", "NotoSans-Bold.ttf", "LiberationSans-Bold.ttf", "arialbd.ttf", "Arial Bold.ttf")
_FALLBACKS = (
    "NotoSansCJK-Regular.ttc",
    "NotoSansArabic-Regular.ttf",
    "NotoNaskhArabic-Regular.ttf",
    "msyh.ttc",
    "PingFang.ttc",
    "Arial Unicode.ttf",
    "arialuni.ttf",
)


@cache
def find(names: tuple[str, ...]) -> Path | None:
    """The first of these font files that is shipped or installed."""
    files = {
        f.name: f for folder in _folders() for f in folder.rglob("*") if f.suffix.lower() in (".ttf", ".ttc", ".otf")
    }
    return next((files[name] for name in names if name in files), None)


def add_fonts(pdf: FPDF) -> None:
    """Register the report's family and its fallbacks.

    Raises
    ------
    ReportError
        No usable font is installed.
    """
    regular, bold = find(_REGULAR), find(_BOLD)
    if regular is None:
        raise ReportError(
            "No font was found that a PDF may embed.", "Install DejaVu Sans (on Debian: fonts-dejavu-core)."
        )
    pdf.add_font(FAMILY, "", regular)
    pdf.add_font(FAMILY, "B", bold or regular)
    fallbacks = []
    for name in _FALLBACKS:
        file = find((name,))
        if file is not None:
            pdf.add_font(name, "", file)
            fallbacks.append(name)
    if fallbacks:
        pdf.set_fallback_fonts(fallbacks, exact_match=False)


def _folders() -> list[Path]:
    folders = [paths.resources_dir() / "fonts"]
    if sys.platform == "win32":
        folders.append(Path(os.environ.get("WINDIR", r"C:\Windows")) / "Fonts")
    elif sys.platform == "darwin":
        folders += [Path("/System/Library/Fonts"), Path("/Library/Fonts")]
    else:
        folders += [Path("/usr/share/fonts"), Path("/usr/local/share/fonts"), Path.home() / ".local/share/fonts"]
    return [folder for folder in folders if folder.is_dir()]
