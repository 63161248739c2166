"""The engine process: requests from the pipe go to `dispatch`, what comes of them goes back. Imports torch."""

from __future__ import annotations

import ctypes
import gc
import logging
import os
import queue
import sys
import threading
import time
import traceback
from multiprocessing.connection import Connection
from typing import Any

import torch

from divisive_desktop.engine import dispatch, messages
from divisive_desktop.engine.registry import Channel
from divisive_desktop.engine.worker import Worker
from divisive_desktop.errors import CancelledError, InternalError, OutOfMemoryError, UserFacingError
from divisive_desktop.networks.devices import found_devices

log = logging.getLogger(__name__)


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
            return messages.Done(job, dispatch.answer(self.worker, submitted.request, channel))
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
                InternalError.kind,
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
