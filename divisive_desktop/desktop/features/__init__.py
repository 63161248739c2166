"""What the analyst can do, one folder per feature; its door is ``install(services)`` in ``feature.py``.

A feature adds its actions, panels and pages to the services that it is given and listens to the session. Features
don't import each other. See ``docs/adding-a-feature.md``.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from types import ModuleType

from divisive_desktop.desktop.shell.services import Services, ViewerServices

AT_ONCE = (
    "opening", "worklist", "inspection", "analysis", "casebooks", "exports", "reports", "settings", "help",
)  # fmt: skip
"""Installed while the window is being made, in this order, which is also that of the Tab key."""
WITH_VIEWER = ("viewing", "painting", "finetuning", "faces")
"""Installed once the viewer is there, after the window's first paint."""


def install(services: Services) -> dict[str, object]:
    """Install what doesn't need the viewer.

    Returns
    -------
    dict
        Each feature's own object under its name; they live as long as the window.
    """
    return {name: _module(name).install(services) for name in AT_ONCE}


def load_with_viewer() -> None:
    """Import the modules of what needs the viewer; on any thread."""
    for name in WITH_VIEWER:
        _module(name)


def with_viewer(services: ViewerServices) -> Iterator[tuple[str, object]]:
    """Install what needs the viewer, one with each step; name and own object of each."""
    for name in WITH_VIEWER:
        yield name, _module(name).install(services)


def _module(name: str) -> ModuleType:
    return importlib.import_module(f"{__name__}.{name}.feature")
