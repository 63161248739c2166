"""Which question is asked of a picture, and which part of it the model sees: faces and irises are found first."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from divisive_desktop.engine.messages import Analyse
from divisive_desktop.errors import NoFaceError, NoIrisError
from divisive_desktop.imaging.framing import Finds, Framing, automatic, by_hand
from divisive_desktop.imaging.framing_rule import FramingRule
from divisive_desktop.imaging.iris_finder import SURE
from divisive_desktop.imaging.record import ImageRecord
from divisive_desktop.networks.finders import Finders

T = TypeVar("T")

class Looking:
    """One picture, and what was found in it so far: nothing is looked for twice."""

    def __init__(self, finders: Finders, record: ImageRecord) -> None:
        self._finders, self._record = finders, record
        self._faces: Finds | None = None
        self._irises: Finds | None = None
        self.ms = 0.0
        """Time spent on looking for faces and irises."""

    def task(self, default_task: Callable[[str], str]) -> str:
        """The question that is asked where nobody chose one.

        A DICOM image is a radiograph and a colour photograph is a photograph. A grey picture without camera data
        may be anything: it is a photograph when there is a face in it, an iris when it surely shows one.

        Parameters
        ----------
        default_task : callable
            Kind of image -> question that is asked of it.
        """
        kind: str = self._record.kind
        if self._record.kind_is_guessed:
            if self._found_faces().found:
                kind = "photograph"
            elif any(iris.score >= SURE for iris in self._found_irises().found):
                kind = "iris"
        return default_task(kind)

    def framing(self, request: Analyse, rule: FramingRule | None) -> Framing | None:
        """The part that the model is to see; None: no part was chosen and none looked for, it sees the whole picture.

        Parameters
        ----------
        rule : FramingRule, optional
            The model's, see ``Card.framing_rule``.

        Raises
        ------
        NoFaceError, NoIrisError
            What the model looks at isn't in the picture, and nobody has chosen a part.
        """
        if request.framing is not None:
            return request.framing
        if request.crop is not None:
            return by_hand(request.crop)
        if rule is None:
            return None
        finds = self._found_irises() if rule.kind == "iris" else self._found_faces()
        framing = automatic(finds, rule, self._record.width, self._record.height)
        if framing is None:
            error = NoIrisError if rule.kind == "iris" else NoFaceError
            raise error(
                f"No {rule.kind} was found in {self._record.path.name}.",
                f"Draw a box around the {rule.kind}, or have the whole picture analysed.",
            )
        return framing

    def inverted_eye(self) -> bool:
        """Whether the picture looks like the negative of an eye."""
        found = self._found_irises()
        return self._timed(lambda record: self._finders.inverted_eye(record, found))

    def _found_faces(self) -> Finds:
        if self._faces is None:
            self._faces = self._timed(self._finders.faces)
        return self._faces

    def _found_irises(self) -> Finds:
        if self._irises is None:
            self._irises = self._timed(self._finders.irises)
        return self._irises

    def _timed(self, find: Callable[[ImageRecord], T]) -> T:
        start = time.perf_counter()
        found = find(self._record)
        self.ms += 1e3 * (time.perf_counter() - start)
        return found
