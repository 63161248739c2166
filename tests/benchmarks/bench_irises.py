"""The iris finder: how many irises are found and where, what else is taken for one, and how long it takes.

``python tests/benchmarks/bench_irises.py [DATA]`` with the research data; test splits only: the
finder was fitted on others (``models/studies/iris_finder.py``). Truth is the crop that the data set was made with.
"""

from __future__ import annotations

import csv
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from divisive_desktop.imaging.iris_finder import SURE, find_iris

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
RADII = {"iitd": 2.5, "mmu1": 3.2, "mmu2": 3.2}
"""Side of a data set's crops in radii of the iris."""
LONGEST = 416


def rows(folder: Path, *splits: str) -> Iterator[dict[str, str]]:
    with (folder / "index.csv").open(newline="", encoding="utf-8") as handle:
        yield from (row for row in csv.DictReader(handle) if row["split"] in splits)


def in_a_face(crop: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, tuple[float, float, float]]:
    """The crop somewhere in a larger picture of drawn skin; and where: middle and side."""
    side = int(crop.shape[0] * rng.uniform(0.5, 1.4))
    high, wide = 480, 640
    small = cv2.resize(crop, (side, side), interpolation=cv2.INTER_AREA)
    level = float(np.median(np.concatenate([small[0], small[-1], small[:, 0], small[:, -1]])))
    skin = level + cv2.GaussianBlur(rng.normal(0, 1, (high, wide)).astype(np.float32), (0, 0), 40) * 400
    x, y = int(rng.integers(0, wide - side + 1)), int(rng.integers(0, high - side + 1))
    blend = np.zeros((high, wide), np.float32)
    blend[y + 10 : y + side - 10, x + 10 : x + side - 10] = 1
    blend = cv2.GaussianBlur(blend, (0, 0), 6)
    full = skin.copy()
    full[y : y + side, x : x + side] = small
    picture = np.clip(blend * full + (1 - blend) * skin, 0, 255).astype(np.uint8)
    return picture, (x + side / 2, y + side / 2, side)


def irises(data: Path) -> None:
    rng = np.random.default_rng(0)
    found: dict[tuple[str, str], list[tuple[float, float, float]]] = {}
    times = []
    for row in rows(data / "iris_pad", "test_closed", "test_open"):
        crop = cv2.imread(str(data / "iris_pad" / row["file"]), cv2.IMREAD_GRAYSCALE)
        whole = in_a_face(crop, rng)
        for how, picture, (x, y, side) in (("crop", crop, (128.0, 128.0, 256.0)), ("whole eye", *whole)):
            start = time.process_time()
            iris = find_iris(picture)
            times.append(1e3 * (time.process_time() - start))
            radius = side / RADII[row["source"]]
            figures = (0.0, np.nan, np.nan)
            if iris is not None:
                off = float(np.hypot(iris.pupil[0] - x, iris.pupil[1] - y)) / radius
                figures = (iris.score, off, iris.limbus[2] / radius)
            for name in (row["source"], row["kind"]):
                found.setdefault((how, name), []).append(figures)
    print("| picture | sensor or kind | n | found | sure | right | centre off (radii) | radius, median | 5-95 % |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    for (how, name), values in sorted(found.items()):
        v = np.array(values)
        is_found = v[:, 0] > 0
        right = (v[:, 1] < 0.3) & (np.abs(v[:, 2] - 1) < 0.2)
        low, high = np.nanquantile(v[:, 2], (0.05, 0.95))
        shares = " | ".join(f"{share.mean():.1%}" for share in (is_found, v[:, 0] >= SURE, right))
        print(f"| {how} | {name} | {len(v)} | {shares} | "
              f"{np.nanmedian(v[:, 1]):.2f} | {np.nanmedian(v[:, 2]):.2f} | {low:.2f} to {high:.2f} |")
    print(f"\nTime of a picture on one core: {np.median(times):.0f} ms (95 %: {np.quantile(times, 0.95):.0f})")


def others(data: Path) -> None:
    import skimage

    def listed(folder: str, *splits: str) -> list[Path]:
        return [data / folder / row["file"] for row in rows(data / folder, *splits)]

    sets = {
        "films, NIH and JSRT": listed("chest_sources", "test"),
        "faces, synthetic2": listed("faces/synthetic2", "test_closed", "test_open"),
        "faces, manipulated": listed("faces/manipulated", "test"),
        "faces, manipulated2": listed("faces/manipulated2", "test"),
        "pictures of skimage": sorted((Path(skimage.__file__).parent / "data").glob("*.png"))[1::2],
    }
    print("\n| no irises | n | found | sure |\n| --- | --- | --- | --- |")
    for name, files in sets.items():
        read = [p for f in dict.fromkeys(files) if (p := cv2.imread(str(f), cv2.IMREAD_GRAYSCALE)) is not None]
        scores = np.array([iris.score if (iris := find_iris(p)) is not None else 0.0 for p in read])
        sure = scores >= SURE
        print(f"| {name} | {len(scores)} | {(scores > 0).mean():.1%} | {sure.mean():.1%} ({sure.sum()}) |")


if __name__ == "__main__":
    cv2.setNumThreads(1)
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else DATA
    if not folder.is_dir():
        raise SystemExit(print("no research data: nothing to measure"))
    irises(folder)
    others(folder)
