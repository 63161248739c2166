"""Kill -9 of the real window and the real engine at random moments: is everything that was acknowledged there?

    python tests/durability/kill_window.py --kills 200 --seed 7 --work FOLDER

Each life is a real window (offscreen) on a real casebook, with the real engine process where one is needed; a hand
paints, labels, writes notes, runs batches, trains, takes images and archives in, exports, writes reports, or opens a
casebook of an older version, which is migrated. What the user was told to be kept ("Saved", a written result, a
finished epoch) is said on a pipe. The parent kills the window, the engine or the process that makes reports, at a
random moment, also while they start. Then it verifies the casebook, opens it, and compares: what was acknowledged must
be there; what was under way may be there or not. Nothing may be done twice, and no process, shared memory or lock may
be left behind, no model, report, export or copy be half there.

``--work`` keeps everything in a folder, and a run that was stopped goes on there with the next life. At the end there
is a line for each kind of work: kills, acts that were acknowledged, and how many of them were lost.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1]), str(HERE.parent / "benchmarks")]

from tests.durability import scenes  # noqa: E402
from tests.durability.child import Child, begin_apart, kill  # noqa: E402
from tests.durability.window_life import PATIENCE_S  # noqa: E402

SCENARIOS = ("painting", "batch", "import", "export", "training", "painting", "report", "migration")
LONGEST_S = {"training": 5.0, "report": 12.0}
"""So long is a life left to itself at the most, once it has begun; others 2.5 s."""


def end(scenario: str, child: Child, path: Path, rng: random.Random) -> tuple[str, list[str]]:
    """Let a life be for a while, then kill it; gives who was killed, and what was left behind."""
    helper = {"batch": "engine", "training": "engine", "report": "reporter"}.get(scenario)
    victim = rng.choice(("window", helper, "both")) if helper else "window"
    if scenario == "migration" and rng.random() < 0.7:
        lock, patience = path / "lock", time.monotonic() + PATIENCE_S
        while not (lock.exists() and lock.stat().st_size) and time.monotonic() < patience:
            time.sleep(0.001)
        child.listen(rng.uniform(0, 0.3))  # it is being migrated now
    elif scenario == "migration" or rng.random() < 0.1:
        victim = "window"
        child.listen(rng.uniform(0, 3.0))  # while it starts and opens
    else:
        child.listen(PATIENCE_S, helper or "open")
        if rng.random() < 0.6:  # not before something was acknowledged, however slow the machine is now
            child.listen(PATIENCE_S, "done")
        child.listen(rng.uniform(0, LONGEST_S.get(scenario, 2.5)))
    if victim in (helper, "both"):
        pid = child.last(str(helper))
        if pid is None or not kill(pid):
            victim = "window"
        elif victim == helper:
            child.listen(rng.uniform(0.5, 6.0))  # the window goes on, with a new one
    return str(victim), child.kill()


def one(
    life: int, scenario: str, path: Path, known: dict[str, Any], rng: random.Random
) -> tuple[Counter[str], list[str]]:
    """One life and its end. Returns what was counted and what went wrong.

    Parameters
    ----------
    known : dict
        What was acknowledged before, by key, and has to be there; is brought up to date.
    """
    from divisive_desktop.casebook import verify
    from divisive_desktop.library import store

    child = Child(scenario, path, rng.randrange(1 << 30))
    victim, left = end(scenario, child, path, rng)
    counts = Counter({"lives": 1, "kills": 1 + (victim != "window"), "killed beside the window": victim != "window"})
    failures = [f"left behind: {something}" for something in left]
    pending: dict[str, set[str]] = {}
    for word, key, value in child.lines():
        if word == "error":
            failures.append(f"the window failed: {key}: {value}")
        elif word == "begin":
            pending.setdefault(key, set()).add(json.dumps(value))
        elif word == "done":
            known[key] = value
            pending.pop(key, None)
            counts["acknowledged"] += 1
        elif word == "resumed":
            counts["resumed"] += 1
    counts["while opening"] += not any(line[0] == "open" for line in child.lines())
    counts["while acting"] += bool(pending)
    before = verify(path)
    failures += [f"before reopening: {found}" for found in before.breaks]
    there, wrong = scenes.facts(path)
    made, half = scenes.handed_over(path.parent)
    there |= made
    failures += wrong + half
    for key, value in list(known.items()):
        found = there.get(key)
        if found == value or key.startswith(("epoch", "act")):
            continue
        if json.dumps(found) not in pending.get(key, ()) and not (key.startswith("run") and value == "begun"):
            counts["lost"] += 1
            failures.append(f"{key} was acknowledged as {value!r}, there is {found!r}")
        known[key] = found
    for name in ("out", "reports"):
        shutil.rmtree(path.parent / name, ignore_errors=True)
    for casebook in (path.parent / "taken").glob("*.casebook"):
        shutil.rmtree(casebook)
    for key in [key for key in known if key.startswith(("written", "act", "labelled"))]:  # the last: by hand later on
        del known[key]
    after = verify(path)
    if not after.ok or not after.sealed:
        failures.append(f"after reopening: {after.breaks[:1]}, sealed: {after.sealed}")
    for model in store.find_models():
        if not model.shipped:
            store.verify(model.folder)
    return counts, [f"life {life}, {scenario}, killed {victim}: {failure}" for failure in failures]


class Run:
    """Lives one after the other, and what is known of them; kept in a file, so that it can go on."""

    def __init__(self, work: Path, seed: int, scenarios: tuple[str, ...]) -> None:
        self.work, self._scenarios = work, scenarios
        self._file = work / "state.json"
        self.seed, self.life, self.took = seed, 0, 0.0
        self.counts: dict[str, Counter[str]] = {}
        self.known: dict[str, dict[str, Any]] = {"kill": {}, "analysed": {}}
        self.failures: list[str] = []
        if self._file.exists():
            kept = json.loads(self._file.read_text())
            self.seed, self.life, self.took = kept["seed"], kept["life"], kept["took"]
            self.known, self.failures = kept["known"], kept["failures"]
            self.counts = {name: Counter(found) for name, found in kept["counts"].items()}
        else:
            scenes.make(work)
            scenes.make_analysed(work)

    @property
    def kills(self) -> int:
        return sum(found["kills"] for found in self.counts.values())

    def next(self) -> None:
        """One more life."""
        begun = time.monotonic()
        scenario = self._scenarios[self.life % len(self._scenarios)]
        rng = random.Random(f"{self.seed} {self.life}")
        if scenario == "migration":
            old = scenes.old_casebook(self.work, self.life)
            again = shutil.copytree(old, old.with_name("again.casebook"))
            known = scenes.facts(again)[0]
            counts, wrong = one(self.life, scenario, old, known, rng)
            counts["acknowledged"] = len(known)
            shutil.rmtree(old.parent)
        else:
            name = "analysed" if scenario in ("export", "report") else "kill"
            counts, wrong = one(self.life, scenario, self.work / f"{name}.casebook", self.known[name], rng)
        self.counts.setdefault(scenario, Counter()).update(counts)
        self.failures += wrong
        self.life += 1
        self.took += time.monotonic() - begun
        if wrong:
            print("\n".join(wrong), flush=True)
        kept = {"seed": self.seed, "life": self.life, "took": self.took, "known": self.known, "counts": self.counts,
                "failures": self.failures}  # fmt: skip
        self._file.with_suffix(".new").write_text(json.dumps(kept))
        self._file.with_suffix(".new").replace(self._file)

    def report(self) -> str:
        """A line for each kind of work."""
        names = ("lives", "kills", "while opening", "while acting", "resumed", "acknowledged", "lost")
        lines = [f"{'':10}" + "".join(f"{name:>14}" for name in names)]
        for scenario, found in sorted(self.counts.items()):
            lines.append(f"{scenario:10}" + "".join(f"{found[name]:14}" for name in names))
        load = os.getloadavg()[0]
        lines.append(f"kills: {self.kills} in {self.took:.0f} s, seed {self.seed}, load average {load:.1f}")
        return "\n".join([*lines, f"failures: {len(self.failures)}"])


def main(kills: int, seed: int, scenarios: tuple[str, ...], lives: int, work: Path) -> int:
    """So many kills, and at least so many lives; each scenario in turn."""
    os.environ.update(QT_QPA_PLATFORM="offscreen", OMP_NUM_THREADS="1", DIVISIVE_DESKTOP_HOME=str(work / "home"))
    # Imported here, before the lives fork off: each starts in a fraction of the time.
    import PySide6.QtTest  # noqa: F401

    import divisive_desktop.desktop.application
    import divisive_desktop.desktop.viewer  # noqa: F401

    run = Run(work, seed, scenarios)
    try:
        while run.life < lives or run.kills < kills:
            run.next()
    except KeyboardInterrupt:
        print("stopped early")
    print(run.report())
    return 1 if run.failures else 0


if __name__ == "__main__":
    begin_apart()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--lives", type=int, default=0)
    parser.add_argument("--only", choices=sorted(set(SCENARIOS)))
    parser.add_argument("--work", type=Path, help="goes on there, and leaves it; without it a temporary folder")
    given = parser.parse_args()
    chosen = (given.only,) if given.only else SCENARIOS
    if given.work is not None:
        given.work.mkdir(parents=True, exist_ok=True)
        sys.exit(main(given.kills, given.seed, chosen, given.lives, given.work.resolve()))
    with tempfile.TemporaryDirectory(prefix="kill-window-") as folder:
        sys.exit(main(given.kills, given.seed, chosen, given.lives, Path(folder)))
