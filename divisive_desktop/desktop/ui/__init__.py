"""Looks and small widgets that know nothing of cases."""
