"""The inspector at the right: verdict, important features, provenance, image."""

from divisive_desktop.desktop.features.inspection.feature import Inspector

__all__ = ["Inspector"]
