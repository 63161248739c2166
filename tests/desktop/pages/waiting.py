"""Waiting for what is meant, never for a time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QEventLoop, QTimer

MS = 30_000
"""For what the program does by itself."""
ENGINE_MS = 120_000
"""For what the engine or another process is needed for."""


def until(reached: Callable[[], Any], what: str = "", ms: int = MS) -> None:
    """Let the window work until something is so.

    Parameters
    ----------
    reached : callable
        Asked about every ten milliseconds, and at once; a true value ends the waiting.
    what : str
        What is waited for, for the failure's sentence.

    Raises
    ------
    AssertionError
        When it isn't so after ``ms`` milliseconds.
    """
    end = time.monotonic() + ms / 1000
    while not reached():
        assert time.monotonic() < end, f"waited in vain for {what or 'what the test asks for'} ({ms / 1000:g} s)"
        # A loop of its own, not processEvents: what was told to delete itself goes only then.
        loop = QEventLoop()
        QTimer.singleShot(10, loop.quit)
        loop.exec()
