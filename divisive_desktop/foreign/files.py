"""Files that are opened because another file names them, or that could be anything: only plain ones, within bounds."""

from __future__ import annotations

import os
import stat
from io import BufferedReader
from pathlib import Path, PurePath

MOST_SETTINGS = 1 << 20
"""Bytes of what people write by hand."""
_SYSTEM = ("/dev", "/proc", "/sys")
"""Names of devices and of the system's state, not of files that anybody keeps pictures in."""


def open_plain(path: Path) -> BufferedReader:
    """A plain file, open for reading; never waits for a pipe.

    Raises
    ------
    OSError
        It can't be read, or isn't a plain file (a device, a pipe, a folder).
    """
    # Without blocking: opening a pipe would wait until somebody writes to it.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
    file = open(os.open(path, flags), "rb")  # noqa: SIM115 - the caller closes it
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise OSError(None, "it is no plain file")
    return file


def read_whole(path: Path, most_bytes: int) -> bytes:
    """The bytes of a plain file; never waits for a pipe.

    Raises
    ------
    OSError
        It can't be read, isn't a plain file (a device, a pipe, a folder), or is larger than ``most_bytes``.
    """
    with open_plain(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > most_bytes:
            raise OSError(None, f"it has {size:,} bytes, more than {most_bytes:,}")
        return file.read(size)  # `read` makes room for all it is asked for


def read_settings(path: Path) -> str:
    """The text of a plain file of settings, rules or descriptions, UTF-8 and at most `MOST_SETTINGS` bytes.

    Raises
    ------
    OSError
        As `read_whole`.
    UnicodeDecodeError
        It isn't UTF-8.
    """
    return read_whole(path, MOST_SETTINGS).decode("utf-8").replace("\r\n", "\n")


def is_elsewhere(path: PurePath | str) -> bool:
    """Whether a path leads to another machine or into the system's devices, judged by its text alone.

    Asking the system would be too late: on Windows the very question hands the account's password hash to the other
    machine.
    """
    text = str(path)
    if text.startswith(("\\\\", "//")) or text.lower().startswith(("\\??\\", "/??/")):
        return True
    if os.name == "nt":
        return False
    plain = os.path.normpath(text)
    return any(plain == root or plain.startswith(f"{root}/") for root in _SYSTEM)
