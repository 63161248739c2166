"""One window for each user and data folder: a second start hands its files to the window that is there.

The first start holds a lock file for as long as it runs and listens on a local socket beside it (Windows: a named
pipe); both lie where only this user can write. A lock whose process is gone is taken over, with the socket it left.
Not ``QLocalServer``: its sockets crash PySide 6.11 when they are still connected at the end.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import stat
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Mapping
from multiprocessing.connection import Client, Listener
from pathlib import Path
from typing import Any

from PySide6.QtCore import QEvent, QLockFile, QObject, Qt, Signal
from PySide6.QtGui import QFileOpenEvent
from PySide6.QtWidgets import QWidget

from divisive_desktop import paths
from divisive_desktop.foreign.parsing import read_json

log = logging.getLogger(__name__)

_PATIENCE_S = 4.0
"""A window that doesn't answer in this time hangs; the second start then opens its own."""
_LONGEST = 4 << 20
"""Bytes of one message; some ten thousand paths."""
_TAKEN, _END = b"taken", b"end"
_TOKENS = ("XDG_ACTIVATION_TOKEN", "DESKTOP_STARTUP_ID")
"""By these the desktop lets the other process's window come to the front."""


class Instance(QObject):
    """This process's claim to be the one window.

    Signals
    -------
    asked(list)
        Another start hands over: a list of absolute paths and options (``--samples``), maybe empty.
    """

    asked = Signal(list)

    def __init__(self, folder: Path | None = None, parent: QObject | None = None) -> None:
        super().__init__(parent)
        folder = folder or _private_folder()
        name = "window-" + hashlib.sha256(str(paths.user_data_dir()).encode()).hexdigest()[:16]
        self._lock = QLockFile(str(folder / f"{name}.lock"))
        self._lock.setStaleLockTime(0)  # a window may stay open for weeks; only a dead process frees the lock
        windows = sys.platform == "win32"
        self.address = rf"\\.\pipe\divisive-desktop-{_user()}-{name}" if windows else str(folder / f"{name}.sock")
        self._listener: Listener | None = None
        self._thread: threading.Thread | None = None

    def claim(self) -> bool:
        """Become the one window, and listen; False when another process is."""
        if not self._lock.tryLock(0):
            return False
        with contextlib.suppress(OSError):
            os.unlink(self.address)  # left behind by a process that was killed
        try:
            self._listener = Listener(self.address)
        except OSError as e:
            log.warning("no other start can hand its files over: %s", e.strerror)
            return True
        self._thread = threading.Thread(target=self._listen, args=(self._listener,), name="instance", daemon=True)
        self._thread.start()
        return True

    def hand_over(self, arguments: Iterable[str]) -> bool:
        """Give the other process these paths and options; False when it doesn't answer in time."""
        tokens = {name: os.environ[name] for name in _TOKENS if name in os.environ}
        with contextlib.suppress(OSError, EOFError), Client(self.address) as connection:
            connection.send_bytes(json.dumps({"open": list(arguments), "tokens": tokens}).encode())
            return connection.poll(_PATIENCE_S) and connection.recv_bytes(len(_TAKEN)) == _TAKEN
        return False

    def release(self) -> None:
        """Stop listening and give the claim up."""
        if self._listener is not None and self._thread is not None:
            with contextlib.suppress(OSError), Client(self.address) as connection:
                connection.send_bytes(_END)  # wakes the thread
            self._thread.join(_PATIENCE_S)
            self._listener.close()
            self._listener = self._thread = None
        self._lock.unlock()

    def _listen(self, listener: Listener) -> None:
        """In a thread of its own; the signal is handled on the window's."""
        while True:
            try:
                with listener.accept() as connection:
                    line = connection.recv_bytes(_LONGEST) if connection.poll(_PATIENCE_S) else b""
                    if line == _END:
                        return
                    asked = _message(line)
                    if asked is None:
                        log.warning("a message to the window was not understood")
                        continue
                    connection.send_bytes(_TAKEN)
            except (OSError, EOFError):  # the other end went away, or said too much
                time.sleep(0.05)
                continue
            os.environ.update(asked[1])
            self.asked.emit(asked[0])


class FilesFromDesktop(QObject):
    """macOS tells the running program which files were double-clicked instead of starting it again."""

    asked = Signal(list)

    def __init__(self, app: QObject) -> None:
        super().__init__(app)
        app.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if isinstance(event, QFileOpenEvent) and event.file():
            self.asked.emit([event.file()])
            return True
        return False


def bring_to_front(window: QWidget) -> None:
    """Out of the task bar and above the others, as far as the desktop allows."""
    window.setWindowState(window.windowState() & ~Qt.WindowState.WindowMinimized)
    window.show()
    window.raise_()
    window.activateWindow()


def _message(line: bytes) -> tuple[list[str], dict[str, str]] | None:
    with contextlib.suppress(ValueError):
        found: Any = read_json(line, most_bytes=_LONGEST)
        if isinstance(found, Mapping):
            names, tokens = found.get("open"), found.get("tokens", {})
            known = isinstance(tokens, Mapping) and all(k in _TOKENS and isinstance(v, str) for k, v in tokens.items())
            if isinstance(names, list) and all(isinstance(n, str) for n in names) and known:
                return names, dict(tokens)
    return None


def _user() -> str:
    return str(os.getuid()) if hasattr(os, "getuid") else os.environ.get("USERNAME", "")


def _private_folder() -> Path:
    """A folder that only this user can write to, for lock and socket (whose path must be short)."""
    if sys.platform == "win32":
        folder = paths.user_data_dir()
        folder.mkdir(parents=True, exist_ok=True)
        return folder
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    if runtime and _is_private(Path(runtime)):
        return Path(runtime)
    folder = Path(tempfile.gettempdir()) / f"divisive-desktop-{_user()}"
    with contextlib.suppress(OSError):
        folder.mkdir(mode=0o700)
    if _is_private(folder):
        return folder
    return Path(tempfile.mkdtemp(prefix="divisive-desktop-"))  # somebody else took the name: alone, but safe


def _is_private(folder: Path) -> bool:
    """A real folder of this user that nobody else may enter."""
    try:
        found = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077
