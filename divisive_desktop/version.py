"""Which build this is, and what it can do."""

from __future__ import annotations

import importlib.util
from functools import lru_cache

from divisive_desktop import __version__, paths
from divisive_desktop.errors import TeachingMissingError

NAME = "Divisive Desktop"


def build() -> str:
    """The version; a packaged program adds the commit that it was built from, for instance ``0.1.0+g1a2b3c4d``."""
    stamp = paths.resources_dir() / "version.txt"
    return stamp.read_text(encoding="utf-8").strip() if stamp.is_file() else __version__


@lru_cache(maxsize=1)
def can_teach() -> bool:
    """Whether torch is installed: what trains models needs it, nothing else does. It isn't imported for that."""
    try:
        return importlib.util.find_spec("torch") is not None
    except (ImportError, ValueError):
        return False


def name() -> str:
    """What the program calls itself."""
    return NAME if can_teach() else f"{NAME} Viewer"


def must_teach(what: str = "Teaching a model") -> None:
    """Go on only where models can be taught.

    Raises
    ------
    TeachingMissingError
        This is the Viewer; says how to add what is missing.
    """
    if not can_teach():
        raise TeachingMissingError(
            f"{what} needs PyTorch, which this installation ({name()}) comes without.",
            f"Install the package {NAME} in place of the Viewer, or with pip: divisive-desktop[training]. Cases, masks "
            "and models stay as they are.",
        )
