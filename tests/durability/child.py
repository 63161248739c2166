"""A life of the program in a process of its own: what it says, how it is killed, and what it leaves behind."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

SHARED = Path("/dev/shm")
_OWN = "DIVISIVE_OWN_SHARED_MEMORY"
TIDY_S = 60.0
"""A loaded machine takes its time to end an engine that is still starting."""


def begin_apart() -> None:
    """Begin this program anew in a place where ``/dev/shm`` is its own, so that what is left there is its own, too.

    Where that isn't permitted nothing is said of shared memory.
    """
    again = ["unshare", "--mount", "sh", "-c", f'mount -t tmpfs none {SHARED} && exec "$@"', "sh"]
    if _OWN in os.environ or shutil.which("unshare") is None:
        return
    if subprocess.run([*again, "true"], capture_output=True, check=False).returncode == 0:
        os.environ[_OWN] = "1"
        os.execvp("unshare", [*again, sys.executable, *sys.argv])


class Child:
    """A life, and what it has said so far.

    Parameters
    ----------
    scenario, path, seed
        What ``window_life.live`` is given.
    """

    def __init__(self, scenario: str, path: Path, seed: int) -> None:
        from tests.durability.window_life import live

        self._reader, writer = os.pipe()
        self._data = b""
        self._blocks = _blocks()
        self.pid = os.fork()
        if self.pid == 0:
            os.setsid()
            os.close(self._reader)
            try:
                live(scenario, path, seed, writer)
            except BaseException as e:  # noqa: BLE001  # reported to the parent, which fails the run
                os.write(writer, (json.dumps(["error", type(e).__name__, str(e)]) + "\n").encode())
            finally:
                os._exit(1)
        os.close(writer)
        os.set_blocking(self._reader, False)

    def listen(self, seconds: float, until: str = "") -> bool:
        """Take in what is said for so long, or until a word is said; whether it was."""
        end = time.monotonic() + seconds
        while True:
            try:
                self._data += os.read(self._reader, 1 << 16)
            except BlockingIOError:
                time.sleep(0.002)
            if until and any(line[0] in (until, "error") for line in self.lines()):
                return True
            if time.monotonic() >= end:
                return False

    def lines(self) -> list[list[Any]]:
        whole = self._data[: self._data.rfind(b"\n") + 1]
        return [json.loads(line) for line in whole.decode().splitlines()]

    def last(self, word: str) -> int | None:
        """The number that was said last with this word: of the engine, or of the process that makes reports."""
        pids = [line[2] for line in self.lines() if line[0] == word]
        return pids[-1] if pids else None

    def kill(self) -> list[str]:
        """Kill the window. What is left of it a minute later, in words; processes among it are ended."""
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        end = time.monotonic() + TIDY_S
        while (left := _group(self.pid)) and time.monotonic() < end:
            time.sleep(0.02)
        for pid in left:
            kill(pid)
        self.listen(0.01)
        os.close(self._reader)
        end = time.monotonic() + TIDY_S
        while (blocks := _blocks() - self._blocks) and time.monotonic() < end:
            time.sleep(0.1)  # Python's tracker takes what has a name away a moment later
        return [f"process {pid}" for pid in left] + [f"shared memory {name}" for name in blocks]


def kill(pid: int) -> bool:
    """Whether there was such a process."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def _group(leader: int) -> list[int]:
    """Living processes of a session."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[3]) == leader and fields[0] != "Z":
                found.append(int(entry.name))
    return found


def _blocks() -> set[str]:
    return set(os.listdir(SHARED)) if _OWN in os.environ else set()
