"""The packaged program against the same program in its virtual environment: start, size, memory of loading a model.

``make package`` first. Each start is a process of its own on a virtual screen, with a radiograph on the command line;
"usable" is the window that names the file in its title. Cold: none of the program's files are in the page cache.
Frozen and unfrozen take turns, and the median of the ratios of neighbours counts. Limits: 2 x the unfrozen start,
850 MB unpacked, 270 MB packed.
"""

from __future__ import annotations

import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "dist" / "divisive-desktop"
RUNS = int(os.environ.get("RUNS", "3"))
LIMIT_START, LIMIT_UNPACKED_MB, LIMIT_PACKED_MB = 2.0, 850, 270


@contextmanager
def screen() -> Iterator[str]:
    """An empty X screen; its name."""
    read, write = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(write), "-screen", "0", "1440x900x24", "-nolisten", "tcp"],
        pass_fds=(write,), stderr=subprocess.DEVNULL,
    )  # fmt: skip
    os.close(write)
    with os.fdopen(read) as said:
        yield f":{said.readline().strip()}"
    server.terminate()
    server.wait()


def forget(folder: Path) -> None:
    """Drop the folder's files from the page cache."""
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            descriptor = os.open(path, os.O_RDONLY)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(descriptor)


def start(command: list[str], display: str, sample: Path) -> float:
    """Seconds from starting the process to the window that names the sample."""
    with tempfile.TemporaryDirectory() as home:
        environment = {"HOME": home, "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "DISPLAY": display, "TMPDIR": home}
        begun = time.perf_counter()
        process = subprocess.Popen([*command, str(sample)], env=environment, cwd=home, stderr=subprocess.DEVNULL)
        try:
            while time.perf_counter() - begun < 120:
                tree = subprocess.run(
                    ["xwininfo", "-display", display, "-root", "-tree"], capture_output=True, text=True, check=False
                ).stdout
                if f'"{sample.name}' in tree:
                    return time.perf_counter() - begun
                if process.poll() is not None:
                    raise SystemExit(f"{command[0]} ended with {process.returncode}")
                time.sleep(0.01)
            raise SystemExit(f"{command[0]} showed no window")
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait()


def size(folder: Path) -> float:
    """MB of a folder's files."""
    return sum(p.stat().st_size for p in folder.rglob("*") if p.is_file() and not p.is_symlink()) / 1e6


def main() -> None:
    program = FOLDER / "divisive-desktop"
    if not program.is_file():
        print("There is no package to measure: make package")
        return
    missing = [name for name in ("Xvfb", "xwininfo") if shutil.which(name) is None]
    if missing:
        raise SystemExit(f"Needs {' and '.join(missing)}: build/system-libs.sh --package")
    sample = next((FOLDER / "_internal" / "resources" / "samples").glob("*.dcm"))
    sides = {"frozen": [str(program)], "unfrozen": [sys.executable, "-m", "divisive_desktop"]}
    os.environ["PYTHONPATH"] = str(ROOT)
    failed = False
    print(f"{'start':24}{'frozen':>9}{'unfrozen':>10}{'ratio':>8}{'limit':>7}")
    with screen() as display:
        for heat in ("warm", "cold"):
            times: dict[str, list[float]] = {name: [] for name in sides}
            for run in range(RUNS + (heat == "warm")):  # the first warm one only warms
                for name, command in sides.items():
                    if heat == "cold":
                        forget(FOLDER)
                        forget(Path(sys.prefix))
                        forget(Path(sys.base_prefix) / "lib")
                    took = start(command, display, sample)
                    if heat == "cold" or run:
                        times[name].append(took)
            ratio = statistics.median(a / b for a, b in zip(times["frozen"], times["unfrozen"], strict=True))
            failed |= ratio > LIMIT_START
            middle = {name: statistics.median(t) for name, t in times.items()}
            print(f"{heat + ', s':24}{middle['frozen']:9.2f}{middle['unfrozen']:10.2f}{ratio:8.2f}{LIMIT_START:7.1f}")
    print(f"\n{'size, MB':50}{'is':>8}{'limit':>7}")
    rows = [("folder", size(FOLDER), LIMIT_UNPACKED_MB)]
    rows += [(p.name, p.stat().st_size / 1e6, LIMIT_PACKED_MB)
             for pattern in ("*.tar.xz", "*.deb") for p in FOLDER.parent.glob(pattern)]  # fmt: skip
    for name, is_, limit in rows:
        failed |= is_ > limit
        print(f"{name:50}{is_:8.0f}{limit:7}")
    raise SystemExit(failed)


if __name__ == "__main__":
    main()
