"""Kill -9 of the real window and the real engine at random moments: is everything that was acknowledged there?

    python tests/durability/kill_window.py --kills 200

Each life is a real window (offscreen) on a real casebook, with the real engine process where one is needed; a hand
paints, labels, writes notes, runs batches, trains, or opens a casebook of the first schema, which is migrated. What
the user was told to be kept ("Saved", a written result, a finished epoch) is said on a pipe. The parent kills the
window, the engine, or both, at a random moment, also while they start. Then it verifies the casebook, opens it, and
compares: what was acknowledged must be there; what was under way may be there or not. Nothing may be done twice, no
engine may be left behind, no model may be half there.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))
from window_life import PATIENCE_S, SIDE, live

HERE = Path(__file__).resolve().parent
FILMS = 24
SCENARIOS = ("painting", "batch", "painting", "training", "migration")


class Child:
    """A life in a process of its own, and what it has said so far."""

    def __init__(self, scenario: str, path: Path, seed: int) -> None:
        self._reader, writer = os.pipe()
        self._data = b""
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

    def engine(self) -> int | None:
        """Process number of the engine that was ready last."""
        pids = [line[2] for line in self.lines() if line[0] == "engine"]
        return pids[-1] if pids else None

    def kill(self) -> int:
        """Kill the window; how many of its processes were left after a minute. They are ended, too."""
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        end = time.monotonic() + 60  # a loaded machine takes its time to end an engine that is still starting
        while (left := _group(self.pid)) and time.monotonic() < end:
            time.sleep(0.02)
        for pid in left:
            _kill(pid)
        self.listen(0.01)
        os.close(self._reader)
        return len(left)


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


def _kill(pid: int) -> bool:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def make(work: Path) -> Path:
    """A home with two small models, and a casebook with labelled, masked films."""
    import subprocess

    import cv2
    import numpy as np

    from divisive_desktop.casebook import Casebook, NewImage
    from divisive_desktop.masks.mask import Mask

    script = HERE.parent / "desktop" / "features" / "finetuning" / "small_model.py"
    subprocess.run([sys.executable, script, work / "home"], check=True)
    folder = work / "films"
    folder.mkdir()
    path = work / "kill.casebook"
    with Casebook.create(path) as book:
        for i in range(FILMS):
            rng, label = np.random.default_rng(i), i % 2
            values = np.add.outer(np.arange(SIDE), np.arange(SIDE)) * 0.4 + rng.normal(0, 12, (SIDE, SIDE)) + 40
            marked = np.zeros((SIDE, SIDE), np.uint8)
            cv2.circle(marked, (40, 48), 22, 255, -1)
            if label:
                cv2.circle(values, (40, 48), 18, 210.0, -1)
            film = folder / f"film{i:02}.png"
            film.write_bytes(cv2.imencode(".png", values.clip(0, 255).astype(np.uint8))[1].tobytes())
            case = book.cases.add(NewImage(film, kind="radiograph", width=SIDE, height=SIDE), task="chest-xray")
            book.cases.set_label(case, label)
            book.splits.set_side(case, "holdout" if i % 8 > 5 else "train")
            book.masks.save(case, Mask.from_array(marked))
    return path


def facts(path: Path) -> tuple[dict[str, Any], list[str]]:
    """What a casebook holds, in the words of the pipe, and what is wrong with it."""
    from divisive_desktop.casebook import Casebook, CaseFilter

    wrong: list[str] = []
    there: dict[str, Any] = {}
    with Casebook.open(path) as book:
        if book.warnings or book.read_only:
            wrong.append(f"on opening: {book.warnings} {book.read_only}")
        for row in book.cases.rows(CaseFilter(trashed=None)):
            mask = book.masks.load(row.id)
            there |= {
                f"label {row.id}": row.label, f"notes {row.id}": row.notes, f"review {row.id}": row.review,
                f"tags {row.id}": list(row.tags), f"mask {row.id}": mask.digest() if mask is not None else None,
            }  # fmt: skip
        for batch in book.batches.rows():
            items = book.batches.items(batch.id)
            there |= {f"item {i.id}": i.state for i in items}
            if batch.state == "open" and not batch.pending and items:
                wrong.append(f"batch {batch.id} is open and has nothing left")
        done = Counter(
            record.parameters["item"] for record in book.audit.trail(limit=10**6)
            if record.act == "batch-item" and record.parameters["state"] == "done"
        )  # fmt: skip
        wrong += [f"item {item} was analysed {times} times" for item, times in done.items() if times > 1]
        for run in book.runs.rows():
            there[f"run {run.id}"] = "done" if run.state == "done" else "begun"
            if run.state == "running":
                wrong.append(f"run {run.id} is still running")
            folder = Path(str(run.parameters.get("folder", "")))
            if run.state == "done" and not run.decision and folder.is_dir():
                wrong += [f"run {run.id}: {p} is half written" for p in folder.rglob("*.part")]
    return there, wrong


def one(
    kill: int, scenario: str, path: Path, known: dict[str, Any], rng: random.Random
) -> tuple[Counter[str], list[str]]:
    """One life and its end. Returns what was counted and what went wrong."""
    from divisive_desktop.casebook import verify
    from divisive_desktop.library import store

    counts: Counter[str] = Counter()
    failures: list[str] = []
    child = Child(scenario, path, rng.randrange(1 << 30))
    needs_engine = scenario in ("batch", "training")
    victim = rng.choice(("window", "engine", "both")) if needs_engine else "window"
    if scenario == "migration" or rng.random() < 0.1:
        child.listen(rng.uniform(0, 3.0))  # while it starts, opens and migrates
        victim = "window"
    else:
        child.listen(PATIENCE_S, "engine" if needs_engine else "open")
        child.listen(rng.uniform(0, 5.0 if scenario == "training" else 2.5))
    if victim in ("engine", "both"):
        pid = child.engine()
        if pid is not None and _kill(pid):
            counts["kills of the engine"] += 1
            if victim == "engine":
                child.listen(rng.uniform(0.5, 6.0))  # the window goes on, with a new engine
    left = child.kill()
    counts["kills of the window"] += 1
    counts[f"lives: {scenario}"] += 1
    if left:
        failures.append(f"{left} processes were left behind")
    pending: dict[str, set[Any]] = {}
    for word, key, value in child.lines():
        if word == "error":
            failures.append(f"the window failed: {key}: {value}")
        elif word == "begin":
            pending.setdefault(key, set()).add(json.dumps(value))
            counts["killed while acting"] += 0
        elif word == "done":
            known[key] = value
            pending.pop(key, None)
            counts["acknowledged"] += 1
        elif word == "resumed":
            counts["batches and trainings resumed"] += 1
    counts["killed while opening"] += not any(line[0] == "open" for line in child.lines())
    counts["killed while acting"] += bool(pending)
    report = verify(path)
    if not report.ok:
        failures.append(f"before reopening: {report.breaks[0]}")
    there, wrong = facts(path)
    failures += wrong
    for key, value in known.items():
        if key.startswith("epoch"):
            continue
        found = there.get(key)
        if found == value:
            continue
        if json.dumps(found) in pending.get(key, ()) or (key.startswith("run") and value == "begun"):
            known[key] = found
        else:
            failures.append(f"{key} was acknowledged as {value!r}, there is {found!r}")
    report = verify(path)
    if not report.ok or not report.sealed:
        failures.append(f"after reopening: {report.breaks[:1]}, sealed: {report.sealed}")
    for model in store.find_models():
        if not model.shipped:
            store.verify(model.folder)
    return counts, [f"life {kill}, {scenario}, killed {victim}: {failure}" for failure in failures]


def main(kills: int = 200, seed: int = 0, scenarios: tuple[str, ...] = SCENARIOS, lives: int = 0) -> int:
    """So many kills, and at least so many lives; each scenario in turn."""
    os.environ.update(QT_QPA_PLATFORM="offscreen", OMP_NUM_THREADS="1")
    sys.path.insert(0, str(HERE.parent / "benchmarks"))
    rng = random.Random(seed)
    work = Path(tempfile.mkdtemp(prefix="kill-window-"))
    os.environ["DIVISIVE_DESKTOP_HOME"] = str(work / "home")
    # Imported here, before the lives fork off: each starts in a fraction of the time.
    import PySide6.QtTest  # noqa: F401
    from kill_casebook import make_old

    import divisive_desktop.desktop.application
    import divisive_desktop.desktop.viewer  # noqa: F401

    counts: Counter[str] = Counter()
    failures: list[str] = []
    begun = time.monotonic()
    try:
        path = make(work)
        known: dict[str, Any] = {}
        life = 0
        while life < lives or counts["kills of the window"] + counts["kills of the engine"] < kills:
            scenario = scenarios[life % len(scenarios)]
            if scenario == "migration":
                old = make_old(work / f"old{life}.casebook")
                more, wrong = one(life, scenario, old, {f"label {i + 1}": i % 2 for i in range(20)}, rng)
                shutil.rmtree(old)
            else:
                more, wrong = one(life, scenario, path, known, rng)
            counts += more
            failures += wrong
            life += 1
            if wrong:
                print("\n".join(wrong), flush=True)
    except KeyboardInterrupt:
        print("stopped early")
    finally:
        shutil.rmtree(work, ignore_errors=True)
    total = counts["kills of the window"] + counts["kills of the engine"]
    print(f"kills: {total} in {time.monotonic() - begun:.0f} s, load average {os.getloadavg()[0]:.1f}")
    for name, number in sorted(counts.items()):
        print(f"  {name}: {number}")
    print(f"failures: {len(failures)}")
    return 1 if failures else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--lives", type=int, default=0)
    parser.add_argument("--only", choices=sorted(set(SCENARIOS)))
    arguments = parser.parse_args()
    sys.exit(main(arguments.kills, arguments.seed, (arguments.only,) if arguments.only else SCENARIOS, arguments.lives))
