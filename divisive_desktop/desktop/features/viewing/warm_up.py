"""The viewer's libraries, imported before they are needed."""

from __future__ import annotations


def warm_up() -> None:
    """Import what opening the first image needs, while the user still looks for it."""

    import divisive_desktop.desktop.viewer
    import divisive_desktop.explanation.features
    import divisive_desktop.imaging  # noqa: F401
