"""Pictures that the window has unpacked from ZIP archives: where they are, and how long they are needed.

A case whose image isn't copied into its casebook refers to the unpacked file. So each archive's folder has a note of
the casebooks that refer to it, and is removed when none does any more.
"""

from __future__ import annotations

import hashlib
import logging
import re
import shutil
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from divisive_desktop import paths

if TYPE_CHECKING:
    from divisive_desktop.casebook import Casebook

KEPT_S = 24 * 3600
"""Seconds after its last use for which an archive's folder stays although no casebook refers to it: its images may be
on their way into one, or on the screen."""
_NOTES = ".casebooks"
_OLD = re.compile("[0-9a-f]{16}")

log = logging.getLogger(__name__)


def folder() -> Path:
    """Where archives are unpacked to, each into a folder of its own."""
    return paths.user_cache_dir() / "archives"


def note(book: Casebook, images: Iterable[Path]) -> None:
    """Note that a casebook refers to images, as far as they come from archives."""
    for archive in {found for image in images if (found := _archive_of(image)) is not None}:
        try:
            (archive / _NOTES).mkdir(exist_ok=True)
            (archive / _NOTES / _key(book)).touch()
        except OSError:  # no reason not to take the image in; the folder stays for a day
            log.warning("no note of a casebook in %s", archive.name)


def clean(book: Casebook, now: float | None = None) -> None:
    """Renew a casebook's notes, and remove the archives that no casebook refers to; on the writer's thread.

    Folders that version 0.1.0 made stay: it took no notes, so nobody knows which casebooks refer to them.

    Parameters
    ----------
    now : float, optional
        Seconds since 1970; default: the present.
    """
    if not folder().is_dir():
        return
    from divisive_desktop.casebook import CaseFilter

    rows = book.cases.rows(CaseFilter(trashed=None))
    used = [Path(row.path) for row in rows if not row.copied] + [path for path, _ in book.waiting.files()]
    note(book, used)
    needed = {_archive_of(path) for path in used}
    for archive in folder().iterdir():
        if archive in needed or not archive.is_dir() or _OLD.fullmatch(archive.name):
            continue
        try:
            _let_go(book, archive, time.time() if now is None else now)
        except OSError as e:
            log.warning("%s could not be removed: %s", archive.name, e)


def _let_go(book: Casebook, archive: Path, now: float) -> None:
    notes = archive / _NOTES
    unused_s = now - archive.stat().st_mtime
    (notes / _key(book)).unlink(missing_ok=True)
    if unused_s > KEPT_S and not (notes.is_dir() and any(notes.iterdir())):
        shutil.rmtree(archive)


def _archive_of(image: Path) -> Path | None:
    """The folder of the archive that an image was unpacked from, None for others."""
    root = folder()
    if not image.is_relative_to(root):
        return None
    found = root / image.relative_to(root).parts[0]
    return found if found.is_dir() else None


def _key(book: Casebook) -> str:
    """Names a casebook at its place: one that was moved leaves its note behind, so that nothing it needs is removed."""
    return hashlib.sha256(str(book.path.resolve()).encode()).hexdigest()[:16]
