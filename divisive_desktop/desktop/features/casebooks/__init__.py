"""Make, open, copy and rescue casebooks."""
