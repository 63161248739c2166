"""Answers to requests about images: analyse one or many, load a model, show its input, find faces. Imports torch."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from divisive_desktop.engine.messages import Analyse, AnalyseBatch, FindFaces, LoadModel, ModelInput
from divisive_desktop.engine.registry import Channel, handles
from divisive_desktop.engine.worker import Worker
from divisive_desktop.errors import CancelledError, ImageAlteredError, OutOfScopeError, UserFacingError
from divisive_desktop.explanation.analysis import Analysis, ModelRef
from divisive_desktop.imaging import ImageRecord, open_image
from divisive_desktop.imaging.faces import Faces
from divisive_desktop.library import store
from divisive_desktop.library.scope_check import refusal
from divisive_desktop.networks.analyse import LoadedModel, Subject, analyse_subjects

BATCH_CPU, BATCH_GPU = 4, 32
"""Images in one forward pass of a batch: beyond this there is no gain on the device, only memory."""


@handles(Analyse)
def _analyse(worker: Worker, request: Analyse, channel: Channel) -> Analysis:
    model, subject = _ready(worker, request, _ModelCache(worker))
    channel.check()
    return _in_scope(analyse_subjects(model, [subject])[0], request)


@handles(LoadModel)
def _load(worker: Worker, request: LoadModel, channel: Channel) -> ModelRef:
    model_id = request.model_id
    if model_id is None:
        model_id = store.default_model(request.task or store.default_task("radiograph")).card.id
    return worker.model(model_id).card.ref


@handles(ModelInput)
def _model_input(worker: Worker, request: ModelInput, channel: Channel) -> npt.NDArray[np.float32]:
    record = open_image(Path(request.path), request.frame)
    return worker.model_for(record, request.model_id).prepare(record, request.crop).pixels


@handles(FindFaces)
def _find_faces(worker: Worker, request: FindFaces, channel: Channel) -> Faces:
    return worker.faces.find(open_image(Path(request.path), request.frame))


@handles(AnalyseBatch)
def _analyse_batch(worker: Worker, request: AnalyseBatch, channel: Channel) -> int:
    """Files are opened and preprocessed ahead, in threads, while the network works on the images before."""
    size = BATCH_CPU if worker.device.type == "cpu" else BATCH_GPU
    start, total, done, good = time.monotonic(), len(request.items), 0, 0
    with ThreadPoolExecutor(_threads(worker.device.type), "decode") as pool:
        for group in _ahead(pool, worker, request.items, size):
            if channel.cancelled():
                pool.shutdown(wait=False, cancel_futures=True)
                raise CancelledError
            for index, value, error in _analyse_group(group, request.items):
                good += error is None
                channel.partial(index, value, error)
            done += len(group)
            left = (time.monotonic() - start) / done * (total - done)
            channel.progress(done / total, f"{done} of {total} images", left)
    return good


_Ready = tuple[LoadedModel, Subject]
_Outcome = tuple[int, Analysis | None, UserFacingError | None]


def _threads(device: str) -> int:
    """One thread to open files keeps a CPU's network busy; a graphics card needs all that there are."""
    return 1 if device == "cpu" else min(16, os.cpu_count() or 4)


def _ahead(
    pool: ThreadPoolExecutor, worker: Worker, items: Sequence[Analyse], size: int
) -> Iterator[list[tuple[int, Future[_Ready]]]]:
    """Groups of ``size`` items that are being made ready; at most three groups are under way or in memory."""
    window: list[tuple[int, Future[_Ready]]] = []
    known = _ModelCache(worker)
    for index, item in enumerate(items):
        window.append((index, pool.submit(_ready, worker, item, known)))
        if len(window) >= 3 * size:
            yield window[:size]
            window = window[size:]
    while window:
        yield window[:size]
        window = window[size:]


def _ready(worker: Worker, item: Analyse, known: _ModelCache) -> _Ready:
    """Open the file, decide on question and part, and make it ready."""
    record, decode_ms = _open(item)
    model = known.model(item.model_id) if item.model_id is not None else None
    task = model.card.task if model is not None else item.task
    plan = worker.faces.plan(record, item, task, known.default_task)
    if model is None:
        model = known.model_of(plan.task)
    crop = plan.framing.crop if plan.framing is not None else None
    face = plan.framing.face if plan.framing is not None else None
    subject = model.subject(record, crop, face.box[3] if face is not None else None)
    before = model.check(subject.outside)
    if before.withheld and not item.ask_anyway:  # nothing that the pixels could say would change that
        raise refusal(before)
    if plan.framing is not None:
        recipe = {**subject.seen.recipe, "framing": plan.framing.as_dict()}
        subject = replace(subject, seen=replace(subject.seen, recipe=recipe))
    timings = {"decode": decode_ms, "faces": plan.faces_ms, **subject.timings_ms}
    return model, replace(subject, timings_ms=timings)


class _ModelCache:
    """Models and default tasks as they were found first: a batch doesn't look at the model folders for every file."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._models: dict[str, LoadedModel] = {}
        self._defaults: dict[str, str] = {}

    def model(self, model_id: str) -> LoadedModel:
        if model_id not in self._models:
            self._models[model_id] = self._worker.model(model_id)
        return self._models[model_id]

    def model_of(self, task: str) -> LoadedModel:
        """The model that answers a task: the one in use, see ``library.versions.activate``."""
        if task not in self._defaults:
            self._defaults[task] = store.default_model(task).card.id
        return self.model(self._defaults[task])

    def default_task(self, kind: str) -> str:
        if kind not in self._defaults:
            self._defaults[kind] = store.default_task(kind)
        return self._defaults[kind]


def _in_scope(analysis: Analysis, request: Analyse) -> Analysis:
    """The analysis, if it may be given.

    Raises
    ------
    OutOfScopeError
        The image isn't what the model was made for, and nobody asked anyway.
    """
    if request.ask_anyway:
        return replace(analysis, scope=analysis.scope.insisted_on())
    if analysis.scope.withheld:
        raise refusal(analysis.scope)
    return analysis


def _analyse_group(group: Sequence[tuple[int, Future[_Ready]]], items: Sequence[Analyse]) -> list[_Outcome]:
    outcomes: list[_Outcome] = []
    by_model: dict[str, tuple[LoadedModel, list[tuple[int, Subject]]]] = {}
    for index, future in group:
        try:
            model, subject = future.result()
            by_model.setdefault(model.card.weights_sha256, (model, []))[1].append((index, subject))
        except UserFacingError as error:
            outcomes.append((index, None, error))
    for model, members in by_model.values():
        try:
            results = analyse_subjects(model, [subject for _, subject in members])
        except UserFacingError:  # one bad image, or too little memory for all at once: one by one
            for index, subject in members:
                try:
                    outcomes.append((index, _in_scope(analyse_subjects(model, [subject])[0], items[index]), None))
                except UserFacingError as error:
                    outcomes.append((index, None, error))
            continue
        for (index, _), result in zip(members, results, strict=True):
            try:
                outcomes.append((index, _in_scope(result, items[index]), None))
            except OutOfScopeError as error:
                outcomes.append((index, None, error))
    return sorted(outcomes, key=lambda outcome: outcome[0])


def _open(request: Analyse) -> tuple[ImageRecord, float]:
    start = time.perf_counter()
    record = open_expected(request.path, request.frame, request.expected_sha256)
    return record, 1e3 * (time.perf_counter() - start)


def open_expected(path: str, frame: int, sha256: str | None) -> ImageRecord:
    """Open an image, if it still is the one that was shown.

    Raises
    ------
    ImageAlteredError
        The file's bytes have another SHA-256 than ``sha256``.
    ImageError
        It can't be opened.
    """
    record = open_image(Path(path), frame)
    if sha256 is not None and record.sha256 != sha256:
        raise ImageAlteredError(
            f"{record.path.name} has changed since it was opened.", "Open it again to see what is analysed."
        )
    return record
