"""Shortcuts, how to read the maps, about, log."""
