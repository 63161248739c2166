"""Content-addressed files: named by the SHA-256 of their bytes, written so that a crash leaves all or nothing."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import stat
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from divisive_desktop.casebook.storage.chain import sha256
from divisive_desktop.errors import CasebookDamagedError, ImageAlteredError
from divisive_desktop.foreign.files import read_whole

_CHUNK = 1 << 20
_LARGEST = 1 << 30  # bytes of a mask or thumbnail
_NAME = re.compile(r"[0-9a-f]{64}(\.[^./\\:\x00-\x1f]{0,15})?")
"""A hash and one suffix: with two, a file is to one program what its first says and to another what its last does."""


def sync_file(fd: int) -> None:
    """Flush to the disk itself (macOS needs to be asked twice)."""
    try:
        import fcntl

        full = getattr(fcntl, "F_FULLFSYNC", None)
        if full is not None:
            fcntl.fcntl(fd, full)
            return
    except ImportError:  # Windows
        pass
    os.fsync(fd)


def sync_folder(folder: Path) -> None:
    """Make new and changed names in a folder durable. Windows does this by itself."""
    if os.name == "nt":
        return
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def make_folder(folder: Path) -> None:
    """Create a folder that only its owner may enter, durably; fine when it is there."""
    if not folder.is_dir():
        folder.mkdir(mode=0o700)
        sync_folder(folder.parent)


def write_durably(path: Path, data: bytes) -> None:
    """Replace a file in one step: temporary name, flush, rename, flush the folder. Mode 0600."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{time.monotonic_ns()}")
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
    try:
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(fd, view) :]
            sync_file(fd)
        finally:
            os.close(fd)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    sync_folder(path.parent)


def hash_file(path: Path) -> str:
    """SHA-256 of a file's bytes, lower-case hex."""
    digest = hashlib.sha256()
    with open(path, "rb") as f:
        while chunk := f.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def is_blob_name(name: object) -> bool:
    """Whether this is the name of a file in ``blobs/``: a hash and a plain suffix, so that it leads nowhere else."""
    return isinstance(name, str) and _NAME.fullmatch(name) is not None


class Blobs:
    """The folder ``blobs/``: ``ab/abcdef…`` holds the bytes whose SHA-256 is ``abcdef…``."""

    def __init__(self, casebook: Path) -> None:
        self.folder = casebook / "blobs"
        self._set_aside = casebook / "damaged"
        self._incoming: Counter[str] = Counter()

    def path(self, digest: str, suffix: str = "") -> Path:
        """Where a file of this name is.

        Raises
        ------
        CasebookDamagedError
            It isn't such a name: rows of the database say which file is read, and somebody else may have written them.
        """
        name = digest + suffix
        if not is_blob_name(name):
            raise CasebookDamagedError(
                f"The casebook names a file that can't be one of its own: {name[:80]!r}.",
                "The casebook was changed outside the program. Check it with: divisive-desktop verify CASEBOOK",
            )
        return self.folder / digest[:2] / name

    def holds(self, name: str) -> bool:
        """Whether a plain file of this name is there; a link leads elsewhere and is none."""
        try:
            path = self.path(name)
            return stat.S_ISREG(path.lstat().st_mode) and not path.parent.is_symlink()
        except (OSError, ValueError):
            return False

    def put(self, data: bytes) -> str:
        """Store bytes durably and return their SHA-256."""
        digest = sha256(data)
        path = self.path(digest)
        if not self._is_good(path, digest):
            make_folder(path.parent)
            write_durably(path, data)
        return digest

    def get(self, digest: str) -> bytes:
        """The bytes with this SHA-256.

        Raises
        ------
        CasebookDamagedError
            The file is gone or its bytes have changed.
        """
        path = self.path(digest)
        try:
            data = read_whole(path, _LARGEST)
        except FileNotFoundError as e:
            raise CasebookDamagedError(
                f"A file of the casebook is missing: blobs/{digest[:2]}/{digest[:12]}….",
                "Restore the casebook from a copy, or make the mask or analysis again.",
            ) from e
        if sha256(data) != digest:
            raise CasebookDamagedError(
                f"A file of the casebook was changed: blobs/{digest[:2]}/{digest[:12]}….",
                "Restore the casebook from a copy, or make the mask or analysis again.",
            )
        return data

    def put_copy(self, source: Path, digest: str, suffix: str) -> Path:
        """Copy a file in, durably, and check on the way that its bytes are the expected ones.

        Raises
        ------
        ImageAlteredError
            The source's bytes don't have this SHA-256.
        """
        path = self.path(digest, suffix)
        if self._is_good(path, digest):
            return path
        make_folder(path.parent)
        temporary = path.with_name(f".{digest}.{os.getpid()}.{time.monotonic_ns()}")
        actual = hashlib.sha256()
        try:
            fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
            with open(fd, "wb") as out, open(source, "rb") as f:
                while chunk := f.read(_CHUNK):
                    actual.update(chunk)
                    out.write(chunk)
                out.flush()
                sync_file(out.fileno())
            if actual.hexdigest() != digest:
                raise ImageAlteredError(f"{source.name} has changed since it was opened.", "Open it again.")
            os.replace(temporary, path)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise
        sync_folder(path.parent)
        return path

    def names(self) -> Iterator[Path]:
        """Every stored file, leftovers of interrupted writes too (their names begin with a dot)."""
        for folder in sorted(self.folder.iterdir()):
            if folder.is_dir() and not folder.is_symlink():  # what isn't used is removed: a link would lead elsewhere
                yield from sorted(folder.iterdir())

    @contextmanager
    def expecting(self) -> Iterator[Callable[[str], None]]:
        """Names given to the function are safe from ``remove_unused`` until the block ends and rows refer to them."""
        names: list[str] = []

        def expect(name: str) -> None:
            names.append(name)
            self._incoming[name] += 1

        try:
            yield expect
        finally:
            self._incoming.subtract(names)

    def remove_unused(self, used: Collection[str]) -> int:
        """Remove stored files but those with these names and those on their way in. Returns how many."""
        # A file on its way in: its name, or a temporary one that begins with a dot and the hash.
        incoming = {part for name, uses in self._incoming.items() if uses > 0 for part in (name, name[:64])}
        removed = 0
        for path in self.names():
            if path.name not in used and not (incoming & {path.name, path.name[1:65]}):
                path.unlink()
                removed += 1
        return removed

    def _is_good(self, path: Path, digest: str) -> bool:
        if not path.exists():
            return False
        if hash_file(path) == digest:
            return True
        # A corrupt file is set aside, never overwritten: it may be evidence.
        make_folder(self._set_aside)
        os.replace(path, self._set_aside / f"{path.name}.{time.time_ns()}")
        return False
