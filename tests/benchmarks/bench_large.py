"""Opening very large pictures: time, and peak memory as a multiple of the decoded picture (limit 3).

Linux only (reads /proc). Run: ``python tests/benchmarks/bench_large.py [side]``  (default 12,000 pixels)
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

CHILD = """
import sys, time, warnings
from pathlib import Path
warnings.simplefilter("ignore")
import divisive_desktop.imaging.dicom, divisive_desktop.imaging.photograph
from divisive_desktop.imaging import open_image
from divisive_desktop.imaging.display import render
def kilobytes(name):
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith(name))
Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far
base = kilobytes("VmRSS")
start = time.perf_counter()
record = open_image(sys.argv[1])
opened = time.perf_counter() - start
peak = kilobytes("VmHWM")
start = time.perf_counter()
render(record)
print(record.stored.nbytes, (peak - base) * 1024, opened, time.perf_counter() - start)
"""


def make(folder: Path, side: int) -> list[Path]:
    """One file of every kind, smooth pictures with noise in the lowest bits."""
    import cv2
    import numpy as np
    import pydicom
    from PIL import Image
    from pydicom.data import get_testdata_file

    Image.MAX_IMAGE_PIXELS = None
    rng = np.random.default_rng(0)
    small = rng.integers(0, 60000, (40, 40)).astype(np.uint16)
    grey = cv2.resize(small, (side, side), interpolation=cv2.INTER_LINEAR)
    rgb = np.empty((side, side, 3), np.uint8)
    for channel in range(3):
        rgb[..., channel] = np.roll(grey, 500 * channel, axis=1) >> 8
    names = ("16bit.dcm", "16bit.png", "16bit.tif", "rgb.jpg", "rgb.png", "rgb.tif", "rle.dcm")
    paths = [folder / name for name in names]
    dataset = pydicom.dcmread(get_testdata_file("RG1_UNCR.dcm", download=False))
    dataset.Rows, dataset.Columns, dataset.BitsStored, dataset.HighBit = side, side, 16, 15
    dataset.PixelData = grey.tobytes()
    dataset.save_as(paths[0])
    cv2.imwrite(str(paths[1]), grey, [cv2.IMWRITE_PNG_COMPRESSION, 1])
    Image.fromarray(grey).save(paths[2])
    Image.fromarray(rgb).save(paths[3], quality=85)
    cv2.imwrite(str(paths[4]), rgb[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 1])
    Image.fromarray(rgb).save(paths[5])
    dataset.compress(pydicom.uid.RLELossless)
    dataset.save_as(paths[6])
    return paths


def main() -> None:
    side = int(sys.argv[1]) if len(sys.argv) > 1 else 12_000
    print(f"{side:,} x {side:,} pixels")
    print("file         on disk MB decoded MB  peak MB  times  open s  render s")
    with tempfile.TemporaryDirectory() as name:
        for path in make(Path(name), side):
            done = subprocess.run([sys.executable, "-c", CHILD, str(path)], capture_output=True, text=True, check=True)
            decoded, peak, opened, shown = map(float, done.stdout.split())
            size = path.stat().st_size
            print(
                f"{path.name:<12} {size / 1e6:10.0f} {decoded / 1e6:10.0f} {peak / 1e6:8.0f} {peak / decoded:6.2f} "
                f"{opened:7.2f} {shown:9.2f}"
            )


if __name__ == "__main__":
    main()
