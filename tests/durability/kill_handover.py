"""Kill -9 at random moments of what leaves a casebook and comes in: export, copy, import, report.

    python tests/durability/kill_handover.py --kills 100 [--seed N]

Each act runs in a process of its own on a casebook that version 0.1.0 wrote. After the kill the casebook has to be as
it was written, and what the act makes is there whole or not at all: an archive can be imported, a copy and an import
can be verified, a report holds. Complements ``kill_window.py``.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
DATA = ROOT / "tests" / "data" / "v0_1_0"


def prepared(home: Path) -> tuple[Path, Path]:
    """A casebook of this version with an analysed case, and its archive."""
    shutil.copytree(DATA, home, dirs_exist_ok=True)
    with zipfile.ZipFile(home / "models.zip") as packed:
        packed.extractall(home / "Divisive" / "models")
    os.environ["DIVISIVE_DESKTOP_HOME"] = str(home / "Divisive")
    from divisive_desktop.casebook import Casebook

    book = home / "Divisive" / "Old.casebook"
    book.chmod(0o700)
    with Casebook.open(book) as opened:  # is migrated
        opened.transfer.export_zip(home / "archive.zip", originals=True)
    return book, home / "archive.zip"


def acts(book: Path, archive: Path) -> dict[str, Callable[[Path], None]]:
    """By name: what is done, given an empty folder to do it in."""
    from divisive_desktop.casebook import Casebook
    from divisive_desktop.casebook.exports.transfer import import_zip
    from divisive_desktop.cli.app import run

    def export(out: Path) -> None:
        with Casebook.open(book) as opened:
            opened.transfer.export_zip(out / "made.zip", originals=True)

    def copy(out: Path) -> None:
        with Casebook.open(book) as opened:
            opened.transfer.save_copy(out / "made.casebook")

    def report(out: Path) -> None:
        run(["report", f"{book}#1", "--format", "pdf,html,json,csv", "--out", str(out / "made")])

    def bring_in(out: Path) -> None:
        import_zip(archive, out / "made")

    return {"export": export, "copy": copy, "import": bring_in, "report": report}


def check(book: Path, out: Path) -> list[str]:
    """What isn't as it should be after a kill."""
    from divisive_desktop.casebook.exports.transfer import import_zip
    from divisive_desktop.casebook.verify import verify
    from divisive_desktop.reporting.verify import verify_file

    wrong = [str(finding) for finding in verify(book).breaks]
    for made in (path for path in out.iterdir() if not path.name.startswith(".")):
        if made.suffix == ".zip":
            made = import_zip(made, out / "again")
        if made.suffix == ".casebook":
            wrong += [f"{made.name}: {finding}" for finding in verify(made).breaks]
        else:
            files = [file for file in made.iterdir() if not file.name.startswith(".")]
            wrong += [f"{f.name}: {verify_file(f).as_text()}" for f in files if not verify_file(f).ok]
    return wrong


def child(act: Callable[[Path], None], out: Path) -> int:
    """Begins the act in a process of its own; gives its number."""
    pid = os.fork()
    if pid == 0:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        try:
            act(out)
        except SystemExit:
            os._exit(0)
        except BaseException:  # noqa: BLE001 - the parent is told by the exit code
            os._exit(1)
        os._exit(0)
    return pid


def main(kills: int, seed: int) -> int:
    """Kill so often, in turns; gives the number of failures."""
    dice, killed, failures = random.Random(seed), Counter[str](), 0
    with tempfile.TemporaryDirectory(prefix="kill-handover.") as folder:
        home = Path(folder)
        book, archive = prepared(home)
        doing, took = acts(book, archive), {}
        number = 0
        while sum(killed.values()) < kills:
            name = list(doing)[number % len(doing)]
            number += 1
            out = home / f"out{number}"
            out.mkdir()
            begun, pid = time.monotonic(), child(doing[name], out)
            if name not in took:  # once undisturbed, to know how long it takes
                ended = os.waitpid(pid, 0)[1]
                took[name] = time.monotonic() - begun
                failures += ended != 0
            else:
                time.sleep(dice.uniform(0, took[name]))
                os.kill(pid, signal.SIGKILL)
                killed[name] += os.WIFSIGNALED(os.waitpid(pid, 0)[1])
            for problem in check(book, out):
                failures += 1
                print(f"{name} (kill {sum(killed.values())}): {problem}")
            shutil.rmtree(out)
    print("kills:", ", ".join(f"{name}: {n}" for name, n in killed.items()))
    print("failures:", failures)
    return failures


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--kills", type=int, default=100)
    arguments.add_argument("--seed", type=int, default=int(time.time()))
    given = arguments.parse_args()
    print("seed", given.seed)
    sys.exit(bool(main(given.kills, given.seed)))
