"""Faces and irises in pictures, found by what ships with the program."""

from __future__ import annotations

import threading

from divisive_desktop.imaging.framing import Finds, detection_picture
from divisive_desktop.imaging.framing_rule import Subject
from divisive_desktop.imaging.iris_finder import FINDER, find_iris, looks_inverted
from divisive_desktop.imaging.irises import Iris
from divisive_desktop.imaging.record import ImageRecord
from divisive_desktop.networks.mtcnn import FaceDetector, load_face_detector

_IRIS_SIDE = 416
"""Longest side of the picture that the iris finder is handed; it goes on from twice its own."""


class Finders:
    """What finds faces and irises, loaded when it is first needed; safe to share between threads."""

    def __init__(self) -> None:
        self._detector: FaceDetector | None = None
        self._lock = threading.Lock()

    def look_for(self, kind: Subject, record: ImageRecord) -> Finds:
        """What a rule of this kind is about."""
        return self.irises(record) if kind == "iris" else self.faces(record)

    def faces(self, record: ImageRecord) -> Finds:
        """The faces in a picture, largest first."""
        with self._lock:
            if self._detector is None:
                self._detector = load_face_detector()
        return self._detector.find(record)

    def irises(self, record: ImageRecord) -> Finds:
        """The iris in a picture of an eye, if there is one."""
        picture, across, down = detection_picture(record, _IRIS_SIDE)
        found = find_iris(picture, (across, down))
        return Finds((found,) if found is not None else (), FINDER)

    def inverted_eye(self, record: ImageRecord, found: Finds) -> bool:
        """Whether a picture looks like the negative of an eye, given what `irises` found in it."""
        picture, *_ = detection_picture(record, _IRIS_SIDE)
        return looks_inverted(picture, next((iris for iris in found.found if isinstance(iris, Iris)), None))
