"""First code of the engine process. Torch-free on purpose: the parent imports this to name the spawn target."""

from __future__ import annotations

import importlib
from multiprocessing.connection import Connection


def run(connection: Connection) -> None:
    """Import the worker (and with it torch) in the child, then serve requests until told to stop."""
    importlib.import_module("divisive_desktop.engine.worker").serve(connection)
