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

from divisive_desktop.errors import DamagedImageError, ImageTooLargeError, UnreadableFileError
from divisive_desktop.imaging.sniff import HEAD_BYTES, sniff

_BLOCK = 1 << 20


@dataclass(frozen=True)
class ArchiveLimits:
    """What an archive may grow to."""

    total_bytes: int = 8 << 30
    file_bytes: int = 2 << 30
    files: int = 20_000
    """Members that are looked at, pictures or not."""


def unpack(
    archive: str | os.PathLike[str], folder: str | os.PathLike[str], limits: ArchiveLimits | None = None
) -> Iterator[Path]:
    """Unpack the pictures of a ZIP, one by one, into a folder of their own below ``folder``.

    The archive's own folders are kept as far as their names are harmless; members that aren't pictures, links and
    archives in the archive are passed over. Sizes are counted while unpacking, not believed.

    Parameters
    ----------
    archive : path
        The ZIP file.
    folder : path
        Where to unpack to; the caller removes it.
    limits : ArchiveLimits, optional
        Defaults to 8 GB in all, 2 GB a file, 20,000 members.

    Yields
    ------
    Path
        A picture as soon as it is on the disk.

    Raises
    ------
    UnreadableFileError, DamagedImageError, ImageTooLargeError
        What was unpacked before stays.
    """
    archive = Path(archive)
    limits = limits or ArchiveLimits()
    # Two archives of one name mustn't mix.
    target = Path(folder) / f"{_harmless(archive.stem)}-{hashlib.sha256(str(archive).encode()).hexdigest()[:8]}"
    try:
        with zipfile.ZipFile(archive) as opened:
            left = limits.total_bytes
            taken: set[str] = set()
            for index, member in enumerate(opened.infolist()):
                if index >= limits.files:
                    raise _too_large(archive, f"more than {limits.files:,} files")
                if member.is_dir() or (member.external_attr >> 16) & 0o170000 == 0o120000:
                    continue
                if member.flag_bits & 1:
                    raise UnreadableFileError(
                        f"{archive.name} is protected with a password.", "Unpack it yourself and open the folder."
                    )
                path = target / _place(member.filename, taken)
                size = _copy(opened, member, path, min(left, limits.file_bytes), archive)
                if size:
                    left -= size
                    yield path
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as exc:
        raise DamagedImageError(
            f"{archive.name} can't be unpacked ({exc}).", "Ask for it again, or unpack it yourself and open the folder."
        ) from exc
    except OSError as exc:
        raise UnreadableFileError(
            f"{archive.name} can't be unpacked ({exc.strerror or exc}).", "Check the disk's free space and try again."
        ) from exc


def _copy(opened: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path, limit: int, archive: Path) -> int:
    """Bytes written; 0 when the member is no picture, which its first bytes tell."""
    with opened.open(member) as source:
        block = source.read(_BLOCK)
        if sniff(block[:HEAD_BYTES]) not in ("dicom", "photograph"):
            return 0
        path.parent.mkdir(parents=True, exist_ok=True)
        size = 0
        with path.open("wb") as out:
            while block:
                size += len(block)
                if size > limit:
                    break
                out.write(block)
                block = source.read(_BLOCK)
    if size > limit:
        path.unlink()
        raise _too_large(archive, "more data than the limit allows")
    return size


def _too_large(archive: Path, what: str) -> ImageTooLargeError:
    return ImageTooLargeError(
        f"{archive.name} holds {what}; unpacking was stopped.",
        "If you trust it, unpack it yourself and open the folder.",
    )


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
