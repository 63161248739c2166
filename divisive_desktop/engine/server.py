"""The engine process: requests from the pipe go to `dispatch`, what comes of them goes back."""

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

from divisive_desktop.engine import dispatch, messages
from divisive_desktop.engine.registry import Channel
from divisive_desktop.engine.worker import Worker
from divisive_desktop.errors import CancelledError, InternalError, OutOfMemoryError, OutOfScopeError, UserFacingError
from divisive_desktop.foreign.text import LogLines
from divisive_desktop.networks.devices import device_name, found_devices, runtime_name
from divisive_desktop.processes.messages import BadMessageError, receive

log = logging.getLogger(__name__)


def serve(connection: Connection, device: str, warm: bool = False) -> None:
    """Answer requests from the pipe until told to stop or the window is gone (end of file).

    Parameters
    ----------
    warm : bool
        Load what the first analysis needs before it is asked for.
    """
    start = time.perf_counter()
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(LogLines("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    note = ""
    try:
        worker = Worker(device)
    except UserFacingError as e:  # better a slower engine than none, but the window says so
        worker, note = Worker("cpu"), f"{e.message} The engine uses the processor instead."
    server = _Server(connection, worker)
    server.send(
        messages.EngineReady(
            os.getpid(),
            server.worker.device.kind,
            device_name(server.worker.device),
            runtime_name(server.worker.device),
            1e3 * (time.perf_counter() - start),
            note,
            found_devices(),
        )
    )
    if warm:
        threading.Thread(target=_warm, args=(worker,), name="engine-warm", daemon=True).start()
    server.run()


def _warm(worker: Worker) -> None:
    """While the window still opens the first picture: libraries, and the model that answers of most pictures."""
    try:
        dispatch.answer(worker, messages.LoadModel())
    except UserFacingError as e:  # no model, or a damaged one: whoever asks will be told
        log.info("nothing loaded ahead: %s", e.message)


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
        threading.Thread(target=self._beat, name="engine-heartbeat", daemon=True).start()
        while True:
            message: messages.Submit | messages.Cancel | messages.Shutdown
            try:
                message = receive(self._connection, (messages.Submit, messages.Cancel, messages.Shutdown))
            except (EOFError, OSError):
                message = messages.Shutdown()
            except BadMessageError as e:
                log.error("the other end of the pipe sent %s", e)
                message = messages.Shutdown()
            if not isinstance(message, messages.Shutdown) and type(message.job) is not int:
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

    def _beat(self) -> None:
        """A stopped process, or one whose every thread waits for one that doesn't come back, falls silent."""
        while True:
            time.sleep(messages.HEARTBEAT_S)
            self.send(messages.Heartbeat())

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
            asked = e.asked if isinstance(e, OutOfScopeError) else {}
            return messages.Failed(job, e.kind, e.message, e.remedy, asked=asked)
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
