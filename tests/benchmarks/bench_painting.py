"""Painting on the screen: a stroke of 1,000 mouse events with the overlay drawn, and how soon it is kept.

Run: ``QT_QPA_PLATFORM=offscreen python tests/benchmarks/bench_painting.py``. Every event is followed by a repaint, as
if the screen could show each one. The limit is 60 events per second.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ["DIVISIVE_DESKTOP_HOME"] = tempfile.mkdtemp()
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # for tests.desktop.pages

import cv2
import numpy as np
from PySide6.QtCore import QEvent, QEventLoop, QPointF, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

SIDE, EVENTS = 4096, 1000
LEFT, NONE = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier


def main() -> None:
    """Print the table."""
    from divisive_desktop.desktop.session.settings import Settings
    from divisive_desktop.explanation.analysis import Analysis, ModelRef
    from tests.desktop.pages import Page

    settings = Settings()
    settings.analyse_on_opening = False
    page = Page.build(settings, size=(1600, 1000)).show()

    def until(condition) -> None:  # type: ignore[no-untyped-def]
        while not condition():
            QApplication.processEvents(QEventLoop.ProcessEventsFlag.AllEvents, 10)

    noise = np.random.default_rng(0).integers(0, 255, (SIDE, SIDE), np.uint8)
    path = Path(os.environ["DIVISIVE_DESKTOP_HOME"]) / "large.png"
    path.write_bytes(cv2.imencode(".png", cv2.GaussianBlur(noise, (0, 0), 8), [cv2.IMWRITE_PNG_COMPRESSION, 1])[1])
    page.begin_opening(path)
    until(lambda: page.paint_session.record is not None)
    record, painting = page.record, page.paint
    cams = np.random.default_rng(1).normal(size=(2, 14, 14)).astype(np.float32)
    logits = (float(cams[0].mean()), float(cams[1].mean()))
    model = ModelRef("m", "1", "0" * 64, "difference", "chest-xray", ("no finding", "abnormal"))
    box = (0, 0, SIDE, SIDE)
    page.take_analysis(Analysis(
        str(path), record.sha256, 0, (SIDE, SIDE), box, model, "cpu", "float32", logits, (0.0, 0.0), cams, {}
    ))  # fmt: skip
    until(lambda: page.features is not None and page.idle)
    painting.take("brush")
    painting.session.set_settings(brush_radius=50.0)

    print(f"{'':34}{'events/s':>10}{'median ms':>11}{'95 % ms':>9}{'kept after ms':>15}")
    for layout, zoom in (("2x2", None), ("image", None), ("image", 1.0), ("2x2", 1.0)):
        page.viewer.set_layout(layout)
        page.viewer.state.view.fit()
        if zoom is not None:
            page.viewer.state.view.set_zoom(zoom)
        QApplication.processEvents()
        canvas = page.hand.canvas
        width, height = canvas.width(), canvas.height()
        path_ = [
            QPointF(round(20 + (width - 40) * i / EVENTS), round(height / 2 + height * 0.4 * np.sin(i / 40)))
            for i in range(EVENTS)
        ]
        QTest.mousePress(canvas, LEFT, NONE, path_[0].toPoint())
        taken = []
        for at in path_[1:]:
            start = time.perf_counter()
            move = QMouseEvent(QEvent.Type.MouseMove, at, canvas.mapToGlobal(at), LEFT, LEFT, NONE)
            QApplication.sendEvent(canvas, move)
            QApplication.processEvents()
            taken.append((time.perf_counter() - start) * 1e3)
        QTest.mouseRelease(canvas, LEFT, NONE, path_[-1].toPoint())
        released = time.perf_counter()
        until(lambda: painting.nothing_to_save)
        kept = (time.perf_counter() - released) * 1e3
        median, late = statistics.median(taken), sorted(taken)[int(len(taken) * 0.95)]
        name = f"{layout}, {'fitted' if zoom is None else f'zoom {zoom:g}'}, {width} x {height} px"
        print(f"{name:34}{1000 / statistics.mean(taken):10.0f}{median:11.2f}{late:9.2f}{kept:15.0f}")
        painting.session.undo()
    page.close()


if __name__ == "__main__":
    main()
