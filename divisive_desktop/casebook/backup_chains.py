"""Whether the backups of a casebook tell the same history as the casebook: their chains have to be its beginning."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from divisive_desktop.casebook.storage import database

RESTORE = "restore-backup"
_NEAR = 3
"""Going back to a backup is recorded at once: among so many records after the one where histories part."""


@dataclass(frozen=True)
class Parting:
    """A backup whose chain isn't the beginning of the casebook's."""

    name: str
    common: int
    """Records that both have."""
    restored: int | None
    """The record by which the casebook went back to an earlier backup there, which explains it; None: nothing does."""


def partings(path: Path, own: Sequence[str], restores: Collection[int]) -> list[Parting]:
    """The backups that tell another history, or one that goes on where the casebook's ends.

    Parameters
    ----------
    path : Path
        The casebook's folder; backups that can't be read are left to others.
    own : sequence of str
        Hashes of the casebook's own records, first to last; they are numbered from 1.
    restores : collection of int
        Numbers of the records that tell of going back to a backup.
    """
    found = []
    for file in sorted((path / database.BACKUPS).glob("*.sqlite")):
        held = _hashes(file)
        common = next((i for i, pair in enumerate(zip(held, own, strict=False)) if pair[0] != pair[1]),
                      min(len(held), len(own)))  # fmt: skip
        if common == len(held):
            continue
        after = range(common + 1, common + _NEAR + 1)
        restored = next((number for number in after if number in restores), None)
        found.append(Parting(file.name, common, restored))
    return found


def _hashes(file: Path) -> list[str]:
    """Of the records in a backup; empty where it isn't a casebook's database."""
    try:
        with contextlib.closing(database.connect(file, mode="ro", immutable=True)) as connection:
            return [str(row[0]) for row in connection.execute("SELECT hash FROM audit ORDER BY seq")]
    except (sqlite3.DatabaseError, OSError):
        return []
