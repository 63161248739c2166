"""ZIP files of pictures, unpacked without trusting them: no path leaves the folder, no bomb fills the disk."""

from __future__ import annotations

import hashlib
import os
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from divisive_desktop.errors import ArchiveError, in_words
from divisive_desktop.imaging.natural_order import natural
from divisive_desktop.imaging.sniff import HEAD_BYTES, sniff, sniff_file

COMPLETE = ".complete"
"""In the folder of an archive: all of its pictures are there."""
_BLOCK = 1 << 20
_ITSELF = "Unpack it yourself and open the folder."


@dataclass(frozen=True)
class ArchiveLimits:
    """What an archive may grow to."""

    total_bytes: int = 8 << 30
    file_bytes: int = 2 << 30
    files: int = 100_000
    """Members that are looked at, pictures or not."""


def is_archive(path: str | os.PathLike[str]) -> bool:
    """Whether a file is a ZIP, by its content, or calls itself one: opening it then says what is wrong with it."""
    path = Path(path)
    return (path.suffix.lower() == ".zip" and path.is_file()) or sniff_file(path) == "zip"


def unpack(
    archive: str | os.PathLike[str], folder: str | os.PathLike[str], limits: ArchiveLimits | None = None
) -> Iterator[Path]:
    """Unpack the pictures of a ZIP, one by one, into a folder of their own below ``folder``.

    The archive's own folders are kept as far as their names are harmless; members that aren't pictures, hidden ones,
    links and archives in the archive are passed over. Sizes are counted while unpacking, not believed. The folder is
    named by the archive's content: the same archive comes to the same place, where it is unpacked only once.

    Parameters
    ----------
    archive : path
        The ZIP file.
    folder : path
        Where to unpack to; the caller removes it.
    limits : ArchiveLimits, optional
        Defaults to 8 GB in all, 2 GB a file, 100,000 members.

    Yields
    ------
    Path
        A picture as soon as it is on the disk; in the order of a file manager, where IM2 comes before IM10.

    Raises
    ------
    ArchiveError
        It is no ZIP, is damaged, protected by a password or too large, or the disk is full. What was unpacked before
        stays.
    """
    archive = Path(archive)
    limits = limits or ArchiveLimits()
    try:
        with archive.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        target = Path(folder) / f"{_harmless(archive.stem)}-{digest[:16]}"
        target.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.utime(target)  # when it was last of use
        complete = (target / COMPLETE).exists()
        left = limits.total_bytes
        taken: set[str] = set()
        with zipfile.ZipFile(archive) as opened:
            members = opened.infolist()
            if len(members) > limits.files:
                raise ArchiveError(f"{archive.name} holds more than {limits.files:,} files.", _ITSELF)
            for member in sorted(members, key=_order):
                if _passed_over(member):
                    continue
                if member.flag_bits & 1:
                    raise ArchiveError(f"{archive.name} is protected by a password.", _ITSELF)
                path = target / _place(member.filename, taken)
                if complete:
                    if path.is_file():
                        yield path
                    continue
                size = _copy(opened, member, path, min(left, limits.file_bytes))
                if size > min(left, limits.file_bytes):
                    most = limits.total_bytes if size > left else limits.file_bytes
                    what = "would unpack to" if size > left else "holds a file of"
                    raise ArchiveError(f"{archive.name} {what} more than {_bytes(most)}.", _ITSELF)
                if size:
                    left -= size
                    yield path
        (target / COMPLETE).touch()
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError) as e:
        raise ArchiveError(
            f"{archive.name} can't be unpacked: {in_words(e)}.", "Check the archive, or unpack it yourself."
        ) from e


def _order(member: zipfile.ZipInfo) -> list[tuple[bool, list[tuple[int, int, str]]]]:
    """As a folder is read: in each, first its files, then its folders."""
    *folders, name = re.split(r"[/\\]", member.filename)
    return [*((True, natural(folder)) for folder in folders), (False, natural(name))]


def _passed_over(member: zipfile.ZipInfo) -> bool:
    link = (member.external_attr >> 16) & 0o170000 == 0o120000
    hidden = any(re.match(r"\.[^.]", part) for part in re.split(r"[/\\]", member.filename))
    return member.is_dir() or link or hidden


def _copy(opened: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path, limit: int) -> int:
    """Bytes written, and more than ``limit`` (with nothing left) where that is exceeded; 0 when it is no picture."""
    with opened.open(member) as source:
        block = source.read(_BLOCK)
        if sniff(block[:HEAD_BYTES]) not in ("dicom", "photograph"):
            return 0
        path.parent.mkdir(parents=True, exist_ok=True)
        # Under another name until it is whole: what was unpacked before may be looked at just now.
        part = path.with_name(f".{path.name}.part")
        size = 0
        try:
            with part.open("wb") as out:
                while block and size <= limit:
                    size += len(block)
                    out.write(block)
                    block = source.read(_BLOCK)
            if size <= limit:
                part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    return size


def _bytes(number: int) -> str:
    return f"{number >> 30} GB" if number >= 1 << 30 else f"{number:,} bytes"


def _place(name: str, taken: set[str]) -> Path:
    """Harmless relative path for a member's name, each once."""
    parts = [_harmless(part) for part in re.split(r"[/\\]", name) if part not in ("", ".", "..")][-8:] or ["picture"]
    stem = parts[-1]
    number = 1
    while "/".join(parts).lower() in taken:
        number += 1
        parts[-1] = f"{number}-{stem}"
    taken.add("/".join(parts).lower())
    return Path(*parts)


def _harmless(name: str) -> str:
    """A name that is valid on every system and hides nothing."""
    cleaned = re.sub(r'[\x00-\x1f<>:"|?*/\\]', "_", name).strip(" .")[:100]
    reserved = re.fullmatch(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?", cleaned)
    return f"_{cleaned}" if reserved or not cleaned else cleaned
