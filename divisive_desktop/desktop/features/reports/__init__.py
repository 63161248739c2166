"""Reports in the window: what to write, what it will look like, and writing it."""
