"""A viewer with painting tools on real pictures, and a hand that paints."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QMouseEvent, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from divisive_desktop.casebook import Casebook
from divisive_desktop.desktop.features.painting.autosave import Saver
from divisive_desktop.desktop.features.painting.layer import RegionsLayer
from divisive_desktop.desktop.features.painting.mask_store import CasebookStore
from divisive_desktop.desktop.features.painting.session import PaintSession
from divisive_desktop.desktop.features.painting.tools import PAINT_TOOLS
from divisive_desktop.desktop.session.runner import Runner
from divisive_desktop.desktop.viewer import Viewer
from divisive_desktop.desktop.viewer.canvas import Canvas
from divisive_desktop.desktop.viewer.maps import PaneKind
from divisive_desktop.imaging.display import render
from divisive_desktop.imaging.record import ImageRecord, Voi

Point = tuple[float, float]
LEFT = Qt.MouseButton.LeftButton
NONE = Qt.KeyboardModifier.NoModifier
CTRL = Qt.KeyboardModifier.ControlModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier


@dataclass
class Easel:
    """Everything needed to paint without the main window."""

    viewer: Viewer
    session: PaintSession
    runner: Runner
    store: CasebookStore

    def open(self, record: ImageRecord) -> None:
        """Show a record and paint on an empty mask."""
        self.viewer.set_record(record)
        self.session.open(record, None)
        self.session.pictured = lambda box: render(record, self.viewer.state.voi, self.viewer.state.invert, box)
        QApplication.processEvents()

    @property
    def canvas(self) -> Canvas:
        return self.viewer.panes[PaneKind.IMAGE].canvas

    def at(self, *image: float) -> QPoint:
        """The screen position nearest to an image position."""
        return self.canvas.transform().to_widget(*image).toPoint()

    def precision(self) -> float:
        """Image pixels that half a screen position may be off."""
        transform = self.canvas.transform()
        return 0.75 * transform.dpr / min(transform.scale_x, transform.scale_y) + 0.5

    def press(self, image: Point, modifiers: Qt.KeyboardModifier = NONE) -> None:
        QTest.mousePress(self.canvas, LEFT, modifiers, self.at(*image))

    def move(self, image: Point, modifiers: Qt.KeyboardModifier = NONE, button: Qt.MouseButton = LEFT) -> None:
        send_move(self.canvas, self.at(*image), modifiers, button)

    def release(self, image: Point, modifiers: Qt.KeyboardModifier = NONE) -> None:
        QTest.mouseRelease(self.canvas, LEFT, modifiers, self.at(*image))

    def drag(self, *points: Point, modifiers: Qt.KeyboardModifier = NONE) -> None:
        """Press at the first image position, move along the others, release at the last."""
        self.press(points[0], modifiers)
        for point in points[1:]:
            self.move(point, modifiers)
        self.release(points[-1], modifiers)

    def click(self, image: Point, modifiers: Qt.KeyboardModifier = NONE) -> None:
        self.drag(image, modifiers=modifiers)

    def key(self, key: Qt.Key, modifiers: Qt.KeyboardModifier = NONE) -> None:
        QTest.keyClick(self.viewer, key, modifiers)

    def wheel(self, image: Point, notches: int, modifiers: Qt.KeyboardModifier = NONE) -> None:
        position, none = QPointF(self.at(*image)), Qt.MouseButton.NoButton
        QApplication.sendEvent(self.canvas, QWheelEvent(
            position, self.canvas.mapToGlobal(position), QPoint(), QPoint(0, 120 * notches), none, modifiers,
            Qt.ScrollPhase.NoScrollPhase, False,
        ))  # fmt: skip

    def painted(self) -> np.ndarray:
        """Where the active region is, bool (h, w)."""
        region = self.session.regions.active
        mask = self.session.mask
        return mask.pixels(region.id) > 127 if region is not None else np.zeros((mask.height, mask.width), bool)


def send_move(widget: QWidget, at: QPoint, modifiers: Qt.KeyboardModifier = NONE, button: Any = LEFT) -> None:
    """A move with a button held, which QTest.mouseMove doesn't send."""
    where, none = QPointF(at), Qt.MouseButton.NoButton
    move = QMouseEvent(QEvent.Type.MouseMove, where, widget.mapToGlobal(where), none, button, modifiers)
    QApplication.sendEvent(widget, move)


@pytest.fixture
def easel(qtbot: QtBot) -> Iterator[Easel]:
    """A shown viewer, 900 x 700, with one large pane and all painting tools."""
    runner = Runner()
    book = Casebook.open_default()
    store = CasebookStore(lambda: book)
    session = PaintSession(runner, Saver(runner, store))
    viewer = Viewer()
    qtbot.addWidget(viewer)
    viewer.resize(900, 700)
    viewer.add_layer(RegionsLayer(session, viewer.state))
    for kind in PAINT_TOOLS:
        viewer.add_tool(kind(viewer.state, session))
    viewer.set_layout("image")
    viewer.show()
    qtbot.waitExposed(viewer)
    yield Easel(viewer, session, runner, store)
    runner.close()
    session.saver.finish()
    book.close()


@pytest.fixture
def picture(tmp_path: Path) -> Callable[..., ImageRecord]:
    """Make a real file with a record of given grey values."""
    import cv2

    def make(values: np.ndarray, **fields: Any) -> ImageRecord:
        from divisive_desktop.imaging.opening import open_image

        path = tmp_path / f"picture{len(list(tmp_path.iterdir()))}.png"
        path.write_bytes(cv2.imencode(".png", values)[1].tobytes())
        record = open_image(path)
        if fields:
            from dataclasses import replace

            record = replace(record, **fields)
        return record

    return make


@pytest.fixture
def grey(picture: Callable[..., ImageRecord]) -> ImageRecord:
    """600 x 400: a bright disc and a bright bar on a dark slope."""
    y, x = np.mgrid[:400, :600]
    values = (20 + x * 0.05).astype(np.uint8)
    values[np.hypot(x - 200, y - 200) < 70] += 120
    values[80:320, 420:470] += 120
    return picture(values, voi=(Voi("linear_exact", 127.5, 255, "Full range"),))
