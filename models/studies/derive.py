"""Data folders of the studies, made from published sets: an ``index.csv``, and a link to where the images are.

``python models/studies/derive.py NAME SOURCE OUT``

================= ================== ==================================================================================
name              source             what becomes of it
================= ================== ==================================================================================
cardiomegaly      chest_sources      both sources in training and validation
cardiomegaly-nih  chest_sources      trained and chosen on NIH; all of JSRT is a test
cardiomegaly-jsrt chest_sources      trained and chosen on JSRT; all of NIH is a test
choose-NAME       chest_sources      for choosing a recipe: trained on one (``nih`` or ``jsrt``); the training and
                                     validation films of the other are ``test_dev``, and nobody's test films take part
elsewhere-NAME    chest_sources      one source (``nih`` or ``jsrt``) for models of the other: training and validation
                                     films are ``dev``, to set margins on, test films ``test_NAME``
opacity           chest_sources      ``test_matched`` are the test films whose shortcuts are evened out
iris              iris_pad           as published
iris-no-KIND      iris_pad           the kind is in no training; ``test_kind`` has its training and validation pairs
iris-no-SENSOR    iris_pad           the same for a sensor (``mmu2`` or ``iitd``)
manipulation      faces              ``manipulated`` and ``manipulated2`` together, a test of each
manipulation-NAME faces              trained and chosen on one (``london`` or ``ciplab``); all of the other is a test
manipulation-dark faces              validation and test images of both, .5 to .85 times as bright: a source of its own
synthetic-NAME    faces/synthetic2   ``test_open`` alone: a generator (``sdxl`` or ``stylegan2ada``) against half of the
                                     genuine faces, the other half being with the other one
iris-open-NAME    iris_pad           ``test_open`` alone: ``kinds`` (unseen ones, known sensors) or ``sensor``
================= ================== ==================================================================================

Cardiomegaly: films with a ratio within .02 of the threshold (``gray``) take no part in training or validation. They
stay in the tests ``test_nih`` and ``test_jsrt``; ``test_jsrt_clear`` leaves them out there as well (NIH has none).
Iris: where something is left out, the published tests are left out too: such a set is for choosing a recipe.
"""

from __future__ import annotations

import csv
import hashlib
import sys
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np

Row = dict[str, str]


def cardiomegaly(rows: Iterable[Row], trained_on: tuple[str, ...]) -> list[Row]:
    """Splits by source; a source that isn't trained on is a test as a whole."""
    found = []
    for row in rows:
        source, test = row["source"], row["split"] == "test" or row["source"] not in trained_on
        if test:
            found.append({**row, "split": f"test_{source}"})
            if source == "jsrt" and row["gray"] == "0":
                found.append({**row, "split": "test_jsrt_clear"})
        elif row["gray"] == "0":
            found.append(row)
    return found


def choosing(rows: Iterable[Row], trained_on: str) -> list[Row]:
    """What may be looked at before a recipe is fixed: training and validation films, another source's as a test."""
    development = [row for row in cardiomegaly(rows, ("nih", "jsrt")) if row["split"] in ("train", "val")]
    return [row if row["source"] == trained_on else {**row, "split": "test_dev"} for row in development]


def elsewhere(rows: Iterable[Row], source: str) -> list[Row]:
    """One source as models of the other meet it."""
    own = [row for row in cardiomegaly(rows, ("nih", "jsrt")) if row["source"] == source]
    return [
        {**row, "split": "dev"} if row["split"] in ("train", "val") else row
        for row in own if row["split"] in ("train", "val", f"test_{source}")
    ]  # fmt: skip


def opacity(rows: Iterable[Row]) -> list[Row]:
    """The published splits, and the matched test films once more on their own."""
    found = []
    for row in rows:
        found.append(row)
        if row["split"] == "test" and row["matched"] == "1":
            found.append({**row, "split": "test_matched"})
    return found


def without(rows: Iterable[Row], left_out: str) -> list[Row]:
    """Training and validation pairs but those of a kind or a sensor, which are the test."""
    development = [row for row in rows if row["split"] in ("train", "val")]
    pairs = {row["pair"] for row in development if left_out in (row["kind"], row["source"])}
    if not pairs:
        raise SystemExit(f"no kind or sensor is called {left_out}")
    # Whoever is in a pair that is left out trains nothing: a person is in one split only.
    persons = {row["identity"] for row in development if row["pair"] in pairs}
    found = [{**row, "split": "test_kind"} for row in development if row["pair"] in pairs]
    return found + [row for row in development if row["identity"] not in persons]


def synthetic(rows: Iterable[Row], generator: str) -> list[Row]:
    """An unseen generator as a source of its own; nobody's face is in two of them."""
    half = ("sdxl", "stylegan2ada").index(generator)
    return [
        row for row in rows
        if row["split"] == "test_open" and (
            row["source"].endswith(generator) if row["label"] == "1"
            else hashlib.sha256(row["identity"].encode()).digest()[0] % 2 == half
        )
    ]  # fmt: skip


def unseen(rows: Iterable[Row], what: str) -> list[Row]:
    """What of ``test_open`` is of an unseen sensor, or of the known sensors."""
    wanted = ("kinds", "sensor").index(what)
    return [row for row in rows if row["split"] == "test_open" and (row["source"] == "mmu1") == bool(wanted)]


def darkened(rows: Iterable[Row], source: Path, out: Path) -> list[Row]:
    """Copies that are darker, each by a factor of its own, as an editor or a lamp makes them."""
    found, chance = [], np.random.default_rng(0)
    (out / "images").mkdir(parents=True, exist_ok=True)
    for row in rows:
        if row["split"] == "train":
            continue
        picture = cv2.imread(str(source / row["file"])) * chance.uniform(0.5, 0.85)
        name = f"images/{Path(row['file']).stem}.png"
        cv2.imwrite(str(out / name), picture.astype(np.uint8))
        found.append({**row, "file": name, "split": "val" if row["split"] == "val" else "test"})
    return found


def manipulation(faces: Path, trained_on: tuple[str, ...]) -> list[Row]:
    """Both sets of manipulated faces with the columns that they share; tests are named after their source."""
    found = []
    for folder, source in (("manipulated", "london"), ("manipulated2", "ciplab")):
        for row in _read(faces / folder, "index.csv"):
            split = row["split"] if source in trained_on and row["split"] in ("train", "val") else f"test_{source}"
            kept = {name: row[name] for name in ("file", "mask", "label", "kind", "identity")}
            found.append({**kept, "split": split, "source": source})
    return found


def _read(source: Path, index: str) -> list[Row]:
    with (source / index).open(newline="", encoding="utf-8") as handle:
        return [{**row, "file": f"{source.name}/{row['file']}", "mask": f"{source.name}/{row['mask']}"}
                for row in csv.DictReader(handle)]


def derive(name: str, source: Path) -> list[Row]:
    """The rows of a derived set; files and masks below the link to their source."""
    index = {"opacity": "index_opacity.csv"}.get(name, "index.csv")
    if name.startswith(("cardiomegaly", "choose-", "elsewhere-")):
        index = "index_cardiomegaly.csv"
    if name.startswith("manipulation"):
        return manipulation(source, (name.partition("-")[2],) if "-" in name else ("london", "ciplab"))
    rows = _read(source, index)
    if name.startswith("cardiomegaly"):
        return cardiomegaly(rows, (name.partition("-")[2],) if "-" in name else ("nih", "jsrt"))
    if name.startswith("choose-"):
        return choosing(rows, name.removeprefix("choose-"))
    if name.startswith("elsewhere-"):
        return elsewhere(rows, name.removeprefix("elsewhere-"))
    if name == "opacity":
        return opacity(rows)
    if name == "iris":
        return rows
    if name.startswith("synthetic-"):
        return synthetic(rows, name.removeprefix("synthetic-"))
    if name.startswith("iris-open-"):
        return unseen(rows, name.removeprefix("iris-open-"))
    if name.startswith("iris-no-"):
        return without(rows, name.removeprefix("iris-no-"))
    raise SystemExit(f"no set is called {name}")


def main(name: str, source: str, out: str) -> None:
    """Write the index and say how many images each split has."""
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    if name == "manipulation-dark":
        rows = darkened(derive("manipulation", Path(source)), Path(source), folder)
    else:
        rows = derive(name, Path(source))
    for linked in sorted({row["mask"].split("/")[0] for row in rows if row["mask"]}):
        original, link = Path(source).resolve(), folder / linked
        original = original if original.name == linked else original / linked
        link.unlink(missing_ok=True)
        link.symlink_to(original, target_is_directory=True)
    with (folder / "index.csv").open("w", newline="", encoding="utf-8") as handle:
        writer = csv.DictWriter(handle, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    for split in sorted({row["split"] for row in rows}):
        labels = [row["label"] for row in rows if row["split"] == split]
        print(f"{split}: {labels.count('0')} of class 0, {labels.count('1')} of class 1")


if __name__ == "__main__":
    main(*sys.argv[1:])
