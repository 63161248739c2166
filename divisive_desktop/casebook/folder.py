"""What a casebook's folder is called."""

from __future__ import annotations

import os
from pathlib import Path

SUFFIX = ".casebook"


def with_suffix(path: Path) -> Path:
    """Absolute path whose name ends in ``.casebook``."""
    path = Path(os.path.abspath(path))
    return path if path.suffix == SUFFIX else path.with_name(path.name + SUFFIX)
