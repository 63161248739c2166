"""What the analyst can do, one folder per feature."""
