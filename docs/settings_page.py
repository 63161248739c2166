"""Writes the guide's page of settings from the table of settings: ``python docs/settings_page.py``."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from textwrap import fill
from typing import Any

from divisive_desktop.desktop.session.settings_table import PAGES, TABLE, Section, Setting

PAGE = Path(__file__).with_name("settings.md")

HEAD = """# Settings

<!-- Written by `python docs/settings_page.py` from the table of settings; don't edit it by hand. -->

What *File > Settings…* (Ctrl+,) offers, page by page, and what the program remembers by itself. All of it is kept in
`settings.ini` in the folder that *Help > About* names, each setting under its key: `appearance/theme` is `theme` in the
section `[appearance]`. A value there that makes no sense counts as if it were missing.
"""


def page() -> str:
    """The whole page, in Markdown."""
    remembered = dict.fromkeys(setting.section for setting in TABLE if setting.section not in PAGES)
    parts = [HEAD, *(_section(section, "##") for section in PAGES), "## What the program remembers by itself\n"]
    return "\n".join([*parts, *(_section(section, "###") for section in remembered)])


def _section(section: Section, level: str) -> str:
    rows = _table(setting for setting in TABLE if setting.section is section)
    return f"{level} {section.title}\n\n{rows}" + (f"\n{fill(section.note, 120)}\n" if section.note else "")


def _table(settings: Iterable[Setting[Any]]) -> str:
    lines = ["| setting | at first | may be | what it does | key |", "|---|---|---|---|---|"]
    for setting in settings:
        cells = (
            setting.text, setting.kind.words(setting.default), setting.kind.allowed(), setting.help,
            f"`{setting.key.format('…')}`",
        )  # fmt: skip
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8", newline="\n")
