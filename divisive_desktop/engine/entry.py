"""First code of the engine process. Torch-free on purpose: the parent imports this to name the spawn target."""

from __future__ import annotations

import faulthandler
import importlib
import os
import sys
from multiprocessing.connection import Connection

from divisive_desktop import paths
from divisive_desktop.engine.messages import Role
from divisive_desktop.processes.beginning import settle

_LOG_BYTES = 1 << 20


def run(connection: Connection, device: str, role: Role = "answers") -> None:
    """Send output to the log, import the server, then serve requests until told to stop."""
    _log_to_file("engine.log" if role == "answers" else "training.log")
    settle()
    importlib.import_module("divisive_desktop.engine.server").serve(connection, device, warm=role == "answers")


def _log_to_file(name: str) -> None:
    """stdout, stderr and crash traces of the engine go to a file: a windowed program has no console."""
    folder = paths.user_log_dir()
    try:
        path = paths.private_folder(folder) / name
        if path.exists() and path.stat().st_size > _LOG_BYTES:
            path.replace(path.with_suffix(".log.1"))
        log = paths.private_file(path).open("a", encoding="utf-8", buffering=1)
    except OSError:  # a full or read-only disk must not keep the engine from working
        log = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - stays open as long as the process
    sys.stdout = sys.stderr = log
    faulthandler.enable(log)
