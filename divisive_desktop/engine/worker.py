"""What the engine does with a request. The command line calls `Worker` in its own process; the window through `serve`.

The only module outside `networks` and `training` that may import torch.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import logging
import os
import queue
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from divisive_desktop.engine import messages
from divisive_desktop.engine.framing import FaceFinder
from divisive_desktop.engine.messages import Analyse, AnalyseBatch, FindFaces, LoadModel, ModelInput
from divisive_desktop.errors import CancelledError, ImageAlteredError, OutOfMemoryError, UserFacingError
from divisive_desktop.explanation.analysis import Analysis, ModelRef
from divisive_desktop.imaging import ImageRecord, open_image
from divisive_desktop.imaging.faces import Faces
from divisive_desktop.library import store
from divisive_desktop.networks.analyse import LoadedModel, Subject, analyse_subjects, load_model, pick_device
from divisive_desktop.networks.devices import found_devices

log = logging.getLogger(__name__)

BATCH_CPU, BATCH_GPU = 4, 32
"""Images in one forward pass of a batch: beyond this there is no gain on the device, only memory."""
_KEPT_MODELS = 4


@dataclass(frozen=True)
class Channel:
    """How a request tells what happens: three callables, so that the same code serves a pipe and a console."""

    progress: Callable[[float, str, float | None], None] = lambda fraction, text, remaining: None
    """fraction 0..1, text, seconds left or None."""
    partial: Callable[[int, Any, UserFacingError | None], None] = lambda index, value, error: None
    cancelled: Callable[[], bool] = lambda: False
    details: Callable[[float, str, float | None, dict[str, Any]], None] | None = None
    """As ``progress``, with a picture of the state for those who want more (training curves)."""

    def check(self) -> None:
        """Raises ``CancelledError`` when the user has cancelled."""
        if self.cancelled():
            raise CancelledError


Handler = Callable[["Worker", Any, Channel], Any]
HANDLERS: dict[type, Handler] = {}
"""Request class -> what answers it. Rooms that add a request register it here (see `handles`)."""


def handles(request: type) -> Callable[[Handler], Handler]:
    """Registers the decorated function as the answer to a request class."""

    def register(function: Handler) -> Handler:
        HANDLERS[request] = function
        return function

    return register


class Worker:
    """Holds the device and the loaded models; answers one request at a time per thread.

    Parameters
    ----------
    device : str
        ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.

    Raises
    ------
    EngineError
        The device asked for isn't there.
    """

    def __init__(self, device: str = "auto") -> None:
        self.device = pick_device(device)
        self.faces = FaceFinder()
        self._models: dict[str, LoadedModel] = {}
        self._lock = threading.Lock()

    def handle(self, request: Any, channel: Channel | None = None) -> Any:
        """Do what is asked and return the result; everything else goes through ``channel``."""
        if type(request) not in HANDLERS:  # loads what training needs, which analysing doesn't
            importlib.import_module("divisive_desktop.engine.finetuning.handlers")
        return HANDLERS[type(request)](self, request, channel or Channel())

    def model(self, model_id: str) -> LoadedModel:
        """The model of this id, loaded and verified; kept for the next time while its files stay as they are."""
        stored = store.find_model(model_id)
        with self._lock:
            kept = self._models.pop(model_id, None)
            if kept is None or kept.card.weights_sha256 != stored.card.weights_sha256:
                kept = load_model(stored.folder, str(self.device))
            self._models[model_id] = kept  # moved to the end: the oldest goes first
            while len(self._models) > _KEPT_MODELS:
                self._models.pop(next(iter(self._models)))
            return kept

    def forget_models(self) -> None:
        """Free the memory that loaded models hold."""
        with self._lock:
            self._models.clear()

    def model_for(self, record: ImageRecord, model_id: str | None) -> LoadedModel:
        """The model asked for, or the default one of the question asked of this kind of image."""
        if model_id is None:
            model_id = store.default_model(store.default_task(record.kind)).card.id
        return self.model(model_id)


@handles(Analyse)
def _analyse(worker: Worker, request: Analyse, channel: Channel) -> Analysis:
    model, subject = _ready(worker, request, _Known(worker))
    channel.check()
    return analyse_subjects(model, [subject])[0]


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
            for index, value, error in _analyse_group(group):
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
    known = _Known(worker)
    for index, item in enumerate(items):
        window.append((index, pool.submit(_ready, worker, item, known)))
        if len(window) >= 3 * size:
            yield window[:size]
            window = window[size:]
    while window:
        yield window[:size]
        window = window[size:]


def _ready(worker: Worker, item: Analyse, known: _Known) -> _Ready:
    """Open the file, decide on question and part, and make it ready."""
    record, decode_ms = _open(item)
    model = known.model(item.model_id) if item.model_id is not None else None
    task = model.card.task if model is not None else item.task
    plan = worker.faces.plan(record, item, task, known.default_task)
    if model is None:
        model = known.model_of(plan.task)
    subject = model.subject(record, plan.framing.crop if plan.framing is not None else None)
    if plan.framing is not None:
        recipe = {**subject.seen.recipe, "framing": plan.framing.as_dict()}
        subject = replace(subject, seen=replace(subject.seen, recipe=recipe))
    timings = {"decode": decode_ms, "faces": plan.faces_ms, **subject.timings_ms}
    return model, replace(subject, timings_ms=timings)


class _Known:
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


def _analyse_group(group: Sequence[tuple[int, Future[_Ready]]]) -> list[_Outcome]:
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
            outcomes += [(index, result, None) for (index, _), result in zip(members, results, strict=True)]
        except UserFacingError:  # one bad image, or too little memory for all at once: one by one
            for index, subject in members:
                try:
                    outcomes.append((index, analyse_subjects(model, [subject])[0], None))
                except UserFacingError as error:
                    outcomes.append((index, None, error))
    return sorted(outcomes, key=lambda outcome: outcome[0])


def _open(request: Analyse) -> tuple[ImageRecord, float]:
    start = time.perf_counter()
    record = open_image(Path(request.path), request.frame)
    if request.expected_sha256 is not None and record.sha256 != request.expected_sha256:
        raise ImageAlteredError(
            f"{record.path.name} has changed since it was opened.", "Open it again to see what is analysed."
        )
    return record, 1e3 * (time.perf_counter() - start)


# ---- the engine process ---------------------------------------------------------------------------------


def serve(connection: Connection, device: str) -> None:
    """Answer requests from the pipe until told to stop or the window is gone (end of file)."""
    start = time.perf_counter()
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    note = ""
    try:
        worker = Worker(device)
    except UserFacingError as e:  # better a slower engine than none, but the window says so
        worker, note = Worker("cpu"), f"{e.message} The engine uses the processor instead."
    server = _Server(connection, worker)
    server.send(
        messages.EngineReady(
            os.getpid(),
            server.worker.device.type,
            _device_name(server.worker.device),
            str(torch.__version__),  # a TorchVersion would import torch where it is unpickled
            1e3 * (time.perf_counter() - start),
            note,
            found_devices(),
        )
    )
    server.run()


class _Server:
    def __init__(self, connection: Connection, worker: Worker) -> None:
        self.worker = worker
        self._connection = connection
        self._sending = threading.Lock()
        self._cancelled: set[int] = set()
        self._lanes: dict[str, queue.SimpleQueue[messages.Submit]] = {
            "quick": queue.SimpleQueue(),
            "long": queue.SimpleQueue(),
        }

    def run(self) -> None:
        for name, jobs in self._lanes.items():
            threading.Thread(target=self._work, args=(jobs,), name=f"engine-{name}", daemon=True).start()
        while True:
            try:
                message = self._connection.recv()
            except (EOFError, OSError):
                message = messages.Shutdown()
            if isinstance(message, messages.Submit):
                self._lanes[messages.lane_of(message.request)].put(message)
            elif isinstance(message, messages.Cancel):
                self._cancelled.add(message.job)
            else:
                # Nothing of ours needs an orderly end (files are renamed into place), and a lane may be in
                # the middle of a long computation that must not keep the process alive.
                sys.stderr.flush()
                os._exit(0)

    def send(self, event: messages.Event) -> None:
        with self._sending:
            try:
                self._connection.send(event)
            except OSError:  # the window is gone; `run` sees the end of file
                log.info("the window closed the pipe")

    def _work(self, jobs: queue.SimpleQueue[messages.Submit]) -> None:
        while True:
            submitted = jobs.get()
            self.send(self._answer(submitted))
            self._cancelled.discard(submitted.job)
            del submitted
            _give_memory_back()

    def _answer(self, submitted: messages.Submit) -> messages.Done | messages.Failed | messages.Cancelled:
        job = submitted.job

        def details(fraction: float, text: str, remaining: float | None, more: dict[str, Any]) -> None:
            self.send(messages.Progress(job, fraction, text, remaining, more))

        channel = Channel(
            lambda fraction, text, remaining: details(fraction, text, remaining, {}),
            lambda index, value, error: self.send(
                messages.Partial(job, index, value, error.as_dict() if error is not None else None)
            ),
            lambda: job in self._cancelled,
            details,
        )
        try:
            return messages.Done(job, self.worker.handle(submitted.request, channel))
        except CancelledError:
            return messages.Cancelled(job)
        except UserFacingError as e:
            return messages.Failed(job, e.kind, e.message, e.remedy)
        except MemoryError:
            self.worker.forget_models()
            kind = OutOfMemoryError.kind
            return messages.Failed(job, kind, "This machine has too little free memory.", "Close other programs.")
        except Exception as e:  # noqa: BLE001 - a bug: the engine lives on, the window shows it with this trace
            return messages.Failed(
                job,
                "internal",
                f"The engine met an error it did not expect ({type(e).__name__}).",
                "Try again; if it happens again, save the log (Help menu) and report it.",
                traceback.format_exc(),
            )


def _give_memory_back() -> None:
    """After a job, free what it held: a 12,000 x 12,000 image must not stay resident in an idle engine."""
    gc.collect(0)
    if sys.platform == "linux":
        try:
            ctypes.CDLL(None).malloc_trim(0)
        except (OSError, AttributeError):  # a C library without it
            log.debug("no malloc_trim here")


def _device_name(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{torch.get_num_threads()} threads" if device.type == "cpu" else "Apple GPU"
