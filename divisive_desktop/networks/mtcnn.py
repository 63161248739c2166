"""MTCNN: three small networks that find faces and five landmarks each.

Zhang, Zhang, Li, Qiao: Joint Face Detection and Alignment Using Multitask Cascaded Convolutional Networks, IEEE
Signal Processing Letters 23(10), 2016. Weights from the package facenet-pytorch (``resources/faces``, MIT); the
networks' layout is theirs, so that the weights load strictly, and so are the thresholds of the three stages.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from torch import Tensor, nn
from torch.nn.functional import interpolate

from divisive_desktop import paths
from divisive_desktop.errors import ModelIntegrityError
from divisive_desktop.imaging.faces import SMALLEST, Detector, Face, Faces, detection_picture
from divisive_desktop.imaging.record import ImageRecord

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


class _PNet(nn.Module):
    """Proposals: a score and a box for every second pixel."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.prelu1 = nn.Conv2d(3, 10, 3), nn.PReLU(10)
        self.pool1 = nn.MaxPool2d(2, 2, ceil_mode=True)
        self.conv2, self.prelu2 = nn.Conv2d(10, 16, 3), nn.PReLU(16)
        self.conv3, self.prelu3 = nn.Conv2d(16, 32, 3), nn.PReLU(32)
        self.conv4_1, self.conv4_2 = nn.Conv2d(32, 2, 1), nn.Conv2d(32, 4, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = self.pool1(self.prelu1(self.conv1(x)))
        x = self.prelu3(self.conv3(self.prelu2(self.conv2(x))))
        return torch.softmax(self.conv4_1(x), 1)[:, 1], self.conv4_2(x)


class _RNet(nn.Module):
    """Refinement of proposals, 24 x 24 pixels each."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.prelu1 = nn.Conv2d(3, 28, 3), nn.PReLU(28)
        self.conv2, self.prelu2 = nn.Conv2d(28, 48, 3), nn.PReLU(48)
        self.pool = nn.MaxPool2d(3, 2, ceil_mode=True)
        self.conv3, self.prelu3 = nn.Conv2d(48, 64, 2), nn.PReLU(64)
        self.dense4, self.prelu4 = nn.Linear(576, 128), nn.PReLU(128)
        self.dense5_1, self.dense5_2 = nn.Linear(128, 2), nn.Linear(128, 4)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = self.pool(self.prelu1(self.conv1(x)))
        x = self.pool(self.prelu2(self.conv2(x)))
        x = self.prelu3(self.conv3(x)).permute(0, 3, 2, 1).flatten(1)  # the weights expect columns first
        x = self.prelu4(self.dense4(x))
        return torch.softmax(self.dense5_1(x), 1)[:, 1], self.dense5_2(x)


class _ONet(nn.Module):
    """Score, box and landmarks, 48 x 48 pixels each."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.prelu1 = nn.Conv2d(3, 32, 3), nn.PReLU(32)
        self.conv2, self.prelu2 = nn.Conv2d(32, 64, 3), nn.PReLU(64)
        self.conv3, self.prelu3 = nn.Conv2d(64, 64, 3), nn.PReLU(64)
        self.conv4, self.prelu4 = nn.Conv2d(64, 128, 2), nn.PReLU(128)
        self.pool, self.pool3 = nn.MaxPool2d(3, 2, ceil_mode=True), nn.MaxPool2d(2, 2, ceil_mode=True)
        self.dense5, self.prelu5 = nn.Linear(1152, 256), nn.PReLU(256)
        self.dense6_1, self.dense6_2, self.dense6_3 = nn.Linear(256, 2), nn.Linear(256, 4), nn.Linear(256, 10)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x = self.pool(self.prelu1(self.conv1(x)))
        x = self.pool(self.prelu2(self.conv2(x)))
        x = self.pool3(self.prelu3(self.conv3(x)))
        x = self.prelu4(self.conv4(x)).permute(0, 3, 2, 1).flatten(1)
        x = self.prelu5(self.dense5(x))
        return torch.softmax(self.dense6_1(x), 1)[:, 1], self.dense6_2(x), self.dense6_3(x)


@dataclass(frozen=True, eq=False)
class FaceDetector:
    """The three networks, ready. Runs on the processor: its many small steps are slower elsewhere."""

    proposals: _PNet
    refinement: _RNet
    output: _ONet

    @torch.inference_mode()
    def find(self, record: ImageRecord, accept: float = ACCEPT) -> Faces:
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
        return Faces(tuple(sorted(faces, key=lambda f: -f.area)[:MOST]), DETECTOR)

    def _detect(self, picture: npt.NDArray[np.uint8]) -> tuple[Boxes, npt.NDArray[np.float32]]:
        """Boxes and landmarks (n, 5, 2) in the picture's pixels."""
        image = torch.tensor(picture).permute(2, 0, 1)[None].float()  # a copy: the picture may be read-only
        nothing = np.empty((0, 5), np.float32), np.empty((0, 5, 2), np.float32)
        boxes = self._propose(image)
        if not len(boxes):
            return nothing
        scores, moves = self._run(self.refinement, image, boxes, 24)
        good = scores > _STAGES[1]
        boxes, moves = np.column_stack([boxes[good, :4], scores[good]]), moves[good]
        kept = _suppress(boxes, 0.7)
        boxes = _squared(_moved(boxes[kept], moves[kept], 1))
        if not len(boxes):
            return nothing
        scores, moves, marks = self._run(self.output, image, boxes, 48)
        good = scores > _STAGES[2]
        boxes, moves, marks = np.column_stack([boxes[good, :4], scores[good]]), moves[good], marks[good]
        sides = boxes[:, 2:4] - boxes[:, :2] + 1
        points = marks.reshape(-1, 2, 5).transpose(0, 2, 1) * sides[:, None] + boxes[:, None, :2] - 1
        boxes = _moved(boxes, moves, 1)
        kept = _suppress(boxes, 0.7, of_smaller=True)
        return boxes[kept], points[kept]

    def _propose(self, image: Tensor) -> Boxes:
        height, width = image.shape[2:]
        scale = _CELL / max(_LEAST, SMALLEST * max(height, width))
        found = []
        while min(height, width) * scale >= _CELL:
            small = interpolate(image, (int(height * scale + 1), int(width * scale + 1)), mode="area")
            scores, moves = self.proposals((small - 127.5) / 128)
            row, column = (scores[0] >= _STAGES[0]).nonzero(as_tuple=True)
            corner = torch.stack([column, row], 1) * _STRIDE
            first, last = ((corner + 1) / scale).floor(), ((corner + _CELL) / scale).floor()
            boxes = torch.cat([first, last, scores[0, row, column, None]], 1).numpy()
            kept = _suppress(boxes, 0.5)
            found.append(np.concatenate([boxes, moves[0][:, row, column].T.numpy()], 1)[kept])
            scale *= _FACTOR
        if not found:
            return np.empty((0, 5), np.float32)
        everything = np.concatenate(found)
        everything = everything[_suppress(everything, 0.7)]
        return _squared(_moved(everything[:, :5], everything[:, 5:], 0))

    def _run(self, network: nn.Module, image: Tensor, boxes: Boxes, side: int) -> Any:
        """Outputs of a network for the picture inside each box; the parts outside the picture are cut off."""
        height, width = image.shape[2:]
        corners = np.trunc(boxes[:, :4]).astype(int)
        x0, y0 = np.clip(corners[:, 0] - 1, 0, width - 1), np.clip(corners[:, 1] - 1, 0, height - 1)
        x1, y1 = np.clip(corners[:, 2], x0 + 1, width), np.clip(corners[:, 3], y0 + 1, height)
        pieces = [
            interpolate(image[:, :, top:bottom, left:right], (side, side), mode="area")
            for left, top, right, bottom in zip(x0, y0, x1, y1, strict=True)
        ]
        groups = (torch.cat(pieces[i : i + _AT_ONCE]) for i in range(0, len(pieces), _AT_ONCE))
        outputs = [network((group - 127.5) / 128) for group in groups]
        return tuple(torch.cat(part).numpy() for part in zip(*outputs, strict=True))


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
        tensors = load_tensors(data)
    except (OSError, SafetensorError) as e:
        raise ModelIntegrityError(
            f"The face detector's weights can't be used: {e}.", "Install the program again."
        ) from e
    networks: dict[str, nn.Module] = {"pnet": _PNet(), "rnet": _RNet(), "onet": _ONet()}
    for name, network in networks.items():
        mine = {key.partition(".")[2]: value for key, value in tensors.items() if key.startswith(f"{name}.")}
        network.load_state_dict(mine, strict=True)
        network.requires_grad_(False).eval()
    return FaceDetector(*networks.values())  # type: ignore[arg-type]


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
