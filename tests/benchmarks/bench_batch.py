"""How much of the network's own speed a batch of files keeps: opening and preprocessing should hide behind it.

Run: ``python tests/benchmarks/bench_batch.py [cpu|cuda]``

The peer is the forward pass alone, on inputs that are ready in memory, in batches of the same size. Both are run in
turns. Two ratios: by the clock, and of the processor time that this process used, which a machine that is busy with
other things doesn't change (on a CPU a batch that overlaps perfectly is as fast as that one says).
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch

from divisive_desktop.engine import analysis, dispatch
from divisive_desktop.engine.messages import Analyse, AnalyseBatch
from divisive_desktop.engine.worker import Worker
from divisive_desktop.imaging import open_image
from divisive_desktop.library.card import Card, Preprocessing
from divisive_desktop.networks.analyse import forward
from divisive_desktop.networks.pretrained import pretrained_network
from divisive_desktop.networks.saving import save_network

LIMIT = 0.9
ROUNDS = 5


def make_files(folder: Path, count: int) -> dict[str, list[Path]]:
    """What people have: 1024-pixel grey JPEGs, and DICOM films of 1955 x 1841 pixels."""
    from pydicom.data import get_testdata_file

    film = Path(str(get_testdata_file("RG1_UNCR.dcm", download=False)))
    grey = (open_image(film).pixels / 16).clip(0, 255).astype(np.uint8)
    jpeg = cv2.imencode(".jpg", cv2.resize(grey, (1024, 1024)), [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes()
    files: dict[str, list[Path]] = {"JPEG 1024 x 1024": [], "DICOM 1955 x 1841, uncompressed": []}
    for i in range(count):
        photograph, radiograph = folder / f"{i}.jpg", folder / f"{i}.dcm"
        photograph.write_bytes(jpeg)
        shutil.copyfile(film, radiograph)
        files["JPEG 1024 x 1024"].append(photograph)
        files["DICOM 1955 x 1841, uncompressed"].append(radiograph)
    return files


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds by the clock, and of processor time."""
    clock, processor = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - clock, time.process_time() - processor


def main() -> None:
    device = sys.argv[1] if len(sys.argv) > 1 else "cpu"
    with tempfile.TemporaryDirectory() as place:
        os.environ["DIVISIVE_DESKTOP_HOME"] = place
        card = Card("bench", "1", "chest-xray", ("a", "b"), "", "cross_entropy", "", Preprocessing(size=448))
        save_network(Path(place) / "models" / "bench", pretrained_network(seed=0), card)
        worker = Worker(device)
        model = worker.model("bench")
        size = analysis.BATCH_CPU if device == "cpu" else analysis.BATCH_GPU
        count = 8 * size
        threads = f"{torch.get_num_threads()} threads" if device == "cpu" else torch.cuda.get_device_name()
        print(f"EfficientNet-Lite0, 448 px, batches of {size}, {count} files, {threads}")
        for name, files in make_files(Path(place), count).items():
            ready = np.stack([model.prepare(open_image(files[0])).pixels] * size)
            request = AnalyseBatch(tuple(Analyse(str(f), model_id="bench") for f in files))
            forward(model, ready)
            pure, whole = [], []
            for _ in range(ROUNDS):  # in turns, so that both meet the same machine
                pure.append(timed(lambda x=ready: [forward(model, x) for _ in range(count // size)]))
                whole.append(timed(lambda r=request: dispatch.answer(worker, r)))
            (clock, work), (files_clock, files_work) = (tuple(map(min, zip(*t, strict=True))) for t in (pure, whole))
            ratio, by_work = clock / files_clock, work / files_work
            verdict = "" if ratio >= LIMIT else "  UNDER THE LIMIT"
            print(f"  {name:34} forward pass alone {count / clock:8.1f} images/s, files {count / files_clock:8.1f} "
                  f"images/s, ratio {ratio:.2f}, at least {LIMIT}{verdict}; processor time {by_work:.2f}")  # fmt: skip
    print(f"load average {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
