"""Opening a radiograph and dragging its window, against pydicom and its decoders in the same run.

Run: ``python tests/benchmarks/bench_imaging.py``
"""

from __future__ import annotations

import logging
import random
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pydicom
from pydicom.data import get_testdata_file
from pydicom.pixels import apply_modality_lut, apply_voi_lut, pixel_array

from divisive_desktop.imaging import ImageRecord, Voi, open_image, scan
from divisive_desktop.imaging.bounded_reader import BoundedReader
from divisive_desktop.imaging.dicom import DicomFile
from divisive_desktop.imaging.display import render

FILES = (
    ("uncompressed", "RG1_UNCR.dcm", ""),
    ("JPEG 2000 lossless", "RG1_J2KR.dcm", "pylibjpeg"),
    ("JPEG 2000 lossy", "RG1_J2KI.dcm", "pylibjpeg"),
    ("JPEG-LS lossless", "RG1 as JPEG-LS", "pyjpegls"),
    ("RLE lossless", "RG1 as RLE", "pylibjpeg"),
    ("deflated", "RG1 deflated", ""),
    ("JPEG lossless", "JPGLosslessP14SV1_1s_1f_8b.dcm", "divisive-desktop"),
    ("JPEG lossless, GDCM", "JPGLosslessP14SV1_1s_1f_8b.dcm", "gdcm"),
    ("JPEG baseline", "RG1 as JPEG", "pillow"),
)
"""Label, file, and the decoder that the peer is to use: ours, and once GDCM, quicker for some and not safe."""


def decode_by_pydicom(path: Path, plugin: str) -> np.ndarray:
    """The first frame's pixels, nothing else."""
    dataset = pydicom.dcmread(path)
    return pixel_array(dataset, index=0, decoding_plugin=plugin)


def picture_by_pydicom(path: Path, plugin: str) -> np.ndarray:
    """What a script of pydicom's own functions does: decode, modality, window, invert, 8 bits."""
    dataset = pydicom.dcmread(path)
    values = pixel_array(dataset, index=0, decoding_plugin=plugin)
    if values.ndim == 3:
        return values
    values = apply_voi_lut(apply_modality_lut(values, dataset), dataset)
    low, high = float(values.min()), float(values.max())
    grey = ((values - low) * (255 / (high - low))).astype(np.uint8)
    return 255 - grey if dataset.PhotometricInterpretation == "MONOCHROME1" else grey


def picture_without_hash(path: Path) -> np.ndarray:
    """What ``render(open_image(path))`` does, but for SHA-256."""
    with BoundedReader(path) as source:
        return render(DicomFile(path, source, 10**9).frame(0))


def seconds(*jobs: Callable[[], object], repeats: int = 21) -> list[float]:
    """Medians of several jobs, taken in turns so that a busy machine treats all alike.

    In another order each time: a job that follows a greedy one finds caches and free memory as that one left them.
    """
    times: list[list[float]] = [[] for _ in jobs]
    order, dice = list(range(len(jobs))), random.Random(0)
    for _ in range(repeats):
        dice.shuffle(order)
        for i in order:
            start = time.perf_counter()
            jobs[i]()
            times[i].append(time.perf_counter() - start)
    return [statistics.median(kept) for kept in times]


def sample(name: str, folder: Path) -> Path:
    """A file of pydicom's, or RG1 written in a syntax that the package doesn't hold."""
    if not name.startswith("RG1 "):
        return Path(str(get_testdata_file(name, download=False)))
    path = folder / f"{name}.dcm"
    dataset = pydicom.dcmread(get_testdata_file("RG1_UNCR.dcm", download=False))
    if "deflated" in name:
        dataset.file_meta.TransferSyntaxUID = pydicom.uid.DeflatedExplicitVRLittleEndian
    elif name.endswith(" JPEG"):
        grey = (dataset.pixel_array >> 7).astype(np.uint8)
        coded = cv2.imencode(".jpg", grey, [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()
        dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 8, 8, 7
        dataset.WindowCenter, dataset.WindowWidth = 128, 256
        dataset.PixelData = pydicom.encaps.encapsulate([coded])
        dataset["PixelData"].is_undefined_length = True
        dataset.file_meta.TransferSyntaxUID = pydicom.uid.JPEGBaseline8Bit
    else:
        dataset.compress(pydicom.uid.JPEGLSLossless if "LS" in name else pydicom.uid.RLELossless)
    dataset.save_as(path)
    return path


def main() -> None:
    warnings.simplefilter("ignore")
    logging.disable(logging.ERROR)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        print("Open to first picture, all greys of the whole image included, median ms. The peers use our decoder;")
        print("'decode' windows, hashes and shows nothing. Only 'ours' knows the file's SHA-256 (in its own thread).")
        heads = ("ours", "no hash", "window", "decode", "ours/window", "ours/decode", "no hash/decode")
        print(f"{'syntax':<20}" + "".join(f"{head:>{max(8, len(head) + 2)}}" for head in heads))
        for label, file, plugin in FILES:
            path = sample(file, folder)
            ours, bare, window, decode = seconds(
                lambda p=path: render(open_image(p)),
                partial(picture_without_hash, path),
                partial(picture_by_pydicom, path, plugin),
                partial(decode_by_pydicom, path, plugin),
            )
            times = "".join(f"{t * 1e3:>{w}.1f}" for t, w in ((ours, 8), (bare, 9), (window, 8), (decode, 8)))
            print(f"{label:<20}{times}{ours / window:>13.2f}{ours / decode:>13.2f}{bare / decode:>16.2f}")
        print("\nWindow/level drag, median ms per update (limit 33)")
        rng = np.random.default_rng(0)
        for dtype in (np.uint16, np.int16, np.uint8):
            stored = rng.integers(0, min(np.iinfo(dtype).max, 4095), (3000, 3000)).astype(dtype)
            record = ImageRecord(Path("x"), "", "radiograph", stored, "MONOCHROME1")
            out = np.empty(stored.shape, np.uint8)
            centers = iter(range(100, 10**9, 7))
            drag, peer = seconds(
                lambda r=record, o=out, c=centers: render(r, Voi("linear", next(c) % 4000, 900), out=o),
                lambda s=stored: np.clip((s.astype(np.float32) - 500) * (255 / 900), 0, 255).astype(np.uint8),
            )
            print(f"3,000 x 3,000 {np.dtype(dtype).name:<7} {drag * 1e3:6.1f}   plain numpy {peer * 1e3:6.1f}")
        for index in range(1000):
            (folder / "many").mkdir(exist_ok=True)
            (folder / "many" / f"IM{index}").write_bytes(b"\0" * 128 + b"DICM" + b"\0" * 3000)
        start = time.perf_counter()
        found = scan([folder / "many"])
        next(found)
        first = time.perf_counter() - start
        rest = sum(1 for _ in found) + 1
        total = time.perf_counter() - start
        print(f"\nScan of {rest:,} files: first after {first * 1e3:.0f} ms, all after {total * 1e3:.0f} ms")


if __name__ == "__main__":
    main()
