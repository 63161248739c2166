"""Results of an earlier call with the same output and the same settings, so that the next one goes on from there."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from divisive_desktop.cli.output import ROOM, OutputError
from divisive_desktop.errors import in_words


class Earlier:
    """What is done already, read object by object where it is wanted: there may be a million.

    Beside the output ``NAME`` lie ``.NAME.part`` (what `JsonArray` writes), ``.NAME.earlier`` (what calls before wrote
    that didn't come to their end) and ``.NAME.settings`` (a hash of what was asked, so that answers to something else
    aren't taken).

    Parameters
    ----------
    target : str or None
        The output; nothing is kept of what goes to stdout or nowhere.
    settings : mapping
        In JSON types: all that decides what is answered.

    Raises
    ------
    OutputError
        What is kept can't be written.
    """

    def __init__(self, target: str | None, settings: Mapping[str, Any]) -> None:
        self.differs = False
        """There was something, but asked for with other settings."""
        self._places: dict[str, tuple[Path, int, str]] = {}
        path = Path(os.path.realpath(target)) if target is not None and target != "-" else None
        self._kept: Path | None = None
        if path is None or (path.exists() and not path.is_file()):
            return
        part, kept, noted = (path.with_name(f".{path.name}.{end}") for end in ("part", "earlier", "settings"))
        asked = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()
        try:
            same = noted.is_file() and noted.read_text(encoding="ascii", errors="replace") == asked
            if same:
                if part.is_file():
                    with kept.open("ab") as out, part.open("rb") as found:
                        for line in found:
                            out.write(line)
                        out.write(b"\n")
                    part.unlink()
                for source in (path, kept):
                    self._read(source)
            else:
                self.differs = any(file.is_file() for file in (noted, kept))
                kept.unlink(missing_ok=True)
                noted.write_text(asked, encoding="ascii")
        except OSError as e:
            raise OutputError(f"{noted.parent} can't be written to: {in_words(e)}.", ROOM) from e
        self._kept = kept

    def sha256(self, file: str) -> str | None:
        """Hash of a file, as results name it, when it was answered; None where it wasn't."""
        return self._places[file][2] if file in self._places else None

    def result(self, file: str) -> dict[str, Any]:
        """What was answered then."""
        source, at, _ = self._places[file]
        with source.open("rb") as stream:
            stream.seek(at)
            return dict(json.loads(stream.readline().rstrip().rstrip(b",")))

    def forget(self) -> None:
        """All of it is in the output now."""
        if self._kept is not None:
            with contextlib.suppress(OSError):
                self._kept.unlink(missing_ok=True)

    def _read(self, source: Path) -> None:
        """Note the good answers; lines that a kill left unfinished, and what failed, are done anew."""
        if not source.is_file():
            return
        with source.open("rb") as stream:
            at = 0
            for line in stream:
                with contextlib.suppress(ValueError, TypeError, KeyError):
                    found = json.loads(line.strip().rstrip(b","))
                    if isinstance(found, dict) and "error" not in found and isinstance(found["sha256"], str):
                        self._places[found["file"]] = (source, at, found["sha256"])
                at += len(line)
