"""Whole casebooks in and out: save a copy, ZIP export and import, restoring a backup."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
import sqlite3
import stat
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

from divisive_desktop import __version__
from divisive_desktop.casebook import imported
from divisive_desktop.casebook.folder import with_suffix
from divisive_desktop.casebook.storage import chain, database
from divisive_desktop.casebook.storage.blobs import hash_file, is_blob_name, make_folder, sync_file, sync_folder
from divisive_desktop.casebook.storage.lock import Lock
from divisive_desktop.casebook.storage.transaction import Store
from divisive_desktop.casebook.tables.trash import referenced_blobs
from divisive_desktop.errors import CasebookError, in_words
from divisive_desktop.foreign.files import is_elsewhere
from divisive_desktop.foreign.parsing import read_json

MANIFEST = "manifest.json"
_LARGEST_MANIFEST = 64 << 20
_UNREADABLE = (zipfile.BadZipFile, zlib.error, KeyError, ValueError, EOFError, RuntimeError)
_SPARE = 256 << 20
"""Bytes that stay free on the disk."""


class Transfer:
    """The whole casebook to another place: a copy, a ZIP file (``book.transfer``)."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def save_copy(self, target: Path) -> Path:
        """Copy the casebook to a new folder, complete or not at all. Works on a casebook opened for reading too.

        Returns
        -------
        Path
            The new folder; ``.casebook`` is added to its name when it lacks it.
        """
        target = with_suffix(target)
        if target.exists():
            raise CasebookError(f"There is something at {target} already.", "Choose another name.")
        with self._store.write_lock, database.translated(target):
            if self._store.read_only is None:
                with self._store.act() as act:
                    act.record("save-copy", name=target.name)
            building = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
            try:
                head = self._snapshot(building)
                for name in self._blob_names():
                    place = building / "blobs" / name[:2] / name
                    make_folder(place.parent)
                    shutil.copyfile(self._store.blobs.path(name), place, follow_symlinks=False)
                    os.chmod(place, 0o600)
                    with open(place, "r+b") as f:
                        sync_file(f.fileno())
                if self._store.foreign:  # and so is the copy
                    shutil.copyfile(self._store.path / imported.IMPORTED, building / imported.IMPORTED)
                    if (self._store.path / "originals").is_dir():
                        shutil.copytree(self._store.path / "originals", building / "originals", symlinks=True)
                database.seal(building, head)
                os.replace(building, target)
            except BaseException:
                shutil.rmtree(building, ignore_errors=True)
                raise
            sync_folder(target.parent)
        return target

    def export_zip(
        self, target: Path, *, originals: bool = False, progress: Callable[[float], None] | None = None
    ) -> Path:
        """Write the casebook as one ZIP file, with a manifest of SHA-256 sums.

        Parameters
        ----------
        originals : bool
            Put images that are referred to by path in as well; missing and altered ones are left out.
        """
        with (
            self._store.write_lock,
            database.translated(target),
            tempfile.TemporaryDirectory(prefix="casebook-") as folder,
        ):
            if self._store.read_only is None:
                with self._store.act() as act:
                    act.record("export", name=target.name, originals=originals)
            work = Path(folder)
            head = self._snapshot(work)
            entries = [(name, work / name) for name in (database.DATABASE, chain.WITNESS) if (work / name).exists()]
            entries += [(f"blobs/{n[:2]}/{n}", self._store.blobs.path(n)) for n in self._blob_names()]
            if originals:
                entries += self._originals()
            temporary = target.with_name(f".{target.name}.{os.getpid()}")
            try:
                with zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
                    sums = {}
                    for number, (name, path) in enumerate(entries, 1):
                        sums[name] = _pack(archive, name, path)
                        if name.startswith("blobs/") and sums[name] != path.name[:64]:
                            raise CasebookError(
                                f"A file of the casebook was changed, so it wasn't exported: blobs/{path.name[:12]}….",
                                "Check it with: divisive-desktop verify CASEBOOK, and restore the file from a copy. "
                                "“Save a copy” takes the casebook along as it is.",
                            )
                        if progress is not None:
                            progress(number / len(entries))
                    manifest = {"format": 1, "app": __version__, "head": list(head), "files": sums}
                    archive.writestr(MANIFEST, json.dumps(manifest, indent=1, ensure_ascii=False))
                with open(temporary, "r+b") as f:
                    sync_file(f.fileno())
                os.chmod(temporary, 0o600)
                os.replace(temporary, target)
            except BaseException:
                with contextlib.suppress(OSError):
                    temporary.unlink()
                raise
            sync_folder(target.parent)
        return target

    def _snapshot(self, folder: Path) -> tuple[int, str]:
        """A consistent copy of database and witness; returns the chain's head in it."""
        with (
            contextlib.closing(self._store.engine.raw_connection()) as raw,
            contextlib.closing(sqlite3.connect(folder / database.DATABASE, isolation_level=None)) as new,
        ):
            raw.driver_connection.backup(new)  # type: ignore[union-attr]
        os.chmod(folder / database.DATABASE, 0o600)
        with contextlib.closing(sqlite3.connect(folder / database.DATABASE)) as new:
            records = new.execute("SELECT seq, hash FROM audit ORDER BY seq").fetchall()
        lines, _ = self._store.witness.read()
        witnessed = min(len(lines), len(records))  # a line that contradicts the chain goes along as it is
        text = "".join(f"{seq} {digest}\n" for seq, digest in [*lines[:witnessed], *records[witnessed:]])
        (folder / chain.WITNESS).write_text(text)
        os.chmod(folder / chain.WITNESS, 0o600)
        for name in (database.DATABASE, chain.WITNESS):
            with open(folder / name, "r+b") as f:
                sync_file(f.fileno())
        (folder / "blobs").mkdir(mode=0o700, exist_ok=True)
        return records[-1] if records else (0, chain.GENESIS)

    def _blob_names(self) -> list[str]:
        """Files that rows refer to and that are there. One that leads out of the folder would take others along."""
        with self._store.read() as connection:
            used = referenced_blobs(connection.exec_driver_sql)
        for name in used:
            self._store.blobs.path(str(name))  # refuses what can't be a name
        return sorted(name for name in used if self._store.blobs.holds(name))

    def _originals(self) -> list[tuple[str, Path]]:
        found: dict[str, Path] = {}
        if self._store.foreign:
            return []  # somebody else's rows don't say which files of this computer travel
        rows = self._store.rows("SELECT DISTINCT path, sha256 FROM cases WHERE copy IS NULL AND trashed IS NULL")
        for text, digest in rows:
            path = Path(text)
            if not is_elsewhere(text) and path.is_file() and digest not in found and hash_file(path) == digest:
                found[digest] = path
        return [(f"originals/{digest}{path.suffix.lower()[:16]}", path) for digest, path in sorted(found.items())]


def import_zip(source: Path, target: Path) -> Path:
    """Unpack an exported casebook into a new folder, complete and checked, or not at all. Returns the folder.

    It is checked, and marked as somebody else's: it opens for reading only until it is accepted (``Casebook.open``).
    Originals in the archive become imported copies then.

    Raises
    ------
    CasebookError
        Not an exported casebook, damaged, or something is at the target.
    """
    target = with_suffix(target)
    remedy = "Export the casebook again, or choose another file."
    if target.exists():
        raise CasebookError(f"There is something at {target} already.", "Choose another name.")
    with database.translated(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        building = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
        try:
            try:
                with zipfile.ZipFile(source) as archive:
                    _unpack(archive, building)
            except (*_UNREADABLE, sqlite3.DatabaseError) as e:
                # Damaged, or of a kind that zipfile doesn't read (encrypted, other versions).
                raise CasebookError(f"{source.name} is not an intact exported casebook ({in_words(e)}).", remedy) from e
            except OSError as e:
                if e.errno != errno.EINVAL:  # zipfile jumps to where a forged directory tells it to
                    raise
                raise CasebookError(f"{source.name} is not an intact exported casebook ({in_words(e)}).", remedy) from e
            (building / "blobs").mkdir(mode=0o700, exist_ok=True)
            imported.mark(building, imported.examine(building, source.name))
            database.check_header(building)
            os.replace(building, target)
        except BaseException:
            shutil.rmtree(building, ignore_errors=True)
            raise
        sync_folder(target.parent)
    return target


def restore_backup(path: Path, backup: str) -> str:
    """Put a backup of the database in place; the present one is set aside in ``damaged/``, never overwritten.

    Acts since the backup are no longer in the database: the chain says from which record on.

    Parameters
    ----------
    backup : str
        Name of a file in ``backups/``.

    Returns
    -------
    str
        What the names of the files set aside begin with.
    """
    source = path / database.BACKUPS / Path(backup).name
    lock = Lock(path)
    with database.translated(path):
        holder = lock.acquire()
        if holder is not None:
            raise CasebookError(f"The casebook is held by {holder}.", "Close it there first.")
        try:
            make_folder(path / "damaged")
            fresh = path / f".{database.DATABASE}.restored"
            database.copy_database(source, fresh)
            stamp = source.stem[:22] + "-" + os.urandom(3).hex()
            for name in (f"{database.DATABASE}-wal", f"{database.DATABASE}-shm", database.SEAL, chain.WITNESS):
                if (path / name).exists():
                    os.replace(path / name, path / "damaged" / f"{stamp}-{name}")
            if (path / database.DATABASE).exists():
                shutil.copy2(path / database.DATABASE, path / "damaged" / f"{stamp}-{database.DATABASE}")
            os.replace(fresh, path / database.DATABASE)
            sync_folder(path)
        finally:
            lock.release()
    return stamp


def _pack(archive: zipfile.ZipFile, name: str, path: Path) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as f, archive.open(zipfile.ZipInfo(name), "w", force_zip64=True) as out:
        while chunk := f.read(1 << 20):
            digest.update(chunk)
            out.write(chunk)
    return digest.hexdigest()


def _unpack(archive: zipfile.ZipFile, folder: Path) -> None:
    sums = _sums(archive)
    room = shutil.disk_usage(folder).free - _SPARE
    if sum(archive.getinfo(name).file_size for name in sums) > room:
        raise ValueError("it unpacks to more than there is room for on the disk")
    for name in (database.DATABASE, chain.WITNESS):
        if name in sums:
            _copy_out(archive, folder, name, sums.pop(name))
    # Only what rows refer to is unpacked: a forged archive could fill the disk with what nobody looks at.
    with contextlib.closing(database.connect(folder / database.DATABASE, mode="ro", immutable=True)) as connection:
        used = {f"blobs/{str(name)[:2]}/{name}" for name in referenced_blobs(connection.execute)}
        used |= {f"originals/{row[0]}" for row in connection.execute("SELECT sha256 FROM cases")}
    for name, expected in sums.items():
        if (name if name.startswith("blobs/") else name[: len("originals/") + 64]) not in used:
            continue
        _copy_out(archive, folder, name, expected)


def _sums(archive: zipfile.ZipFile) -> dict[str, str]:
    """The manifest: SHA-256 by name of file, all of them such as an export writes."""
    if archive.getinfo(MANIFEST).file_size > _LARGEST_MANIFEST:
        raise ValueError("its manifest is far too long")
    with archive.open(MANIFEST) as file:
        manifest = read_json(file.read(_LARGEST_MANIFEST + 1), most_bytes=_LARGEST_MANIFEST)
    if not isinstance(manifest, dict) or manifest.get("format") != 1:
        raise ValueError("its format is not known")
    files = manifest["files"]
    if not isinstance(files, dict):
        raise ValueError("its list of files is unreadable")
    if database.DATABASE not in files:
        raise ValueError("it holds no database")
    for name in files:
        folder, _, base = name.rpartition("/")
        flat = name in (database.DATABASE, chain.WITNESS)
        inside = is_blob_name(base) and folder in (f"blobs/{base[:2]}", "originals")
        if not (flat or inside) or stat.S_ISLNK(archive.getinfo(name).external_attr >> 16):
            raise ValueError(f"it holds a file with a strange name: {name[:100]!r}")
    return {str(name): str(digest) for name, digest in files.items()}


def _copy_out(archive: zipfile.ZipFile, folder: Path, name: str, expected: str) -> None:
    place = folder / name
    for parent in reversed(place.relative_to(folder).parents):
        (folder / parent).mkdir(mode=0o700, exist_ok=True)
    digest = hashlib.sha256()
    fd = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
    with open(fd, "wb") as out, archive.open(name) as f:
        while chunk := f.read(1 << 20):
            digest.update(chunk)
            out.write(chunk)
        out.flush()
        sync_file(out.fileno())
    if digest.hexdigest() != expected:
        raise ValueError(f"{name} is not what the manifest says")
