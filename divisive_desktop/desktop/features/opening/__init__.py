"""Open files, folders, series and sample cases."""
