"""What leaves a casebook: results as CSV and JSON, the whole casebook as ZIP or copy."""
