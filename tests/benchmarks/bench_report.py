"""How a report of many cases behaves: time a case, memory at its peak, and what is left when it is cancelled.

    python tests/benchmarks/bench_report.py [--cases 50 500] [--formats pdf,html,json,csv]

Each number of cases runs in a process of its own, without torch (as in the window's process). The few distinct images
are analysed once each, before and elsewhere; every case opens, hashes and draws its image again.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from pydicom.data import get_testdata_file

from divisive_desktop.errors import CancelledError


def images(folder: Path) -> list[Path]:
    """A radiograph, a compressed one, and a photograph."""
    from PIL import Image
    from skimage import data

    portrait = folder / "portrait.png"
    Image.fromarray(data.astronaut()).save(portrait)
    films = [get_testdata_file(name, download=False) for name in ("RG1_UNCR.dcm", "RG1_J2KI.dcm")]
    return [*(Path(str(film)) for film in films if film), portrait]


def analyse(files: list[Path], target: Path) -> None:
    """Keep the images with their analyses in a casebook."""
    from divisive_desktop.casebook import Casebook
    from divisive_desktop.engine import dispatch
    from divisive_desktop.engine.messages import Analyse
    from divisive_desktop.engine.worker import Worker

    worker = Worker("cpu")
    with Casebook.create(target) as book:
        for file in files:
            book.analyses.add(book.cases.add(file), dispatch.answer(worker, Analyse(str(file))))


def measure(count: int, formats: tuple[str, ...], analysed: Path, cancel_at: float) -> dict[str, object]:
    from divisive_desktop.casebook import Casebook
    from divisive_desktop.reporting.items import image_case
    from divisive_desktop.reporting.options import Options
    from divisive_desktop.reporting.produce import produce

    with Casebook.open(analysed, read_only=True) as book:
        kept = [row for row in book.cases.rows() if row.analysis]
        analyses = [(book.originals.path(row.id), book.analyses.load(row.analysis)) for row in kept]
    options = Options(formats=formats, conclusion="Read in one session.", analyst="A. Nalyst")
    cases = []
    for i in range(count):
        file, made = analyses[i % len(analyses)]
        cases.append(image_case(file, lambda record, made=made: made, options))
    told: list[float] = []
    with tempfile.TemporaryDirectory(prefix="bench-report-") as folder:
        start = time.monotonic()
        stopped = None
        try:
            produce(
                [(c.name, c.content) for c in cases], options, Path(folder), dicom=[c.dicom for c in cases],
                progress=lambda fraction, what, left: told.append(fraction),
                cancelled=lambda: bool(told) and told[-1] >= cancel_at,
            )  # fmt: skip
        except CancelledError:
            stopped = told[-1]
        seconds = time.monotonic() - start
        files = list(Path(folder).iterdir())
        size = sum(f.stat().st_size for f in files)
    assert "torch" not in sys.modules
    return {
        "cases": count, "formats": ",".join(formats), "seconds": round(seconds, 1),
        "seconds_per_case": round(seconds / count, 3), "files": len(files), "mb": round(size / 2**20, 1),
        "peak_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "progress_calls": len(told), "monotonic": told == sorted(told), "cancelled_at": stopped,
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, nargs="+", default=[50, 500])
    parser.add_argument("--formats", default="pdf,html,json,csv")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--prepared", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--prepare", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--cancel-at", type=float, default=2.0, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.prepare:
        analyse(images(given.prepared), given.prepared / "Bench.casebook")
        return
    if given.one:
        found = measure(given.one, tuple(given.formats.split(",")), given.prepared / "Bench.casebook", given.cancel_at)
        print(json.dumps(found), flush=True)
        return
    with tempfile.TemporaryDirectory(prefix="bench-report-") as folder:
        again = [sys.executable, __file__, "--prepared", folder, "--formats", given.formats]
        subprocess.run([*again, "--prepare"], check=True)
        for count in given.cases:
            subprocess.run([*again, "--one", str(count)], check=True)
        subprocess.run([*again, "--one", str(given.cases[0]), "--cancel-at", "0.85"], check=True)


if __name__ == "__main__":
    main()
