"""Faces: how many are found and where, what else is taken for one, and what framing does to the models' AUROC.

Needs the research data (``DIVISIVE_TEST_DATA``); prints one small table for each question. The pictures of the data
are crops by the FFHQ rule themselves, so a found face is compared with the picture's own frame.
"""

from __future__ import annotations

import csv
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import torch
from sklearn.metrics import roc_auc_score

from divisive_desktop.geometry import Box
from divisive_desktop.imaging import ImageRecord, open_image
from divisive_desktop.imaging import framing as geometry
from divisive_desktop.library import store
from divisive_desktop.networks.analyse import analyse, load_model
from divisive_desktop.networks.mtcnn import ACCEPT, FaceDetector, load_face_detector

DATA = Path(os.environ.get("DIVISIVE_TEST_DATA", Path(__file__).parents[3] / "shared" / "data"))
SCENE = (1280, 960)
TASKS = ("face-manipulation", "face-synthetic")


def rows(folder: Path, split: str | None = None) -> list[dict[str, str]]:
    with (folder / "index.csv").open(encoding="utf-8") as file:
        return [row for row in csv.DictReader(file) if split is None or row["split"] == split]


def in_scene(record: ImageRecord, side: int, roll: float = 0.0, seed: int = 0) -> tuple[ImageRecord, Box]:
    """The picture, ``side`` pixels large and turned, somewhere in a photograph without faces; and where it lies."""
    from skimage.data import coffee

    scene = cv2.resize(coffee(), SCENE)
    generator = np.random.default_rng(seed)
    x, y = (int(generator.integers(0, total - side)) for total in SCENE)
    small = cv2.resize(record.stored, (side, side), interpolation=cv2.INTER_AREA)
    if roll:
        turn = cv2.getRotationMatrix2D((side / 2, side / 2), -roll, 1.0)
        small = cv2.warpAffine(small, turn, (side, side), borderMode=cv2.BORDER_REPLICATE)
    scene[y : y + side, x : x + side] = small
    return replace(record, stored=scene), (x, y, side, side)


def detection(detector: FaceDetector) -> None:
    print(f"Detection (score >= {ACCEPT}): pictures of one face each; error of the crop, in % of the true frame's side")
    print(f"{'':34} pictures  one found  none  several  centre median  95 %  side median  95 %   ms")
    for name in ("manipulated", "synthetic"):
        pictures = [DATA / "faces" / name / row["file"] for row in rows(DATA / "faces" / name)]
        report(detector, f"{name}, as they are", pictures, lambda r, i: (r, (0, 0, r.width, r.height)))
        few = pictures[:: max(1, len(pictures) // 100)]
        for side in (360, 180, 90):
            report(detector, f"{name}, {side} px in {SCENE[0]} x {SCENE[1]}", few,
                   lambda r, i, side=side: in_scene(r, side, seed=i))  # fmt: skip
        for roll in (15, 30, 45):
            report(detector, f"{name}, 360 px turned by {roll} degrees", few,
                   lambda r, i, roll=roll: in_scene(r, 360, roll, i))  # fmt: skip


def report(
    detector: FaceDetector, name: str, files: list[Path], place: Callable[[ImageRecord, int], tuple[ImageRecord, Box]]
) -> None:
    found, several, centres, sides, seconds = 0, 0, [], [], 0.0
    for index, file in enumerate(files):
        record, true = place(open_image(file), index)
        start = time.perf_counter()
        faces = detector.find(record).found
        seconds += time.perf_counter() - start
        found, several = found + bool(faces), several + (len(faces) > 1)
        if faces:
            x, y, side, _ = faces[0].square(geometry.FFHQ)
            middle = true[0] + true[2] / 2, true[1] + true[3] / 2
            centres.append(np.hypot(x + side / 2 - middle[0], y + side / 2 - middle[1]) / true[2])
            sides.append(abs(side / true[2] - 1))
    c, s = 100 * np.percentile(centres, (50, 95)), 100 * np.percentile(sides, (50, 95))
    print(
        f"{name:34} {len(files):8}  {found - several:9}  {len(files) - found:4}  {several:7}  "
        f"{c[0]:13.1f}  {c[1]:4.1f}  {s[0]:11.1f}  {s[1]:4.1f}  {1e3 * seconds / len(files):4.0f}",
        flush=True,
    )


def false_alarms(detector: FaceDetector) -> None:
    print("\nFalse alarms: pictures without a face in which one is found, by least score")
    folders = {
        "chest radiographs": DATA / "chest_xray" / "images",
        "chest radiographs, other source": DATA / "chest_xray" / "open_set",
    }
    for name, folder in folders.items():
        files = sorted(p for p in folder.rglob("*") if p.suffix in (".png", ".jpg", ".jpeg"))
        files = files[:: max(1, len(files) // 300)]
        scores = np.array([max((f.score for f in detector.find(open_image(p), 0.0).found), default=0.0) for p in files])
        counts = "  ".join(f">= {least}: {int((scores >= least).sum())}" for least in (0.7, 0.9, 0.95, 0.98, 0.99))
        print(f"{name:34} {len(files):8}  {counts}", flush=True)


def framings(record: ImageRecord, true: Box, detector: FaceDetector) -> Iterator[tuple[str, Box | None]]:
    """Ways of choosing what the model sees of a photograph."""
    yield "the crop of the data itself", true
    yield "whole photograph", None
    found = detector.find(record).found
    for margin in (0.6, 0.8, 0.9, 1.0, 1.1, 1.25, 1.5, 2.0):
        if found:
            x, y, side, _ = found[0].square(geometry.FFHQ)
            more = side * margin
            square = (x - (more - side) / 2, y - (more - side) / 2, more, more)
            yield f"found, {margin:.2f} x FFHQ", geometry.inside(square, record.width, record.height)
        else:
            yield f"found, {margin:.2f} x FFHQ", None


def framing(detector: FaceDetector) -> None:
    print("\nAUROC on test pictures set into a photograph (512 px in 1280 x 960), by what the model is shown")
    for task in TASKS:
        model = load_model(store.default_model(task).folder, "cpu")
        folder = DATA / "faces" / ("manipulated" if task == "face-manipulation" else "synthetic")
        scores: dict[str, list[float]] = {}
        labels = []
        for index, row in enumerate(rows(folder, "test")):
            record, true = in_scene(open_image(folder / row["file"]), 512, seed=index)
            labels.append(int(row["label"]))
            for name, box in framings(record, true, detector):
                logits = analyse(model, record, box).logits
                scores.setdefault(name, []).append(logits[1] - logits[0])
        print(f"{model.card.id}, {len(labels)} pictures")
        for name, margin in scores.items():
            change = np.mean(np.abs(np.array(margin) - np.array(scores["the crop of the data itself"])))
            print(f"  {name:28} AUROC {roc_auc_score(labels, margin):.3f}   mean change of the logit {change:.2f}")
        sys.stdout.flush()


def tilt(detector: FaceDetector) -> None:
    """Does turning the eyes level help? The turned picture's own frame against the picture turned back."""
    print("\nAUROC on turned test pictures (the data's own frame, nothing else changed)")
    model = load_model(store.default_model("face-manipulation").folder, "cpu")
    folder = DATA / "faces" / "manipulated"
    for roll in (0, 10, 20, 30, 45):
        as_is, level, labels = [], [], []
        for row in rows(folder, "test"):
            record = open_image(folder / row["file"])
            size = (record.width, record.height)
            middle = (record.width / 2, record.height / 2)
            forth, back = (cv2.getRotationMatrix2D(middle, angle, 1.0) for angle in (-roll, roll))
            turned = cv2.warpAffine(record.stored, forth, size, borderMode=cv2.BORDER_REPLICATE)
            righted = cv2.warpAffine(turned, back, size, borderMode=cv2.BORDER_REPLICATE)
            labels.append(int(row["label"]))
            for pixels, into in ((turned, as_is), (righted, level)):
                logits = analyse(model, replace(record, stored=pixels)).logits
                into.append(logits[1] - logits[0])
        print(f"  {roll:3} degrees: as it is {roc_auc_score(labels, as_is):.3f}, turned level "
              f"{roc_auc_score(labels, level):.3f}", flush=True)  # fmt: skip


def main() -> None:
    if not DATA.is_dir():
        print(f"No research data in {DATA}.")
        return
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "2")))
    detector = load_face_detector()
    detection(detector)
    false_alarms(detector)
    framing(detector)
    tilt(detector)


if __name__ == "__main__":
    main()
