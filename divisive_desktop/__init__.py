"""Divisive Desktop: true- against false-class activation maps for binary image questions."""

__version__ = "0.1.0"

RESEARCH_USE = "Research use only, not for diagnosis"
"""Shown on every screen and written into every export."""
