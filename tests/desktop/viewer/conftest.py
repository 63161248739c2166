"""A shown viewer, a real radiograph and a CAM pair with known values."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QImage, QMouseEvent, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from divisive_desktop.desktop.viewer import Viewer
from divisive_desktop.desktop.viewer.commands import COMMANDS
from divisive_desktop.explanation.analysis import Analysis, ModelRef
from divisive_desktop.imaging.opening import open_image
from divisive_desktop.imaging.record import ImageRecord, Voi

MODEL = ModelRef("chest", "1", "0" * 64, "difference", "chest-xray", ("no finding", "abnormal"))


@pytest.fixture
def viewer(qtbot: QtBot) -> Viewer:
    """An empty viewer on the (virtual) screen, 900 x 700."""
    made = Viewer()
    qtbot.addWidget(made)
    made.resize(900, 700)
    made.show()
    qtbot.waitExposed(made)
    return made


@pytest.fixture(scope="session")
def radiograph(rg1: Path) -> ImageRecord:
    return open_image(rg1)


@pytest.fixture
def analyse() -> Callable[..., Analysis]:
    """Make an analysis of a record from a given CAM pair (default: 7 x 7 values between -2 and 4)."""

    def make(record: ImageRecord, cams: npt.NDArray[np.float32] | None = None, region: Any = None) -> Analysis:
        if cams is None:
            cams = np.random.default_rng(5).uniform(-2, 4, (2, 7, 7)).astype(np.float32)
        logits = (float(cams[0].mean()), float(cams[1].mean()))
        size = (record.width, record.height)
        return Analysis(
            str(record.path), record.sha256, 0, size, region or (0, 0, *size), MODEL, "cpu", "float32", logits,
            (0.0, 0.0), cams, {},
        )  # fmt: skip

    return make


@pytest.fixture
def grey() -> Callable[..., ImageRecord]:
    """Make a record of given stored values; fields may be overridden."""

    def make(values: npt.NDArray[Any], **fields: Any) -> ImageRecord:
        top = float(np.iinfo(values.dtype).max) if values.dtype.kind in "iu" else 1.0
        voi = (Voi("linear_exact", top / 2, top, "Full range"),)
        bits = 8 * values.dtype.itemsize
        photometric = "RGB" if values.ndim == 3 else "MONOCHROME2"
        settings = {"photometric": photometric, "voi": voi, "bits_stored": bits, **fields}
        return ImageRecord(Path("made.png"), "0" * 64, "photograph", values, **settings)

    return make


class Hand:
    """A mouse, and an eye on what it did."""

    @staticmethod
    def shown(widget: QWidget) -> npt.NDArray[np.uint8]:
        """What a widget shows, (h, w, 3)."""
        image = widget.grab().toImage().convertToFormat(QImage.Format.Format_RGB888)
        rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
        return rows[:, : image.width() * 3].reshape(image.height(), image.width(), 3).copy()

    @staticmethod
    def press(widget: QWidget, at: tuple[float, float], button: Qt.MouseButton = Qt.MouseButton.LeftButton) -> None:
        QTest.mousePress(widget, button, pos=QPointF(*at).toPoint())

    @staticmethod
    def move(
        widget: QWidget,
        to: tuple[float, float],
        button: Qt.MouseButton = Qt.MouseButton.NoButton,
        modifiers: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier,
    ) -> None:
        """QTest.mouseMove sends no buttons; a drag has them."""
        at = QPointF(QPointF(*to).toPoint())
        kind, none = QEvent.Type.MouseMove, Qt.MouseButton.NoButton
        QApplication.sendEvent(widget, QMouseEvent(kind, at, widget.mapToGlobal(at), none, button, modifiers))

    @staticmethod
    def release(widget: QWidget, at: tuple[float, float], button: Qt.MouseButton = Qt.MouseButton.LeftButton) -> None:
        QTest.mouseRelease(widget, button, pos=QPointF(*at).toPoint())

    @classmethod
    def drag(cls, widget: QWidget, button: Qt.MouseButton, *points: tuple[float, float]) -> None:
        """Press at the first point, move along the others, release at the last."""
        cls.press(widget, points[0], button)
        for point in points[1:]:
            cls.move(widget, point, button)
        cls.release(widget, points[-1], button)

    @staticmethod
    def wheel(
        widget: QWidget,
        at: tuple[float, float],
        notches: int,
        modifiers: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier,
    ) -> None:
        position, none = QPointF(*at), Qt.MouseButton.NoButton
        QApplication.sendEvent(widget, QWheelEvent(
            position, widget.mapToGlobal(position), QPoint(), QPoint(0, 120 * notches), none, modifiers,
            Qt.ScrollPhase.NoScrollPhase, False,
        ))  # fmt: skip


@pytest.fixture
def hand() -> type[Hand]:
    return Hand


@pytest.fixture
def run(viewer: Viewer) -> Callable[..., None]:
    """Do what the window's menus and keys do: run commands by their ids."""
    by_id = {command.id: command for command in COMMANDS}

    def run(*ids: str) -> None:
        for name in ids:
            by_id[name].run(viewer)

    return run
