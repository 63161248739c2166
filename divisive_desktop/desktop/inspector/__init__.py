"""The inspector at the right: verdict, important features, provenance, image."""

from divisive_desktop.desktop.inspector.panel import Inspector

__all__ = ["Inspector"]
