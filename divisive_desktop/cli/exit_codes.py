"""How a command ends."""

from __future__ import annotations

EXIT_OK = 0
EXIT_FAILED = 1
"""The job can't be done."""
EXIT_USAGE = 2
"""Wrong usage."""
EXIT_SOME_FILES = 3
"""Some files failed, the others are done."""
EXIT_UNKNOWN_TRUST = 4
"""Nothing is broken, but no key whose owner is known here vouches for the file."""
