"""Mixed work in the real window for a long time: do memory, handles, threads and processes level off?

    QT_QPA_PLATFORM=offscreen python tests/durability/soak.py --minutes 20 [--seed N] [--table FILE.csv]

Round after round somebody opens a casebook and takes files in that are there already, looks at cases in all layouts,
has them analysed, paints, undoes, compares versions, reads the maps, writes a report, lets all cases be analysed,
changes the casebook, and now and then closes the window and opens another one. Every half minute it is noted what the
window, the engine and the decoders hold. It fails where the last quarter holds more than the second, beyond a margin.
"""

from __future__ import annotations

import argparse
import csv
import gc
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))

from tests.durability import scenes, window_life  # noqa: E402

EVERY_S = 30.0
MARGINS = {
    "window MB": (1.10, 20.0), "engine MB": (1.10, 40.0), "decoders MB": (1.15, 40.0), "objects": (1.05, 5000.0),
    "handles": (1.0, 8.0), "threads": (1.0, 4.0), "processes": (1.0, 2.0), "blocks": (1.0, 0.0),
    "widgets": (1.05, 20.0),
}  # fmt: skip
"""The last quarter may hold so many times as much as the second, and so much more."""


class Meter:
    """What this process and its children hold, row by row."""

    def __init__(self) -> None:
        import psutil

        self._me = psutil.Process()
        self._begun = self._last = time.monotonic()
        self._blocks = _blocks()
        self.rows: list[dict[str, float]] = []

    def due(self) -> bool:
        return time.monotonic() >= self._last + EVERY_S

    def read(self, engine: int | None, rounds: int) -> dict[str, float]:
        """One row more, with what can be collected collected."""
        import psutil
        from PySide6.QtWidgets import QApplication

        from divisive_desktop.imaging.apart import PROCESSES

        self._last = time.monotonic()
        gc.collect()
        sizes = {"engine": 0.0, "decoders": 0.0}
        processes = handles = threads = 0
        for process in [self._me, *self._me.children(recursive=True)]:
            try:
                processes, handles = processes + 1, handles + process.num_fds()
                threads += process.num_threads()
                if process.pid == engine:
                    sizes["engine"] += process.memory_info().rss
                elif process.pid in PROCESSES.pids():
                    sizes["decoders"] += process.memory_info().rss
            except psutil.NoSuchProcess:
                continue
        row = {
            "minute": round((time.monotonic() - self._begun) / 60, 2), "rounds": rounds,
            "window MB": round(self._me.memory_info().rss / 1e6, 1), "engine MB": round(sizes["engine"] / 1e6, 1),
            "decoders MB": round(sizes["decoders"] / 1e6, 1), "handles": self._me.num_fds(), "all handles": handles,
            "threads": self._me.num_threads(), "all threads": threads, "processes": processes,
            "blocks": len(_blocks() - self._blocks), "objects": len(gc.get_objects()) + gc.get_freeze_count(),
            "widgets": len(QApplication.allWidgets()),
        }  # fmt: skip
        self.rows.append(row)
        return row

    def grown(self) -> list[str]:
        """What doesn't level off, in words."""
        second, last = self._quarter(1), self._quarter(3)
        found = []
        for name, (times, more) in MARGINS.items():
            before, after = (median(row[name] for row in rows) for rows in (second, last))
            if after > before * times + more:
                found.append(f"{name}: {before:g} in the second quarter, {after:g} in the last")
        return found

    def _quarter(self, number: int) -> list[dict[str, float]]:
        size = max(1, len(self.rows) // 4)
        return self.rows[number * size :][:size] if number < 3 else self.rows[-size:]


def _blocks() -> set[str]:
    """Names of this program's and of Python's blocks of shared memory."""
    folder = Path("/dev/shm")
    return {n for n in os.listdir(folder) if n.startswith(("dd-", "psm_"))} if folder.is_dir() else set()


class Work:
    """One round after the other."""

    def __init__(self, work: Path, casebooks: list[Path], seed: int, between: Callable[[], None]) -> None:
        self.work, self.casebooks = work, casebooks
        self.rng = random.Random(seed)
        self.rounds = 0
        self._between = between
        self.life = self._open()

    def _open(self) -> window_life.Life:
        life = window_life.Life(self.casebooks[0], self.rng.randrange(1 << 30), os.open(os.devnull, os.O_WRONLY))
        life.engine()
        return life

    @property
    def engine(self) -> int | None:
        return self.life.page.runner.engine_pid

    def round(self) -> None:
        """All kinds of work once."""
        self.rounds += 1
        acts = [self.take_in, self.look, self.paint, self.compare, self.report, self.batch, self.change_casebook]
        for act in acts:
            act()
            self._between()
        if self.rounds % 4 == 0:
            self.close()
            self.life = self._open()
            self._between()

    def take_in(self) -> None:
        page = self.life.page
        page.drop(self.work / "films")
        self.life.until(lambda: page.quiet)

    def look(self) -> None:
        page, life = self.life.page, self.life
        from divisive_desktop.desktop.viewer import LAYOUTS

        for layout in LAYOUTS:
            case = page.case(self.rng.randrange(len(page.cases)))
            page.select(case)
            life.until(lambda c=case: page.record is not None and page.record.sha256 == c.sha256)
            page.trigger(f"layout-{layout}")
            if case.analysis is None:
                page.analyse(case)
                life.until(lambda c=case: c.analysis is not None)
            life.until(lambda: page.quiet)
            page.grab()

    def paint(self) -> None:
        page, life = self.life.page, self.life
        case = page.case(self.rng.randrange(len(page.cases)))
        for _ in range(3):
            life.stroke(case)
        for action in ("mask-undo", "mask-undo", "mask-redo"):
            if page.enabled(action):
                page.trigger(action)
            life.until(lambda: page.paint.nothing_to_save)
        page.label(self.rng.randrange(2), [case])
        page.note(f"round {self.rounds}", case)
        life.until(lambda: page.quiet)

    def compare(self) -> None:
        page, life = self.life.page, self.life
        page.trigger("versions")
        dialog = page.tuning.versions
        assert dialog is not None
        life.until(lambda: dialog.tree.topLevelItemCount() > 0)
        dialog.tree.selectAll()
        life.until(lambda: page.quiet)
        dialog.close()
        page.trigger("forensic")
        life.until(lambda: page.quiet)

    def report(self) -> None:
        page, life = self.life.page, self.life
        analysed = [i for i, case in enumerate(page.cases) if case.analysis is not None or case.verdict is not None]
        if not analysed:
            return
        page.worklist.select(*range(min(3, len(page.cases))))
        page.select(page.case(analysed[0]))
        life.until(lambda: page.quiet)
        page.trigger("report")
        life.until(lambda: page.report.dialog is not None or page.report.idle)
        dialog = page.report.dialog
        if dialog is None:
            return
        life.until(lambda: bool(dialog.preview.pages))
        out = self.work / "reports"
        dialog.form.folder.setText(str(out))
        dialog.write.click()
        life.until(lambda: not dialog.writing)
        dialog.close()
        life.until(lambda: page.quiet and page.report.idle)
        for file in out.iterdir():
            file.unlink()

    def batch(self) -> None:
        page, life = self.life.page, self.life
        page.batch.start([case for case in page.cases if case.error is None])
        life.until(lambda: not page.batch.running and page.quiet)

    def change_casebook(self) -> None:
        page = self.life.page
        target = self.casebooks[self.rounds % len(self.casebooks)]
        page.open_casebook(target)
        self.life.until(lambda: page.casebook.path == target and page.book_open and page.quiet)

    def close(self) -> None:
        self.life.end()


def main(minutes: float, seed: int, table: Path | None) -> int:
    """Work for so long; 0 where everything levelled off."""
    window_life.PATIENCE_S = 600.0
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        work = Path(folder)
        os.environ.update(DIVISIVE_DESKTOP_HOME=str(work / "home"), OMP_NUM_THREADS="1")
        casebooks = [scenes.make(work), scenes.make_analysed(work)]
        meter = Meter()
        doing: list[Work] = []

        def between() -> None:
            if doing and meter.due():
                row = meter.read(doing[0].engine, doing[0].rounds)
                print("  ".join(f"{name} {value:g}" for name, value in row.items()), flush=True)

        doing.append(Work(work, casebooks, seed, between))
        begun = time.monotonic()
        while time.monotonic() < begun + minutes * 60:
            doing[0].round()
        meter.read(doing[0].engine, doing[0].rounds)
        doing[0].close()
        from divisive_desktop.processes.decoding import PROCESSES

        PROCESSES.close()
    if table is not None:
        with table.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(meter.rows[0]))
            writer.writeheader()
            writer.writerows(meter.rows)
    grown = meter.grown()
    print(f"{doing[0].rounds} rounds in {minutes:g} minutes, seed {seed}")
    for name in MARGINS:
        quarters = [median(row[name] for row in meter._quarter(i)) for i in range(4)]
        print(f"  {name:12}" + "".join(f"{value:12.1f}" for value in quarters))
    print("grows: " + "; ".join(grown) if grown else "everything levels off")
    return bool(grown)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--table", type=Path)
    given = parser.parse_args()
    sys.exit(main(given.minutes, given.seed, given.table))
