"""What the command line writes: results as JSON, progress on stderr."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from divisive_desktop.errors import ClusterError, UserFacingError
from divisive_desktop.foreign.text import plain

if TYPE_CHECKING:
    from divisive_desktop.training.settings import TrainProgress

ROOM = "Choose another folder, or make room on the disk."


class OutputError(UserFacingError):
    """A result can't be written."""

    kind = "output"


class ProgressLine:
    """Says on stderr how far a batch is: one line that changes on a terminal, now and then a line elsewhere."""

    def __init__(self, total: int) -> None:
        self._terminal = sys.stderr.isatty()
        self._pause = 0.2 if self._terminal else 5.0
        self._last = time.monotonic()
        self._silent = total < 2

    def __call__(self, fraction: float, text: str, remaining: float | None) -> None:
        now = time.monotonic()
        if self._silent or (now - self._last < self._pause and fraction < 1):
            return
        self._last = now
        text = plain(text)  # names of files are among it
        left = f", about {duration(remaining)} left" if remaining is not None and fraction < 1 else ""
        if self._terminal:
            print(f"\r\x1b[K{text}{left}", end="\n" if fraction >= 1 else "", file=sys.stderr, flush=True)
        else:
            print(text + left, file=sys.stderr, flush=True)


class TrainingLines:
    """Says how far a training is: a line at most every few seconds; can be sent to other processes."""

    def __init__(self, say: Callable[[str], None] = print, every_s: float = 5.0) -> None:
        self._say, self._pause, self._last = say, every_s, 0.0

    def __call__(self, p: TrainProgress) -> None:
        now = time.monotonic()
        if not p.validation and p.stage != "notice" and now - self._last < self._pause:
            return
        self._last = now
        text = f"{100 * p.fraction:3.0f} %  {p.text}"
        if p.loss is not None:
            text += f"  loss {p.loss:.3f} (classes {p.classification:.3f}, saliency {p.saliency:.3f})"
        if p.remaining_s is not None:
            text += f"  {p.remaining_s / 60:.0f} min left"
        self._say(text)


class JsonArray:
    """A JSON array written object by object, one a line. A file appears under its name when it is complete.

    After an interruption what was done stays in ``.NAME.part``, a valid array. A link stays one, and the file that it
    names is written; what is no file (a pipe, ``/dev/null``) is written to as it is, never put a file in place of.
    """

    def __init__(self, target: str | None) -> None:
        self._path = Path(os.path.realpath(target)) if target is not None and target != "-" else None
        straight = self._path is None or (self._path.exists() and not self._path.is_file())
        self._part = None if self._path is None or straight else self._path.with_name(f".{self._path.name}.part")
        self._stream: Any = None
        self._wanted = target is not None
        self._empty = True

    def __enter__(self) -> JsonArray:
        if self._wanted:
            try:
                where = self._part or self._path
                self._stream = where.open("w", encoding="utf-8") if where else sys.stdout
            except OSError as e:
                raise self._error(e) from e
        return self

    def add(self, item: dict[str, Any]) -> None:
        """Write one object; raises ``OutputError`` where that isn't possible."""
        if self._stream is not None:
            self._write(("[\n" if self._empty else ",\n") + json.dumps(item, ensure_ascii=False, allow_nan=False))
            self._empty = False

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._stream is None:
            return
        interrupted = kind is not None and issubclass(kind, KeyboardInterrupt | ClusterError)
        if kind is None or interrupted:
            self._write("[]\n" if self._empty else "\n]\n")
        if self._path is None:
            return
        try:
            self._stream.close()
            if self._part is None:
                return
            if kind is None:
                self._part.replace(self._path)
            elif interrupted:  # hours of work may be in it
                print(f"Interrupted. What was done so far is in {plain(self._part)}.", file=sys.stderr)
            else:
                self._part.unlink(missing_ok=True)
        except OSError as e:
            raise self._error(e) from e

    def _write(self, text: str) -> None:
        try:
            # Bytes, since the console's own encoding may not hold a file's name.
            if self._path is None:
                self._stream.flush()
                self._stream.buffer.write(text.encode("utf-8"))
                self._stream.flush()
            else:
                self._stream.write(text)
        except BrokenPipeError:
            raise
        except OSError as e:
            raise self._error(e) from e

    def _error(self, e: OSError) -> OutputError:
        where = self._path or "the output"
        return OutputError(f"{where} can't be written: {e.strerror}.", ROOM)


def duration(seconds: float) -> str:
    """A time as a person would say it: 40 s, 12 min, 3 h 20 min."""
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"
