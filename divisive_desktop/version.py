"""Which build this is."""

from __future__ import annotations

from divisive_desktop import __version__, paths


def build() -> str:
    """The version; a packaged program adds the commit that it was built from, for instance ``0.1.0+g1a2b3c4d``."""
    stamp = paths.resources_dir() / "version.txt"
    return stamp.read_text(encoding="utf-8").strip() if stamp.is_file() else __version__
