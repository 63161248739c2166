"""Where things lie: shipped resources and models, and the user's own folders."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

import platformdirs

_APP = "divisive-desktop"


def _shipped(name: str) -> Path:
    if getattr(sys, "frozen", False):
        return Path(sys._MEIPASS) / name  # type: ignore[attr-defined]  # set by PyInstaller
    package = Path(__file__).resolve().parent
    bundled = package / "_bundled" / name  # in an installed wheel
    return bundled if bundled.is_dir() else package.parent / name  # in a checkout


def resources_dir() -> Path:
    """Shipped icons, themes and templates (read-only)."""
    return _shipped("resources")


def shipped_models_dir() -> Path:
    """Shipped models (read-only), one folder each."""
    return _shipped("models")


def user_data_dir() -> Path:
    """The user's own folder for casebooks and models; ``DIVISIVE_DESKTOP_HOME`` overrides it."""
    home = os.environ.get("DIVISIVE_DESKTOP_HOME")
    return Path(home) if home else Path(platformdirs.user_data_dir(_APP, appauthor=False))


def user_models_dir() -> Path:
    """Models that the user trained or imported, one folder each."""
    return user_data_dir() / "models"


def settings_file() -> Path:
    """The user's settings; ``DIVISIVE_DESKTOP_SETTINGS`` puts others in their place (safe mode)."""
    other = os.environ.get("DIVISIVE_DESKTOP_SETTINGS")
    return Path(other) if other else user_data_dir() / "settings.ini"


def user_cache_dir() -> Path:
    """What can be made again: converted weights, thumbnails, cached features."""
    home = os.environ.get("DIVISIVE_DESKTOP_HOME")
    return Path(home) / "cache" if home else Path(platformdirs.user_cache_dir(_APP, appauthor=False))


def user_log_dir() -> Path:
    """Log files, without patient data."""
    home = os.environ.get("DIVISIVE_DESKTOP_HOME")
    return Path(home) / "log" if home else Path(platformdirs.user_log_dir(_APP, appauthor=False))


def private_folder(folder: Path) -> Path:
    """A folder of the user's own, made where it lacks, that no other account may enter (0700); the same path.

    Raises
    ------
    OSError
        It can't be made.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if folder.stat().st_mode & 0o077:
        with contextlib.suppress(OSError):  # somebody else's, or a medium without permissions
            folder.chmod(0o700)
    return folder


def private_file(file: Path) -> Path:
    """A file of the user's own, made empty where it lacks, that no other account may read (0600); the same path.

    Raises
    ------
    OSError
        It can't be made.
    """
    os.close(os.open(file, os.O_WRONLY | os.O_CREAT, 0o600))
    if file.stat().st_mode & 0o077:
        with contextlib.suppress(OSError):
            file.chmod(0o600)
    return file


_CASEBOOK = "casebook.sqlite"
_LONGEST_NAME = 230
"""Bytes: file systems take 255, and a temporary name beside it is a little longer."""


def casebook_at(path: Path) -> Path | None:
    """The folder of a casebook that this path is, or is the database of; None for anything else."""
    try:
        folder = path.parent if path.name == _CASEBOOK else path
        return folder if (folder / _CASEBOOK).is_file() else None
    except OSError:
        return None


def name_within_limits(stem: str, ending: str) -> str:
    """A file name made from another one's stem, cut where the whole would be too long for a file system.

    Parameters
    ----------
    stem : str
        What is cut.
    ending : str
        With its dot; kept whole.
    """
    room = _LONGEST_NAME - len(os.fsencode(ending))
    while len(os.fsencode(stem)) > room:
        stem = stem[:-1]
    return stem + ending
