"""Analyse cases, one or many, and see what failed."""
