"""What runs off the GUI thread: finding, opening, shrinking, explaining. No widgets; imports heavy things late."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from PySide6.QtCore import QBuffer, QByteArray, QIODevice
from PySide6.QtGui import QImage

from divisive_desktop.desktop.session import redaction, unpacked
from divisive_desktop.desktop.session.case import Case
from divisive_desktop.errors import ExportError, NotAnImageError, UserFacingError

if TYPE_CHECKING:
    from divisive_desktop.desktop.session.runner import BackgroundTask
    from divisive_desktop.explanation.analysis import Analysis
    from divisive_desktop.explanation.features import FeatureSet
    from divisive_desktop.imaging.record import ImageRecord, Spacing
    from divisive_desktop.library.card import Card
    from divisive_desktop.library.tasks import Task as TaskInfo

THUMBNAIL_SIDE = 96
"""Longest side in pixels: twice what the list shows, for high-DPI screens."""
_BATCH_S, _BATCH = 0.1, 64


def warm_up() -> None:
    """Import what opening the first image needs, while the user still looks for it."""

    import divisive_desktop.desktop.viewer
    import divisive_desktop.explanation.features
    import divisive_desktop.imaging  # noqa: F401


def find_cases(
    given: Sequence[Path], emit: Callable[[list[Case]], None], task: BackgroundTask
) -> list[UserFacingError]:
    """Look through files, folders and archives; hands over new cases in batches every tenth of a second.

    Returns
    -------
    list of UserFacingError
        What could not be looked through; folders without any image are among them.
    """
    from divisive_desktop.imaging import scan

    problems: list[UserFacingError] = []
    batch: list[Case] = []
    sent = monotonic()
    for path in given:
        found = 0
        try:
            for image in scan([path], unpack_to=unpacked.folder()):
                if task.cancelled:
                    return problems
                batch.append(Case(image))
                found += 1
                if monotonic() - sent > _BATCH_S or len(batch) >= _BATCH:
                    emit(batch)
                    batch, sent = [], monotonic()
        except UserFacingError as e:
            problems.append(e)
            continue
        if found == 0:
            problems.append(
                NotAnImageError(
                    f"There are no images in {redaction.shown_name(path)}.",
                    "Choose a folder or archive with DICOM files or pictures (PNG, JPEG, TIFF, WebP, BMP).",
                )
            )
    if batch:
        emit(batch)
    return problems


def open_case(case: Case, source: Path | None = None) -> tuple[ImageRecord, QImage]:
    """Decode a case's file; record and thumbnail.

    Parameters
    ----------
    source : Path, optional
        Where the file is read from when that isn't ``case.path``; the record names the latter all the same.
    """
    from divisive_desktop.imaging import open_image

    record = open_image(source or case.path, case.frame)
    if source is not None and source != case.path:
        record = replace(record, path=case.path)
    return record, thumbnail(record)


def thumbnail_of(case: Case, source: Path | None = None) -> QImage:
    """Open a file only for its thumbnail."""
    return open_case(case, source)[1]


def png_of(image: QImage) -> bytes:
    """A small picture as PNG."""
    data = QByteArray()
    buffer = QBuffer(data)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    image.save(buffer, "PNG")
    return data.data()


def thumbnail(record: ImageRecord) -> QImage:
    """The record as first shown, at most ``THUMBNAIL_SIDE`` pixels a side, in its true proportions."""
    import cv2
    import numpy as np

    from divisive_desktop.imaging.display import default_voi, render

    tall = record.height * record.pixel_aspect
    scale = THUMBNAIL_SIDE / max(tall, record.width)
    size = max(1, round(record.width * scale)), max(1, round(tall * scale))
    stored = record.stored
    if stored.dtype.kind in "iu" and stored.dtype.itemsize > 2:
        stored = stored.astype(np.float32)
    small = cv2.resize(
        np.ascontiguousarray(stored), size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    )
    grey = np.ascontiguousarray(render(replace(record, stored=small), default_voi(record)))
    kind = QImage.Format.Format_RGB888 if grey.ndim == 3 else QImage.Format.Format_Grayscale8
    return QImage(grey.data, grey.shape[1], grey.shape[0], grey.strides[0], kind).copy()


@dataclass(frozen=True)
class FoundFeatures:
    """Important features, and where their threshold lies among all values of |D|."""

    features: FeatureSet
    quantile: float
    """Part of the region where |D| is below the threshold, 0..1: the position of the slider."""


def find_features(
    analysis: Analysis, true_class: int, spacing: Spacing | None, quantile: float | None
) -> FoundFeatures:
    """Important features of an analysis with one class held true."""
    import numpy as np

    from divisive_desktop.explanation.features import WORKING_SIDE, important_features
    from divisive_desktop.explanation.maps import upsample

    d = analysis.divergence(true_class)
    features = important_features(d, analysis.image_size, analysis.region, quantile=quantile, spacing=spacing)
    if quantile is None:
        surface = np.abs(upsample(d, (WORKING_SIDE, WORKING_SIDE)))
        quantile = float(np.mean(surface <= features.threshold))
    return FoundFeatures(features, quantile)


def model_cards() -> tuple[list[Card], dict[str, str]]:
    """Cards of all installed models, and by task the one that was chosen to answer, where one was and is there."""
    from divisive_desktop.library.store import active_models, find_models

    cards = [m.card for m in find_models()]
    there = {(c.task, c.id) for c in cards}
    return cards, {task: model for task, model in active_models().items() if (task, model) in there}


def choose_model(task: str, model_id: str) -> None:
    """Let a model answer a task ('' for the default one) from now on."""
    from divisive_desktop.library import versions

    if model_id:
        versions.activate(model_id)
    else:
        versions.deactivate(task)


def task_of(kind: str | None, cards: Sequence[Card]) -> TaskInfo | None:
    """The question asked of an image of this kind: the first that a model is installed for, else the first."""
    from divisive_desktop.library.tasks import TASKS

    fitting = [t for t in TASKS if t.kind == kind and not t.instrument]
    installed = {c.task for c in cards}
    return next((t for t in fitting if t.id in installed), fitting[0] if fitting else None)


def write_json(path: Path, analysis: Analysis, label: int | None, features: FeatureSet) -> None:
    """Export one case; the file appears whole or not at all.

    Raises
    ------
    ExportError
        The folder can't be written to.
    """
    from divisive_desktop.explanation.export import analysis_json

    text = json.dumps(analysis_json(analysis, features, label), indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    partial = path.with_name(f".{path.name}.part")
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    except OSError as e:
        raise ExportError(f"{path.name} could not be written: {e.strerror}.", "Choose another folder.") from e
