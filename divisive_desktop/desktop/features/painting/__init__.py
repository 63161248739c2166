"""Painting saliency masks: a session with one case's mask, tools for the viewer, palette and panels."""
