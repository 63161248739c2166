"""Faces for a report, found by the engine, asked for from a background thread."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

from PySide6.QtCore import QObject, Signal

from divisive_desktop.desktop.tasks import TaskRunner
from divisive_desktop.engine.messages import FindFaces
from divisive_desktop.errors import CancelledError, UserFacingError
from divisive_desktop.imaging.record import ImageRecord

Box = tuple[int, int, int, int]


class _Question:
    """A request on its way, and what came back."""

    def __init__(self, request: FindFaces) -> None:
        self.request = request
        self.answered = threading.Event()
        self.value: Any = None
        self.error: UserFacingError | None = None

    def answer(self, value: Any) -> None:
        self.value = value
        self.answered.set()

    def fail(self, error: UserFacingError) -> None:
        self.error = error
        self.answered.set()


class EngineFaces(QObject):
    """Made on the window's thread; called on others, where it waits for the engine's answer.

    Each picture is looked at once.
    """

    _asked = Signal(object)

    def __init__(self, tasks: TaskRunner, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._tasks = tasks
        self._known: dict[tuple[str, int], tuple[Box, ...]] = {}
        self._asked.connect(self._submit)

    def finder(self, cancelled: Callable[[], bool]) -> Callable[[ImageRecord], Sequence[Box]]:
        """What `reporting.items` takes: gives the faces of a picture as x, y, width, height in pixels.

        It raises `CancelledError` as soon as ``cancelled`` says so.
        """

        def find(record: ImageRecord) -> Sequence[Box]:
            key = (record.sha256, record.frame)
            if key not in self._known:
                question = _Question(FindFaces(str(record.path), record.frame))
                self._asked.emit(question)
                while not question.answered.wait(0.1):
                    if cancelled() or self._tasks.closed:
                        raise CancelledError
                if question.error is not None:
                    raise question.error
                self._known[key] = tuple(_whole(face.box) for face in question.value.faces)
            return self._known[key]

        return find

    def _submit(self, question: _Question) -> None:
        if self._tasks.closed:
            question.fail(CancelledError())
        else:
            self._tasks.submit(question.request, question.answer, question.fail)


def _whole(box: tuple[float, float, float, float]) -> Box:
    """The whole pixels that a box touches."""
    left, top, width, height = box
    return int(left), int(top), int(width) + 2, int(height) + 2
