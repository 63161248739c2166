"""Who holds a casebook: one writer at a time, the others read and are told who it is."""

from __future__ import annotations

import getpass
import json
import os
import socket
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

LOCK = "lock"
_HELD_AT = 1 << 30  # Windows locks bytes against reading too: one far beyond the text
_PATIENCE_S, _STEP_S = 2.0, 0.01
"""How long, and how often, a lock is asked for again whose holder is gone or isn't named."""


@dataclass(frozen=True)
class Holder:
    """The process that may write."""

    user: str
    host: str
    pid: int
    boot: str
    """Identity of the machine's current start, '' where the system doesn't tell."""
    started: str
    """Start time of the process in the kernel's own count, '' where the system doesn't tell."""
    since: str
    """UTC, ISO 8601."""

    def __str__(self) -> str:
        return f"{self.user} on {self.host} (process {self.pid}, since {self.since[:16].replace('T', ' ')} UTC)"

    @classmethod
    def me(cls) -> Holder:
        pid = os.getpid()
        now = datetime.now(UTC).isoformat(timespec="seconds")
        return cls(account(), socket.gethostname(), pid, _boot_id(), _start_time(pid), now)

    def is_gone(self) -> bool:
        """True when that process can't be alive: this machine was restarted since, or no such process is there."""
        if self.host != socket.gethostname():
            return False  # can't be known from here
        if self.boot != _boot_id():
            return True
        return _start_time(self.pid) != self.started if self.started else not _alive(self.pid)


def account() -> str:
    """Name of the operating system's account."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return f"uid {os.getuid()}" if hasattr(os, "getuid") else "unknown"


class Lock:
    """The file ``lock`` in the casebook: locked by the kernel while held, with the holder's description in it.

    The kernel's lock ends with the process however it ends, so on one machine nothing can go stale. Between machines
    (network folders, where kernel locks may not reach) the description decides.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / LOCK
        self._fd: int | None = None

    def acquire(self, *, take_over: bool = False) -> Holder | None:
        """Become the writer; None on success, otherwise who holds it.

        Parameters
        ----------
        take_over : bool
            Ignore a holder on *another* machine: the user says that it is gone.

        Raises
        ------
        OSError
            The folder can't be written.
        """
        fd = os.open(self.path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o600)
        try:
            locked, other = _ask(fd)
            if locked is False:
                return other or Holder("someone", "this machine", 0, "", "", "")
            here = other is not None and other.host == socket.gethostname()
            gone = other is None or (here and locked) or other.is_gone()
            if not gone and not (take_over and not here):
                return other
            text = json.dumps(asdict(Holder.me()), ensure_ascii=False).encode()
            os.ftruncate(fd, 0)
            os.lseek(fd, 0, os.SEEK_SET)
            os.write(fd, text)
            os.fsync(fd)
            self._fd, fd = fd, -1
            return None
        finally:
            if fd >= 0:
                os.close(fd)

    def release(self) -> None:
        """Give it back. The file stays: removing it would race with the next holder."""
        if self._fd is not None:
            os.ftruncate(self._fd, 0)
            # Not by closing alone: a child that is being started has every open file until it becomes its program,
            # and with this one the lock.
            _unlock(self._fd)
            os.close(self._fd)
            self._fd = None


def _ask(fd: int) -> tuple[bool | None, Holder | None]:
    """Ask for the lock, with patience where nobody alive is named: a child that the last holder was starting when it
    ended keeps the lock for the moment until it becomes its program; or the next holder is about to write its name.
    """
    end = time.monotonic() + _PATIENCE_S
    while True:
        locked = _lock(fd)
        other = _parse(os.pread(fd, 4096, 0) if hasattr(os, "pread") else _read_all(fd))
        named = other is not None and not other.is_gone()
        if locked is not False or named or time.monotonic() > end:
            return locked, other
        time.sleep(_STEP_S)


def _unlock(fd: int) -> None:
    try:
        import fcntl
    except ImportError:
        return  # Windows: children have no files but those that they are given
    with suppress(OSError):  # a file system without locks
        fcntl.flock(fd, fcntl.LOCK_UN)


def _lock(fd: int) -> bool | None:
    """True: locked; False: someone else has it; None: this file system has no locks."""
    try:
        import fcntl
    except ImportError:
        import msvcrt

        os.lseek(fd, _HELD_AT, os.SEEK_SET)
        try:
            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
        except OSError:
            return False
        return True
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def _read_all(fd: int) -> bytes:
    os.lseek(fd, 0, os.SEEK_SET)
    return os.read(fd, 4096)


def _parse(data: bytes) -> Holder | None:
    try:
        raw = json.loads(data)
        return Holder(**{name: raw[name] for name in Holder.__dataclass_fields__})
    except (ValueError, TypeError, KeyError):
        return None  # empty (nobody), or cut off by a crash while it was written


def _boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def _start_time(pid: int) -> str:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    return stat.rpartition(")")[2].split()[19]  # field 22; the command before may hold spaces


def _alive(pid: int) -> bool:
    if os.name == "nt":  # there signal 0 isn't harmless, and the kernel's lock has answered already
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
