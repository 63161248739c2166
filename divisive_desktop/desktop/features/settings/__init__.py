"""The dialog of settings and keys."""
