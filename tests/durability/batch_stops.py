"""A batch in the real program whose engine is killed at random, with files that it always stops on.

    QT_QPA_PLATFORM=offscreen python tests/durability/batch_stops.py [IMAGES] [KILLS] [POISON FILES]

At the end all images but the poison files have to be done, each once, and the casebook has to be as it was written.
Takes a folder for its work from TMPDIR, and prints figures; ``tests/desktop/session/test_batch.py`` runs a short one.
"""

from __future__ import annotations

import hashlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
HOOK = """
import os, sys

def look(event, arguments):
    if event == "open" and any(name in str(arguments[0]) for name in os.environ["POISON"].split(",")):
        process = sys.modules.get("multiprocessing.process")
        if process is not None and process.current_process().name == "divisive-engine":
            os.kill(os.getpid(), 9)

sys.addaudithook(look)
"""
"""For an engine that stops whenever it opens certain files; `sitecustomize` is run by every new Python."""


def films(folder: Path, images: int) -> list[Path]:
    """Small radiographs of noise, no two alike."""
    import cv2
    import numpy as np

    folder.mkdir()
    paths = [folder / f"film{i:05}.png" for i in range(images)]
    for i, path in enumerate(paths):
        values = np.random.default_rng(i).integers(0, 255, (96, 96)).astype(np.uint8)
        path.write_bytes(cv2.imencode(".png", values)[1].tobytes())
    return paths


def main(images: int = 2000, kills: int = 5, poison: int = 1, seed: int = 4) -> None:
    """Run it; ends with an AssertionError where something was lost."""
    dice, home = random.Random(seed), Path(tempfile.mkdtemp(prefix="batch-stops."))
    (home / "hook").mkdir()
    (home / "hook" / "sitecustomize.py").write_text(HOOK)
    os.environ["DIVISIVE_DESKTOP_HOME"] = str(home)
    small = ROOT / "tests" / "desktop" / "features" / "finetuning" / "small_model.py"
    subprocess.run([sys.executable, small, home], env={**os.environ, "PYTHONPATH": str(ROOT)}, check=True)
    paths = films(home / "films", images)
    bad = dice.sample(paths, poison)
    names = [name for path in bad for name in (path.name, hashlib.sha256(path.read_bytes()).hexdigest())]
    os.environ["POISON"] = ",".join(names) or "no such file"
    os.environ["PYTHONPATH"] = os.pathsep.join([str(home / "hook"), str(ROOT)])

    from divisive_desktop.casebook import Casebook, NewImage
    from divisive_desktop.casebook.verify import verify

    with Casebook.open_default() as book:
        new = [NewImage(p, kind="radiograph", width=96, height=96) for p in paths]
        book.cases.add_all(new, task="chest-cardiomegaly")

    from tests.durability import window_life
    from tests.durability.window_life import Life

    window_life.PATIENCE_S = 3600.0
    life = Life(Casebook.default_path(), seed, os.open(os.devnull, os.O_WRONLY))
    page = life.page
    life.engine()
    moments = sorted(dice.sample(range(images // 20, images - images // 20), kills))
    begun = time.monotonic()
    page.batch.start([c for c in page.cases if c.error is None])
    killed = 0
    while page.batch.running:
        at = moments[killed] if killed < kills else images + 1
        life.until(lambda at=at: not page.batch.running or (done(page) >= at and page.runner.engine_pid is not None))
        if page.batch.running:
            os.kill(page.runner.engine_pid, signal.SIGKILL)
            killed += 1
    life.until(lambda: page.casebook.idle)
    took = time.monotonic() - begun
    book = page.book
    (status,) = book.batches.rows()
    trail = book.audit.trail(limit=10**6)
    times = Counter(r.parameters["item"] for r in trail if r.act == "batch-item" and r.parameters["state"] == "done")
    print(f"{status.done} done, {status.failed} set aside, {status.pending} left of {images}; {killed} kills, "
          f"{poison} poison files; {took:.0f} s; no item more often than {max(times.values())} times")  # fmt: skip
    page.window.close()
    found = verify(Casebook.default_path())
    print("casebook:", "as it was written" if found.ok else found.breaks)
    assert (status.done, status.failed, status.pending) == (images - poison, poison, 0)
    assert killed == kills
    assert set(times.values()) == {1}
    assert found.ok


def done(page: object) -> int:
    return sum(1 for case in page.cases if case.verdict is not None)  # type: ignore[attr-defined]


if __name__ == "__main__":
    main(*map(int, sys.argv[1:4]))
