"""The process that does such work: one call after the other, within limits, until its owner hangs up."""

from __future__ import annotations

import importlib
import logging
import os
import signal
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from divisive_desktop.errors import InternalError, UserFacingError
from divisive_desktop.processes.transport import Outbox, Parcel

log = logging.getLogger(__name__)

PREFIX = "DIVISIVE_DESKTOP_"
"""Of the program's own variables."""


@dataclass(frozen=True)
class Call:
    """What is asked: a function that can be imported, and what it is given."""

    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    named: Mapping[str, Any]
    environment: Mapping[str, str]
    """The program's own variables as they are now."""
    memory: int
    """Bytes of address space that the process may take, where the system can say so."""


@dataclass(frozen=True)
class Refusal:
    """The function raised what a user may be told."""

    error: UserFacingError


@dataclass(frozen=True)
class NoMemory:
    """The limit was reached."""


Answer = Parcel | Refusal | NoMemory


def serve(connection: Connection, modules: Sequence[str]) -> None:
    """Load what will be needed, then answer calls."""
    outbox = Outbox(connection)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C in a terminal is for the program, which ends this process
    _no_core_files()
    for module in modules:
        importlib.import_module(module)
    while True:
        try:
            call = connection.recv()
        except Exception:  # noqa: BLE001  the owner is gone, or isn't who it was
            return
        if not isinstance(call, Call):
            return
        answer = _answer(call, outbox)
        del call
        try:
            outbox.send(answer)
        except OSError:
            return


def _answer(call: Call, outbox: Outbox) -> Answer:
    for gone in [name for name in os.environ if name.startswith(PREFIX) and name not in call.environment]:
        del os.environ[gone]
    os.environ.update(call.environment)
    _limit_memory(call.memory)
    try:
        return outbox.pack(call.function(*call.arguments, **call.named))
    except UserFacingError as e:
        return Refusal(e)
    except (MemoryError, OSError):  # an OSError can only come from the block of memory: functions raise errors in words
        return NoMemory()
    except Exception as e:  # noqa: BLE001 - a bug must reach the user, not end the process without a word
        log.error("apart\n%s", traceback.format_exc())
        return Refusal(InternalError.met(e))


def _limit_memory(size: int) -> None:
    try:
        import resource

        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        resource.setrlimit(resource.RLIMIT_AS, (size if hard == resource.RLIM_INFINITY else min(size, hard), hard))
    except (ImportError, ValueError, OSError):  # Windows has no such limit, macOS doesn't keep it
        return


def _no_core_files() -> None:
    """What a crash leaves on the disk would hold the patient's picture."""
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    except (ImportError, ValueError, OSError):
        return
