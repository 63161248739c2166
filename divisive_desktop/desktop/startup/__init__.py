"""Before and beside the window: one instance, crash dialog."""
