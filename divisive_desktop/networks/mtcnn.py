"""MTCNN: three small networks that find faces and five landmarks each.

Zhang, Zhang, Li, Qiao: Joint Face Detection and Alignment Using Multitask Cascaded Convolutional Networks, IEEE
Signal Processing Letters 23(10), 2016. Weights from the package facenet-pytorch (``resources/faces``, MIT); the
networks' layout is theirs (``resources/graphs/mtcnn-*``, written by ``build/graphs.py``), so that the weights load
strictly, and so are the thresholds of the three stages.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import onnxruntime as ort
from safetensors import SafetensorError
from safetensors.numpy import load as load_arrays

from divisive_desktop import paths
from divisive_desktop.errors import ModelIntegrityError, in_words
from divisive_desktop.imaging.faces import SMALLEST, Face
from divisive_desktop.imaging.framing import Detector, Finds, detection_picture
from divisive_desktop.imaging.record import ImageRecord
from divisive_desktop.networks.graph import graph_session

WEIGHTS_SHA256 = "a5acf0353e238d9040a7af212caf3b06deef731d654afd3fb1249c49dab37f77"
DETECTOR = Detector("MTCNN", "facenet-pytorch 2.6.0", WEIGHTS_SHA256, "MIT")
ACCEPT = 0.95
"""Least score of a face. Below it lie most of the false ones; see ``tests/benchmarks/bench_faces.py``."""
_STAGES = (0.6, 0.7, 0.7)
_FACTOR = 0.709
_CELL, _STRIDE = 12, 2
_LEAST = 20
"""Smallest face that is looked for, in pixels of the picture that the detector sees."""
_AT_ONCE = 512
MOST = 64
"""Faces that are told of one picture: a poster of thousands has its largest."""

Boxes = npt.NDArray[np.float32]
"""(n, 5): x0, y0, x1, y1, score."""


@dataclass(frozen=True, eq=False)
class FaceDetector:
    """The three networks, ready. Runs on the processor: its many small steps are slower elsewhere."""

    proposals: ort.InferenceSession
    """A score and a box for every second pixel."""
    refinement: ort.InferenceSession
    """Score and box of proposals, 24 x 24 pixels each."""
    output: ort.InferenceSession
    """Score, box and landmarks, 48 x 48 pixels each."""

    def find(self, record: ImageRecord, accept: float = ACCEPT) -> Finds:
        """The faces in a picture, largest first; at most `MOST`.

        Parameters
        ----------
        record : ImageRecord
            Looked at as it is first shown, at most `imaging.faces.DETECTION_SIDE` pixels a side.
        accept : float
            Least score, 0..1.
        """
        picture, across, down = detection_picture(record)
        boxes, points = self._detect(picture)
        faces = []
        for (x0, y0, x1, y1, score), marks in zip(boxes.tolist(), points.tolist(), strict=True):
            if score >= accept:
                box = (x0 / across, y0 / down, (x1 - x0) / across, (y1 - y0) / down)
                placed: Any = tuple((x / across, y / down) for x, y in marks)
                faces.append(Face(box, placed, score))
        return Finds(tuple(sorted(faces, key=lambda f: -f.area)[:MOST]), DETECTOR)

    def _detect(self, picture: npt.NDArray[np.uint8]) -> tuple[Boxes, npt.NDArray[np.float32]]:
        """Boxes and landmarks (n, 5, 2) in the picture's pixels."""
        image = _Means(picture)
        nothing = np.empty((0, 5), np.float32), np.empty((0, 5, 2), np.float32)
        boxes = self._propose(image)
        if not len(boxes):
            return nothing
        scores, moves = self._look(self.refinement, image, boxes, 24)
        good = scores > _STAGES[1]
        boxes, moves = np.column_stack([boxes[good, :4], scores[good]]), moves[good]
        kept = _suppress(boxes, 0.7)
        boxes = _squared(_moved(boxes[kept], moves[kept], 1))
        if not len(boxes):
            return nothing
        scores, moves, marks = self._look(self.output, image, boxes, 48)
        good = scores > _STAGES[2]
        boxes, moves, marks = np.column_stack([boxes[good, :4], scores[good]]), moves[good], marks[good]
        sides = boxes[:, 2:4] - boxes[:, :2] + 1
        points = marks.reshape(-1, 2, 5).transpose(0, 2, 1) * sides[:, None] + boxes[:, None, :2] - 1
        boxes = _moved(boxes, moves, 1)
        kept = _suppress(boxes, 0.7, of_smaller=True)
        return boxes[kept], points[kept]

    def _propose(self, image: _Means) -> Boxes:
        scale = _CELL / max(_LEAST, SMALLEST * max(image.height, image.width))
        found = []
        while min(image.height, image.width) * scale >= _CELL:
            everything = np.array([[0, 0, image.width, image.height]])
            small = image.of(everything, int(image.height * scale + 1), int(image.width * scale + 1))
            scores, moves = _run(self.proposals, small)
            row, column = (scores[0] >= _STAGES[0]).nonzero()
            corner = np.stack([column, row], 1).astype(np.float32) * _STRIDE
            first, last = np.floor((corner + 1) / np.float32(scale)), np.floor((corner + _CELL) / np.float32(scale))
            boxes = np.concatenate([first, last, scores[0, row, column, None]], 1)
            kept = _suppress(boxes, 0.5)
            found.append(np.concatenate([boxes, moves[0][:, row, column].T], 1)[kept])
            scale *= _FACTOR
        if not found:
            return np.empty((0, 5), np.float32)
        proposed = np.concatenate(found)
        proposed = proposed[_suppress(proposed, 0.7)]
        return _squared(_moved(proposed[:, :5], proposed[:, 5:], 0))

    def _look(self, network: ort.InferenceSession, image: _Means, boxes: Boxes, side: int) -> Any:
        """Outputs of a network for the picture inside each box; the parts outside the picture are cut off."""
        height, width = image.height, image.width
        corners = np.trunc(boxes[:, :4]).astype(int)
        x0, y0 = np.clip(corners[:, 0] - 1, 0, width - 1), np.clip(corners[:, 1] - 1, 0, height - 1)
        x1, y1 = np.clip(corners[:, 2], x0 + 1, width), np.clip(corners[:, 3], y0 + 1, height)
        inside = np.stack([x0, y0, x1, y1], 1)
        outputs = [
            _run(network, image.of(inside[i : i + _AT_ONCE], side, side)) for i in range(0, len(inside), _AT_ONCE)
        ]
        return tuple(np.concatenate(part) for part in zip(*outputs, strict=True))


class _Means:
    """Means of a picture, RGB uint8 (h, w, 3), over the cells of a grid laid into a part of it.

    Cells share rows and columns where their number doesn't divide the part's, as adaptive average pooling does, which
    the networks were made for (torch's ``area``). From sums over everything above and to the left, exact in float64.
    """

    def __init__(self, picture: npt.NDArray[np.uint8]) -> None:
        self.height, self.width = picture.shape[:2]
        self._sums = cv2.integral(np.ascontiguousarray(picture), sdepth=cv2.CV_64F)

    def of(self, boxes: npt.NDArray[np.intp], rows: int, columns: int) -> npt.NDArray[np.float32]:
        """Boxes (n, 4: x0, y0, x1, y1) -> (n, 3, rows, columns), 0..255."""
        left, right = _edges(boxes[:, 0], boxes[:, 2], columns)
        top, bottom = _edges(boxes[:, 1], boxes[:, 3], rows)
        top, bottom, left, right = top[:, :, None], bottom[:, :, None], left[:, None], right[:, None]
        sums = self._sums
        within = sums[bottom, right] - sums[top, right] - sums[bottom, left] + sums[top, left]
        means = within / ((bottom - top) * (right - left))[..., None]
        return np.ascontiguousarray(means.transpose(0, 3, 1, 2), np.float32)


def _edges(
    first: npt.NDArray[np.intp], last: npt.NDArray[np.intp], cells: int
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Where each of the cells between begins and ends, (n, cells) each."""
    at, sides = np.arange(cells), (last - first)[:, None]
    return first[:, None] + at * sides // cells, first[:, None] - (-(at + 1) * sides // cells)


def _run(network: ort.InferenceSession, pixels: npt.NDArray[np.float32]) -> Any:
    return network.run(None, {"input": (pixels - np.float32(127.5)) / np.float32(128)})


def load_face_detector() -> FaceDetector:
    """The detector with the shipped weights, verified.

    Raises
    ------
    ModelIntegrityError
        The file is missing or not the one that was shipped.
    """
    file = paths.resources_dir() / "faces" / "mtcnn.safetensors"
    try:
        data = file.read_bytes()
        if hashlib.sha256(data).hexdigest() != WEIGHTS_SHA256:
            raise SafetensorError("its hash is not the one expected")
        tensors = load_arrays(data)
        return FaceDetector(*(
            graph_session(f"mtcnn-{name}", _part(tensors, name), "cpu") for name in ("pnet", "rnet", "onet")
        ))  # fmt: skip
    except (OSError, ValueError, SafetensorError) as e:
        raise ModelIntegrityError(
            f"The face detector's weights can't be used: {in_words(e)}.", "Install the program again."
        ) from e


def _part(tensors: Mapping[str, npt.NDArray[Any]], network: str) -> dict[str, npt.NDArray[np.float32]]:
    return {key.partition(".")[2]: value for key, value in tensors.items() if key.startswith(f"{network}.")}


def _moved(boxes: Boxes, moves: npt.NDArray[np.float32], edge: int) -> Boxes:
    """Boxes with their corners moved by shares of their size."""
    sides = boxes[:, 2:4] - boxes[:, :2] + edge
    corners = boxes[:, :4] + moves * np.concatenate([sides, sides], 1)
    return np.column_stack([corners, boxes[:, 4]]).astype(np.float32)


def _squared(boxes: Boxes) -> Boxes:
    """Boxes with the same centre and the longer of their sides."""
    sides = boxes[:, 2:4] - boxes[:, :2]
    longest = sides.max(axis=1, keepdims=True) if len(boxes) else np.zeros((0, 1), np.float32)
    first = boxes[:, :2] + sides / 2 - longest / 2
    return np.column_stack([first, first + longest, boxes[:, 4]]).astype(np.float32)


def _suppress(boxes: npt.NDArray[np.float32], most: float, of_smaller: bool = False) -> npt.NDArray[np.intp]:
    """Indices of the boxes that stay when the weaker of two that overlap goes.

    ``most``: overlap allowed, as intersection over union, or over the smaller of the two.
    """
    x0, y0, x1, y1, scores = boxes[:, :5].T
    area = (x1 - x0 + 1) * (y1 - y0 + 1)
    left, kept = np.argsort(-scores, kind="stable"), []
    while len(left):
        best, rest = left[0], left[1:]
        kept.append(best)
        across = np.maximum(0, np.minimum(x1[best], x1[rest]) - np.maximum(x0[best], x0[rest]) + 1)
        down = np.maximum(0, np.minimum(y1[best], y1[rest]) - np.maximum(y0[best], y0[rest]) + 1)
        shared = across * down
        whole = np.minimum(area[best], area[rest]) if of_smaller else area[best] + area[rest] - shared
        left = rest[shared / whole <= most]
    return np.array(kept, np.intp)
