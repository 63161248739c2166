"""The engine, asked from a background thread: its client belongs to the window's."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

from PySide6.QtCore import QObject, Signal

from divisive_desktop.desktop.session.runner import Runner
from divisive_desktop.engine.messages import FindFaces, Request
from divisive_desktop.errors import CancelledError, UserFacingError
from divisive_desktop.geometry import Box, covering
from divisive_desktop.imaging.correction import Correction


class _Question:
    """A request on its way, and what came back."""

    def __init__(self, request: Request) -> None:
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


class EngineQuestions(QObject):
    """Made on the window's thread; called on others, where it waits for the engine's answer."""

    _asked = Signal(_Question)

    def __init__(self, runner: Runner, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._runner = runner
        self._asked.connect(self._submit)

    def ask(self, request: Request, cancelled: Callable[[], bool]) -> Any:
        """What the engine answers.

        Raises
        ------
        CancelledError
            ``cancelled`` said so, or the window closes.
        UserFacingError
            What the engine says.
        """
        question = _Question(request)
        self._asked.emit(question)
        while not question.answered.wait(0.1):
            if cancelled() or self._runner.closed:
                raise CancelledError
        if question.error is not None:
            raise question.error
        return question.value

    def faces(
        self, path: str, frame: int, correction: Correction, cancelled: Callable[[], bool]
    ) -> Sequence[Box]:
        """The faces in a picture as x, y, width, height in pixels; raises as `ask`."""
        return [covering(face.box) for face in self.ask(FindFaces(path, frame, correction), cancelled).found]

    def _submit(self, question: _Question) -> None:
        if self._runner.closed:
            question.fail(CancelledError())
        else:
            self._runner.submit(question.request, question.answer, question.fail)
