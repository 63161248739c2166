"""SHA-256 of a file while it is being decoded: hashing and decoding both let other threads run."""

from __future__ import annotations

import hashlib
import os
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

from divisive_desktop.errors import UnreadableFileError
from divisive_desktop.imaging.bounded_reader import BoundedReader

_SMALL = 1 << 20
"""Files up to this size are hashed at once: starting a thread would take longer."""
_BLOCK = 1 << 20


class Digest:
    """Hashes in a thread of its own from entering the context until leaving it.

    Parameters
    ----------
    path : Path
        Where the file is; opened anew, since two readers of one descriptor would move each other's position.
    source : BoundedReader
        The same file, opened before. What is hashed is checked to be the very same file, unchanged.
    """

    def __init__(self, path: Path, source: BoundedReader) -> None:
        self._path, self._source = path, source
        self._stop = False
        self._hex = ""
        self._error: OSError | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        if self._source.size > _SMALL:
            self._thread = threading.Thread(target=self._run, name="sha256", daemon=True)
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stop = True  # decoding failed: the hash isn't wanted
        if self._thread is not None:
            self._thread.join()

    def result(self) -> str:
        """Lower-case hex; waits for it.

        Raises
        ------
        UnreadableFileError
            The file was replaced or written to while it was being read.
        OSError
            It can't be read.
        """
        if self._thread is not None:
            self._thread.join()
        else:
            self._run()
        if self._error is not None:
            raise self._error
        if not self._hex:
            raise UnreadableFileError(
                f"{self._path.name} was changed while it was being read.", "Open it again when it is complete."
            )
        return self._hex

    def _run(self) -> None:
        digest, block = hashlib.sha256(), memoryview(bytearray(_BLOCK))
        try:
            before = _state(self._source.fileno())
            with open(self._path, "rb", buffering=0) as file:
                while (count := file.readinto(block)) and not self._stop:
                    digest.update(block[:count])
                same = _state(file.fileno()) == before
        except OSError as exc:
            self._error = exc
            return
        if same and not self._stop:
            self._hex = digest.hexdigest()


def _state(descriptor: int) -> tuple[int, int, int, int]:
    status = os.fstat(descriptor)
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns
