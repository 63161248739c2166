"""Saliency masks as arrays: drawing operations, undo, import and export. No Qt, no torch."""
