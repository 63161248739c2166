"""The processes that decode pictures for the window. Light to import: they begin before what they decode is known."""

from __future__ import annotations

from divisive_desktop.processes.apart import Apart

PROCESSES = Apart(modules=[f"divisive_desktop.imaging.{name}" for name in ("opening", "dicom", "photograph")])
"""Shared by all of the window."""
