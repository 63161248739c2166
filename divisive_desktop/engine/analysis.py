"""Answers to requests about images: analyse one or many, load a model, show its input, find faces."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from divisive_desktop.engine.framing import Looking
from divisive_desktop.engine.messages import Analyse, AnalyseBatch, FindFaces, LoadModel, ModelInput
from divisive_desktop.engine.registry import Channel, handles
from divisive_desktop.engine.worker import Worker
from divisive_desktop.errors import CancelledError, ImageAlteredError, UserFacingError
from divisive_desktop.explanation.analysis import Analysis, ModelRef
from divisive_desktop.explanation.reasons import reason
from divisive_desktop.explanation.scope import ScopeCheck
from divisive_desktop.imaging import ImageRecord, open_image
from divisive_desktop.imaging.correction import UNCORRECTED, Correction
from divisive_desktop.imaging.framing import Finds
from divisive_desktop.library import store
from divisive_desktop.library.scope_check import refusal
from divisive_desktop.library.tasks import TASKS
from divisive_desktop.library.versions import installed
from divisive_desktop.networks.analyse import LoadedModel, Subject, analyse_subjects

BATCH_CPU, BATCH_GPU = 4, 32
"""Images in one forward pass of a batch: beyond this there is no gain on the device, only memory."""


@handles(Analyse)
def _analyse(worker: Worker, request: Analyse, channel: Channel) -> Analysis:
    known = _ModelCache(worker)
    ready = _ready(worker, request, known)
    channel.check()
    return _answered(worker, request, known, ready, analyse_subjects(ready.model, [ready.subject])[0])


@handles(LoadModel)
def _load(worker: Worker, request: LoadModel, channel: Channel) -> ModelRef:
    model_id = request.model_id
    if model_id is None:
        model_id = store.default_model(request.task or store.default_task("radiograph")).card.id
    return worker.model(model_id).card.ref


@handles(ModelInput)
def _model_input(worker: Worker, request: ModelInput, channel: Channel) -> npt.NDArray[np.float32]:
    record = open_image(Path(request.path), request.frame, request.correction)
    return worker.model_for(record, request.model_id).prepare(record, request.crop).pixels


@handles(FindFaces)
def _find_faces(worker: Worker, request: FindFaces, channel: Channel) -> Finds:
    return worker.finders.faces(open_image(Path(request.path), request.frame, request.correction))


@handles(AnalyseBatch)
def _analyse_batch(worker: Worker, request: AnalyseBatch, channel: Channel) -> int:
    """Files are opened and preprocessed ahead, in threads, while the network works on the images before."""
    size = BATCH_CPU if worker.device.kind == "cpu" else BATCH_GPU
    start, total, done, good, known = time.monotonic(), len(request.items), 0, 0, _ModelCache(worker)
    with ThreadPoolExecutor(_threads(worker.device.kind), "decode") as pool:
        for group in _ahead(pool, worker, known, request.items, size):
            if channel.cancelled():
                pool.shutdown(wait=False, cancel_futures=True)
                raise CancelledError
            for index, value, error in _analyse_group(worker, known, group, request.items):
                good += error is None
                channel.partial(index, value, error)
            done += len(group)
            left = (time.monotonic() - start) / done * (total - done)
            channel.progress(done / total, f"{done} of {total} images", left)
    return good


class _Ready(NamedTuple):
    """What goes into the network, and into which."""

    model: LoadedModel
    subject: Subject
    tried: bool
    """Nobody looked yet what a grey picture shows: the model of radiographs is asked first, see `_answered`."""


_Outcome = tuple[int, Analysis | None, UserFacingError | None]


def _threads(device: str) -> int:
    """One thread to open files keeps a CPU's network busy; a graphics card needs all that there are."""
    return 1 if device == "cpu" else min(16, os.cpu_count() or 4)


def _ahead(
    pool: ThreadPoolExecutor, worker: Worker, known: _ModelCache, items: Sequence[Analyse], size: int
) -> Iterator[list[tuple[int, Future[_Ready]]]]:
    """Groups of ``size`` items that are being made ready; at most three groups are under way or in memory."""
    window: list[tuple[int, Future[_Ready]]] = []
    for index, item in enumerate(items):
        window.append((index, pool.submit(_ready, worker, item, known)))
        if len(window) >= 3 * size:
            yield window[:size]
            window = window[size:]
    while window:
        yield window[:size]
        window = window[size:]


def _ready(worker: Worker, item: Analyse, known: _ModelCache, try_first: bool = True) -> _Ready:
    """Open the file, decide on question and part, and make it ready.

    Parameters
    ----------
    try_first : bool
        Make a grey picture that may be anything ready as a radiograph, where a radiograph's own checks allow it.
    """
    record, decode_ms = _open(item)
    model = known.model(item.model_id) if item.model_id is not None else None
    task = model.card.task if model is not None else item.task
    looking = Looking(worker.finders, record)
    if task is None and try_first and record.kind_is_guessed and item.framing is None and item.crop is None:
        model = known.model_of(known.default_task(record.kind, item.versions), item.versions)
        if model.card.framing_rule is None and model.references is not None:
            subject = model.subject(record)
            if not model.check(subject.outside).withheld:
                return _Ready(model, _timed(subject, decode_ms, looking), True)
        model = None
    if task is None:
        task = looking.task(lambda kind: known.default_task(kind, item.versions))
    if model is None:
        model = known.model_of(task, item.versions)
    rule, scope = model.card.framing_rule, model.card.scope
    inverted = scope is not None and rule is not None and rule.kind == "iris" and looking.inverted_eye()
    if inverted and not item.ask_anyway:  # first: in most of such pictures no iris is found either
        raise refusal(ScopeCheck("out_of_scope", (reason("eye_inverted"),)), model.card.ref)
    framing = looking.framing(item, rule)
    crop = framing.crop if framing is not None else None
    face = framing.face if framing is not None else None
    subject = model.subject(record, crop, face, eye_inverted=inverted)
    before = model.check(subject.outside)
    if before.withheld and not item.ask_anyway:  # nothing that the pixels could say would change that
        raise refusal(before, model.card.ref)
    if framing is not None:
        recipe = {**subject.seen.recipe, "framing": framing.as_dict()}
        subject = replace(subject, seen=replace(subject.seen, recipe=recipe))
    return _Ready(model, _timed(subject, decode_ms, looking), False)


def _timed(subject: Subject, decode_ms: float, looking: Looking) -> Subject:
    return replace(subject, timings_ms={"decode": decode_ms, "faces": looking.ms, **subject.timings_ms})


def _answered(worker: Worker, item: Analyse, known: _ModelCache, ready: _Ready, found: Analysis) -> Analysis:
    """The analysis, if it may be given, of the question that the picture calls for.

    A grey picture without camera data may be a film, a face or an eye. Looking for faces takes as long as the network,
    and most are films: what is *familiar* to the model of radiographs is one; in all others faces and irises are
    looked for.

    Raises
    ------
    OutOfScopeError
        The image isn't what the model was made for, and nobody asked anyway.
    """
    if ready.tried and found.scope.zone != "familiar":
        second = _ready(worker, item, known, try_first=False)
        if second.model is not ready.model or second.subject.seen.region != ready.subject.seen.region:
            found = analyse_subjects(second.model, [second.subject])[0]
        else:
            found = replace(found, timings_ms={**found.timings_ms, "faces": second.subject.timings_ms["faces"]})
    return _in_scope(found, item)


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

    def model_of(self, task: str, versions: Sequence[ModelRef] = ()) -> LoadedModel:
        """The model that answers a task: of these versions, or the one in use, see ``library.versions.activate``."""
        wanted = next((v for v in versions if v.task == task), None)
        if wanted is not None:
            if wanted.weights_sha256 not in self._models:
                self._models[wanted.weights_sha256] = self._worker.model(installed(wanted).card.id)
            return self._models[wanted.weights_sha256]
        if task not in self._defaults:
            self._defaults[task] = store.default_model(task).card.id
        return self.model(self._defaults[task])

    def default_task(self, kind: str, versions: Sequence[ModelRef] = ()) -> str:
        """What is asked of a kind of image: the first question that one of these versions, or a model, answers."""
        answered = {v.task for v in versions}
        first = next((t.id for t in TASKS if t.kind == kind and not t.instrument and t.id in answered), None)
        if first is not None:
            return first
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
        raise refusal(analysis.scope, analysis.model)
    return analysis


def _analyse_group(
    worker: Worker, known: _ModelCache, group: Sequence[tuple[int, Future[_Ready]]], items: Sequence[Analyse]
) -> list[_Outcome]:
    outcomes: list[_Outcome] = []
    by_model: dict[str, tuple[LoadedModel, list[tuple[int, _Ready]]]] = {}
    for index, future in group:
        try:
            ready = future.result()
            by_model.setdefault(ready.model.card.weights_sha256, (ready.model, []))[1].append((index, ready))
        except UserFacingError as error:
            outcomes.append((index, None, error))
    for model, members in by_model.values():
        try:
            results: list[Analysis | None] = [*analyse_subjects(model, [ready.subject for _, ready in members])]
        except UserFacingError:  # one bad image, or too little memory for all at once: one by one
            results = [None] * len(members)
        for (index, ready), result in zip(members, results, strict=True):
            try:
                result = result or analyse_subjects(model, [ready.subject])[0]
                outcomes.append((index, _answered(worker, items[index], known, ready, result), None))
            except UserFacingError as error:
                outcomes.append((index, None, error))
    return sorted(outcomes, key=lambda outcome: outcome[0])


def _open(request: Analyse) -> tuple[ImageRecord, float]:
    start = time.perf_counter()
    record = open_expected(request.path, request.frame, request.expected_sha256, request.correction)
    return record, 1e3 * (time.perf_counter() - start)


def open_expected(
    path: str, frame: int, sha256: str | None, correction: Correction = UNCORRECTED
) -> ImageRecord:
    """Open an image as corrected, if its file still is the one that was shown.

    Raises
    ------
    ImageAlteredError
        The file's bytes have another SHA-256 than ``sha256``.
    ImageError
        It can't be opened.
    """
    record = open_image(Path(path), frame, correction)
    if sha256 is not None and record.sha256 != sha256:
        raise ImageAlteredError(
            f"{record.path.name} has changed since it was opened.", "Open it again to see what is analysed."
        )
    return record
