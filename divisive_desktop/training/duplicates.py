"""Images that are there twice: in two splits, a test on what was learned from is no test; with both labels, neither."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping
from pathlib import Path

from divisive_desktop.errors import TrainingError

_HEAD = 65536
_NAMED = 3


def check_duplicates(
    files: Iterable[tuple[Path, str, int]], pictures: Mapping[Path, Hashable] | None = None
) -> None:
    """Refuse an image that is in training, validation and test, or has both labels; by their bytes.

    Parameters
    ----------
    files : iterable of (Path, str, int)
        Each image with its split and label; every split but ``train`` and ``val`` is a test. Only files of equal length
        are opened.
    pictures : mapping, optional
        What each file shows, of those that were decoded: compared instead of the bytes, so that a picture which was
        stored anew as another kind of file is found, too.

    Raises
    ------
    TrainingError
        Names the files, whatever they are called.
    """
    kinds: dict[Path, set[str]] = defaultdict(set)
    labels: dict[Path, set[int]] = defaultdict(set)
    for image, split, label in files:
        kinds[image].add(split if split in ("train", "val") else "test")
        labels[image].add(label)

    def odd(part: list[Path]) -> bool:
        return any(len(set().union(*(said[file] for file in part))) > 1 for said in (kinds, labels))

    groups = [list(kinds)]
    steps: tuple[Callable[[Path], Hashable], ...] = (_length, _beginning, _digest)
    if pictures is not None:
        groups, steps = [[file for file in kinds if file in pictures]], (pictures.__getitem__,)
    for of in steps:
        parts = [part for group in groups for part in _parts(group, of)]
        groups = [part for part in parts if odd(part)]
    twice = [sorted(group) for group in groups]
    contradicting = [group for group in twice if len(set().union(*(labels[file] for file in group))) > 1]
    if contradicting:
        raise TrainingError(
            f"The same image has both labels: {_named(contradicting)}. One of them is wrong.",
            "Look at it, and keep the row with the right label.",
        )
    if twice:
        raise TrainingError(
            f"The same image is in more than one split: {_named(twice)}. The test would be no test.",
            "Keep one of each, or give them one group.",
        )


def _named(twice: list[list[Path]]) -> str:
    pairs = "; ".join(" and ".join(f.name for f in group[:2]) for group in twice[:_NAMED])
    return f"{pairs} and {len(twice) - _NAMED} more" if len(twice) > _NAMED else pairs


def _parts(files: list[Path], of: Callable[[Path], Hashable]) -> list[list[Path]]:
    found: dict[Hashable, list[Path]] = defaultdict(list)
    for file in files:
        found[of(file)].append(file)
    return list(found.values())


def _length(file: Path) -> int:
    return file.stat().st_size


def _beginning(file: Path) -> bytes:
    with file.open("rb") as handle:
        return hashlib.sha256(handle.read(_HEAD)).digest()


def _digest(file: Path) -> bytes:
    with file.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").digest()
