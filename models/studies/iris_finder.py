"""Fits the numbers by which the iris finder tells irises from other rings (``resources/irises/verifier.safetensors``).

``python models/studies/iris_finder.py DATA`` with the research data; training splits only: the crops of ``iris_pad`` as
they are and set into drawn skin; as what is no iris chest films, faces and pictures of skimage, whole and in part.
"""

from __future__ import annotations

import csv
import hashlib
import random
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from safetensors.numpy import save_file
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler

from divisive_desktop import paths
from divisive_desktop.imaging import iris_finder as finder

RADII = {"iitd": 2.5, "mmu2": 3.2}
"""Side of a data set's crops in radii of the iris."""
Row = tuple[np.ndarray, bool]


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "index.csv").open(newline="", encoding="utf-8") as handle:
        return [row for row in csv.DictReader(handle) if row["split"] == "train"]


def candidates(grey: np.ndarray) -> Iterator[tuple[finder.Iris, np.ndarray]]:
    """Rings of a picture that is no larger than what the finder looks at, and what speaks for them."""
    smooth = finder._without_lashes(grey)
    least, most = finder.SMALLEST * min(grey.shape), finder.LARGEST * min(grey.shape)
    for disc in finder._dark_discs(smooth, least * finder.PUPILS[0], most * finder.PUPILS[1]):
        for iris, _, evidence in finder._rings_around(smooth, disc, least, most):
            yield iris, evidence


def shrunk(grey: np.ndarray) -> tuple[np.ndarray, float]:
    share = min(1.0, finder.SIDE / max(grey.shape))
    size = max(1, round(grey.shape[1] * share)), max(1, round(grey.shape[0] * share))
    return cv2.resize(grey, size, interpolation=cv2.INTER_AREA), share


def in_skin(crop: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, tuple[float, float, float]]:
    """The crop in a drawn picture of 320 x 240, and its middle and side."""
    side = min(int(256 * rng.uniform(0.35, 0.9)), 236)
    small = cv2.resize(crop, (side, side), interpolation=cv2.INTER_AREA)
    level = np.median(np.concatenate([small[0], small[-1], small[:, 0], small[:, -1]]))
    skin = np.full((240, 320), level, np.float32)
    skin += cv2.GaussianBlur(rng.normal(0, 1, skin.shape).astype(np.float32), (0, 0), 20) * 200
    x, y = rng.integers(0, 320 - side + 1), rng.integers(0, 240 - side + 1)
    blend = np.zeros_like(skin)
    blend[y : y + side, x : x + side] = 1
    blend = cv2.GaussianBlur(cv2.erode(blend, np.ones((9, 9))), (0, 0), 4)
    full = skin.copy()
    full[y : y + side, x : x + side] = small
    return np.clip(blend * full + (1 - blend) * skin, 0, 255).astype(np.uint8), (x + side / 2, y + side / 2, side)


def of_irises(folder: Path, rng: np.random.Generator) -> Iterator[Row]:
    every = rows(folder)
    for embedded in (False, True):
        for row in every:
            picture, (x, y, side) = cv2.imread(str(folder / row["file"]), cv2.IMREAD_GRAYSCALE), (128.0, 128.0, 256.0)
            if embedded:
                picture, (x, y, side) = in_skin(picture, rng)
            grey, share = shrunk(picture)
            radius = share * side / RADII[row["source"]]
            for iris, evidence in candidates(grey):
                off = np.hypot(iris.pupil[0] - share * x, iris.pupil[1] - share * y) / radius
                size = iris.limbus[2] / radius
                right = off < 0.3 and 0.82 < size < 1.2
                if right or off > 0.6 or not 0.7 < size < 1.35:  # what is neither right nor wrong teaches nothing
                    yield evidence, right


def of_others(data: Path, rng: np.random.Generator) -> Iterator[Row]:
    import skimage

    files: list[Path] = []
    for name in ("chest_sources", "faces/synthetic2", "faces/manipulated", "faces/manipulated2"):
        files += random.sample([data / name / row["file"] for row in rows(data / name)], 130)
    files += sorted((Path(skimage.__file__).parent / "data").glob("*.png"))[::2]
    for file in files:
        picture = cv2.imread(str(file), cv2.IMREAD_GRAYSCALE)
        if picture is None:
            continue
        if rng.random() < 0.35:
            share, (height, width) = rng.uniform(0.3, 0.8), picture.shape
            y, x = int(rng.uniform(0, height * (1 - share))), int(rng.uniform(0, width * (1 - share)))
            picture = np.ascontiguousarray(picture[y : y + int(height * share), x : x + int(width * share)])
        if rng.random() < 0.2:
            picture = 255 - picture
        for _, evidence in candidates(shrunk(picture)[0]):
            yield evidence, False


def main(data: Path) -> None:
    random.seed(0)
    rng = np.random.default_rng(0)
    evidence, right = zip(*of_irises(data / "iris_pad", rng), *of_others(data, rng), strict=True)
    x, y = np.array(evidence), np.array(right)
    scaler = StandardScaler().fit(x)
    network = MLPClassifier((24,), activation="tanh", alpha=1.0, max_iter=60, random_state=0, batch_size=256,
                            learning_rate_init=2e-3)  # fmt: skip
    network.fit(np.clip(scaler.transform(x), -4, 4), y)
    file = paths.resources_dir() / "irises" / "verifier.safetensors"
    numbers = {
        "mean": scaler.mean_, "scale": scaler.scale_, "hidden.weight": network.coefs_[0],
        "hidden.bias": network.intercepts_[0], "out.weight": network.coefs_[1][:, 0],
        "out.bias": network.intercepts_[1],
    }  # fmt: skip
    save_file({name: np.ascontiguousarray(value, np.float32) for name, value in numbers.items()}, file)
    print(f"{y.sum()} irises, {(~y).sum()} other rings; SHA-256 {hashlib.sha256(file.read_bytes()).hexdigest()}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
