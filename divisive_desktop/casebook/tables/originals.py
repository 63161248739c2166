"""Originals: where they are, whether they are still what was imported, finding moved ones again."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from divisive_desktop.casebook.rows import FileState, storable
from divisive_desktop.casebook.storage.blobs import hash_file, is_blob_name
from divisive_desktop.casebook.storage.transaction import Store
from divisive_desktop.errors import ImageAlteredError, ImageMissingError
from divisive_desktop.foreign.files import is_elsewhere

_WHERE = "id, name, path, relative, copy, sha256, size, modified, file_state"


class FileCheck(NamedTuple):
    case_id: int
    path: Path
    state: FileState


class Originals:
    """The files that cases were made from (``book.originals``)."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def path(self, case_id: int, *, check: bool = False) -> Path:
        """Where to open the case's image from: the imported copy, or the original.

        Parameters
        ----------
        check : bool
            Also compare the file's bytes with those that were imported.

        Raises
        ------
        ImageMissingError
            The file isn't there; ``relink`` finds a moved one.
        ImageAlteredError
            With ``check``: altered since import.
        """
        row = self._store.one(f"SELECT {_WHERE} FROM cases WHERE id = ?", (case_id,), f"case {case_id}")
        path = self.locate(row[2], row[3], row[4], row[5])
        if not path.is_file():
            raise ImageMissingError(
                f"{row[1]} is not at {path} any more.",
                "Choose the folder it was moved to: it is recognised by its content.",
            )
        if check and hash_file(path) != row[5]:
            raise ImageAlteredError(
                f"{row[1]} was altered since it was imported.",
                "Restore the original file, or import the new version as a case of its own.",
            )
        return path

    def locate(self, path: str, relative: str | None, copy: str | None, sha256: str) -> Path:
        """Where a case's image should be, by the columns of that name: the copy or the original."""
        if copy is not None:
            return self._store.blobs.path(sha256, copy)
        original = Path(path)
        if self._store.foreign:
            # Somebody else wrote these rows, and their owner hasn't accepted them yet.
            if is_blob_name(sha256):
                along = sorted((self._store.path / "originals").glob(f"{sha256}*"))
                if along:
                    return along[0]
            if is_elsewhere(path):
                raise ImageMissingError(
                    "An image of this imported casebook is said to lie on another machine or in the system's own "
                    "folders, where nothing is opened unasked.",
                    "If you trust the casebook, choose “Make it mine”.",
                )
        if not original.is_file() and relative is not None:
            moved_along = Path(os.path.normpath(self._store.path / relative))
            if moved_along.is_file():
                return moved_along
        return original

    def check(
        self,
        cases: Iterable[int] | None = None,
        *,
        thorough: bool = False,
        progress: Callable[[float], None] | None = None,
    ) -> list[FileCheck]:
        """Look whether images are where they were and what they were; the worklist shows the result.

        Parameters
        ----------
        cases : iterable of int, optional
            None: all but the trash.
        thorough : bool
            Read every file. Otherwise only originals whose size or time changed are read.

        Returns
        -------
        list of FileCheck
            Those whose state isn't "ok".
        """
        wanted = set(cases) if cases is not None else None
        rows = [
            row
            for row in self._store.rows(f"SELECT {_WHERE} FROM cases WHERE trashed IS NULL ORDER BY id")
            if wanted is None or row[0] in wanted
        ]
        changed: list[tuple[int, FileState]] = []
        bad: list[FileCheck] = []
        for number, row in enumerate(rows, 1):
            path = self.locate(row[2], row[3], row[4], row[5])
            if thorough:
                unread = None
            else:  # an imported copy is written once, so its size tells enough
                unread = path.stat().st_mtime if row[4] is not None and path.is_file() else row[7]
            state = _state(path, row[5], row[6], unread)
            if state != row[8]:
                changed.append((row[0], state))
            if state != "ok":
                bad.append(FileCheck(row[0], path, state))
            if progress is not None:
                progress(number / len(rows))
        if changed and self._store.read_only is None:
            with self._store.act() as act:
                for case, state in changed:
                    act.update("cases", case, {"file_state": state})
                    act.record("file-state", case=case, state=state)
        return bad

    def relink(
        self, folder: Path, cases: Iterable[int] | None = None, *, progress: Callable[[int], None] | None = None
    ) -> dict[int, Path]:
        """Find missing or altered originals below a folder by their content, and refer to them there.

        Parameters
        ----------
        folder : Path
            Searched with its subfolders; only files of the right size are read.
        cases : iterable of int, optional
            None: every case whose file isn't where it was.
        progress : callable, optional
            Called with the number of files looked at.

        Returns
        -------
        dict
            Case id -> new path, of those that were found.
        """
        wanted = set(cases) if cases is not None else {check.case_id for check in self.check()}
        rows = [r for r in self._store.rows(f"SELECT {_WHERE} FROM cases WHERE copy IS NULL") if r[0] in wanted]
        sizes = {row[6] for row in rows}
        missing = {row[5] for row in rows}
        found: dict[str, Path] = {}
        seen = 0
        for root, _, names in os.walk(folder):
            for name in names:
                if not missing - found.keys():
                    break
                seen += 1
                path = Path(root, name)
                try:
                    if path.stat().st_size in sizes and (digest := hash_file(path)) in missing:
                        found.setdefault(digest, path)
                except OSError:
                    continue  # unreadable here: it can't be the one that is wanted
                finally:
                    if progress is not None:
                        progress(seen)
        result: dict[int, Path] = {}
        if not found:
            return result
        with self._store.act() as act:
            for row in rows:
                path_found = found.get(row[5])
                if path_found is None:
                    continue
                values = {
                    "path": storable(path_found),
                    "relative": Path(os.path.relpath(path_found, self._store.path)).as_posix(),
                    "modified": path_found.stat().st_mtime, "file_state": "ok",
                }  # fmt: skip
                act.update("cases", row[0], values)
                act.record("relink", case=row[0], path=values["path"], before=row[2])
                result[row[0]] = path_found
        return result

    def adopt(self) -> int:
        """Originals that came in an archive become imported copies (at the first opening). Returns how many cases."""
        folder = self._store.path / "originals"
        if not folder.is_dir():
            return 0
        adopted = 0
        with self._store.act() as act:
            for file in sorted(folder.iterdir()):
                digest, suffix = file.name[:64], file.name[64:]
                if not is_blob_name(file.name) or file.is_symlink():
                    continue
                rows = act.sql("SELECT id FROM cases WHERE sha256 = ? AND copy IS NULL", (digest,)).fetchall()
                if rows:
                    self._store.blobs.put_copy(file, digest, suffix)
                for (case,) in rows:
                    act.update("cases", case, {"copy": suffix, "file_state": "ok"})
                    act.record("adopt-original", case=case)
                    adopted += 1
        shutil.rmtree(folder)
        return adopted


def _state(path: Path, sha256: str, size: int, modified: float | None) -> FileState:
    """Read the file unless it has this time of modification."""
    try:
        stat = path.stat()
    except OSError:
        return "missing"
    if stat.st_size != size:
        return "altered"
    if modified is not None and stat.st_mtime == modified:
        return "ok"
    try:
        return "ok" if hash_file(path) == sha256 else "altered"
    except OSError:
        return "missing"
