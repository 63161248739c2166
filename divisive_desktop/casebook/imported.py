"""A casebook that came from somebody else: it can be looked at and not changed, until its owner says that it is theirs.

``imported.json`` in the folder says where it came from and what was found when it was unpacked.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from divisive_desktop.casebook.storage import database
from divisive_desktop.casebook.storage.blobs import write_durably
from divisive_desktop.casebook.verify import verify
from divisive_desktop.foreign.parsing import read_json

IMPORTED = "imported.json"
_SHOWN = 3


@dataclass(frozen=True)
class Imported:
    """What is known of where a casebook came from."""

    source: str
    """Name of the archive."""
    time: str
    """UTC, ISO 8601."""
    breaks: tuple[str, ...]
    """What `verify` found broken, the first few."""
    outside: int
    """Cases whose image is referred to at a place outside the casebook."""
    example: str
    """One such place; '' where there is none."""

    def in_words(self) -> str:
        """What was found, in a sentence or two."""
        said = (
            f"Its check found what was changed outside the program: {'; '.join(self.breaks)}."
            if self.breaks
            else "Its check found nothing wrong."
        )
        if self.outside:
            one = self.outside == 1
            said += (
                f" {self.outside} image{'' if one else 's'} {'is' if one else 'are'} referred to outside it, for "
                f"instance at {self.example}."
            )
        return said


def examine(folder: Path, source: str) -> Imported:
    """Look into a casebook that was just unpacked, before anything of it is used."""
    report = verify(folder, originals=False)
    outside: list[str] = []
    with contextlib.suppress(sqlite3.DatabaseError, UnicodeDecodeError), contextlib.closing(
        database.connect(folder / database.DATABASE, mode="ro", immutable=True)
    ) as connection:  # what can't be read is among the breaks
        here = {name.name[:64] for name in (folder / "originals").glob("*")}
        outside = [
            str(path)
            for path, digest in connection.execute("SELECT path, sha256 FROM cases WHERE copy IS NULL ORDER BY id")
            if digest not in here
        ]
    return Imported(
        source, datetime.now(UTC).isoformat(timespec="seconds"), tuple(map(str, report.breaks[:_SHOWN])), len(outside),
        outside[0] if outside else "",
    )  # fmt: skip


def mark(folder: Path, found: Imported) -> None:
    """Note in the folder that the casebook came from elsewhere."""
    write_durably(folder / IMPORTED, (json.dumps(asdict(found), indent=1) + "\n").encode())


def mark_of(folder: Path) -> Imported | None:
    """What was noted; None for a casebook of one's own. A note that can't be read counts as one that says little."""
    place = folder / IMPORTED
    if not place.exists():
        return None
    try:
        raw = read_json(place.read_bytes())
        return Imported(
            str(raw["source"]), str(raw["time"]), tuple(map(str, raw["breaks"])), int(raw["outside"]),
            str(raw["example"]),
        )  # fmt: skip
    except (OSError, ValueError, TypeError, LookupError):
        return Imported("an archive", "", ("the note of its import can't be read",), 0, "")
