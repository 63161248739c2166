"""More attacks on irises for training: patterns drawn over bona fide images, so that no kind is learned by heart.

``python models/studies/iris_patterns.py DATA OUT [--without FAMILY ...]``

DATA is a data folder (``index.csv``); OUT gets an index with all its rows and, for each bona fide training image, one
more pair: the image with a pattern (``attack``) and the image as it is, with the same noise and the same JPEG
encoding, so that neither tells the classes apart. Validation and tests stay as they are.

========== ===================================================================================================
family     what is drawn
========== ===================================================================================================
blobs      band-passed noise above a threshold, as on opaque lenses: finer or coarser, isotropic or drawn out
rings      concentric, wavy
hatching   one or two sets of parallel lines
swirls     band-passed noise in polar coordinates: radial to spiral streaks
print      the part is flattened to a few greys with grain and less contrast
========== ===================================================================================================

Each in a ring or in the whole iris, or (hatching, print) over the whole picture. None was made after a kind of
``test_open``; crossed lines over the whole picture are not unlike a screen's grid, though.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path
from typing import Any

import cv2
import numpy as np

Grey = Any
FAMILIES = ("blobs", "rings", "hatching", "swirls", "print")


def pattern(family: str, shape: tuple[int, int], centre: tuple[float, float], rng: np.random.Generator) -> Grey:
    """A pattern of this family, float32 (h, w), 0 where nothing is drawn and 1 where all is."""
    h, w = shape
    y, x = np.mgrid[0:h, 0:w].astype(np.float32)
    dy, dx = y - centre[1], x - centre[0]
    radius, angle = np.hypot(dx, dy), np.arctan2(dy, dx)
    if family == "blobs":
        noise = _noise(rng, (h, w), rng.uniform(1.2, 5.0), rng.uniform(1, 2.5))
        return _soft(noise, rng)
    if family == "rings":
        wave = radius + rng.uniform(0, 4) * np.sin(rng.integers(3, 14) * angle + rng.uniform(0, 6.3))
        return _soft(np.sin(2 * np.pi * wave / rng.uniform(4, 14)), rng)
    if family == "hatching":
        lines = None
        for _ in range(int(rng.integers(1, 3))):
            t = rng.uniform(0, np.pi)
            one = np.sin(2 * np.pi * (x * np.cos(t) + y * np.sin(t)) / rng.uniform(2.5, 9))
            lines = one if lines is None else np.maximum(lines, one)
        return _soft(lines, rng)
    if family == "swirls":
        polar = _noise(rng, (128, 512), rng.uniform(1.0, 3.0), rng.uniform(2, 10), wrap=True)
        turn = angle + rng.uniform(-0.02, 0.02) * radius
        u = ((turn / (2 * np.pi)) % 1.0 * 511).astype(np.float32)
        v = np.clip(radius, 0, 127).astype(np.float32)
        return _soft(cv2.remap(polar, u, v, cv2.INTER_LINEAR), rng)
    raise ValueError(family)


def _noise(rng: np.random.Generator, shape: tuple[int, int], scale: float, stretch: float, wrap: bool = False) -> Grey:
    """Band-passed noise, scale in pixels; stretched along one axis."""
    raw = rng.standard_normal(shape).astype(np.float32)
    border = cv2.BORDER_WRAP if wrap else cv2.BORDER_REFLECT_101
    if wrap:  # GaussianBlur knows no wrap
        raw = np.concatenate([raw[:, -64:], raw, raw[:, :64]], 1)
        border = cv2.BORDER_REFLECT_101
    sigmas = (scale, scale * stretch) if rng.random() < 0.5 or wrap else (scale * stretch, scale)
    band = cv2.GaussianBlur(raw, (0, 0), sigmas[0], sigmaY=sigmas[1], borderType=border)
    band = band - cv2.GaussianBlur(raw, (0, 0), 2 * sigmas[0], sigmaY=2 * sigmas[1], borderType=border)
    return (band[:, 64:-64] if wrap else band) / (band.std() + 1e-6)


def _soft(values: Grey, rng: np.random.Generator) -> Grey:
    """Above a threshold, with an edge as soft as an optic makes it."""
    level = np.quantile(values, rng.uniform(0.3, 0.75))
    drawn = (values > level).astype(np.float32)
    return cv2.GaussianBlur(drawn, (0, 0), rng.uniform(0.4, 1.1))


def attack(image: Grey, iris: Grey, family: str, rng: np.random.Generator) -> tuple[Grey, Grey]:
    """The image with a pattern, and the mask of where it is.

    Parameters
    ----------
    image : ndarray
        float32 (h, w), 0..255.
    iris : ndarray
        bool (h, w), the visible iris.
    """
    h, w = image.shape
    ys, xs = np.nonzero(iris)
    centre = (float(xs.min() + xs.max()) / 2, float(ys.min() + ys.max()) / 2)
    whole = family in ("hatching", "print") and rng.random() < 0.4
    part = np.ones((h, w), np.float32) if whole else iris.astype(np.float32)
    if not whole and rng.random() < 0.6:  # a ring, as lenses leave the pupil clear
        y, x = np.mgrid[0:h, 0:w].astype(np.float32)
        radius = np.hypot(x - centre[0], y - centre[1])
        reach = np.quantile(radius[iris], 0.98)
        inner = rng.uniform(0.45, 0.75) * reach
        part = part * (radius > inner)
    part = cv2.GaussianBlur(part, (0, 0), rng.uniform(0.5, 1.5))
    if family == "print":
        levels = rng.integers(3, 9)
        flat = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.6, 2.0))
        flat = np.rint(flat / 255 * levels) / levels * 255 if rng.random() < 0.5 else flat
        grain = cv2.GaussianBlur(rng.standard_normal((h, w)).astype(np.float32), (0, 0), rng.uniform(0.4, 1.2))
        flat = flat + grain / (grain.std() + 1e-6) * rng.uniform(5, 18)
        mean = float(flat[part > 0.5].mean())
        changed = mean + (flat - mean) * rng.uniform(0.4, 0.9) + rng.uniform(-15, 25)
        strength = 1.0
    else:
        drawn = pattern(family, (h, w), centre, rng)
        ink = float(image[iris].mean()) + rng.choice([-1, 1]) * rng.uniform(25, 70)
        changed = image * (1 - drawn) + ink * drawn
        strength = rng.uniform(0.45, 0.95)
    # Highlights lie in front of whatever is presented.
    front = cv2.GaussianBlur((image > 235).astype(np.float32), (0, 0), 0.8)
    weight = part * strength * (1 - front)
    mask = iris if whole else iris & (part > 0.5)
    return image * (1 - weight) + changed * weight, mask


Row = dict[str, str]


def more(rows: list[Row], data: Path, out: Path, families: tuple[str, ...], seed: int = 0) -> list[Row]:
    """Write the new pairs of all bona fide training images; returns their rows."""
    rng = np.random.default_rng(seed)
    (out / "drawn").mkdir(parents=True, exist_ok=True)
    made = []
    for number, row in enumerate(r for r in rows if r["split"] == "train" and r["label"] == "0"):
        image = cv2.imread(str(data / row["file"]), cv2.IMREAD_GRAYSCALE).astype(np.float32)
        iris = cv2.imread(str(data / row["mask"]), cv2.IMREAD_GRAYSCALE) > 127
        family = families[number % len(families)]
        changed, where = attack(image, iris, family, rng)
        noise = rng.standard_normal(image.shape).astype(np.float32) * rng.uniform(0.5, 2.5)
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(80, 95))]
        for kind, label, picture, mask in (("as_it_is", "0", image, iris), (family, "1", changed, where)):
            name = f"{Path(row['file']).stem}_{kind}"
            grey = np.clip(np.rint(picture + noise), 0, 255).astype(np.uint8)
            cv2.imwrite(str(out / "drawn" / f"{name}.jpg"), grey, quality)
            cv2.imwrite(str(out / "drawn" / f"{name}_mask.png"), mask.astype(np.uint8) * 255)
            paths = {"file": str((out / "drawn" / f"{name}.jpg").resolve()),
                     "mask": str((out / "drawn" / f"{name}_mask.png").resolve())}
            made.append({**row, **paths, "label": label, "kind": kind})
    return made


def main() -> None:
    """Write the larger data folder and say what it holds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--without", nargs="*", default=[], choices=FAMILIES, help="families that aren't drawn")
    chosen = parser.parse_args()
    with (chosen.data / "index.csv").open(newline="", encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    made = more(rows, chosen.data, chosen.out, tuple(f for f in FAMILIES if f not in chosen.without))
    for row in rows:
        row |= {name: str((chosen.data / row[name]).resolve()) for name in ("file", "mask")}
    with (chosen.out / "index.csv").open("w", newline="", encoding="utf-8") as handle:
        writer = csv.DictWriter(handle, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows + made)
    print(f"{len(made)} images drawn, {len(rows)} as they were")


if __name__ == "__main__":
    main()
