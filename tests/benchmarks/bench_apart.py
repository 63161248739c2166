"""Opening files in the process that decodes against opening them in the window's own: at most 10 % slower (ratio).

Both in one run and in turns, so that other load meets both; the shortest time of each file counts, and the files
together, as a person opens them. Run: ``python tests/benchmarks/bench_apart.py [rounds]``
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

LIMIT = 1.10


def make(folder: Path) -> list[Path]:
    """Films and photographs as people have them."""
    import cv2
    import numpy as np
    import pydicom
    from pydicom.data import get_testdata_file

    rng = np.random.default_rng(0)
    small = rng.integers(0, 4000, (60, 50)).astype(np.uint16)
    film = cv2.resize(small, (2500, 3000), interpolation=cv2.INTER_CUBIC) + rng.integers(0, 12, (3000, 2500), np.uint16)
    photo = np.stack([np.roll(film >> 4, 40 * i, axis=1) for i in range(3)], axis=2).astype(np.uint8)
    dataset = pydicom.dcmread(get_testdata_file("RG1_UNCR.dcm", download=False))
    dataset.Rows, dataset.Columns, dataset.BitsStored, dataset.HighBit = 3000, 2500, 12, 11
    dataset.PixelData = (film & 4095).tobytes()
    dataset.save_as(folder / "native.dcm")
    for name, syntax in (("rle.dcm", pydicom.uid.RLELossless), ("jpeg-ls.dcm", pydicom.uid.JPEGLSLossless),
                         ("j2k.dcm", pydicom.uid.JPEG2000Lossless)):  # fmt: skip
        packed = pydicom.dcmread(folder / "native.dcm")
        packed.compress(syntax)
        packed.save_as(folder / name)
    cv2.imwrite(str(folder / "film.png"), film)
    cv2.imwrite(str(folder / "photo.jpg"), photo)
    cv2.imwrite(str(folder / "photo.png"), photo)
    cv2.imwrite(str(folder / "small.jpg"), photo[:900, :1200])
    return sorted(folder.iterdir())


def main() -> None:
    from divisive_desktop.imaging.apart import PROCESSES, open_image_apart
    from divisive_desktop.imaging.opening import open_image

    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    here, there = 0.0, 0.0
    print("file           here ms  apart ms  ratio")
    with tempfile.TemporaryDirectory() as name:
        paths = make(Path(name))
        PROCESSES.warm()
        for path in paths:
            open_image(path)
            open_image_apart(path)
            times: dict[object, list[float]] = {open_image: [], open_image_apart: []}
            for number in range(rounds):
                for way in (open_image, open_image_apart)[:: 1 if number % 2 else -1]:
                    start = time.perf_counter()
                    way(path)
                    times[way].append(time.perf_counter() - start)
            a, b = (min(times[way]) for way in (open_image, open_image_apart))
            here, there = here + a, there + b
            print(f"{path.name:<14} {1e3 * a:7.1f} {1e3 * b:9.1f} {b / a:6.2f}")
        PROCESSES.close()
    print(f"{'all of them':<14} {1e3 * here:7.1f} {1e3 * there:9.1f} {there / here:6.2f}  (limit {LIMIT})")
    raise SystemExit(there / here > LIMIT)


if __name__ == "__main__":
    main()
