"""The casebooks that ``kill_window.py`` works on, and what has to be found in them and beside them afterwards."""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
import subprocess
import sys
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
DATA = HERE.parent / "data" / "v0_1_0"
FILMS, SIDE = 24, 96
"""How many, and their pixels along each side."""
REPORTED = 5
"""Cases of the casebook that reports are written from; each has an analysis."""


def make(work: Path) -> Path:
    """A home with two small models, and a casebook with labelled, masked films."""
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
            label = i % 2
            marked = np.zeros((SIDE, SIDE), np.uint8)
            cv2.circle(marked, (40, 48), 22, 255, -1)
            film = new_film(folder / f"film{i:02}.png", i, label)
            case = book.cases.add(NewImage(film, kind="radiograph", width=SIDE, height=SIDE), task="chest-cardiomegaly")
            book.cases.set_label(case, label)
            book.splits.set_side(case, "holdout" if i % 8 > 5 else "train")
            book.masks.save(case, Mask.from_array(marked))
    return path


def new_film(path: Path, seed: int, label: int = 0) -> Path:
    """A small radiograph of noise, no two alike."""
    import cv2
    import numpy as np

    rng = np.random.default_rng(seed)
    values = np.add.outer(np.arange(SIDE), np.arange(SIDE)) * 0.4 + rng.normal(0, 12, (SIDE, SIDE)) + 40
    if label:
        cv2.circle(values, (40, 48), 18, 210.0, -1)
    path.write_bytes(cv2.imencode(".png", values.clip(0, 255).astype(np.uint8))[1].tobytes())
    return path


def make_analysed(work: Path) -> Path:
    """A casebook with a few films that have an analysis, and its archive beside it."""
    import numpy as np

    from divisive_desktop.casebook import Casebook, NewImage
    from divisive_desktop.explanation.analysis import Analysis, ModelRef

    model = ModelRef("small-1", "1", "ab" * 32, "difference", "chest-cardiomegaly", ("no finding", "abnormal"))
    path = work / "analysed.casebook"
    with Casebook.create(path) as book:
        for i in range(REPORTED):
            film = new_film(work / f"analysed{i}.png", 1000 + i, i % 2)
            case = book.cases.add(NewImage(film, kind="radiograph", width=SIDE, height=SIDE), task="chest-cardiomegaly")
            cams = np.random.default_rng(i).normal(size=(2, 14, 14)).astype(np.float32)
            logits = (float(cams[0].mean()), float(cams[1].mean()))
            size, region = (SIDE, SIDE), (0, 0, SIDE, SIDE)
            digest = hashlib.sha256(film.read_bytes()).hexdigest()
            book.analyses.add(case, Analysis(
                film.name, digest, 0, size, region, model, "cpu", "float32", logits, (0.0, 0.0), cams, {}
            ))  # fmt: skip
        book.transfer.export_zip(work / "archive.zip", originals=True)
    return path


def old_casebook(work: Path, number: int) -> Path:
    """A casebook that has to be migrated: of version 0.1.0, or of the first schema of all."""
    folder = work / f"old{number}"
    folder.mkdir()
    if number % 2:
        from kill_casebook import make_old

        made: Path = make_old(folder / "old.casebook")
        return made
    shutil.copytree(DATA / "Divisive" / "Old.casebook", folder / "old.casebook")
    shutil.copytree(DATA / "Pictures", folder / "Pictures")
    (folder / "old.casebook").chmod(0o700)
    return folder / "old.casebook"


def facts(path: Path) -> tuple[dict[str, Any], list[str]]:
    """What a casebook holds, in the words of the pipe, and what is wrong with it."""
    from divisive_desktop.casebook import Casebook, CaseFilter

    wrong: list[str] = []
    there: dict[str, Any] = {}
    with Casebook.open(path) as book:
        if book.warnings or book.read_only:
            wrong.append(f"on opening: {book.warnings} {book.read_only}")
        noted = {str(file) for file, _ in book.waiting.files()}
        there |= {f"noted {file}": True for file in noted}
        for row in book.cases.rows(CaseFilter(trashed=None)):
            mask = book.masks.load(row.id)
            there |= {
                f"label {row.id}": row.label, f"notes {row.id}": row.notes, f"review {row.id}": row.review,
                f"tags {row.id}": list(row.tags), f"mask {row.id}": mask.digest() if mask is not None else None,
                f"taken {row.sha256}": True, f"labelled {row.sha256}": row.label, f"noted {row.path}": True,
            }  # fmt: skip
        for batch in book.batches.rows():
            items = book.batches.items(batch.id)
            there |= {f"item {i.id}": i.state for i in items}
            if batch.state == "open" and not batch.pending and items:
                wrong.append(f"batch {batch.id} is open and has nothing left")
        trail = book.audit.trail(limit=10**6)
        done = Counter(
            record.parameters["item"] for record in trail
            if record.act == "batch-item" and record.parameters["state"] == "done"
        )  # fmt: skip
        wrong += [f"item {item} was analysed {times} times" for item, times in done.items() if times > 1]
        there |= {f"reported {d}": True for r in trail if r.act == "report" for d in r.parameters.get("sha256", ())}
        for run in book.runs.rows():
            there[f"run {run.id}"] = "done" if run.state == "done" else "begun"
            if run.state == "running":
                wrong.append(f"run {run.id} is still running")
            folder = Path(str(run.parameters.get("folder", "")))
            if run.state == "done" and not run.decision and folder.is_dir():
                wrong += [f"run {run.id}: {p} is half written" for p in folder.rglob("*.part")]
    return there, wrong


def handed_over(work: Path) -> tuple[dict[str, Any], list[str]]:
    """What was written, by its digest, and what of it is wrong: under its own name there is all of it or nothing."""
    there: dict[str, Any] = {}
    wrong: list[str] = []
    for name in ("out", "taken", "reports"):
        for made in sorted((work / name).rglob("*")):
            key = made.relative_to(work)
            if any(part.startswith(".") or part.endswith(".casebook") for part in key.parts[:-1]):
                continue  # inside a casebook, which is one thing
            if made.name.startswith(".") or (made.is_dir() and made.suffix != ".casebook"):
                continue
            there[f"written {key}"] = True if made.is_dir() else hashlib.sha256(made.read_bytes()).hexdigest()
            try:
                wrong += [f"{key}: {problem}" for problem in _problems(made)]
            except (OSError, ValueError, zipfile.BadZipFile) as e:
                wrong.append(f"{key}: {e}")
    return there, wrong


def _problems(made: Path) -> list[str]:
    from divisive_desktop.casebook import import_zip, verify
    from divisive_desktop.reporting.verify import verify_file

    if made.suffix == ".casebook":
        return list(map(str, verify(made).breaks))
    if made.name.startswith("report-"):
        found = verify_file(made)
        return [] if found.ok else [found.as_text()]
    if made.suffix == ".zip":
        again = import_zip(made, made.with_name(".again.casebook"))
        breaks = list(map(str, verify(again).breaks))
        shutil.rmtree(again)
        return breaks
    if made.suffix == ".json":
        json.loads(made.read_text())
    if made.suffix == ".csv":
        rows = list(csv.reader(made.read_text().splitlines()))
        return [] if len({len(row) for row in rows}) == 1 else ["cut off"]
    return []
