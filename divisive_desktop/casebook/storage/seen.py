"""Databases that this program itself wrote last, as they were when they were closed: their contents are known.

The notes lie with the user's own data, not in the casebook's folder, where whoever made the folder could write them.
They only save time: without them a database is looked through once more.
"""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

from divisive_desktop.casebook.storage.blobs import write_durably
from divisive_desktop.foreign.files import read_whole
from divisive_desktop.foreign.parsing import read_json
from divisive_desktop.paths import user_data_dir

_FILE = "closed-casebooks.json"
_MOST_BYTES = 1 << 20
_KEPT = 50


def is_known(folder: Path, digest: str) -> bool:
    """Whether the database of this casebook was closed by this program with this SHA-256, and not opened since."""
    return _notes().get(str(folder)) == digest


def note(folder: Path, digest: str) -> None:
    """Remember what the database was when it was closed; where that can't be written, nothing is remembered."""
    notes = _notes()
    notes.pop(str(folder), None)
    newest = dict([*notes.items(), (str(folder), digest)][-_KEPT:])
    with contextlib.suppress(OSError):
        user_data_dir().mkdir(mode=0o700, parents=True, exist_ok=True)
        write_durably(user_data_dir() / _FILE, json.dumps(newest).encode())


def _notes() -> dict[str, str]:
    try:
        raw = read_json(read_whole(user_data_dir() / _FILE, _MOST_BYTES))
    except (OSError, ValueError):
        return {}
    return {str(name): str(digest) for name, digest in raw.items()} if isinstance(raw, dict) else {}
