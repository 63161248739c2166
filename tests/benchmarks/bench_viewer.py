"""How quickly the viewer follows the mouse: ms per update, offscreen, painting included, and what pyqtgraph takes.

Run with ``python tests/benchmarks/bench_viewer.py``. The limit for a window/level drag is 33 ms (30 frames a second)
on a 3,000 x 3,000 radiograph of 16 bits.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import numpy as np
from PySide6.QtWidgets import QApplication

from divisive_desktop.desktop.viewer import Viewer
from divisive_desktop.explanation.analysis import Analysis, ModelRef
from divisive_desktop.explanation.features import important_features
from divisive_desktop.imaging.record import ImageRecord, Voi

LIMIT_MS = 33.0


def record(side: int) -> ImageRecord:
    """A smooth, noisy picture of 16 bits: like a radiograph, and nothing that compresses into a few values."""
    y, x = np.mgrid[0:side, 0:side].astype(np.float32) / side
    rng = np.random.default_rng(0)
    values = 20000 + 15000 * np.sin(5 * x) * np.cos(4 * y) + rng.normal(0, 400, (side, side)).astype(np.float32)
    stored = np.clip(values, 0, 65535).astype(np.uint16)
    voi = (Voi("linear", 20000, 30000, "File"),)
    return ImageRecord(Path("bench.dcm"), "0" * 64, "radiograph", stored, "MONOCHROME1", voi=voi, bits_stored=16)


def analysis(of: ImageRecord) -> Analysis:
    """A 14 x 14 pair; its values play no part in the time."""
    cams = np.random.default_rng(1).normal(0, 2, (2, 14, 14)).astype(np.float32)
    model = ModelRef("bench", "1", "0" * 64, "difference", "chest-xray", ("no finding", "abnormal"))
    size, box = (of.width, of.height), (0, 0, of.width, of.height)
    return Analysis("bench.dcm", of.sha256, 0, size, box, model, "cpu", "float32", (0.0, 1.0), (0.0, 0.0), cams, {})


def median_ms(step: Callable[[int], None], repeats: int = 25) -> tuple[float, float]:
    """Median wall-clock time of ``step(i)`` with everything that it scheduled painted, and of its processor time."""
    wall, cpu = [], []
    for i in range(repeats):
        start, busy = time.perf_counter(), time.process_time()
        step(i)
        QApplication.processEvents()
        wall.append((time.perf_counter() - start) * 1000)
        cpu.append((time.process_time() - busy) * 1000)
    return statistics.median(wall[3:]), statistics.median(cpu[3:])


def shown(of: ImageRecord | None, size: tuple[int, int], layout: str = "2x2") -> Viewer:
    viewer = Viewer()
    viewer.resize(*size)
    viewer.set_layout(layout)
    viewer.show()
    if of is not None:
        viewer.set_record(of)
        made = analysis(of)
        viewer.set_analysis(made, 1, "label")
        viewer.set_features(important_features(made.divergence(1), made.image_size, made.region))
    QApplication.processEvents()
    return viewer


def main() -> None:
    app = QApplication.instance() or QApplication([])
    big, huge = record(3000), record(12000)
    print(f"{'what':52s} {'ms':>8s} {'CPU ms':>8s} {'of 33 ms':>9s}")

    def row(name: str, ms: tuple[float, float]) -> None:
        print(f"{name:52s} {ms[0]:8.1f} {ms[1]:8.1f} {ms[0] / LIMIT_MS:9.2f}")

    for name, of, size, layout in (
        ("3000 px, 2x2, 1280x800", big, (1280, 800), "2x2"),
        ("3000 px, 2x2, 2560x1440", big, (2560, 1440), "2x2"),
        ("3000 px, image alone, 2560x1440", big, (2560, 1440), "image"),
        ("12000 px, 2x2, 1280x800", huge, (1280, 800), "2x2"),
    ):
        viewer = shown(of, size, layout)
        row(
            f"window/level, {name}",
            median_ms(lambda i, v=viewer: v.state.set_voi(Voi("linear", 20000 + 50 * i, 30000))),
        )
        viewer.state.one_to_one()
        row(
            f"window/level at 1:1, {name}",
            median_ms(lambda i, v=viewer: v.state.set_voi(Voi("linear", 20000 + 50 * i, 30000))),
        )
        row(f"pan at 1:1, {name}", median_ms(lambda i, v=viewer: v.state.view.pan_by(3 * (-1) ** i, 2)))
        viewer.state.view.fit()
        row(f"zoom, {name}", median_ms(lambda i, v=viewer: v.state.zoom_by(1.05)))
        viewer.state.view.fit()
        row(f"pointer, {name}", median_ms(lambda i, v=viewer: v._pointed(next(iter(v.panes)), (500.0 + i, 700.0))))
        viewer.close()
        viewer.deleteLater()
    viewer = shown(None, (1280, 800))

    def opened(i: int) -> None:
        viewer.set_record(big if i % 2 else huge)

    row("set_record -> painted, 3000 and 12000 px in turn", median_ms(opened, 9))
    viewer.close()
    row("pyqtgraph ImageItem: window/level, 3000 px, 2x2", pyqtgraph_ms(big))
    del app


def pyqtgraph_ms(of: ImageRecord) -> tuple[float, float]:
    """The same work with four linked pyqtgraph images (nearest-neighbour, no averaging), their fastest path."""
    import pyqtgraph as pg

    from divisive_desktop.imaging.display import render

    pg.setConfigOptions(imageAxisOrder="row-major")
    window = pg.GraphicsLayoutWidget()
    window.resize(1280, 800)
    items = []
    for i in range(4):
        box = window.addViewBox(row=i // 2, col=i % 2, lockAspect=True, invertY=True)
        items.append(pg.ImageItem(render(of), levels=None, autoDownsample=False))
        box.addItem(items[-1])
    window.show()

    def step(i: int) -> None:
        grey = render(of, Voi("linear", 20000 + 50 * i, 30000))
        for item in items:
            item.setImage(grey, autoLevels=False)

    result = median_ms(step)
    window.close()
    return result


if __name__ == "__main__":
    main()
