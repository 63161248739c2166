"""How long the casebook takes with 10,000 cases, beside what the same machine's SQLite and disk need at least.

    python tests/benchmarks/bench_casebook.py
"""

from __future__ import annotations

import argparse
import os
import shutil
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from divisive_desktop.casebook import Casebook, CaseFilter, NewImage, verify
from divisive_desktop.casebook.storage import database
from divisive_desktop.explanation.analysis import Analysis, ModelRef
from divisive_desktop.masks.mask import Mask

PER_ACT = 300
"""Cases taken in by one transaction."""
ADDING_S, VERIFY_S = 1 / 2000, 15 / 100_000
"""Limits for each case: taking it in without an analysis, and verifying it with all that is kept of it."""
MODEL = ModelRef("bench", "1", "ab" * 32, "difference", "chest-xray", ("no finding", "abnormal"))


def seconds(action: Callable[[], object], repeat: int = 5) -> float:
    """Shortest time of an action: what it costs, not what else the machine does."""
    times = []
    for _ in range(repeat):
        begun = time.perf_counter()
        action()
        times.append(time.perf_counter() - begun)
    return min(times)


def line(name: str, measured: float, limit: float, peer: tuple[str, float] | None = None) -> bool:
    """Print one row of the table; returns whether the limit was kept."""
    beside = f"{measured / peer[1]:6.2f} x {peer[0]} ({peer[1] * 1e3:.2f} ms)" if peer else ""
    good = measured <= limit
    print(f"{name:46} {measured * 1e3:9.2f} ms  limit {limit * 1e3:7.1f} ms  {'ok' if good else 'OVER':4}  {beside}")
    return good


def flush(folder: Path) -> float:
    """What one durable write of 2 kB costs here: write, flush, rename, flush the folder."""

    def write() -> None:
        with open(folder / "a", "wb") as f:
            f.write(b"x" * 2000)
            f.flush()
            os.fsync(f.fileno())
        os.replace(folder / "a", folder / "b")
        fd = os.open(folder, os.O_RDONLY)
        os.fsync(fd)
        os.close(fd)

    return seconds(write, 50)


def analysis(sha256: str, seed: int) -> Analysis:
    rng = np.random.default_rng(seed)
    cams = rng.normal(size=(2, 14, 14)).astype(np.float32)
    logits = (float(rng.normal()), float(rng.normal()))
    return Analysis("x", sha256, 0, (64, 64), (0, 0, 64, 64), MODEL, "cpu", "float32", logits, (0.0, 0.0), cams, {})


def fill(book: Casebook, folder: Path, number: int) -> tuple[float, float]:
    """Cases with analysis, label, tag and note; seconds per added case and per analysis, flushes included."""
    rng = np.random.default_rng(0)
    ids: list[int] = []
    begun = time.perf_counter()
    for start in range(0, number, PER_ACT):
        images = [
            NewImage(folder / "one.png", f"{i:064x}", kind="radiograph", name=f"thorax {i:05}", width=64, height=64,
                     patient=f"patient {i // 3}")
            for i in range(start, min(start + PER_ACT, number))
        ]  # fmt: skip
        ids += book.cases.add_all(images, copy=False)
    adding = (time.perf_counter() - begun) / number
    begun = time.perf_counter()
    for start in range(0, number, 100):
        batch = book.batches.start(ids[start : start + 100])
        items = book.batches.next_items(batch, 100)
        for at in range(0, len(items), 8):
            done = [(i.id, analysis(f"{(i.case_id or 0) - ids[0]:064x}", i.id), None) for i in items[at : at + 8]]
            book.batches.finish_items(done)
    analysing = (time.perf_counter() - begun) / number
    for value in (0, 1):
        book.cases.set_label([int(i) for i in rng.choice(ids, number // 3, replace=False)], value)
    book.cases.add_tag(ids[:: max(1, number // 500)], "effusion")
    book.cases.set_review(ids[: number // 2], "done")
    return adding, analysing


def main(number: int = 10_000) -> int:
    work = Path(tempfile.mkdtemp(prefix="bench-casebook-"))
    good = []
    try:
        (work / "one.png").write_bytes(b"x")
        one_flush = flush(work)
        peer = ("one flush", one_flush)
        book = Casebook.create(work / "bench")
        adding, analysing = fill(book, work, number)
        size = (book.path / database.DATABASE).stat().st_size / 1e6
        print(f"{number} cases, database {size:.0f} MB, load average {os.getloadavg()[0]:.1f}\n")
        # Limits of what waits for the disk hold for a disk that takes 5 ms or less; a slower one has three flushes.
        slow = 3 * one_flush
        good.append(line(f"add a case ({PER_ACT} per act)", adding, max(ADDING_S, slow / PER_ACT), peer))
        good.append(line("keep an analysis of a batch (8 per act)", analysing, max(0.010, slow), peer))
        picture = iter(range(1000))
        adding_one = seconds(lambda: one(book, work, next(picture)), 30)
        good.append(line("add one case with thumbnail", adding_one, max(0.05, 3 * slow), peer))
        cases = [row.id for row in book.cases.rows()]
        labels = iter(range(1000))
        act = seconds(lambda: book.cases.set_label(cases[0], next(labels) % 2), 50)
        good.append(line("label one case", act, max(0.05, slow), peer))
        good.append(line("save a stroke, 4096 x 4096: longest of 10", max(stroke(book, cases[0], False)), 1.0, peer))
        # Nobody paints 10 megapixels of noise: the bound of what can't be compressed.
        noise = statistics.median(stroke(book, cases[1], True))
        good.append(line("the same over 10 MPixel of noise: median", noise, 1.0, peer))

        raw = sqlite3.connect(f"file:{book.path / database.DATABASE}?mode=ro", uri=True)
        floor = seconds(lambda: raw.execute("SELECT * FROM cases").fetchall())
        raw.close()
        bare = ("bare SELECT * FROM cases", floor)
        good.append(line("all rows of the worklist", seconds(book.cases.rows), 0.3, bare))
        for name, where, sort in (
            ("text filter", CaseFilter(text="thorax 09"), "id"),
            ("text filter that finds nothing", CaseFilter(text="zzz"), "id"),
            ("label and verdict disagree", CaseFilter(disagrees=True), "id"),
            ("tag", CaseFilter(tag="effusion"), "id"),
            ("review done, hold-out, model", CaseFilter(review=("done",), side="holdout", model="bench"), "id"),
            ("all, by name", CaseFilter(), "name"),
            ("all, by probability", CaseFilter(), "probability"),
            ("all, disagreement order", CaseFilter(), "disagreement"),
        ):
            good.append(line(name, seconds(lambda w=where, s=sort: book.cases.rows(w, s)), 0.3, bare))  # type: ignore[misc]
        good.append(line("one case", seconds(lambda: book.cases.get(cases[5]), 50), 0.01))
        good.append(line("its audit trail", seconds(lambda: book.audit.trail(cases[5]), 50), 0.05))
        book.cases.add(work / "one.png")
        begun = time.perf_counter()
        book.close()
        good.append(line("close (checkpoint and seal)", time.perf_counter() - begun, 2.0))
        begun = time.perf_counter()
        again = Casebook.open(book.path)
        good.append(line("open (seal checked)", time.perf_counter() - begun, 1.0))
        good.append(line("first worklist after opening", seconds(again.cases.rows, 1), 0.5))
        again.close()
        (book.path / database.SEAL).unlink()
        begun = time.perf_counter()
        Casebook.open(book.path).close()
        good.append(line("open after a crash (full integrity check)", time.perf_counter() - begun, 5.0))
        begun = time.perf_counter()
        report = verify(book.path, originals=False)
        taken, limit = time.perf_counter() - begun, max(2.0, VERIFY_S * number)
        good.append(line(f"verify ({report.records} records, {report.blobs} blobs)", taken, limit))
        if not report.ok:
            print(report.breaks[:3])
            good.append(False)
    finally:
        shutil.rmtree(work)
    return 0 if all(good) else 1


def one(book: Casebook, work: Path, number: int) -> None:
    image = NewImage(work / "one.png", f"ff{number:062x}", kind="radiograph", thumbnail=os.urandom(8000))
    book.cases.add(image, copy=False)


def stroke(book: Casebook, case: int, noise: bool) -> list[float]:
    """One more dab on a large, much painted mask, ten times: seconds from snapshot to acknowledgement."""
    mask = Mask(4096, 4096)
    region = mask.add("effusion")
    rng = np.random.default_rng(0)
    y, x = np.mgrid[-250:250, -250:250]
    dab = (255 * np.clip((250 - np.hypot(x, y)) / 60, 0, 1)).astype(np.uint8)
    for _ in range(40):
        left, top = (int(v) for v in rng.integers(0, 3500, 2))
        with mask.editing(region.id, (left, top, 500, 500)) as pixels:
            added = rng.integers(0, 255, (500, 500)).astype(np.uint8) if noise else dab
            pixels[:] = np.maximum(pixels, added)
    times = []
    for i in range(10):
        with mask.editing(region.id, (i * 100, i * 100, 100, 100)) as pixels:
            pixels[:] = 255
        begun = time.perf_counter()
        book.masks.save(case, mask.snapshot(), tool="brush")
        times.append(time.perf_counter() - begun)
    return times


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=10_000)
    sys.exit(main(parser.parse_args().cases))
