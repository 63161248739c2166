"""Which question is asked of a picture, and which part of it the model sees: faces are found before face models."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from divisive_desktop.engine.messages import Analyse
from divisive_desktop.errors import NoFaceError
from divisive_desktop.imaging import faces
from divisive_desktop.imaging.faces import Faces, Framing
from divisive_desktop.imaging.record import ImageRecord
from divisive_desktop.library.tasks import TASKS
from divisive_desktop.networks.mtcnn import FaceDetector, load_face_detector


@dataclass(frozen=True)
class Plan:
    """What is to be done with one picture."""

    task: str
    framing: Framing | None
    """None: no part was chosen and no face looked for; the model sees the whole picture."""
    faces_ms: float = 0.0
    """Time spent on looking for faces."""


class FaceFinder:
    """The detector, loaded when it is first needed; safe to share between threads."""

    def __init__(self) -> None:
        self._detector: FaceDetector | None = None
        self._lock = threading.Lock()

    def find(self, record: ImageRecord) -> Faces:
        """The faces in a picture, largest first."""
        with self._lock:
            if self._detector is None:
                self._detector = load_face_detector()
        return self._detector.find(record)

    def plan(
        self, record: ImageRecord, request: Analyse, task: str | None, default_task: Callable[[str], str]
    ) -> Plan:
        """Decide on question and part.

        A DICOM image is a radiograph and a colour photograph is a photograph; a grey picture without camera data
        may be either, and is a photograph when there is a face in it.

        Parameters
        ----------
        task : str, optional
            The question, when that is already decided (by the user, or by the model that was asked for).
        default_task : callable
            Kind of image -> question that is asked of it otherwise.

        Raises
        ------
        NoFaceError
            A face model is to look at a picture without any face, and nobody has chosen a part.
        """
        found: Faces | None = None
        start = time.perf_counter()
        if task is None:
            task = default_task(record.kind)
            if record.kind_is_guessed:
                found = self.find(record)
                task = default_task("photograph") if found.faces else task
        framing = request.framing
        if framing is None and request.crop is not None:
            framing = faces.by_hand(request.crop)
        if framing is None and is_face_task(task):
            found = found or self.find(record)
            framing = faces.automatic(found, record.width, record.height)
            if framing is None:
                raise NoFaceError(
                    f"No face was found in {record.path.name}.",
                    "Draw a box around the face, or have the whole picture analysed.",
                )
        return Plan(task, framing, 1e3 * (time.perf_counter() - start) if found is not None else 0.0)


def is_face_task(task: str) -> bool:
    """Whether a task's models were trained on crops of faces: all tasks of photographs are."""
    return any(t.id == task and t.kind == "photograph" for t in TASKS)
