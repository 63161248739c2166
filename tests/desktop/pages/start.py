"""Starting the program as often as a test wants."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from tests.desktop.pages.window import Page


class Start(Protocol):
    """What the fixture ``start`` gives: shows a window and waits until it has become quiet."""

    def __call__(self, casebook: Path | None = None, engine: bool = False) -> Page:
        """``casebook``: None for the user's own; ``engine``: begin to start one on the processor."""
