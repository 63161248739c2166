"""What comes from outside: files, JSON and text that somebody else may have made, read with care."""
