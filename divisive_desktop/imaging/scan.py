"""Find the pictures in what a user dropped: files and folders, in any mixture."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from divisive_desktop.imaging.archive import is_archive, unpack
from divisive_desktop.imaging.collection import files_of_dicomdir
from divisive_desktop.imaging.natural_order import natural
from divisive_desktop.imaging.sniff import is_image_file, sniff_file
from divisive_desktop.paths import casebook_at

MAX_FILES = 100_000
MAX_DEPTH = 32


def scan(
    paths: Iterable[str | os.PathLike[str]],
    *,
    max_files: int = MAX_FILES,
    max_depth: int = MAX_DEPTH,
    unpack_to: str | os.PathLike[str] | None = None,
) -> Iterator[Path]:
    """Yield the image files among ``paths``, folders recursively, in the order given and then by name.

    Files are recognised by content. A file that was *named* is yielded whatever it is, so that opening it can
    say what is wrong; inside folders what isn't an image is passed over, and so are casebooks, whose pictures are their
    own. Links to folders are not followed, links that lead nowhere or in a circle are passed over.
    A DICOMDIR that was named stands for the files it lists, a ZIP for the pictures in it.

    Parameters
    ----------
    paths : iterable of path
        Files and folders.
    max_files : int
        Stop after looking at this many files.
    max_depth : int
        Folders nested deeper than this are passed over.
    unpack_to : path, optional
        Where pictures from ZIP archives go; without it a ZIP is yielded as it is.

    Raises
    ------
    ImageError
        When a DICOMDIR or a ZIP that was named is damaged; other files raise only when they are opened.
    """
    looked = 0
    seen: set[Path] = set()
    for given in map(Path, paths):
        named = not given.is_dir()
        for path in _named(given, unpack_to) if named else _files(given, max_depth):
            if looked >= max_files:
                return
            looked += 1
            if path not in seen and (named or is_image_file(path)):
                seen.add(path)
                yield path


def _named(path: Path, unpack_to: str | os.PathLike[str] | None) -> Iterable[Path]:
    if sniff_file(path) == "dicomdir":
        return files_of_dicomdir(path)
    if unpack_to is not None and is_archive(path):
        return unpack(path, unpack_to)
    return [path]


def _files(folder: Path, depth: int) -> Iterator[Path]:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: natural(entry.name))
    except OSError:  # a folder that may not be read holds no pictures for this user
        return
    if casebook_at(folder) is not None:
        return
    folders = []
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if _is_file(entry):
            yield Path(entry.path)
        elif entry.is_dir(follow_symlinks=False):
            folders.append(Path(entry.path))
    if depth > 0:
        for child in folders:
            yield from _files(child, depth - 1)


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:  # a link in a circle, or one to a place that may not be looked at
        return False
