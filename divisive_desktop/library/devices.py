"""What a device is to those that don't know torch: the window, messages, reports."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Device:
    """Something to compute on."""

    id: str
    """``cpu``, ``cuda``, ``cuda:1``, ``mps``: what the settings keep."""
    name: str
    usable: bool
    why_not: str = ""
    """Why it can't be used, and what would help."""
