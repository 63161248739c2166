"""Files that were opened and aren't cases yet: taking in thousands takes a while, and the program may end before."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path

from divisive_desktop.casebook.storage import database
from divisive_desktop.casebook.storage.blobs import sync_file, write_durably
from divisive_desktop.casebook.storage.transaction import Store

WAITING = "waiting.jsonl"
"""One line for each file: path and frame. Nothing in it is known to be an image; it is no part of the audit chain."""


class Waiting:
    """The note of files that wait to become cases (``book.waiting``)."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, files: Iterable[tuple[Path, int]]) -> None:
        """Note files that are about to be taken in; durable on return."""
        lines = "".join(_line(path, frame) for path, frame in files)
        if lines and self._store.read_only is None:
            with database.translated(self._store.path):
                fd = os.open(self._store.path / WAITING, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
                try:
                    os.write(fd, b"\n" + lines.encode())  # after whatever a crash cut off
                    sync_file(fd)
                finally:
                    os.close(fd)

    def replace(self, files: Iterable[tuple[Path, int]]) -> None:
        """Replace the note; nothing waits: there is none."""
        text = "".join(_line(path, frame) for path, frame in files)
        if self._store.read_only is None:
            with database.translated(self._store.path):
                if text:
                    write_durably(self._store.path / WAITING, text.encode())
                else:
                    (self._store.path / WAITING).unlink(missing_ok=True)

    def files(self) -> list[tuple[Path, int]]:
        """Files that were opened before and are still no cases, trashed ones included. A torn last line is left out."""
        try:
            text = (self._store.path / WAITING).read_text(encoding="utf-8", errors="replace")
        except OSError:
            return []
        found: dict[tuple[str, int], None] = {}
        for line in text.splitlines():
            try:
                path, frame = json.loads(line)
                found[str(path), int(frame)] = None
            except (ValueError, TypeError):
                continue  # a crash cut it off
        known = {(row[0], row[1]) for row in self._store.rows("SELECT path, frame FROM cases")}
        return [(Path(path), frame) for path, frame in found if (path, frame) not in known]


def _line(path: Path, frame: int) -> str:
    return json.dumps([os.path.abspath(path), frame]) + "\n"
