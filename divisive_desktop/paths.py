"""Where things lie: shipped resources and models, and the user's own folders."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import platformdirs

_APP = "divisive-desktop"


def _shipped(name: str) -> Path:
    if getattr(sys, "frozen", False):
        return Path(sys._MEIPASS) / name  # type: ignore[attr-defined]  # set by PyInstaller
    package = Path(__file__).resolve().parent
    bundled = package / "_bundled" / name  # in an installed wheel
    return bundled if bundled.is_dir() else package.parent / name  # in a checkout


def resources_dir() -> Path:
    """Shipped icons, themes and templates (read-only)."""
    return _shipped("resources")


def shipped_models_dir() -> Path:
    """Shipped models (read-only), one folder each."""
    return _shipped("models")


def user_data_dir() -> Path:
    """The user's own folder for casebooks and models; ``DIVISIVE_DESKTOP_HOME`` overrides it."""
    home = os.environ.get("DIVISIVE_DESKTOP_HOME")
    return Path(home) if home else Path(platformdirs.user_data_dir(_APP, appauthor=False))


def user_models_dir() -> Path:
    """Models that the user trained or imported, one folder each."""
    return user_data_dir() / "models"


def settings_file() -> Path:
    """The user's settings; ``DIVISIVE_DESKTOP_SETTINGS`` puts others in their place (safe mode)."""
    other = os.environ.get("DIVISIVE_DESKTOP_SETTINGS")
    return Path(other) if other else user_data_dir() / "settings.ini"


def user_cache_dir() -> Path:
    """What can be made again: converted weights, thumbnails, cached features."""
    home = os.environ.get("DIVISIVE_DESKTOP_HOME")
    return Path(home) / "cache" if home else Path(platformdirs.user_cache_dir(_APP, appauthor=False))


def user_log_dir() -> Path:
    """Log files, without patient data."""
    home = os.environ.get("DIVISIVE_DESKTOP_HOME")
    return Path(home) / "log" if home else Path(platformdirs.user_log_dir(_APP, appauthor=False))
