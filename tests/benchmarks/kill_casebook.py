"""Kill -9 at random moments: is every acknowledged act there afterwards?

    python tests/benchmarks/kill_casebook.py --kills 200

A child process opens the casebook, announces each act on a pipe, does it, and acknowledges it. The parent kills it at
a random moment (also while it opens, migrates an older casebook, backs up or closes), opens the casebook again,
verifies it and compares. What was acknowledged must be there; the one act that was under way may be there or not.

What this can't show: a power cut, where the kernel's own memory is lost as well. For that the casebook relies on
``synchronous=FULL`` and on flushing files and folders, which the tests check to be in force.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from divisive_desktop.casebook import Casebook, CaseFilter, NewImage, verify
from divisive_desktop.casebook.storage import database
from divisive_desktop.casebook.storage.chain import Witness
from divisive_desktop.casebook.storage.transaction import Transaction, now
from divisive_desktop.explanation.analysis import Analysis, ModelRef
from divisive_desktop.masks.mask import Mask

MODEL = ModelRef("kill-test", "1", "ab" * 32, "difference", "chest-xray", ("no finding", "abnormal"))
SIDE = 512


def make_images(folder: Path, number: int) -> list[Path]:
    """Small files with different bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    paths = [folder / f"{i:05}.png" for i in range(number)]
    for path in paths:
        path.write_bytes(rng.bytes(300))
    return paths


def make_analysis(sha256: str, seed: int) -> Analysis:
    rng = np.random.default_rng(seed)
    cams = rng.normal(size=(2, 14, 14)).astype(np.float32)
    logits = (float(cams[0].mean()), float(cams[1].mean()))
    return Analysis(
        "x.png", sha256, 0, (SIDE, SIDE), (0, 0, SIDE, SIDE), MODEL, "cpu", "float32", logits, (0.0, 0.0), cams, {}
    )


def make_old(folder: Path, cases: int = 20) -> Path:
    """A casebook as the first schema left it: no batches, no agreement columns."""
    folder.mkdir(mode=0o700)
    (folder / "blobs").mkdir(mode=0o700)
    database.create(folder / database.DATABASE, 1)
    engine = database.engine_for(folder / database.DATABASE)
    witness = Witness(folder)
    with engine.connect().execution_options(writes=True) as connection, connection.begin():
        act = Transaction(connection, ("ann", "reader"))
        for key, value in (("identity", '"old"'), ("patient_keys", '"plain"'), ("holdout_share", "0.25")):
            act.insert("settings", {"key": key, "value": value})
        act.record("create")
        for i in range(cases):
            values: dict[str, Any] = dict.fromkeys(("path", "notes"), "") | {
                "name": f"old {i}", "sha256": f"{i:064x}", "size": 1, "frame": 0, "kind": "radiograph",
                "side": "train", "label": i % 2, "review": "new", "tags": "[]", "seconds": 0.0, "file_state": "missing",
                "added": now(),
            }  # fmt: skip
            case = act.insert("cases", values)
            act.insert("labels", {"case_id": case, "value": i % 2, "user": "ann", "time": now()})
            act.record("import", case=case)
    engine.dispose()
    witness.append(act.records)
    return folder


def child(path: Path, images: list[Path], seed: int, out: int) -> None:
    """Act at random until killed."""
    rng = random.Random(seed)

    def say(word: str, key: str, value: Any) -> None:
        os.write(out, (json.dumps([word, key, value]) + "\n").encode())

    book = Casebook.open(path)
    assert book.read_only is None, book.read_only
    say("open", "", None)
    while True:
        if rng.random() < 0.02:
            book.close()
            book = Casebook.open(path)
        cases = book.cases.rows()
        row = rng.choice(cases) if cases else None
        what = rng.choice(["image", "label", "mask", "mask", "note", "analysis", "batch", "run", "trash", "backup"])
        if row is None or what == "image":
            chosen = rng.sample(images, 3)
            names = {image.name for image in chosen}
            # Taking an image in again takes it out of the trash.
            back = [r.id for r in book.cases.rows(CaseFilter(trashed=True)) if r.name in names]
            for case in back:
                say("begin", f"trashed {case}", False)
            for image in chosen:
                say("begin", f"image {image.name}", True)
            book.cases.add_all([NewImage(image, width=SIDE, height=SIDE) for image in chosen])
            for image in chosen:
                say("done", f"image {image.name}", True)
            for case in back:
                say("done", f"trashed {case}", False)
        elif what == "label":
            value = rng.choice([0, 1])
            say("begin", f"label {row.id}", value)
            book.cases.set_label(row.id, value)
            say("done", f"label {row.id}", value)
        elif what == "mask":
            mask = book.masks.load(row.id) or Mask(SIDE, SIDE)
            region = mask.regions[0] if mask.regions else mask.add("effusion")
            x, y = rng.randrange(SIDE - 60), rng.randrange(SIDE - 60)
            with mask.editing(region.id, (x, y, 60, 60)) as pixels:
                pixels[:] = rng.randrange(1, 256)
            snapshot = mask.snapshot()
            say("begin", f"mask {row.id}", snapshot.digest())
            book.masks.save(row.id, snapshot, tool="brush")
            say("done", f"mask {row.id}", snapshot.digest())
        elif what == "note":
            text = str(rng.random())
            say("begin", f"note {row.id}", text)
            book.cases.set_notes(row.id, text)
            say("done", f"note {row.id}", text)
        elif what == "analysis":
            analysis = make_analysis(row.sha256, rng.randrange(1 << 30))
            say("begin", f"analysis {row.id}", analysis.probability)
            book.analyses.add(row.id, analysis)
            say("done", f"analysis {row.id}", analysis.probability)
        elif what == "batch":
            batch = book.batches.start([r.id for r in cases[:4]])
            for item in book.batches.next_items(batch):
                assert item.case_id is not None
                analysis = make_analysis(book.cases.get(item.case_id).sha256, rng.randrange(1 << 30))
                # Both facts of one transaction: that the item is done and what came of it.
                say("begin", f"item {item.id}", "done")
                say("begin", f"analysis {item.case_id}", analysis.probability)
                book.batches.finish_item(item.id, analysis)
                say("done", f"analysis {item.case_id}", analysis.probability)
                say("done", f"item {item.id}", "done")
        elif what == "run":
            run = book.runs.start("difference", [(r.id, "train") for r in cases if r.side == "train"][:3], base=MODEL)
            say("begin", f"run {run}", "done")
            book.runs.finish(run, "done", metrics={"auroc": 0.5})
            say("done", f"run {run}", "done")
        elif what == "trash":
            value = row.id % 3 == 0
            say("begin", f"trashed {row.id}", value)
            (book.trash.put if value else book.trash.restore)(row.id)
            say("done", f"trashed {row.id}", value)
        else:
            (book.backup if rng.random() < 0.1 else book.trash.collect_garbage)()


def facts(book: Casebook) -> Iterator[tuple[str, Any]]:
    """What the casebook holds, in the words of the pipe."""
    for row in book.cases.rows(CaseFilter(trashed=None)):
        yield f"image {row.name}", True
        yield f"label {row.id}", row.label
        yield f"note {row.id}", row.notes
        yield f"analysis {row.id}", row.probability
        yield f"trashed {row.id}", row.trashed is not None
        mask = book.masks.load(row.id)
        yield f"mask {row.id}", mask.digest() if mask is not None else None
    for run in book.runs.rows():
        yield f"run {run.id}", run.state
    for batch in book.batches.rows():
        for item in book.batches.items(batch.id):
            yield f"item {item.id}", item.state


def kill_once(path: Path, images: list[Path], seed: int, delay: float) -> list[list[Any]]:
    """Fork a child, kill it after ``delay`` seconds, return the lines it managed to say."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reader)
        code = 1
        try:
            child(path, images, seed, writer)
        except BaseException as e:  # noqa: BLE001  # reported to the parent, which fails the run
            with contextlib.suppress(OSError):
                os.write(writer, (json.dumps(["error", type(e).__name__, str(e)]) + "\n").encode())
        finally:
            os._exit(code)
    os.close(writer)
    data = b""
    deadline = time.monotonic() + delay
    os.set_blocking(reader, False)
    while time.monotonic() < deadline:
        with contextlib.suppress(BlockingIOError):
            data += os.read(reader, 1 << 16)
        time.sleep(0.001)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    os.set_blocking(reader, True)
    while chunk := os.read(reader, 1 << 16):
        data += chunk
    os.close(reader)
    return [json.loads(line) for line in data.decode().splitlines()]


def main(kills: int = 200, seed: int = 0) -> int:
    rng = random.Random(seed)
    work = Path(tempfile.mkdtemp(prefix="kill-casebook-"))
    images = make_images(work / "images", 150)
    path = work / "kill.casebook"
    Casebook.create(path).close()
    known: dict[str, Any] = {}
    counts: Counter[str] = Counter()
    failures: list[str] = []
    begun = time.monotonic()
    try:
        for kill in range(kills):
            migrating = kill % 5 == 4
            target = make_old(work / f"old{kill}.casebook") if migrating else path
            lines = kill_once(target, images, rng.randrange(1 << 30), rng.uniform(0, 0.15 if migrating else 0.6))
            failures += [f"kill {kill}: the child failed: {line}" for line in lines if line[0] == "error"]
            if migrating:
                known_here: dict[str, Any] = {f"label {i + 1}": i % 2 for i in range(20)}
            else:
                known_here = known
            pending: dict[str, Any] = {}
            for word, key, value in lines:
                if word == "begin":
                    pending[key] = value
                elif word == "done":
                    known_here[key] = value
                    pending.pop(key, None)
                    counts["acknowledged acts"] += 1
            counts["killed while opening"] += not any(line[0] == "open" for line in lines)
            counts["killed while acting"] += bool(pending)
            report = verify(target)
            if not report.ok:
                failures.append(f"kill {kill}: before reopening: {report.breaks[0]}")
            with Casebook.open(target) as book:
                if book.warnings or book.read_only:
                    failures.append(f"kill {kill}: {book.warnings} {book.read_only}")
                there = dict(facts(book))
            for key, value in known_here.items():
                if there.get(key) == value:
                    continue
                if key in pending and there.get(key) == pending[key]:
                    counts["unacknowledged acts that were saved"] += 1
                    known_here[key] = pending[key]
                else:
                    failures.append(f"kill {kill}: {key} was acknowledged as {value!r}, there is {there.get(key)!r}")
            report = verify(target)
            if not report.ok or not report.sealed:
                failures.append(f"kill {kill}: after reopening: {report.breaks[:1]} sealed={report.sealed}")
            if migrating:
                shutil.rmtree(target)
        with Casebook.open(path) as book:
            counts["audit records"] = book.head()[0]
            counts["cases"] = book.cases.count()
    finally:
        shutil.rmtree(work)
    print(f"kills: {kills} in {time.monotonic() - begun:.0f} s")
    for name, number in sorted(counts.items()):
        print(f"{name}: {number}")
    print(f"failures: {len(failures)}")
    for failure in failures[:20]:
        print("  " + failure)
    return 1 if failures else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    sys.exit(main(arguments.kills, arguments.seed))
