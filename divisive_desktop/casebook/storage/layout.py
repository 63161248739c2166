"""What may lie in a casebook's folder: plain files and folders. Links and pipes lead somewhere else, or wait."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from divisive_desktop.errors import CasebookDamagedError
from divisive_desktop.foreign.text import plain

_JOURNAL_END = b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7"
"""Ends a rollback journal of SQLite that names a second one, which SQLite then reads and removes, wherever it lies."""


def check_layout(folder: Path, database: str) -> None:
    """Refuse a casebook whose folder holds what the program never puts there.

    Whoever made the folder would otherwise choose which files are read, written over, cut off or removed elsewhere:
    the lock is emptied, the witness is appended to, unused files of ``blobs`` are removed.

    Raises
    ------
    CasebookDamagedError
        Something is a link, a pipe or a device, or a journal that leads elsewhere. Nothing was changed.
    OSError
        The folder can't be read.
    """
    for entry in _entries(folder):
        mode = entry.stat(follow_symlinks=False).st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            kind = "a link to something else" if stat.S_ISLNK(mode) else "neither a file nor a folder"
            raise _strange(folder, f"{plain(os.path.relpath(entry.path, folder))} is {kind}", "Put the file or folder "
                           "itself in its place, if you know what it is")  # fmt: skip
    journal = folder / f"{database}-journal"
    if journal.is_file():
        with open(journal, "rb") as file:
            file.seek(max(0, journal.stat().st_size - len(_JOURNAL_END)))
            if file.read() == _JOURNAL_END:
                raise _strange(folder, f"{journal.name} names another journal, which this program's never do",
                               "Restore a copy of the folder")  # fmt: skip


def _entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    """Everything in the folder and in the folders in it; of ``blobs`` that are its folders, their files being many."""
    with os.scandir(folder) as entries:
        top = list(entries)
    for entry in top:
        yield entry
        if entry.is_dir(follow_symlinks=False):
            with os.scandir(entry.path) as inner:
                yield from inner
    # What lies in the folders of `blobs` is asked for by its hash alone, and only plain files count (`Blobs.holds`).


def _strange(folder: Path, what: str, remedy: str) -> CasebookDamagedError:
    return CasebookDamagedError(
        f"The folder of the casebook {plain(folder.name)} isn't one that this program made: {what}.",
        f"Nothing was changed or opened. {remedy}.",
    )
