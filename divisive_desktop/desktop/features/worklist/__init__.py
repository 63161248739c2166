"""The list of cases: columns, search, filters."""
