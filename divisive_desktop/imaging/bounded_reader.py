"""Opening files so that a forged length inside them can't make a reader ask for gigabytes."""

from __future__ import annotations

import io
import os


class BoundedReader(io.BufferedReader):
    """A file for reading that never allocates for more than is left of it.

    Python's own reader makes room for as much as it is asked for, before it looks how much there is; the length of
    a DICOM element can say 4 GB.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        super().__init__(io.FileIO(os.fspath(path)))
        self.size = os.fstat(self.fileno()).st_size
        """Bytes in the file when it was opened."""

    def read(self, size: int | None = -1, /) -> bytes:
        """At most ``size`` bytes, at most what is left."""
        if size is None or size < 0:
            return super().read()
        if size > 65536:
            size = max(min(size, self.size - self.tell()), 0)
        return super().read(size)
