"""How a child process begins: no code is taken from the folder in which the program happened to be started."""

from __future__ import annotations

import multiprocessing
import os
import sys
from multiprocessing.context import SpawnContext
from pathlib import Path

_FOLDERS = ("DIVISIVE_DESKTOP_HOME", "DIVISIVE_DESKTOP_SETTINGS")


def spawning() -> SpawnContext:
    """What children are started with.

    A child of its own interpreter begins as ``python -c``, which looks for modules in the working folder first: a file
    ``multiprocessing.py`` in a folder of pictures would be run. ``PYTHONSAFEPATH`` keeps Python from it.
    """
    os.environ["PYTHONSAFEPATH"] = "1"
    return multiprocessing.get_context("spawn")


def settle() -> None:
    """First act of a child: leave the folder that it was started in, whose libraries Windows would load."""
    for name in _FOLDERS:  # may be meant from there
        if os.environ.get(name):
            os.environ[name] = os.path.abspath(os.environ[name])
    os.chdir(Path(sys.executable).resolve().parent)
